/* SPDX-License-Identifier: Apache-2.0 */
#include "log/journal-matches.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "log/journal-entry.h"

#define AND "&"
#define OR  "|"

void journal_matches_done(JournalMatches *matches)
{
        for (size_t i = 0; i < matches->n; i++)
                free(matches->words[i]);
        free(matches->words);
        *matches = (JournalMatches){};
}

/* Takes the word; NULL is what a constructor returns without memory. */
static int add_word(JournalMatches *matches, char *word)
{
        if (!word)
                return -ENOMEM;
        if (matches->n + 1 >= matches->n_allocated) {
                size_t n = matches->n_allocated + 32;
                char **words = reallocarray(matches->words, n, sizeof(char *));

                if (!words) {
                        free(word);
                        return -ENOMEM;
                }
                matches->words = words;
                matches->n_allocated = n;
        }

        matches->words[matches->n++] = word;
        matches->words[matches->n] = NULL;
        return 0;
}

/* A group is begun by the first "*group", which is then no longer so. */
__attribute__((format(printf, 3, 4))) static int add(JournalMatches *matches, bool *group,
                                                     const char *format, ...)
{
        char *word = NULL;
        va_list args;
        int r;

        if (matches->n > 0) {
                r = add_word(matches, strdup(*group ? AND : OR));
                if (r < 0)
                        return r;
        }
        *group = false;

        va_start(args, format);
        r = vasprintf(&word, format, args);
        va_end(args);
        return r < 0 ? -ENOMEM : add_word(matches, word);
}

/* ---- terms ---- */

static bool is_hex(const char *text)
{
        return text[strspn(text, "0123456789abcdef")] == '\0';
}

static bool has_id_start(const char *text)
{
        return strlen(text) >= JOURNAL_ID_START;
}

static bool is_object(FilterKey key)
{
        return key == FILTER_CONTAINER || key == FILTER_IMAGE || key == FILTER_POD ||
               key == FILTER_NETWORK;
}

/* Whether the fields can tell that an event does not fit. */
static bool can_be_looked_up(const FilterTerm *term)
{
        if (is_object(term->key)) /* a short name may be the start of any ID */
                return has_id_start(term->text) || !is_hex(term->text);
        switch (term->key) {
        case FILTER_VOLUME:
                return false;
        case FILTER_ID:
        case FILTER_EXEC:
                return has_id_start(term->text);
        case FILTER_LABEL:
                return term->label_value;
        default:
                return true;
        }
}

static int add_start(JournalMatches *matches, bool *group, const char *field, const char *id)
{
        return add(matches, group, "%s=%.*s", field, JOURNAL_ID_START, id);
}

static int add_object(JournalMatches *matches, bool *group, const FilterTerm *term)
{
        int r;

        r = add(matches, group, CE_JOURNAL_NAME "=%s", term->text);
        if (r >= 0 && term->key == FILTER_NETWORK)
                r = add(matches, group, CE_JOURNAL_NETWORK "=%s", term->text);
        if (r < 0)
                return r;
        return has_id_start(term->text) ? add_start(matches, group, CE_JOURNAL_ID_START, term->text)
                                        : add(matches, group, CE_JOURNAL_ODD "=id");
}

static int add_label(JournalMatches *matches, bool *group, const FilterTerm *term)
{
        int r;

        r = add(matches, group, CE_JOURNAL_LABEL "=%s=%s", term->text, term->label_value);
        return r < 0 ? r : add(matches, group, CE_JOURNAL_ODD "=labels");
}

static int add_term(JournalMatches *matches, bool *group, const FilterTerm *term)
{
        if (is_object(term->key))
                return add_object(matches, group, term);
        switch (term->key) {
        case FILTER_TYPE:
                return add(matches, group, CE_JOURNAL_TYPE "=%s", term->text);
        case FILTER_EVENT:
                return add(matches, group, CE_JOURNAL_STATUS "=%s", term->text);
        case FILTER_NAME:
                return add(matches, group, CE_JOURNAL_NAME "=%s", term->text);
        case FILTER_ENGINE:
                return add(matches, group, CE_JOURNAL_ENGINE "=%s", term->text);
        case FILTER_EXIT_CODE:
                return add(matches, group, CE_JOURNAL_EXIT_CODE "=%" PRIi64, term->number);
        case FILTER_UID:
                return add(matches, group, CE_JOURNAL_UID "=%" PRIi64, term->number);
        case FILTER_ID:
                return add_start(matches, group, CE_JOURNAL_ID_START, term->text);
        case FILTER_EXEC:
                return add_start(matches, group, CE_JOURNAL_EXEC_ID_START, term->text);
        default:
                return add_label(matches, group, term);
        }
}

/* ---- the question ---- */

typedef struct Terms {
        const FilterTerm *terms;
        size_t n;
} Terms;

/* Whether it is the first positive one of its key. */
static bool is_first(const Terms *terms, size_t i)
{
        for (size_t j = 0; j < i; j++)
                if (terms->terms[j].key == terms->terms[i].key && !terms->terms[j].negative)
                        return false;
        return true;
}

/* The alternatives of one key: one group, if all of them can be looked up. */
static int add_key(JournalMatches *matches, const Terms *terms, FilterKey key)
{
        bool group = true;

        for (size_t i = 0; i < terms->n; i++)
                if (terms->terms[i].key == key && !terms->terms[i].negative &&
                    !can_be_looked_up(terms->terms + i))
                        return 0;
        for (size_t i = 0; i < terms->n; i++) {
                int r;

                if (terms->terms[i].key != key || terms->terms[i].negative)
                        continue;
                r = add_term(matches, &group, terms->terms + i);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int add_filter(JournalMatches *matches, const Terms *terms)
{
        for (size_t i = 0; i < terms->n; i++) {
                const FilterTerm *term = terms->terms + i;
                bool group = true;
                int r = 0;

                if (term->negative)
                        continue;
                if (term->key == FILTER_LABEL) /* each must match */
                        r = can_be_looked_up(term) ? add_term(matches, &group, term) : 0;
                else if (is_first(terms, i))
                        r = add_key(matches, terms, term->key);
                if (r < 0)
                        return r;
                group = true;
                if ((is_object(term->key) || term->key == FILTER_VOLUME) && is_first(terms, i)) {
                        r = add(matches, &group, CE_JOURNAL_TYPE "=%s", filter_key_name(term->key));
                        if (r < 0)
                                return r;
                }
        }

        return 0;
}

static int add_hours(JournalMatches *matches, uint64_t since_nsec, uint64_t until_nsec)
{
        uint64_t first = since_nsec / JOURNAL_NSEC_PER_HOUR;
        uint64_t last = until_nsec / JOURNAL_NSEC_PER_HOUR;
        bool group = true;

        if (since_nsec == 0 || until_nsec <= since_nsec || last - first >= JOURNAL_HOURS_MAX)
                return 0;
        for (uint64_t hour = first; hour <= last; hour++) {
                int r = add(matches, &group, CE_JOURNAL_HOUR "=%" PRIu64, hour);

                if (r < 0)
                        return r;
        }

        return 0;
}

int journal_matches_make(const LogQuestion *question, JournalMatches *ret)
{
        JournalMatches matches = {};
        Terms terms = {};
        int r;

        if (question->filter)
                terms.terms = filter_terms(question->filter, &terms.n);
        r = add_filter(&matches, &terms);
        if (r >= 0)
                r = add_hours(&matches, question->since_nsec, question->until_nsec);
        if (r < 0) {
                journal_matches_done(&matches);
                return r;
        }

        *ret = matches;
        return 0;
}

int journal_matches_apply(const JournalMatches *matches, sd_journal *journal)
{
        for (size_t i = 0; i < matches->n; i++) {
                const char *word = matches->words[i];
                int r;

                if (strcmp(word, AND) == 0)
                        r = sd_journal_add_conjunction(journal);
                else if (strcmp(word, OR) == 0)
                        r = sd_journal_add_disjunction(journal);
                else
                        r = sd_journal_add_match(journal, word, 0);
                if (r < 0)
                        return r;
        }

        return 0;
}
