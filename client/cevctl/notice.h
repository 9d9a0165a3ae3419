/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a reader who follows is told on the way, as sentences on standard error.
 */

#include "follow.h"

void notice_print(FollowNotice notice, const char *text);
