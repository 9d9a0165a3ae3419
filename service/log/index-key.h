/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Index keys: what an event can be found by, as 64-bit hashes of a kind and a text. Two texts of
 * one hash are found together, which costs whoever looks a line more; nothing is ever missed.
 */

#include <stddef.h>
#include <stdint.h>

#include "model/event.h"

typedef enum IndexKind {
        INDEX_TYPE = 1,
        INDEX_STATUS, /* the word that all its aliases stand for */
        INDEX_NAME,   /* of the object, or of the network that it concerns */
        INDEX_ID_SHORT,
        INDEX_ID_LONG,
        INDEX_EXEC_SHORT,
        INDEX_EXEC_LONG,
        INDEX_ENGINE,
        INDEX_UID,
        INDEX_EXIT_CODE,
        INDEX_LABEL,
        INDEX_LABEL_VALUE,
        INDEX_MANY_LABELS, /* without text: has more labels than are indexed */
} IndexKind;

/* IDs are asked for by their start. Two lengths of it are kept: the one finds what people type, a
 * 256th of the events; the other one in 16 million, and few segments hold so many IDs. */
#define INDEX_ID_SHORT_LENGTH 2
#define INDEX_ID_LONG_LENGTH  6

/* Engines write some ten labels; an event with thousands is found by having many. */
#define INDEX_LABELS_MAX 32

#define INDEX_KEYS_MAX (11 + 2 * INDEX_LABELS_MAX)

/* Docker's image IDs all start so; without it they are told apart. */
const char *index_id_text(const char *id);

/* "seed" is random, so that nobody can choose names that fall together. */
uint64_t index_key(uint64_t seed, IndexKind kind, const char *text, size_t length);

/* Of a label with that value. */
uint64_t index_key_label(uint64_t seed, const char *label, const char *value);

/* All keys of an event; returns how many. */
size_t index_keys_of(uint64_t seed, const EventFields *event, uint64_t keys[static INDEX_KEYS_MAX]);
