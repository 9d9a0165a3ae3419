/* SPDX-License-Identifier: Apache-2.0 */
#include "headway.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "text-stream.h"

/*
 * The text has a line for each word:
 *
 *   containers-events-triggerd 1        what it is, and the version
 *   cursor CURSOR                       nothing behind it: the oldest event
 *   history HISTORY                     to which the numbers below belong
 *   done FIRST LAST
 *   intent SEQ BOOT BEFORE USEC
 */
#define HEADER "containers-events-triggerd 1"

/* Events that follow each other, with one fate. */
typedef struct Entry {
        uint64_t first, last;
        uint64_t token; /* 0: dealt with */
        char *cursor;   /* owned; behind the last */
        bool intended;
        Intent intent; /* for the last */
} Entry;

/* What an earlier process knew of events that we have not met yet. */
typedef struct Known {
        uint64_t first, last;
        bool intended; /* of one event; otherwise they are dealt with */
        Intent intent;
} Known;

struct Headway {
        char *cursor;  /* owned; or NULL */
        char *history; /* owned; that of the numbers, or NULL */
        uint64_t seq;  /* of the last event that was taken */
        Entry entries[HEADWAY_ENTRIES_MAX];
        unsigned n_entries;
        Known known[2 * HEADWAY_ENTRIES_MAX + 1];
        unsigned n_known;
};

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
        entry.intended = headway_had_intent(p, seq, cursor, &entry.intent);
        p->entries[p->n_entries++] = entry;
        p->seq = seq;
        tidy(p);
        return 0;
}

int headway_advance(Headway *p, const char *cursor)
{
        char *copy;

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

static const Known *find_known(const Headway *p, uint64_t seq, const char *cursor)
{
        if (!is_our_history(p, cursor))
                return NULL;
        for (unsigned i = 0; i < p->n_known; i++)
                if (p->known[i].first <= seq && seq <= p->known[i].last)
                        return &p->known[i];
        return NULL;
}

bool headway_was_done(const Headway *p, uint64_t seq, const char *cursor)
{
        const Known *known = find_known(p, seq, cursor);

        return known && !known->intended;
}

bool headway_had_intent(const Headway *p, uint64_t seq, const char *cursor, Intent *ret)
{
        const Known *known = find_known(p, seq, cursor);

        if (!known || !known->intended)
                return false;
        *ret = known->intent;
        return true;
}

/* ---- text ---- */

static void print_done(FILE *f, uint64_t first, uint64_t last)
{
        if (first <= last)
                fprintf(f, "done %" PRIu64 " %" PRIu64 "\n", first, last);
}

static void print_intent(FILE *f, uint64_t seq, const Intent *i)
{
        fprintf(f,
                "intent %" PRIu64 " " SD_ID128_FORMAT_STR " " SD_ID128_FORMAT_STR " %" PRIu64 "\n",
                seq, SD_ID128_FORMAT_VAL(i->boot), SD_ID128_FORMAT_VAL(i->before), i->usec);
}

/* Of the events that one start stands for all but the last are dealt with by it. */
static void print_entry(const Headway *p, FILE *f, unsigned i)
{
        const Entry *e = &p->entries[i];
        bool last = true;

        if (e->token == 0) {
                print_done(f, e->first, e->last);
                return;
        }
        if (!e->intended)
                return;
        for (unsigned j = i + 1; j < p->n_entries; j++)
                if (p->entries[j].token == e->token)
                        last = false;
        if (!last) {
                print_done(f, e->first, e->last);
                return;
        }
        if (e->last > e->first)
                print_done(f, e->first, e->last - 1);
        print_intent(f, e->last, &e->intent);
}

static void print(const Headway *p, FILE *f)
{
        fprintf(f, HEADER "\n");
        if (p->cursor)
                fprintf(f, "cursor %s\n", p->cursor);
        if (!p->history)
                return;
        fprintf(f, "history %s\n", p->history);
        for (unsigned i = 0; i < p->n_entries; i++)
                print_entry(p, f, i);
        for (unsigned i = 0; i < p->n_known; i++) {
                const Known *k = &p->known[i];

                if (k->last <= p->seq)
                        continue; /* met, and an entry of its own */
                if (k->intended)
                        print_intent(f, k->first, &k->intent);
                else
                        print_done(f, k->first > p->seq ? k->first : p->seq + 1, k->last);
        }
}

int headway_to_text(const Headway *p, char **ret)
{
        _cleanup_(text_stream_done) TextStream s = {};
        int r = text_stream_open(&s);

        if (r < 0)
                return r;
        print(p, s.file);
        return text_stream_close(&s, ret);
}

static int parse_number(char **rest, uint64_t *ret)
{
        char *word = strsep(rest, " "), *end;

        if (!word || *word < '0' || *word > '9')
                return -EBADMSG;
        errno = 0;
        *ret = strtoull(word, &end, 10);
        return errno != 0 || *end != '\0' ? -EBADMSG : 0;
}

static int parse_id(char **rest, sd_id128_t *ret)
{
        char *word = strsep(rest, " ");

        return !word || sd_id128_from_string(word, ret) < 0 ? -EBADMSG : 0;
}

static int parse_known(Headway *p, bool intended, char *rest)
{
        Known k = { .intended = intended };
        int r;

        r = parse_number(&rest, &k.first);
        k.last = k.first;
        if (r >= 0 && !intended)
                r = parse_number(&rest, &k.last);
        if (r >= 0 && intended)
                r = parse_id(&rest, &k.intent.boot);
        if (r >= 0 && intended)
                r = parse_id(&rest, &k.intent.before);
        if (r >= 0 && intended)
                r = parse_number(&rest, &k.intent.usec);
        if (r < 0 || rest || k.last < k.first)
                return -EBADMSG;
        /* Two lines an entry are there at most, and what was not met before the last end: those
         * that find no room are the youngest. */
        if (p->n_known < sizeof(p->known) / sizeof(p->known[0]))
                p->known[p->n_known++] = k;
        return 0;
}

static int parse_string(const char *rest, char **field)
{
        if (!rest || *field)
                return -EBADMSG;
        *field = strdup(rest);
        return *field ? 0 : -ENOMEM;
}

static int parse_line(Headway *p, char *line)
{
        char *rest = line, *word = strsep(&rest, " ");

        if (strcmp(word, "cursor") == 0)
                return parse_string(rest, &p->cursor);
        if (strcmp(word, "history") == 0)
                return parse_string(rest, &p->history);
        if (strcmp(word, "done") == 0)
                return parse_known(p, false, rest);
        if (strcmp(word, "intent") == 0)
                return parse_known(p, true, rest);
        return -EBADMSG;
}

int headway_from_text(const char *text, Headway **ret)
{
        _cleanup_(headway_freep) Headway *p = NULL;
        _cleanup_free_ char *copy = strdup(text);
        char *rest = copy, *line;
        int r;

        r = headway_new(&p);
        if (r < 0 || !copy)
                return -ENOMEM;
        line = strsep(&rest, "\n");
        if (strcmp(line, HEADER) != 0)
                return -EBADMSG;
        while ((line = strsep(&rest, "\n"))) {
                if (!rest && *line == '\0')
                        break; /* behind the last line */
                r = parse_line(p, line);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(p);
        return 0;
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
