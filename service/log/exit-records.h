/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Exit records: what is kept of a segment when it is removed, and for longer: with which code
 * containers and execs ended, when, of which engine, and where that is known from. It is in
 * segments of its own, "exits-FIRSTSEQ.log", whose records are those of the history without all
 * that is not needed for the answer. Query and Stream do not give them.
 *
 * Of health checks' exec sessions nothing is kept: they would push out those of people.
 */

#include <stddef.h>

#include "log/rewrite.h"

/* The exit records of a segment that is to be removed. */
extern const RewriteRules exit_records_rules;

/*
 * Finds the segments of exit codes in the folder, in order. "report" may be NULL; those of another
 * history are reported and left out. The caller owns the list. Returns negative errno.
 */
int exit_records_list(int directory_fd, sd_id128_t epoch,
                      void (*report)(const char *sentence, void *userdata), void *userdata,
                      Segment **ret, size_t *ret_n);
