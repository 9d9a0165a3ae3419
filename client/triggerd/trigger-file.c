/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger-file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "specifier.h"
#include "strv.h"
#include "text-format.h"
#include "time-span.h"
#include "unit-file.h"
#include "utf8.h"

/* Nobody needs more, and it is far from where sums of it overflow. */
#define RATE_LIMIT_BURST_MAX 1000000

typedef struct Reading {
        Trigger *trigger; /* weak */
        const char *file;
        const TriggerReport *report;
        unsigned line; /* of the setting that is looked at */
        char *problem; /* owned */
} Reading;

/* Returns -EINVAL, which ends the reading. */
__attribute__((format(printf, 2, 3))) static int wrong(Reading *r, const char *format, ...)
{
        _cleanup_free_ char *sentence = NULL;
        va_list ap;
        int k;

        va_start(ap, format);
        k = text_format_list(&sentence, format, ap);
        va_end(ap);
        if (k < 0)
                return k;
        if (text_format(&r->problem, "%s:%u: %s", r->file, r->line, sentence) < 0)
                return -ENOMEM;
        return -EINVAL;
}

__attribute__((format(printf, 2, 3))) static int warn(const Reading *r, const char *format, ...)
{
        _cleanup_free_ char *sentence = NULL, *place = NULL;
        va_list ap;
        int k;

        if (!r->report || !r->report->warning)
                return 0;
        va_start(ap, format);
        k = text_format_list(&sentence, format, ap);
        va_end(ap);
        if (k < 0)
                return k;
        if (text_format(&place, "%s:%u", r->file, r->line) < 0)
                return -ENOMEM;
        r->report->warning(place, sentence, r->report->userdata);
        return 0;
}

/* An empty value is none. */
static int set_text(char **text, const char *value)
{
        char *copy = NULL;

        if (*value) {
                copy = strdup(value);
                if (!copy)
                        return -ENOMEM;
        }
        free(*text);
        *text = copy;
        return 0;
}

static int set_description(Reading *r, const char *key, const char *value)
{
        return set_text(&r->trigger->description, value);
}

/* What it means is the service's to say; here is what it refuses whatever it means. */
static int add_filter(Reading *r, const char *key, const char *value)
{
        const char *equals = strchr(value, '=');

        if (*value == '\0') {
                r->trigger->filters = strv_free(r->trigger->filters);
                return 0;
        }
        if (!equals || equals == value || (equals == value + 1 && *value == '!'))
                return wrong(r, "Filter=%s is no filter: write it as KEY=VALUE or KEY!=VALUE",
                             value);
        if (strlen(value) > TRIGGER_FILTER_LENGTH_MAX)
                return wrong(r, "the filter has %zu bytes; at most %d are possible", strlen(value),
                             TRIGGER_FILTER_LENGTH_MAX);
        if (strv_length(r->trigger->filters) >= TRIGGER_FILTERS_MAX)
                return wrong(r, "Filter=%s is one too many: a trigger has at most %d", value,
                             TRIGGER_FILTERS_MAX);
        return strv_append(&r->trigger->filters, value);
}

static int set_unit(Reading *r, const char *key, const char *value)
{
        _cleanup_free_ char *problem = NULL;
        int k;

        if (*value) {
                k = unit_pattern_check(value, &problem);
                if (k < 0)
                        return k == -EINVAL ? wrong(r, "Unit=%s: %s", value, problem) : k;
        }
        return set_text(&r->trigger->unit, value);
}

static int set_span(Reading *r, const char *key, const char *value, uint64_t *span)
{
        uint64_t usec = 0;
        int k = *value ? time_span_parse(value, &usec) : 0;

        if (k == -ERANGE)
                return wrong(r, "%s=%s is too long", key, value);
        if (k < 0)
                return wrong(r, "%s=%s is no time: " TIME_SPAN_ACCEPTED, key, value);
        *span = usec;
        return 0;
}

static int set_interval(Reading *r, const char *key, const char *value)
{
        return set_span(r, key, value, &r->trigger->rate_limit_interval_usec);
}

static int set_coalesce(Reading *r, const char *key, const char *value)
{
        return set_span(r, key, value, &r->trigger->coalesce_usec);
}

static int set_burst(Reading *r, const char *key, const char *value)
{
        size_t length = strlen(value);
        unsigned long n = 0;

        if (strspn(value, "0123456789") != length)
                return wrong(r, "%s=%s is no number", key, value);
        if (length > 0) {
                errno = 0;
                n = strtoul(value, NULL, 10);
                if (errno != 0 || n > RATE_LIMIT_BURST_MAX)
                        return wrong(r, "%s=%s is too large: at most %d", key, value,
                                     RATE_LIMIT_BURST_MAX);
        }
        r->trigger->rate_limit_burst = (unsigned)n;
        return 0;
}

static int set_catch_up(Reading *r, const char *key, const char *value)
{
        static const struct {
                const char *word;
                bool value;
        } words[] = {
                { "", true },     { "yes", true }, { "true", true },   { "on", true },
                { "1", true },    { "y", true },   { "t", true },      { "no", false },
                { "off", false }, { "0", false },  { "false", false }, { "n", false },
                { "f", false },
        };

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (strcasecmp(words[i].word, value) == 0) {
                        r->trigger->catch_up = words[i].value;
                        return 0;
                }
        return wrong(r, "%s=%s is neither yes nor no", key, value);
}

static const struct {
        const char *key;
        int (*set)(Reading *r, const char *key, const char *value);
} keys[] = {
        { "Description", set_description },
        { "Filter", add_filter },
        { "Unit", set_unit },
        { "RateLimitIntervalSec", set_interval },
        { "RateLimitBurst", set_burst },
        { "CoalesceSec", set_coalesce },
        { "CatchUp", set_catch_up },
};

static int on_setting(unsigned line, const char *section, const char *key, const char *value,
                      void *userdata)
{
        Reading *r = userdata;

        r->line = line;
        /* What begins so is somebody else's, as in systemd's files. */
        if (strncmp(section, "X-", 2) == 0 || strncmp(key, "X-", 2) == 0)
                return 0;
        if (strcmp(section, "Trigger") != 0)
                return warn(r, "%s=%s is passed over: the section [%s] is not known", key, value,
                            section);
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
                if (strcmp(keys[i].key, key) == 0)
                        return keys[i].set(r, key, value);
        return warn(r, "the key %s= is not known, and passed over", key);
}

static int on_error(unsigned line, const char *text, void *userdata)
{
        Reading *r = userdata;

        r->line = line;
        return wrong(r, "%s", text);
}

int trigger_file_read(Trigger *t, const char *file, const char *text, size_t length,
                      const TriggerReport *report, char **ret_problem)
{
        Reading r = { .trigger = t, .file = file, .report = report };
        _cleanup_free_ char *string = strndup(text, length);
        const UnitFileHandler handler = {
                .setting = on_setting,
                .error = on_error,
                .userdata = &r,
        };
        int k;

        if (!string)
                return -ENOMEM;
        if (strlen(string) != length || !utf8_is_valid(string)) {
                if (text_format(ret_problem, "%s: the file is no UTF-8 text", file) < 0)
                        return -ENOMEM;
                return -EINVAL;
        }
        k = unit_file_parse(text, length, &handler);
        if (k == -EINVAL)
                *ret_problem = r.problem;
        else
                free(r.problem);
        return k;
}

static const char *what_is_missing(const Trigger *t)
{
        if (!t->unit)
                return "there is no Unit=: say which unit the events start";
        if (strv_length(t->filters) == 0)
                return "there is no Filter=: say which events, as Filter=event=died; a unit for "
                       "every event is not started by leaving it out";
        if (t->rate_limit_interval_usec > 0 && t->rate_limit_burst == 0)
                return "RateLimitIntervalSec= stands alone: say with RateLimitBurst= how many "
                       "starts there may be in that time";
        if (t->rate_limit_burst > 0 && t->rate_limit_interval_usec == 0)
                return "RateLimitBurst= stands alone: say with RateLimitIntervalSec= in which time";
        return NULL;
}

static bool has_specifier(const char *pattern, char specifier)
{
        for (const char *p = strchr(pattern, '%'); p; p = strchr(p + 2, '%'))
                if (p[1] == specifier)
                        return true;
        return false;
}

int trigger_file_check(const Trigger *t, const TriggerReport *report, char **ret_problem)
{
        const char *missing = what_is_missing(t);

        if (missing) {
                if (text_format(ret_problem, "%s: %s", t->path, missing) < 0)
                        return -ENOMEM;
                return -EINVAL;
        }
        if (t->coalesce_usec > 0 && has_specifier(t->unit, 's') && report && report->warning)
                report->warning(t->path,
                                "CoalesceSec= does nothing here: with %s in Unit= no two events "
                                "have one unit",
                                report->userdata);
        return 0;
}
