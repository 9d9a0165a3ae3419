/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * KeyFilter: whether any record with a number in a range may have a key, for a row of sealed
 * segments together: a question then goes past all of them with one small read for each key. It is
 * a Bloom filter whose bits for one key lie in one block (log/block-file.h), in a file that never
 * changes. It stays true while its segments lose records, or go.
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-id128.h>

#include "log/index-file.h"
#include "log/index-plan.h"

/* Segments that have one filter. Of a question that one of them may answer, each is asked. */
#define KEY_FILTER_SEGMENTS 16

#define KEY_FILTER_NAME_SIZE 96

/* One that is being written; one that is found was left by a crash. */
#define KEY_FILTER_NEW_NAME "events.filter.new"

typedef struct KeyFilter KeyFilter;
typedef struct KeyFilterBuilder KeyFilterBuilder;

/* "events-FIRSTSEQ.filter"; and the number in such a name, false if it is none. */
void key_filter_name(uint64_t first_seq, char name[static KEY_FILTER_NAME_SIZE]);
bool key_filter_name_parse(const char *name, uint64_t *ret_first_seq);

/* Returns -EBADMSG for what is no filter of this history that is intact. */
int key_filter_open(int directory_fd, uint64_t first_seq, sd_id128_t epoch, KeyFilter **ret);

/* Takes NULL; returns NULL. */
KeyFilter *key_filter_free(KeyFilter *filter);

/* The range: first_seq <= number < end_seq. */
uint64_t key_filter_first_seq(const KeyFilter *filter);
uint64_t key_filter_end_seq(const KeyFilter *filter);

/* Whether a record in the range may have all that the plan asks for. Returns 1 or 0, or negative
 * errno. */
int key_filter_may_match(const KeyFilter *filter, const IndexPlan *plan);

/* Whether a record in the range may have a key of this history. Returns 1 or 0, or negative errno.
 */
int key_filter_may_have(const KeyFilter *filter, uint64_t key);

/* Reads all of it: 0 if every block is intact. */
int key_filter_check(const KeyFilter *filter);

/* For about so many keys. Returns -ENOMEM. */
int key_filter_builder_new(uint64_t first_seq, uint64_t n_keys, KeyFilterBuilder **ret);

/* Takes NULL; returns NULL. */
KeyFilterBuilder *key_filter_builder_free(KeyFilterBuilder *builder);

/* Adds all keys of a segment's index. */
int key_filter_builder_add(KeyFilterBuilder *builder, const IndexFile *index);

/* Writes the file, which is not synced: what a power cut leaves of it does not pass for one. */
int key_filter_builder_write(const KeyFilterBuilder *builder, int directory_fd, uint64_t end_seq,
                             sd_id128_t epoch);
