/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One event of the history, by its number as somebody gave it. */

#include <containers-events.h>

#include "command.h"

/* -1, or the exit status after a sentence: STATUS_NO_SUCH if there is none of that number. */
int event_lookup(const Context *c, cev_client *client, const char *seq, cev_event **ret);
