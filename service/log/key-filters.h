/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * KeyFilters: the filters of a store's segments (log/key-filter.h): found when the history is
 * opened, made when enough segments are sealed, removed with the last of their segments.
 */

#include <stddef.h>

#include "log/key-filter.h"
#include "log/segment.h"

typedef struct KeyFilters {
        KeyFilter **filters; /* owned, and so are they; by first_seq */
        size_t n;
        KeyFilterBuilder *builder; /* owned; NULL: none is being made */
        uint64_t builder_first_seq;
        size_t builder_next; /* segments of the row that it has */
        bool hopeless;       /* making one failed: not again before the history is opened anew */
} KeyFilters;

void key_filters_done(KeyFilters *filters);

/* Finds those that are there. What is no filter is removed, and what tells of numbers from next_seq
 * on: the history has lost them, and gives them again. */
int key_filters_find(KeyFilters *filters, int directory_fd, sd_id128_t epoch, uint64_t next_seq);

/* The one that all numbers first_seq <= number < end_seq are in; NULL if there is none. */
const KeyFilter *key_filters_covering(const KeyFilters *filters, uint64_t first_seq,
                                      uint64_t end_seq);

/* Lets go of one that is damaged, and removes its file. */
void key_filters_discard(KeyFilters *filters, int directory_fd, const KeyFilter *filter);

/*
 * Does a step of making what is missing, from the index files of the segments, and removes what is
 * older than them. Returns 1 if there is more to do.
 */
int key_filters_tend(KeyFilters *filters, int directory_fd, sd_id128_t epoch,
                     const Segment *segments, size_t n_segments);
