/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Whether systemd has started a unit that it has forgotten since: what process 1 wrote into the
 * journal about it says so.
 */

#include "headway.h"

/* 1: it was started since, 0: nothing says so; or why the journal cannot be read. Blocks. */
int journal_has_start(const char *unit, const Intent *intent);
