/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Checks the table of exit codes against what the history says. While the history is read each
 * ending is looked up. Where the table says something else (as it does of all but the last death of
 * a container that was restarted) the entry is doubtful, and if it still is at the end, what the
 * history says of it is read once more, from the first event on.
 */

#include "log/verify-work.h"

typedef struct ExitCheck ExitCheck;

/* Opens the table and looks at each of its blocks; without one that is intact there is no check. */
int verify_exits_begin(VerifyWork *work);

/* Takes NULL as the check. */
int verify_exits_note(ExitCheck *check, const EventFields *event);

/* "newest_seq" is the newest number in the history. */
int verify_exits_end(VerifyWork *work, uint64_t newest_seq);

ExitCheck *exit_check_free(ExitCheck *check);
