/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Files of others that are mapped: who owns one may cut it at any moment, as journald does with
 * what it removes, and whoever reads behind the new end is killed by SIGBUS.
 */

/* From now on the whole process reads zeros there instead, which any check of the content finds. */
void mapping_guard(void);
