/* SPDX-License-Identifier: Apache-2.0 */
#include "environment-file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "text-stream.h"
#include "unit-name.h"
#include "utf8.h"

#define PREFIX "CONTAINER_EVENT_"
#define SUFFIX ".env"

/*
 * The kernel starts no program with a variable of more than 128 KiB (MAX_ARG_STRLEN), or with more
 * than 2 MiB of them in all where the stack has its usual limit; half of the one keeps all of ours
 * far below the other. The service cuts texts far earlier.
 */
#define VALUE_MAX ((size_t)64 * 1024)

#define NSEC_PER_SEC UINT64_C(1000000000)

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

int environment_file_name(const char *unit, char **ret)
{
        const char *type = unit_name_type(unit);
        char *name, *p;

        if (!type || unit_name_kind(unit) == UNIT_NAME_INVALID)
                return -EINVAL;
        p = name = malloc((size_t)(type - unit) + sizeof(SUFFIX));
        if (!name)
                return -ENOMEM;
        for (; unit < type; unit++)
                if (*unit != '\\')
                        *p++ = *unit;
        strcpy(p, SUFFIX);
        *ret = name;
        return 0;
}

/* What systemd takes for a character: it loads no file that has another one, and starts nothing. */
static size_t character(const char *text)
{
        uint32_t code;
        size_t n = utf8_character(text, &code);

        if (n > 0 && ((code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) == 0xfffe))
                return 0;
        return n;
}

/* In double quotes, where systemd and a shell know the same four characters that a "\" escapes, and
 * all else is itself. Returns whether the value was cut. */
static bool print_text(FILE *f, const char *name, const char *value)
{
        size_t n = 0;

        (void)fprintf(f, PREFIX "%s=\"", name);
        while (*value) {
                size_t length = character(value);
                const char *text = length > 0 ? value : REPLACEMENT;
                size_t text_length = length > 0 ? length : strlen(REPLACEMENT);

                if (text_length > VALUE_MAX - n)
                        break;
                if (strchr("\"\\`$", *text))
                        (void)fputc('\\', f);
                (void)fwrite(text, 1, text_length, f);
                n += text_length;
                value += length ?: 1;
        }
        (void)fputs("\"\n", f);
        return *value != '\0';
}

static void print_number(FILE *f, const char *name, uint64_t value)
{
        (void)fprintf(f, PREFIX "%s=%" PRIu64 "\n", name, value);
}

static void print_time(FILE *f, uint64_t time_nsec)
{
        time_t seconds = (time_t)(time_nsec / NSEC_PER_SEC);
        char text[sizeof("2554-07-21T23:34:33")];
        struct tm tm;

        if (gmtime_r(&seconds, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) > 0)
                (void)fprintf(f, PREFIX "TIME=%s.%09" PRIu64 "Z\n", text, time_nsec % NSEC_PER_SEC);
        print_number(f, "TIME_NSEC", time_nsec);
}

static bool print_texts(FILE *f, const TriggerEvent *e)
{
        const struct {
                const char *name, *value;
                bool always;
        } texts[] = {
                { "TYPE", e->type, true },     { "STATUS", e->status, true },
                { "ID", e->id, true },         { "NAME", e->name, true },
                { "IMAGE", e->image, true },   { "ENGINE", e->engine, true },
                { "CURSOR", e->cursor, true }, { "EXEC_ID", e->exec_id },
                { "POD_ID", e->pod_id },       { "NETWORK", e->network },
                { "ERROR", e->error },         { "HEALTH_STATUS", e->health_status },
                { "REASON", e->reason },
        };
        bool cut = false;

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                if (texts[i].always || texts[i].value)
                        cut |= print_text(f, texts[i].name, texts[i].value ?: "");
        return cut;
}

static void print_all(FILE *f, const TriggerEvent *e, const char *trigger, uint64_t coalesced)
{
        bool cut = print_text(f, "TRIGGER", trigger);

        cut |= print_texts(f, e);
        print_number(f, "SEQ", e->seq);
        print_time(f, e->time_nsec);
        if (e->has_exit_code)
                (void)fprintf(f, PREFIX "EXIT_CODE=%d\n", e->exit_code);
        if (e->has_uid)
                print_number(f, "UID", e->uid);
        if (e->oom_killed)
                print_number(f, "OOM_KILLED", 1);
        if (e->synthetic)
                print_number(f, "SYNTHETIC", 1);
        if (e->backlog)
                print_number(f, "BACKLOG", 1);
        print_number(f, "COALESCED", coalesced);
        if (e->truncated || cut)
                print_number(f, "TRUNCATED", 1);
}

int environment_file_text(const TriggerEvent *event, const char *trigger, uint64_t coalesced,
                          char **ret)
{
        _cleanup_(text_stream_done) TextStream s = {};
        int r = text_stream_open(&s);

        if (r < 0)
                return r;
        print_all(s.file, event, trigger, coalesced);
        return text_stream_close(&s, ret);
}
