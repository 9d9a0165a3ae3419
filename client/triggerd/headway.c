/* SPDX-License-Identifier: Apache-2.0 */
#include "headway-entries.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

/* ---- histories ---- */

/* A cursor is HISTORY:NUMBER. */
static size_t history_length(const char *cursor)
{
        const char *colon = strrchr(cursor, ':');

        return colon ? (size_t)(colon - cursor) : 0;
}

static bool is_our_history(const Headway *p, const char *cursor)
{
        size_t length = history_length(cursor);

        return p->history && strlen(p->history) == length &&
               strncmp(p->history, cursor, length) == 0;
}

static void drop_entries(Headway *p)
{
        for (unsigned i = 0; i < p->n_entries; i++)
                free(p->entries[i].cursor);
        p->n_entries = 0;
}

/* From its beginning on: what was stored of the other one is gone with it. */
static int begin_history(Headway *p, const char *cursor)
{
        _cleanup_free_ char *history = strndup(cursor, history_length(cursor));
        _cleanup_free_ char *oldest = p->history ? strdup("") : NULL;

        if (!history || (p->history && !oldest))
                return -ENOMEM;
        if (p->history) {
                drop_entries(p);
                free(p->cursor);
                p->cursor = TAKE_PTR(oldest);
                p->skip_usec = p->met_usec;
        }
        free(p->history);
        p->history = TAKE_PTR(history);
        p->seq = 0;
        p->n_known = 0;
        return 0;
}

/* ---- entries ---- */

static void remove_first(Headway *p)
{
        free(p->cursor);
        p->cursor = p->entries[0].cursor;
        p->n_entries--;
        memmove(p->entries, p->entries + 1, p->n_entries * sizeof(Entry));
}

/* Entries with one fate become one, and what is dealt with at the beginning becomes the cursor. */
static void tidy(Headway *p)
{
        unsigned n = 0;

        for (unsigned i = 0; i < p->n_entries; i++) {
                Entry *e = &p->entries[i], *before = n > 0 ? &p->entries[n - 1] : NULL;

                if (before && before->token == e->token) {
                        before->last = e->last;
                        free(before->cursor);
                        before->cursor = e->cursor;
                } else {
                        p->entries[n++] = *e;
                }
        }
        p->n_entries = n;
        if (p->n_entries > 0 && p->entries[0].token == 0)
                remove_first(p);
}

bool headway_is_full(const Headway *p)
{
        return p->n_entries >= HEADWAY_ENTRIES_MAX;
}

unsigned headway_n_entries(const Headway *p)
{
        return p->n_entries;
}

int headway_take(Headway *p, uint64_t seq, const char *cursor, uint64_t token)
{
        Entry entry = { .first = seq, .last = seq, .token = token };
        int r;

        if (headway_is_full(p))
                return -ENOBUFS;
        if (!is_our_history(p, cursor)) {
                r = begin_history(p, cursor);
                if (r < 0)
                        return r;
        }
        entry.cursor = strdup(cursor);
        if (!entry.cursor)
                return -ENOMEM;
        /* Until it is resolved it is not forgotten, whoever else is killed meanwhile. */
        entry.intended = headway_ask(p, seq, cursor, UINT64_MAX, &entry.intent) == HEADWAY_INTENDED;
        p->entries[p->n_entries++] = entry;
        p->seq = seq;
        tidy(p);
        return 0;
}

int headway_advance(Headway *p, const char *cursor)
{
        char *copy;
        int r;

        if (!is_our_history(p, cursor)) {
                r = begin_history(p, cursor);
                if (r < 0)
                        return r;
        }
        if (p->n_entries > 0 || (p->cursor && strcmp(p->cursor, cursor) == 0))
                return 0;
        copy = strdup(cursor);
        if (!copy)
                return -ENOMEM;
        free(p->cursor);
        p->cursor = copy;
        return 0;
}

void headway_intend(Headway *p, uint64_t token, const Intent *intent)
{
        for (unsigned i = 0; i < p->n_entries; i++) {
                if (p->entries[i].token != token)
                        continue;
                p->entries[i].intended = true;
                p->entries[i].intent = *intent;
        }
}

void headway_done(Headway *p, uint64_t token)
{
        for (unsigned i = 0; i < p->n_entries; i++)
                if (p->entries[i].token == token)
                        p->entries[i].token = 0;
        tidy(p);
}

const char *headway_get_cursor(const Headway *p)
{
        return p->cursor;
}

/* ---- what an earlier process knew ---- */

HeadwayKnown headway_ask(const Headway *p, uint64_t seq, const char *cursor, uint64_t usec,
                         Intent *ret)
{
        if (!is_our_history(p, cursor))
                return p->history && usec < p->met_usec ? HEADWAY_DONE : HEADWAY_NEW;
        if (usec < p->skip_usec)
                return HEADWAY_DONE;
        for (unsigned i = 0; i < p->n_known; i++) {
                const Known *known = &p->known[i];

                if (seq < known->first || seq > known->last)
                        continue;
                if (known->what == HEADWAY_INTENDED)
                        *ret = known->intent;
                return known->what;
        }
        return HEADWAY_NEW;
}

void headway_set_met(Headway *p, uint64_t usec)
{
        if (usec > p->met_usec)
                p->met_usec = usec;
}

RateLimit *headway_get_limit(Headway *p)
{
        return &p->limit;
}

/* ---- life ---- */

int headway_new(Headway **ret)
{
        Headway *p = calloc(1, sizeof(Headway));

        if (!p)
                return -ENOMEM;
        *ret = p;
        return 0;
}

Headway *headway_free(Headway *p)
{
        if (!p)
                return NULL;
        drop_entries(p);
        free(p->history);
        free(p->cursor);
        free(p);
        return NULL;
}
