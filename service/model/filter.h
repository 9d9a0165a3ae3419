/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Filter: which events are asked for, from strings KEY=VALUE and KEY!=VALUE. The same key ORs,
 * different keys AND, label ANDs; with != no value may match. The keys and what each means stand in
 * introspection/org.containers.Events.xml.
 */

#include <stdbool.h>
#include <stddef.h>

#include "model/event.h"

/* More terms than anybody types, few enough that matching one event stays in the microseconds. */
#define FILTER_TERMS_MAX 64

/* An ID has 64 characters, an image name or a label may be long; an event's strings are no longer.
 */
#define FILTER_LENGTH_MAX EVENT_STRING_MAX

/* For the sentence that says what is wrong with a filter; a longer one is cut. */
#define FILTER_MESSAGE_SIZE 512

typedef enum FilterKey {
        FILTER_TYPE,
        FILTER_EVENT,
        FILTER_CONTAINER,
        FILTER_IMAGE,
        FILTER_POD,
        FILTER_VOLUME,
        FILTER_NETWORK,
        FILTER_NAME,
        FILTER_ID,
        FILTER_ENGINE,
        FILTER_EXEC,
        FILTER_EXIT_CODE,
        FILTER_UID,
        FILTER_LABEL,
} FilterKey;

/* One of the strings, taken apart. */
typedef struct FilterTerm {
        FilterKey key;
        bool negative;
        const char *text; /* weak: of label the label's key; of event the word of all aliases */
        const char *label_value; /* weak; NULL: the label only has to be there */
        int64_t number;          /* of exit_code and uid */
} FilterTerm;

typedef struct Filter Filter;

/*
 * "terms" is an array of strings that ends with NULL; NULL is an empty one. Returns -EINVAL with a
 * sentence in "message" for terms that cannot be, -ENOMEM.
 */
int filter_new(const char *const *terms, Filter **ret, char message[static FILTER_MESSAGE_SIZE]);

/* Takes NULL; returns NULL. */
Filter *filter_free(Filter *filter);

/* For whoever can rule events out without looking at each: borrowed from the filter. */
const FilterTerm *filter_terms(const Filter *filter, size_t *ret_n);

/* The name of the key, which for objects is the type too. */
const char *filter_key_name(FilterKey key);

bool filter_matches(const Filter *filter, const EventFields *event);

static inline void filter_freep(Filter **filter)
{
        filter_free(*filter);
}
