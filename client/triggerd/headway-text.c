/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "headway-entries.h"
#include "text-stream.h"

/*
 * The text has a line for each word:
 *
 *   containers-events-triggerd 1        what it is, and the version
 *   cursor CURSOR                       nothing behind it: the oldest event
 *   history HISTORY                     to which the numbers below belong
 *   met USEC SKIP-USEC
 *   limit BEGIN STARTED LEFT-OUT FIRST LAST
 *   done FIRST LAST
 *   passed FIRST LAST
 *   intent SEQ BOOT BEFORE USEC
 */
#define HEADER "containers-events-triggerd 1"

/* ---- to text ---- */

static const char *const words[] = {
        [HEADWAY_PASSED] = "passed",
        [HEADWAY_INTENDED] = "intent",
        [HEADWAY_DONE] = "done",
};

static void print_known(FILE *f, const Known *k)
{
        const Intent *i = &k->intent;

        if (k->what == HEADWAY_INTENDED)
                fprintf(f,
                        "intent %" PRIu64 " " SD_ID128_FORMAT_STR " " SD_ID128_FORMAT_STR
                        " %" PRIu64 "\n",
                        k->last, SD_ID128_FORMAT_VAL(i->boot), SD_ID128_FORMAT_VAL(i->before),
                        i->usec);
        else if (k->first <= k->last)
                fprintf(f, "%s %" PRIu64 " %" PRIu64 "\n", words[k->what], k->first, k->last);
}

static bool is_last_of_token(const Headway *p, unsigned i)
{
        for (unsigned j = i + 1; j < p->n_entries; j++)
                if (p->entries[j].token == p->entries[i].token)
                        return false;
        return true;
}

/* Of the events that one start stands for all but the last are dealt with by it. */
static void print_entry(const Headway *p, FILE *f, unsigned i)
{
        const Entry *e = &p->entries[i];
        Known k = { .first = e->first, .last = e->last, .what = HEADWAY_DONE, .intent = e->intent };

        if (e->token != 0 && !e->intended)
                k.what = HEADWAY_PASSED;
        if (e->token == 0 || !e->intended || !is_last_of_token(p, i)) {
                print_known(f, &k);
                return;
        }
        k.last--;
        print_known(f, &k);
        k.first = k.last = e->last;
        k.what = HEADWAY_INTENDED;
        print_known(f, &k);
}

static void print_limit(FILE *f, const RateLimit *l)
{
        if (l->started > 0 || l->left_out > 0)
                fprintf(f, "limit %" PRIu64 " %u %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
                        l->begin_usec, l->started, l->left_out, l->first_seq, l->last_seq);
}

static void print(const Headway *p, FILE *f)
{
        fprintf(f, HEADER "\n");
        if (p->cursor)
                fprintf(f, "cursor %s\n", p->cursor);
        if (!p->history)
                return;
        fprintf(f, "history %s\n", p->history);
        fprintf(f, "met %" PRIu64 " %" PRIu64 "\n", p->met_usec, p->skip_usec);
        print_limit(f, &p->limit);
        for (unsigned i = 0; i < p->n_entries; i++)
                print_entry(p, f, i);
        for (unsigned i = 0; i < p->n_known; i++) {
                Known k = p->known[i];

                if (k.last <= p->seq)
                        continue; /* met, and an entry of its own */
                if (k.first <= p->seq)
                        k.first = p->seq + 1;
                print_known(f, &k);
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

/* ---- from text ---- */

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

static int parse_known(Headway *p, HeadwayKnown what, char *rest)
{
        Known k = { .what = what };
        int r;

        r = parse_number(&rest, &k.first);
        k.last = k.first;
        if (what == HEADWAY_INTENDED) {
                if (r >= 0)
                        r = parse_id(&rest, &k.intent.boot);
                if (r >= 0)
                        r = parse_id(&rest, &k.intent.before);
                if (r >= 0)
                        r = parse_number(&rest, &k.intent.usec);
        } else if (r >= 0) {
                r = parse_number(&rest, &k.last);
        }
        if (r < 0 || rest || k.last < k.first)
                return -EBADMSG;
        /* Two lines an entry are there at most, and what was not met before the last end: those
         * that find no room are the youngest. */
        if (p->n_known < sizeof(p->known) / sizeof(p->known[0]))
                p->known[p->n_known++] = k;
        return 0;
}

static int parse_limit(RateLimit *l, char *rest)
{
        uint64_t started = 0;
        int r;

        r = parse_number(&rest, &l->begin_usec);
        if (r >= 0)
                r = parse_number(&rest, &started);
        if (r >= 0)
                r = parse_number(&rest, &l->left_out);
        if (r >= 0)
                r = parse_number(&rest, &l->first_seq);
        if (r >= 0)
                r = parse_number(&rest, &l->last_seq);
        if (r < 0 || rest || started > UINT_MAX)
                return -EBADMSG;
        l->started = (unsigned)started;
        return 0;
}

static int parse_met(Headway *p, char *rest)
{
        int r;

        r = parse_number(&rest, &p->met_usec);
        if (r >= 0)
                r = parse_number(&rest, &p->skip_usec);
        return r < 0 || rest ? -EBADMSG : 0;
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
        if (strcmp(word, "met") == 0)
                return parse_met(p, rest);
        if (strcmp(word, "limit") == 0)
                return parse_limit(&p->limit, rest);
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (words[i] && strcmp(word, words[i]) == 0)
                        return parse_known(p, (HeadwayKnown)i, rest);
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
