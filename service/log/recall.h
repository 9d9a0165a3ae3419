/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Recall: what the history has, read at once. For the service itself, when it asks little: it does
 * not leave the loop to others meanwhile.
 */

#include "log/eventlog.h"

/*
 * The committed events of no earlier time that match all terms (model/filter.h), in order, until
 * "each" returns something else than 0. Returns 0, or negative errno, also what "each" returns;
 * -EINVAL for terms that cannot be.
 */
int log_recall(EventLog *log, const char *const *terms, uint64_t since_nsec,
               int (*each)(const EventFields *fields, void *userdata), void *userdata);
