/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The unit of a trigger: "page-team@%n.service". Specifiers stand behind the "@" alone, so that an
 * event chooses an instance and never the unit: whoever names a container would otherwise say what
 * is started. Each value is escaped as systemd-escape(1) does.
 *
 *   %n name   %i ID   %s seq   %t type   %e status   %E engine   %x exit code   %% a percent sign
 */

#include <stdbool.h>

#include "trigger-event.h"

/* Whether it is a unit with valid specifiers. -EINVAL and a sentence without a period, for whoever
 * knows file and line; the caller owns it. */
int unit_pattern_check(const char *pattern, char **ret_problem);

/*
 * The unit for the event, a valid name whatever the event says. An instance that would come out
 * empty is the event's ID, else its number; a name that would be longer than systemd takes keeps
 * its beginning, "@" and a hash of the whole instance, which no other event gives.
 */
int unit_pattern_expand(const char *pattern, const TriggerEvent *event, char **ret);

/* Whether some event gives that unit. */
bool unit_pattern_matches(const char *pattern, const char *unit);
