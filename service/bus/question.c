/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/question.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "model/cursor.h"
#include "names.h"

void question_done(Question *question)
{
        filter_free(question->filter);
        *question = (Question){};
}

int question_read_cursor(Question *question, EventLog *log, sd_bus_message *call,
                         sd_bus_error *error)
{
        uint64_t oldest = eventlog_oldest_seq(log), newest = eventlog_newest_seq(log);
        uint64_t given = eventlog_given_seq(log);
        Cursor cursor, kept = { .epoch = eventlog_epoch(log) };
        char oldest_text[CURSOR_SIZE];
        const char *text;
        int r;

        r = sd_bus_message_read(call, "s", &text);
        if (r < 0)
                return r;
        if (*text == '\0') {
                question->after = 0;
                return 0;
        }
        if (eventlog_unavailable(log))
                return sd_bus_error_set(error, CE_ERROR_LOG_UNAVAILABLE, eventlog_unavailable(log));
        if (cursor_parse(text, &cursor) < 0)
                return sd_bus_error_setf(
                        error, CE_ERROR_INVALID_ARGS,
                        "\"%.*s\" is no cursor: give one that a query returned, or "
                        "\"\" for the oldest event.",
                        SHOWN(text));

        /* Right before the oldest event, or behind all that were. Who listens may be further than
         * the history, while that cannot be written. */
        kept.seq = oldest > 0 ? oldest - 1 : newest;
        if (sd_id128_equal(cursor.epoch, kept.epoch) && cursor.seq >= kept.seq &&
            cursor.seq <= given) {
                question->after = cursor.seq;
                return 0;
        }

        cursor_format(&kept, oldest_text);
        return sd_bus_error_setf(
                error, CE_ERROR_CURSOR_EXPIRED,
                "The history does not go on from \"%s\": the oldest cursor kept is "
                "\"%s\".",
                text, oldest_text);
}

int question_read_range(Question *question, sd_bus_message *call, sd_bus_error *error)
{
        uint64_t since, until;
        int r;

        r = sd_bus_message_read(call, "tt", &since, &until);
        if (r < 0)
                return r;
        if (until > 0 && until < since)
                return sd_bus_error_setf(error, CE_ERROR_INVALID_TIME,
                                         "The time range ends at %" PRIu64 ", before it starts at "
                                         "%" PRIu64 ": give since_nsec <= until_nsec.",
                                         until, since);

        question->since_nsec = since;
        question->until_nsec = until;
        return 0;
}

int question_read_filters(Question *question, sd_bus_message *call, sd_bus_error *error)
{
        char message[FILTER_MESSAGE_SIZE] = "";
        char **terms = NULL;
        int r;

        r = sd_bus_message_read_strv(call, &terms);
        if (r < 0)
                return r;
        question->filtered = terms && *terms;
        r = filter_new((const char *const *)terms, &question->filter, message);
        for (char **term = terms; term && *term; term++)
                free(*term);
        free(terms);
        if (r == -EINVAL)
                return sd_bus_error_set(error, CE_ERROR_INVALID_FILTER, message);
        return r;
}

LogQuestion question_for_log(const Question *question)
{
        return (LogQuestion){
                .after_seq = question->after,
                .since_nsec = question->since_nsec,
                .until_nsec = question->until_nsec,
                .filter = question->filtered ? question->filter : NULL,
        };
}

bool question_fits_all(const Question *question)
{
        return !question->filtered && question->since_nsec == 0 && question->until_nsec == 0;
}

bool question_fits(const Question *question, const EventFields *event)
{
        return event->time_nsec >= question->since_nsec &&
               (question->until_nsec == 0 || event->time_nsec < question->until_nsec) &&
               filter_matches(question->filter, event);
}
