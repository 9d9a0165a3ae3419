/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "cleanup.h"
#include "names.h"
#include "text-format.h"

/* What others said is quoted in it: a name that a person gave, a sentence of the service. */
static void make_one_line(char *text)
{
        for (char *c = text; *c; c++)
                if ((unsigned char)*c < ' ' || *c == 127)
                        *c = '?';
}

void report(int priority, const char *format, ...)
{
        _cleanup_free_ char *text = NULL;
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = text_format_list(&text, format, arguments);
        va_end(arguments);
        if (r < 0) {
                fputs("Out of memory.\n", stderr);
                return;
        }
        make_one_line(text);
        if (getenv("JOURNAL_STREAM"))
                fprintf(stderr, "<%d>", priority);
        else
                fputs("containers-events-triggerd: ", stderr);
        fprintf(stderr, "%s\n", text);
}

const char *report_period(const char *sentence)
{
        size_t length = strlen(sentence);

        return length > 0 && sentence[length - 1] == '.' ? "" : ".";
}

void report_left_out(const char *trigger, uint64_t n, uint64_t first_seq, uint64_t last_seq)
{
        if (!getenv("JOURNAL_STREAM")) {
                report_warning("Trigger %s: its rate limit left out %" PRIu64
                               " events, from number %" PRIu64 " to %" PRIu64 ".",
                               trigger, n, first_seq, last_seq);
                return;
        }
        sd_journal_send("MESSAGE=Trigger %s: its rate limit left out %" PRIu64
                        " events, from number %" PRIu64 " to %" PRIu64 ".",
                        trigger, n, first_seq, last_seq, "MESSAGE_ID=" CE_MESSAGE_LEFT_OUT,
                        "PRIORITY=%i", LOG_WARNING, "SYSLOG_IDENTIFIER=containers-events-triggerd",
                        "CONTAINERS_EVENTS_TRIGGER=%s", trigger,
                        "CONTAINERS_EVENTS_LEFT_OUT=%" PRIu64, n,
                        "CONTAINERS_EVENTS_FIRST_SEQ=%" PRIu64, first_seq,
                        "CONTAINERS_EVENTS_LAST_SEQ=%" PRIu64, last_seq, NULL);
}
