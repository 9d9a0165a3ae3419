/* SPDX-License-Identifier: Apache-2.0 */
#include "model/filter.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/number.h"
#include "base/utf8.h"
#include "model/vocabulary.h"

/* What a filter key is: how its value is checked, and when an event has it. */
typedef struct Key {
        const char *name;
        const char *alias;
        int (*check)(FilterTerm *term, char message[static FILTER_MESSAGE_SIZE]);
        bool (*matches)(const FilterTerm *term, const EventFields *event);
        bool all; /* its positive terms AND */
} Key;

struct Filter {
        size_t n_terms;
        char **texts; /* owned; so are its strings, one a term */
        FilterTerm terms[];
};

static bool is_prefix(const char *string, const char *prefix)
{
        return strncmp(string, prefix, strlen(prefix)) == 0;
}

static bool equals(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}

__attribute__((format(printf, 2, 3))) static int refuse(char message[static FILTER_MESSAGE_SIZE],
                                                        const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(message, FILTER_MESSAGE_SIZE, format, args);
        va_end(args);
        return -EINVAL;
}

/* ---- values ---- */

static int check_type(FilterTerm *term, char message[static FILTER_MESSAGE_SIZE])
{
        if (event_type_is_known(term->text))
                return 0;
        return refuse(message, "Filter \"type=%.*s\" names no type: %s.", SHOWN(term->text),
                      event_types_text());
}

static int check_status(FilterTerm *term, char message[static FILTER_MESSAGE_SIZE])
{
        term->text = event_status_canonical(term->text);
        return 0;
}

static int check_exit_code(FilterTerm *term, char message[static FILTER_MESSAGE_SIZE])
{
        int32_t number;

        if (parse_i32(term->text, &number) < 0 || number < -1 || number > 255)
                return refuse(
                        message,
                        "Filter \"exit_code=%.*s\" is no exit code: use a number from -1 to 255.",
                        SHOWN(term->text));
        term->number = number;
        return 0;
}

static int check_uid(FilterTerm *term, char message[static FILTER_MESSAGE_SIZE])
{
        uint32_t number;

        if (parse_u32(term->text, &number) < 0)
                return refuse(message, "Filter \"uid=%.*s\" is no user ID: use a number.",
                              SHOWN(term->text));
        term->number = number;
        return 0;
}

/* Splits the label into key and value, in the filter's own copy. */
static int check_label(FilterTerm *term, char message[static FILTER_MESSAGE_SIZE])
{
        char *equal = strchr(term->text, '=');

        if (equal == term->text)
                return refuse(
                        message,
                        "Filter \"label=%.*s\" has no label: use label=KEY or label=KEY=VALUE.",
                        SHOWN(term->text));
        if (equal) {
                *equal = '\0';
                term->label_value = equal + 1;
        }
        return 0;
}

/* ---- matching ---- */

static bool matches_type(const FilterTerm *term, const EventFields *event)
{
        return equals(event->type, term->text);
}

static bool matches_status(const FilterTerm *term, const EventFields *event)
{
        return equals(event_status_canonical(event->status), term->text);
}

/* The object of the event itself: exact name, or prefix of the ID. */
static bool matches_object(const FilterTerm *term, const EventFields *event)
{
        return equals(event->type, filter_key_name(term->key)) &&
               (equals(event->name, term->text) || is_prefix(event->id, term->text));
}

/* "connect" and "disconnect" carry the container's ID, and the network's name in a detail. */
static bool matches_network(const FilterTerm *term, const EventFields *event)
{
        if (!equals(event->type, "network"))
                return false;
        if (event->network)
                return equals(event->network, term->text);
        return matches_object(term, event);
}

static bool matches_volume(const FilterTerm *term, const EventFields *event)
{
        return equals(event->type, "volume") && is_prefix(event->name, term->text);
}

static bool matches_name(const FilterTerm *term, const EventFields *event)
{
        return equals(event->name, term->text);
}

static bool matches_id(const FilterTerm *term, const EventFields *event)
{
        return is_prefix(event->id, term->text);
}

static bool matches_engine(const FilterTerm *term, const EventFields *event)
{
        return equals(event->engine, term->text);
}

static bool matches_exec(const FilterTerm *term, const EventFields *event)
{
        return event->exec_id && is_prefix(event->exec_id, term->text);
}

static bool matches_exit_code(const FilterTerm *term, const EventFields *event)
{
        return event->has_exit_code && event->exit_code == term->number;
}

static bool matches_uid(const FilterTerm *term, const EventFields *event)
{
        return event->has_uid && event->uid == term->number;
}

static bool matches_label(const FilterTerm *term, const EventFields *event)
{
        const char *value = event_attribute(event, term->text);

        return value && (!term->label_value || equals(value, term->label_value));
}

static const Key keys[] = {
        [FILTER_TYPE] = { "type", NULL, check_type, matches_type, false },
        [FILTER_EVENT] = { "event", "status", check_status, matches_status, false },
        [FILTER_CONTAINER] = { "container", NULL, NULL, matches_object, false },
        [FILTER_IMAGE] = { "image", NULL, NULL, matches_object, false },
        [FILTER_POD] = { "pod", NULL, NULL, matches_object, false },
        [FILTER_VOLUME] = { "volume", NULL, NULL, matches_volume, false },
        [FILTER_NETWORK] = { "network", NULL, NULL, matches_network, false },
        [FILTER_NAME] = { "name", NULL, NULL, matches_name, false },
        [FILTER_ID] = { "id", NULL, NULL, matches_id, false },
        [FILTER_ENGINE] = { "engine", NULL, NULL, matches_engine, false },
        [FILTER_EXEC] = { "exec", NULL, NULL, matches_exec, false },
        [FILTER_EXIT_CODE] = { "exit_code", NULL, check_exit_code, matches_exit_code, false },
        [FILTER_UID] = { "uid", NULL, check_uid, matches_uid, false },
        [FILTER_LABEL] = { "label", NULL, check_label, matches_label, true },
};

#define KEYS_TEXT                                                                                  \
        "type, event, container, image, pod, volume, network, name, id, engine, exec, exit_code, " \
        "uid, label"

const char *filter_key_name(FilterKey key)
{
        return keys[key].name;
}

/* Returns -ENOENT. */
static int key_find(const char *name, size_t length, FilterKey *ret)
{
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                const Key *key = keys + i;

                if ((strlen(key->name) == length && memcmp(key->name, name, length) == 0) ||
                    (key->alias && strlen(key->alias) == length &&
                     memcmp(key->alias, name, length) == 0)) {
                        *ret = (FilterKey)i;
                        return 0;
                }
        }

        return -ENOENT;
}

/* "text" is the filter's own copy, and may be changed. */
static int term_parse(char *text, FilterTerm *ret, char message[static FILTER_MESSAGE_SIZE])
{
        const char *equal = strchr(text, '=');
        size_t key_length;
        FilterTerm term = {};

        if (strlen(text) > FILTER_LENGTH_MAX)
                return refuse(message, "Filter \"%.*s...\" is longer than %d bytes: shorten it.",
                              SHOWN(text), FILTER_LENGTH_MAX);
        if (!equal)
                return refuse(message, "Filter \"%.*s\" has no value: use KEY=VALUE or KEY!=VALUE.",
                              SHOWN(text));

        term.negative = equal > text && equal[-1] == '!';
        key_length = (size_t)(equal - text) - term.negative;
        if (key_find(text, key_length, &term.key) < 0)
                return refuse(message, "Filter \"%.*s\" has an unknown key: use one of %s.",
                              SHOWN(text), KEYS_TEXT);
        if (equal[1] == '\0')
                return refuse(message, "Filter \"%.*s\" has an empty value: say which %s.",
                              SHOWN(text), keys[term.key].name);

        term.text = equal + 1;
        if (keys[term.key].check) {
                int r = keys[term.key].check(&term, message);

                if (r < 0)
                        return r;
        }

        *ret = term;
        return 0;
}

int filter_new(const char *const *terms, Filter **ret, char message[static FILTER_MESSAGE_SIZE])
{
        _cleanup_(filter_freep) Filter *filter = NULL;
        size_t n = 0;
        int r;

        while (terms && terms[n])
                n++;
        if (n > FILTER_TERMS_MAX)
                return refuse(message, "%zu filters are too many: use at most %d.", n,
                              FILTER_TERMS_MAX);

        filter = calloc(1, sizeof(Filter) + n * sizeof(FilterTerm));
        if (!filter)
                return -ENOMEM;
        filter->texts = calloc(n + 1, sizeof(char *));
        if (!filter->texts)
                return -ENOMEM;

        for (; filter->n_terms < n; filter->n_terms++) {
                size_t i = filter->n_terms;

                filter->texts[i] = strdup(terms[i]);
                if (!filter->texts[i])
                        return -ENOMEM;
                r = term_parse(filter->texts[i], filter->terms + i, message);
                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(filter);
        return 0;
}

Filter *filter_free(Filter *filter)
{
        if (!filter)
                return NULL;

        for (size_t i = 0; filter->texts && filter->texts[i]; i++)
                free(filter->texts[i]);
        free(filter->texts);
        free(filter);
        return NULL;
}

/* Whether the terms of one key let the event pass. */
static bool key_passes(const Filter *filter, FilterKey key, const EventFields *event)
{
        bool any_asked = false, any_matched = false;

        for (size_t i = 0; i < filter->n_terms; i++) {
                const FilterTerm *term = filter->terms + i;
                bool matched;

                if (term->key != key)
                        continue;
                matched = keys[key].matches(term, event);
                if (term->negative ? matched : (keys[key].all && !matched))
                        return false;
                any_asked |= !term->negative;
                any_matched |= !term->negative && matched;
        }

        return !any_asked || any_matched;
}

const FilterTerm *filter_terms(const Filter *filter, size_t *ret_n)
{
        *ret_n = filter->n_terms;
        return filter->terms;
}

bool filter_matches(const Filter *filter, const EventFields *event)
{
        for (size_t i = 0; i < filter->n_terms; i++)
                if (!key_passes(filter, filter->terms[i].key, event))
                        return false;

        return true;
}
