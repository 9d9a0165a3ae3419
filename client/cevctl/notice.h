/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a reader who follows is told on the way, as sentences on standard error.
 */

#include <containers-events.h>

void notice_print(cev_notice notice, const char *text);
