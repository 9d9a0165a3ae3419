/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An event of the library as triggers see it; all is borrowed from that. */

#include <containers-events.h>

#include "trigger-event.h"

TriggerEvent event_view(const cev_event *event);
