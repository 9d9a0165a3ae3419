/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The daemon: it owns the loop and what is on it, has a runner for each trigger that is loaded, and
 * reads the triggers again when it is told to (SIGHUP). Wiring only.
 */

/* Returns when it is told to end: 0, or why it could not go on, which was said; -ENOTRECOVERABLE if
 * it is the folders, and nothing but an administrator can mend that. */
int triggerd_run(void);
