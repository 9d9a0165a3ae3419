/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Mend: how what a check of the history finds is set right, while nobody else writes it. What was
 * there stays beside it as NAME.quarantine-TIME. A crash leaves the file as it was, or mended.
 *
 * New files get the owner of what they replace: who repairs is seldom who writes.
 */

#include "log/verify-segment.h"

/* Gives a file that name; "what_then" ends the sentence that says so. */
int mend_set_aside(VerifyWork *work, const char *name, const char *what_then);

/*
 * A segment that was checked and is bad: writes its good lines, with a header, to a new file in its
 * place. One without any is set aside. Numbers that its end may have had are not given again.
 */
int mend_segment(VerifyWork *work, SegmentCheck *check);

/* Writes both halves of a file of reserved numbers of which one is damaged; else sets it aside. */
int mend_reservation(VerifyWork *work);

/* Closes a file, or the folder ".", to others, and gives it the folder's owner. */
int mend_access(VerifyWork *work, const char *name, bool directory);
