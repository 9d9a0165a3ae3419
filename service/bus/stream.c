/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>

#include "base/cleanup.h"
#include "base/logging.h"
#include "base/pipe-writer.h"
#include "base/turn.h"
#include "log/log-reader.h"
#include "names.h"

/* Records, and bytes of them, looked at in one turn of the loop: some milliseconds. */
#define RECORDS_PER_TURN 200
#define BYTES_PER_TURN   (256 * 1024)

/* What is put into a pipe at once, and so the most that is kept of it (and a record more). */
#define GATHER_SIZE (64 * 1024)

/* Of a run nothing is looked at: this takes less time than the records do. */
#define RUN_BYTES_PER_TURN (1024 * 1024)

/* Below this, a run costs more calls to the kernel than it saves, and each run fills a page of the
 * pipe at least. */
#define RUN_RECORDS_MIN 256

typedef struct Stream {
        TAILQ_ENTRY(Stream) all;
        TAILQ_ENTRY(Stream) queue;
        Streams *streams; /* weak */
        uid_t uid;
        Question question; /* owned */
        bool follow;
        uint64_t end_seq;  /* what was committed at the start; without "follow" no more is given */
        LogReader *reader; /* owned */
        bool lines_only;   /* the rest of the segment is more than what is to be given */
        bool failed;       /* that was said, and nothing comes behind it */

        PipeWriter pipe;     /* owned */
        sd_event_source *io; /* owned: the reader left; or took something, when the pipe was full */
        bool queued;         /* there may be something to do */
        bool waits;          /* for the next commit */
} Stream;

struct Streams {
        sd_event *loop; /* weak */
        EventLog *log;  /* weak */
        Turn turn;
        TAILQ_HEAD(, Stream) all;
        TAILQ_HEAD(, Stream) queue;
        unsigned n;
        char lines[GATHER_SIZE + RECORD_SIZE_MAX]; /* of the stream whose turn it is */
};

/* What a slice of work came to. */
typedef enum Progress {
        PROGRESS_MORE,
        PROGRESS_FULL,  /* wait for the reader */
        PROGRESS_WAITS, /* wait for the next commit */
        PROGRESS_END,
} Progress;

/* ---- what is written ---- */

static bool is_at_end(const Stream *stream)
{
        return stream->failed ||
               (!stream->follow && log_reader_seq(stream->reader) >= stream->end_seq);
}

static bool is_past_end(const Stream *stream)
{
        return !stream->follow && log_reader_seq(stream->reader) > stream->end_seq;
}

static int open_reader(Stream *stream, LogReader **ret)
{
        LogQuestion question = question_for_log(&stream->question);

        return log_reader_new(stream->streams->log, &question, ret);
}

/* Puts the rest of the segment into the pipe if it can go as it is. Returns 1 if it did. */
static int put_run(Stream *stream)
{
        uint64_t seq = log_reader_seq(stream->reader), offset, size;
        int fd, r;

        if (stream->lines_only || eventlog_newest_seq(stream->streams->log) < seq + RUN_RECORDS_MIN)
                return 0;
        r = log_reader_run(stream->reader, &fd, &offset, &size);
        if (r <= 0)
                return r;
        if (!is_past_end(stream)) {
                pipe_writer_put_file(&stream->pipe, fd, offset, size);
                return 1;
        }

        /* There is more in it than was there at the start: back to where it began. */
        close(fd);
        stream->lines_only = true;
        stream->question.after = seq;
        stream->reader = log_reader_free(stream->reader);
        return open_reader(stream, &stream->reader);
}

/* Returns 1 if the record is to be given out. */
static int look_at(const Question *question, const char *line, size_t length)
{
        _cleanup_(event_unrefp) Event *event = NULL;
        int r;

        if (question_fits_all(question))
                return 1;
        r = record_event(line, length, &event);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        return question_fits(question, event_fields(event));
}

/* Fills the lines. Returns a Progress or negative errno. */
static int gather(Stream *stream, char *lines, size_t *ret_size)
{
        size_t size = 0, looked = 0, length;
        int progress = PROGRESS_MORE, r;

        for (unsigned n = 0; n < RECORDS_PER_TURN && looked < BYTES_PER_TURN && size < GATHER_SIZE;
             n++, looked += length) {
                const char *line;

                r = is_at_end(stream) ? 0 : log_reader_next(stream->reader, &line, &length);
                if (r < 0)
                        return r;
                if (r == LOG_READER_AGAIN)
                        break;
                if (r == 0 || is_past_end(stream)) {
                        progress = stream->follow ? PROGRESS_WAITS : PROGRESS_END;
                        break;
                }
                r = look_at(&stream->question, line, length);
                if (r < 0)
                        return r;
                if (r > 0) {
                        memcpy(lines + size, line, length);
                        size += length;
                        lines[size++] = '\n';
                }
        }

        *ret_size = size;
        return progress;
}

/* Says in the stream why it ends: a reader must not take what it got for everything. */
static int put_failure(Stream *stream, int error)
{
        char line[256];
        int n, r;

        log_warning("A stream cannot go on: %s.", strerror(-error));
        stream->failed = true;
        n = snprintf(line, sizeof(line), "{\"Error\":\"The history cannot be read: %s.\"}\n",
                     strerror(-error));
        r = pipe_writer_put(&stream->pipe, line, (size_t)n);
        return r < 0 ? r : r == 0 ? PROGRESS_FULL : PROGRESS_END;
}

static int put_lines(Stream *stream)
{
        char *lines = stream->streams->lines;
        size_t size = 0;
        int progress, r;

        progress = gather(stream, lines, &size);
        if (progress < 0)
                return put_failure(stream, progress);
        r = pipe_writer_put(&stream->pipe, lines, size);
        if (r < 0)
                return r;
        return r == 0 ? PROGRESS_FULL : progress;
}

/* One slice of work. Returns a Progress or negative errno. */
static int stream_run(Stream *stream)
{
        int r;

        r = pipe_writer_flush(&stream->pipe, RUN_BYTES_PER_TURN);
        if (r == 1) {
                if (is_at_end(stream))
                        return PROGRESS_END;
                r = put_run(stream);
                if (r < 0)
                        return put_failure(stream, r);
                if (r == 0)
                        return put_lines(stream);
                r = pipe_writer_flush(&stream->pipe, RUN_BYTES_PER_TURN);
        }

        if (r < 0)
                return r;
        return r == 0 ? PROGRESS_FULL : PROGRESS_MORE;
}

/* ---- one stream ---- */

static Stream *stream_free(Stream *stream)
{
        Streams *streams;

        if (!stream)
                return NULL;

        streams = stream->streams;
        if (stream->queued)
                TAILQ_REMOVE(&streams->queue, stream, queue);
        TAILQ_REMOVE(&streams->all, stream, all);
        streams->n--;
        sd_event_source_disable_unref(stream->io);
        pipe_writer_done(&stream->pipe);
        log_reader_free(stream->reader);
        question_done(&stream->question);
        free(stream);
        return NULL;
}

DEFINE_CLEANUP(Stream *, stream_free)

static void enqueue(Stream *stream)
{
        Streams *streams = stream->streams;

        if (stream->queued)
                return;
        stream->queued = true;
        stream->waits = false;
        TAILQ_INSERT_TAIL(&streams->queue, stream, queue);
        turn_schedule(&streams->turn);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        Stream *stream = userdata;

        /* The writing end of a pipe has an error when nobody has the other. */
        if ((events & (EPOLLERR | EPOLLHUP)) || sd_event_source_set_io_events(source, 0) < 0) {
                stream_free(stream);
                return 0;
        }
        enqueue(stream);
        return 0;
}

static int stream_new(Streams *streams, uid_t uid, Question *question, Stream **ret)
{
        _cleanup_(stream_freep) Stream *stream = NULL;
        int r;

        stream = calloc(1, sizeof(Stream));
        if (!stream)
                return -ENOMEM;
        stream->streams = streams;
        stream->uid = uid;
        stream->pipe = PIPE_WRITER_CLOSED;
        stream->question = *question;
        *question = (Question){};
        stream->end_seq = eventlog_newest_seq(streams->log);
        TAILQ_INSERT_TAIL(&streams->all, stream, all);
        streams->n++;
        r = open_reader(stream, &stream->reader);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(stream);
        return 0;
}

/* ---- all of them ---- */

/* Does what the slice of work came to. */
static void carry_on(Stream *stream, int progress)
{
        switch (progress) {
        case PROGRESS_MORE:
                enqueue(stream);
                return;
        case PROGRESS_FULL:
                if (sd_event_source_set_io_events(stream->io, EPOLLOUT) < 0)
                        stream_free(stream);
                return;
        case PROGRESS_WAITS:
                stream->waits = true;
                return;
        default:
                if (progress < 0 && progress != -EPIPE)
                        log_warning("A stream cannot go on: %s.", strerror(-progress));
                stream_free(stream);
        }
}

static void on_turn(void *userdata)
{
        Streams *streams = userdata;
        Stream *stream = TAILQ_FIRST(&streams->queue);

        if (!stream)
                return;

        TAILQ_REMOVE(&streams->queue, stream, queue);
        stream->queued = false;
        carry_on(stream, stream_run(stream));
        if (!TAILQ_EMPTY(&streams->queue))
                turn_schedule(&streams->turn);
}

int streams_new(sd_event *loop, EventLog *log, Streams **ret)
{
        _cleanup_(streams_freep) Streams *streams = NULL;
        int r;

        streams = calloc(1, sizeof(Streams));
        if (!streams)
                return -ENOMEM;
        streams->loop = loop;
        streams->log = log;
        TAILQ_INIT(&streams->all);
        TAILQ_INIT(&streams->queue);
        r = turn_init(&streams->turn, loop, on_turn, streams);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(streams);
        return 0;
}

Streams *streams_free(Streams *streams)
{
        Stream *stream;

        if (!streams)
                return NULL;

        turn_done(&streams->turn);
        while ((stream = TAILQ_FIRST(&streams->all)))
                stream_free(stream);
        free(streams);
        return NULL;
}

static int check_limits(const Streams *streams, uid_t uid, sd_bus_error *error)
{
        const Stream *stream;
        unsigned n = 0;

        TAILQ_FOREACH(stream, &streams->all, all)
        {
                n += stream->uid == uid;
        }
        if (n >= STREAMS_OF_USER_MAX)
                return sd_bus_error_setf(error, CE_ERROR_LIMITS_EXCEEDED,
                                         "%d streams of yours are open already: close one of them.",
                                         STREAMS_OF_USER_MAX);
        if (streams->n >= STREAMS_MAX)
                return sd_bus_error_setf(error, CE_ERROR_LIMITS_EXCEEDED,
                                         "%d streams are open already: call again later.",
                                         STREAMS_MAX);
        return 0;
}

/* Makes the pipe, and answers with its other end. */
static int open_pipe(Stream *stream, sd_bus_message *call, sd_bus_error *error)
{
        _cleanup_close_ int reading_fd = -1;
        int r;

        r = pipe_writer_open(&stream->pipe, &reading_fd);
        if (r == -EMFILE || r == -ENFILE)
                return sd_bus_error_set(error, CE_ERROR_LIMITS_EXCEEDED,
                                        "No more files can be open: call again later.");
        if (r < 0)
                return r;
        r = sd_event_add_io(stream->streams->loop, &stream->io, stream->pipe.fd, 0, on_io, stream);
        if (r < 0)
                return r;
        return sd_bus_reply_method_return(call, "h", reading_fd);
}

int streams_add(Streams *streams, sd_bus_message *call, uid_t uid, Question *question, bool follow,
                sd_bus_error *error)
{
        _cleanup_(stream_freep) Stream *stream = NULL;
        int r;

        if (eventlog_unavailable(streams->log))
                return sd_bus_error_set(error, CE_ERROR_LOG_UNAVAILABLE,
                                        eventlog_unavailable(streams->log));
        r = check_limits(streams, uid, error);
        if (r < 0)
                return r;
        r = stream_new(streams, uid, question, &stream);
        if (r < 0)
                return r;
        stream->follow = follow;
        r = open_pipe(stream, call, error);
        if (r < 0)
                return r;

        enqueue(TAKE_PTR(stream));
        return 1;
}

void streams_committed(Streams *streams)
{
        Stream *stream;

        TAILQ_FOREACH(stream, &streams->all, all)
        {
                if (stream->waits)
                        enqueue(stream);
        }
}
