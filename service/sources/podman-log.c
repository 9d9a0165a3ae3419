/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/podman-log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/logging.h"
#include "base/turn.h"
#include "base/utf8.h"
#include "model/timestamp.h"
#include "sources/podman-file.h"
#include "sources/podman-line.h"
#include "sources/podman-loss.h"
#include "sources/podman-place.h"

#define SOURCE_NAME "podman"

/* Lines, and bytes of them, taken in one turn of the loop: some milliseconds, so that callers on
 * the bus get theirs. */
#define LINES_PER_TURN 512
#define BYTES_PER_TURN (256 * 1024)

/* What is read ahead at the start: as large as the log is by default, and more. */
#define FORESEEN_MAX (UINT64_C(4) * 1024 * 1024)
#define START_MARK   "\"exec\""

/* How soon something that failed (no permission, say) is tried again. */
#define RETRY_USEC UINT64_C(10000000)

typedef struct PodmanLog {
        Source source;
        const PodmanKnowledge *known; /* weak; NULL: nothing */
        PodmanFile file;              /* read from place on */
        EventScanner scanner;         /* for its lines */
        Turn turn;                    /* reads some */
        sd_event_source *retry;       /* owned */

        PodmanPlace place;
        bool has_foreseen;  /* what was there when we started */
        bool has_place;     /* it ran before: what comes is not backlog */
        bool is_listening;  /* since before the file was there: what comes is not backlog either */
        unsigned n_refused; /* lines, in this turn */
        char refused[SOURCE_ERROR_SIZE]; /* why the last of them was */
} PodmanLog;

static PodmanLog *podman_log(Source *source)
{
        return (PodmanLog *)source;
}

static void schedule(PodmanLog *log)
{
        turn_schedule(&log->turn);
}

static void fail(PodmanLog *log, const char *what, int error)
{
        source_set_error(&log->source, "\"%s\" cannot be %s: %s.", log->file.path, what,
                         strerror(-error));
        source_set_state(&log->source, SOURCE_FAILED);
        sd_event_source_set_time_relative(log->retry, RETRY_USEC);
        sd_event_source_set_enabled(log->retry, SD_EVENT_ONESHOT);
}

/* ---- lines ---- */

/* A line that is left out. It is told at the end of the turn: there may be very many. */
static void refuse_line(PodmanLog *log, const char *line, size_t length)
{
        _cleanup_free_ char *shown = NULL;
        size_t n;

        if (utf8_sanitize(line, length > SHOWN_MAX ? SHOWN_MAX : length, &shown, &n) < 0)
                return;
        log->n_refused++;
        snprintf(log->refused, sizeof(log->refused),
                 "the line before byte %" PRIu64 " is no event: \"%s\"", log->file.reader.offset,
                 shown);
}

static void refuse_long_line(PodmanLog *log)
{
        log->n_refused++;
        snprintf(log->refused, sizeof(log->refused),
                 "the line before byte %" PRIu64 " is longer than %d bytes",
                 log->file.reader.offset, PODMAN_LINE_MAX);
}

static void tell_refused(PodmanLog *log)
{
        if (log->n_refused == 0)
                return;

        source_set_error(&log->source, "%u of the lines of \"%s\" are left out, the last since %s.",
                         log->n_refused, log->source.id, log->refused);
        log->n_refused = 0;
}

static int deliver(PodmanLog *log, const Event *event, const PodmanPlace *place)
{
        char text[PODMAN_PLACE_SIZE], position[PODMAN_PLACE_SIZE + sizeof(SOURCE_NAME)];

        podman_place_format(place, text);
        snprintf(position, sizeof(position), SOURCE_NAME " %s", text);
        return log->source.sink.event(&log->source, event, position, log->source.sink.userdata);
}

/* What is known better from elsewhere, and is or will be told, is left out. It is read all the
 * same: after a rotation it is not to come again, as one more word about the same. */
static int leave_out(PodmanLog *log, const PodmanVerdict *verdict, Event *event,
                     const PodmanPlace *next)
{
        podman_verdict_apply(log->known, verdict, event, EXEC_WRITER_UNKNOWN);
        log->source.duplicates++;
        log->place = *next;
        log->has_place = true;
        return 0;
}

/* Takes one line. A negative result means that the history did not: the same line comes again. */
static int take_line(PodmanLog *log, const char *line, size_t length)
{
        bool backlog = log->file.reader.offset <= log->place.backlog_end;
        _cleanup_(event_unrefp) Event *event = NULL;
        PodmanPlace next = log->place;
        PodmanVerdict verdict = {};
        int r;

        if (podman_line_is_rotation(line, length))
                return 0;
        r = podman_line_parse(&log->scanner, line, length, log->file.uid, backlog, &event);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                refuse_line(log, line, length);
                podman_place_interrupt(&log->place);
                return 0;
        }

        if (log->known && !backlog)
                podman_judge(log->known, event_fields(event), EXEC_WRITER_UNKNOWN, &verdict);
        podman_place_advance(&next, log->file.reader.offset, line, length);
        if (!backlog)
                next.backlog_end = 0;
        next.time_nsec = event_fields(event)->time_nsec;
        if (verdict.leave_out)
                return leave_out(log, &verdict, event, &next);
        r = podman_verdict_complete(&verdict, &event);
        if (r < 0)
                return r;
        r = deliver(log, event, &next);
        if (r < 0)
                return r;

        if (log->known && !backlog)
                podman_verdict_apply(log->known, &verdict, event, EXEC_WRITER_UNKNOWN);
        log->source.received++;
        log->place = next;
        log->has_place = true;
        return 0;
}

/* ---- the file ---- */

static int record_loss(PodmanLog *log, const PodmanPlace *start)
{
        _cleanup_(event_unrefp) Event *event = NULL;
        int r;

        r = podman_loss_new(log->source.id, log->file.fd, log->file.uid, log->place.time_nsec,
                            &event);
        if (r < 0)
                return r;
        r = deliver(log, event, start);
        if (r < 0)
                return r;

        log->source.lost++;
        source_set_error(&log->source, "%s: \"%s\".", event_fields(event)->reason, log->file.path);
        source_set_state(&log->source, SOURCE_GAP);
        return 0;
}

static bool is_loss(const PodmanLog *log, uint32_t boot)
{
        const PodmanChange change = {
                .drained = log->file.was_drained,
                .kept_some = log->file.kept_some,
                .n_moved = log->file.n_moved,
                .had_place = log->has_place,
                .same_boot = log->place.boot == boot,
                .was_rotated = podman_log_was_rotated(log->file.fd),
        };

        return podman_is_loss(&change);
}

/* The start of the file that is open. */
static int first_place(const PodmanLog *log, PodmanPlace *ret)
{
        int r;

        r = podman_place_first(log->file.fd, log->file.path, ret);
        if (r < 0)
                return r;

        ret->time_nsec = log->place.time_nsec;
        /* Unless we ran before, what is in the file now happened before we listened. */
        if (log->has_place || log->is_listening)
                ret->backlog_end = 0;
        return 0;
}

/* Looks for the place in the file that is open. Returns -ENOENT if it is not there. */
static int find_place(PodmanLog *log, uint32_t boot)
{
        uint64_t passed;
        int r;

        if (!log->has_place)
                return -ENOENT;
        r = podman_place_find(log->file.fd, &log->place, &passed);
        if (r < 0)
                return r;

        log->place.boot = boot;
        log->source.duplicates += passed;
        return 0;
}

/* Finds out where in a file that was just opened to go on. */
static int take_place(PodmanLog *log)
{
        PodmanPlace start;
        int r;

        r = first_place(log, &start);
        if (r < 0)
                return r;
        r = find_place(log, start.boot);
        if (r != -ENOENT)
                return r;

        if ((log->has_place || log->is_listening) && is_loss(log, start.boot)) {
                r = record_loss(log, &start);
                if (r < 0)
                        return r;
        }
        log->place = start;
        return 0;
}

/* The most common reason is worth a word. */
static void set_absent(PodmanLog *log)
{
        if (log->source.state == SOURCE_ABSENT)
                return;

        snprintf(
                log->source.last_error, sizeof(log->source.last_error),
                "There is no \"%.300s\": Podman has written no event yet, or it writes them to the "
                "journal (events_logger in containers.conf), of which the source podman-journal "
                "tells.",
                log->source.id);
        utf8_mend(log->source.last_error);
        source_set_state(&log->source, SOURCE_ABSENT);
}

/* Reads ahead what is there when we start, if it is not too much, for what only all of it tells. */
static int foresee(PodmanLog *log)
{
        LineReader *reader = &log->file.reader;
        const char *line;
        size_t length;
        int r;

        while ((r = line_reader_next(reader, UINT64_MAX, &line, &length)) != LINE_NONE) {
                _cleanup_(event_unrefp) Event *event = NULL;

                if (r < 0 || reader->offset > log->place.offset + FORESEEN_MAX)
                        break;
                if (r == LINE_TOO_LONG || !memmem(line, length, START_MARK, sizeof(START_MARK) - 1))
                        continue;
                if (podman_line_parse(&log->scanner, line, length, log->file.uid, false, &event) >=
                    0)
                        podman_foresee(log->known, event_fields(event));
        }
        line_reader_seek(reader, log->file.fd, log->place.offset);
        return r < 0 ? r : 0;
}

/* Returns 1 if there is a log and its place is known. */
static int open_log(PodmanLog *log)
{
        int r;

        r = podman_file_open(&log->file);
        if (r == 0) {
                log->is_listening = true;
                set_absent(log);
        }
        if (r <= 0)
                return r;
        r = take_place(log);
        if (r < 0) {
                podman_file_close(&log->file);
                return r;
        }

        if (log->source.state == SOURCE_ABSENT)
                log->source.last_error[0] = '\0';
        log->is_listening = true;
        podman_file_begin(&log->file, log->place.offset);
        if (log->source.state != SOURCE_GAP)
                source_set_state(&log->source, SOURCE_SYNCING);
        if (log->known && log->has_place && !log->has_foreseen) {
                log->has_foreseen = true;
                r = foresee(log);
        }
        return r < 0 ? r : 1;
}

/*
 * Reads to the end, or for one turn. Returns 1 at the end, 0 if there is more, negative errno if
 * the history takes nothing (-EAGAIN) or something failed.
 */
static int read_lines(PodmanLog *log)
{
        uint64_t start = log->file.reader.offset;

        for (unsigned n = 0; n < LINES_PER_TURN && log->file.reader.offset - start < BYTES_PER_TURN;
             n++) {
                uint64_t offset = log->file.reader.offset;
                const char *line;
                size_t length;
                int r;

                r = line_reader_next(&log->file.reader, UINT64_MAX, &line, &length);
                if (r < 0)
                        return r;
                if (r == LINE_NONE)
                        return 1;
                if (r == LINE_TOO_LONG) {
                        refuse_long_line(log);
                        continue;
                }
                r = take_line(log, line, length);
                if (r < 0) {
                        line_reader_seek(&log->file.reader, log->file.fd, offset);
                        return r;
                }
        }

        return 0;
}

/*
 * The file's own past may have changed under us: it was truncated, and perhaps written anew. What
 * it has now is then read, also if its name stands for another file by now. What was written since
 * our last look and truncated at once nobody can know.
 */
static int check_truncated(PodmanLog *log)
{
        PodmanPlace start;
        int r;

        r = podman_file_is_truncated(&log->file, &log->place);
        if (r <= 0)
                return r;

        log_notice("Source %s: \"%s\" was truncated: reading it from the start.", log->source.name,
                   log->source.id);
        r = first_place(log, &start);
        if (r < 0)
                return r;
        r = find_place(log, start.boot);
        if (r == -ENOENT) {
                r = log->file.at_end ? 0 : record_loss(log, &start);
                if (r < 0)
                        return r;
                log->place = start;
        } else if (r < 0) {
                return r;
        }
        line_reader_seek(&log->file.reader, log->file.fd, log->place.offset);
        return 0;
}

/*
 * One turn. When inotify said that the name stands for another file, the old one is first read to
 * its end: nothing is written to it any more, and what is kept of it starts the new one.
 */
static int work(PodmanLog *log)
{
        int r;

        if (log->file.fd >= 0) {
                r = check_truncated(log);
                if (r < 0)
                        return r;
        }
        if (log->file.fd < 0) {
                r = open_log(log);
                if (r <= 0)
                        return r;
        }

        for (;;) {
                int replaced = podman_file_is_replaced(&log->file);

                if (replaced < 0)
                        return replaced;
                r = read_lines(log);
                tell_refused(log);
                log->file.at_end = r > 0;
                if (r < 0)
                        return r;
                if (r > 0 && !replaced)
                        break;
                if (r == 0 || !podman_file_is_told(&log->file)) {
                        schedule(log);
                        return 0;
                }

                podman_file_leave(&log->file);
                r = open_log(log);
                if (r <= 0)
                        return r;
        }

        podman_file_settle(&log->file);
        source_set_state(&log->source, SOURCE_LIVE);
        return 0;
}

/* ---- events ---- */

static void on_change(PathChange change, void *userdata)
{
        PodmanLog *log = userdata;

        if (change == PATH_FAILED) {
                fail(log, "watched", -EIO);
                return;
        }
        podman_file_note(&log->file, change);
        schedule(log);
}

static void listen_to_log(PodmanLog *log)
{
        int r;

        r = path_watch_start(log->file.watch);
        if (r < 0)
                fail(log, "watched", r);
        else
                schedule(log);
}

static void on_turn(void *userdata)
{
        PodmanLog *log = userdata;
        int r;

        r = work(log);
        /* -EAGAIN: the history is not to be had now, and resumes us. */
        if (r < 0 && r != -EAGAIN)
                fail(log, "read", r);
}

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata)
{
        PodmanLog *log = userdata;

        listen_to_log(log);
        return 0;
}

/* ---- source ---- */

static int podman_log_start(Source *source, const char *place)
{
        PodmanLog *log = podman_log(source);

        if (place) {
                log->has_place = podman_place_parse(place, &log->place) >= 0 &&
                                 podman_place_is_in(&log->place, log->file.path);
                if (!log->has_place)
                        log_notice("Source %s: the history knows no place in \"%s\".", source->name,
                                   source->id);
        }
        if (!log->has_place)
                log->place = (PodmanPlace){ .time_nsec = timestamp_now() };

        listen_to_log(log);
        return 0;
}

static void podman_log_resume(Source *source)
{
        schedule(podman_log(source));
}

static Source *podman_log_free(Source *source)
{
        PodmanLog *log = podman_log(source);

        if (!source)
                return NULL;

        turn_done(&log->turn);
        sd_event_source_disable_unref(log->retry);
        podman_file_done(&log->file);
        event_scanner_done(&log->scanner);
        free(source->id);
        free(log);
        return NULL;
}

static const SourceOps podman_log_ops = {
        .start = podman_log_start,
        .resume = podman_log_resume,
        .free = podman_log_free,
};

static int add_event_sources(PodmanLog *log)
{
        int r;

        r = turn_init(&log->turn, log->source.loop, on_turn, log);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(log->source.loop, &log->retry, CLOCK_MONOTONIC, RETRY_USEC,
                                       0, on_retry, log);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(log->retry, SD_EVENT_OFF);
}

int podman_log_new(const char *path, sd_event *loop, const SourceSink *sink,
                   const PodmanKnowledge *known, Source **ret)
{
        _cleanup_(source_freep) Source *source = NULL;
        PodmanLog *log;
        int r;

        log = calloc(1, sizeof(PodmanLog));
        if (!log)
                return -ENOMEM;
        source = &log->source;
        *source = (Source){
                .ops = &podman_log_ops,
                .name = SOURCE_NAME,
                .type = "podman",
                .api = "logfile",
                .version = "",
                .loop = loop,
                .sink = *sink,
        };
        log->known = known;
        log->file.fd = -1;

        source->id = strdup(path);
        if (!source->id)
                return -ENOMEM;
        utf8_mend(source->id);
        r = podman_file_init(&log->file, loop, path, on_change, log);
        if (r < 0)
                return r;
        r = add_event_sources(log);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(source);
        return 0;
}
