/* SPDX-License-Identifier: Apache-2.0 */
#include "bulk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cleanup.h"
#include "event-line.h"
#include "names.h"

/* What is read at once: as much as a pipe holds. */
#define READ_SIZE (64 * 1024)

/* About as much as a page. */
#define PAUSE_SIZE (256 * 1024)

struct Bulk {
        const BulkHandler *handler;
        void *userdata;
        EventLines *lines;      /* owned */
        sd_event_source *event; /* owned */
        int fd;                 /* owned */
        char *buffer;           /* owned */
        size_t size;            /* allocated */
        size_t length;          /* of what it holds, an incomplete line */
        size_t since_pause;     /* bytes */
        bool busy;              /* lines are handed over */
        bool dropped;           /* freed meanwhile */
};

int bulk_request(sd_bus *bus, const BulkRequest *request, sd_bus_message **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, CE_BUS_NAME, CE_OBJECT_PATH, CE_INTERFACE,
                                           "Stream");
        if (r >= 0)
                r = sd_bus_message_append(m, "stt", request->cursor, request->since_nsec,
                                          request->until_nsec);
        if (r >= 0)
                r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "s");
        for (size_t i = 0; r >= 0 && request->filters && request->filters[i]; i++)
                r = sd_bus_message_append_basic(m, SD_BUS_TYPE_STRING, request->filters[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_message_append(m, "b", false);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(m);
        return 0;
}

Bulk *bulk_free(Bulk *b)
{
        if (!b)
                return NULL;
        b->event = sd_event_source_disable_unref(b->event);
        b->dropped = b->busy;
        if (b->busy)
                return NULL;
        closep(&b->fd);
        event_lines_free(b->lines);
        free(b->buffer);
        free(b);
        return NULL;
}

static inline void bulk_freep(Bulk **b)
{
        bulk_free(*b);
}

static int hand_over(Bulk *b, const char *line, size_t length)
{
        _cleanup_(event_done) Event e = {};
        uint64_t seq;
        int r;

        if (b->handler->raw) {
                seq = event_line_seq(line, length);
                return seq > 0 ? b->handler->line(line, length, seq, b->userdata) : -EBADMSG;
        }
        r = event_lines_read(b->lines, line, length - 1, &e);
        if (r < 0)
                return r;
        if (r == 0 || e.seq == 0)
                return -EBADMSG;
        return b->handler->event(&e, b->userdata);
}

/* All complete lines; what is left stands at the start of the buffer then. */
static int take_lines(Bulk *b)
{
        char *start = b->buffer, *end = b->buffer + b->length, *newline;
        int r = 0;

        while (r >= 0 && (newline = memchr(start, '\n', (size_t)(end - start)))) {
                r = hand_over(b, start, (size_t)(newline + 1 - start));
                if (b->dropped)
                        r = -ECANCELED;
                start = newline + 1;
        }
        b->length = (size_t)(end - start);
        memmove(b->buffer, start, b->length);
        return r;
}

static int make_room(Bulk *b)
{
        size_t size = b->size + READ_SIZE;
        char *grown;

        if (b->size - b->length >= READ_SIZE)
                return 0;
        if (size > EVENT_LINE_MAX)
                return -EBADMSG;
        grown = realloc(b->buffer, size);
        if (!grown)
                return -ENOMEM;
        b->buffer = grown;
        b->size = size;
        return 0;
}

/* Returns 0 at the end. */
static int read_some(Bulk *b)
{
        ssize_t n;
        int r;

        r = make_room(b);
        if (r < 0)
                return r;
        n = read(b->fd, b->buffer + b->length, READ_SIZE);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 1 : -errno;
        if (n == 0)
                return 0;
        b->length += (size_t)n;
        b->since_pause += (size_t)n;
        r = take_lines(b);
        if (r >= 0 && b->since_pause >= PAUSE_SIZE) {
                b->since_pause = 0;
                r = b->handler->pause(b->userdata);
        }
        return r < 0 ? r : 1;
}

static int on_readable(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
        Bulk *b = userdata;
        int r;

        b->busy = true;
        r = read_some(b);
        b->busy = false;
        if (b->dropped) {
                bulk_free(b);
        } else if (r <= 0) {
                (void)sd_event_source_set_enabled(s, SD_EVENT_OFF);
                b->handler->end(r, b->userdata);
        }
        return 0;
}

int bulk_new(sd_event *loop, sd_bus_message *reply, const BulkHandler *handler, void *userdata,
             Bulk **ret)
{
        _cleanup_(bulk_freep) Bulk *b = calloc(1, sizeof(Bulk));
        int fd, r;

        if (!b)
                return -ENOMEM;
        b->fd = -1;
        b->handler = handler;
        b->userdata = userdata;
        r = event_lines_new(&b->lines);
        if (r >= 0)
                r = sd_bus_message_read(reply, "h", &fd);
        if (r < 0)
                return r;
        /* The message closes its own. */
        b->fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (b->fd < 0 || fcntl(b->fd, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        r = sd_event_add_io(loop, &b->event, b->fd, EPOLLIN, on_readable, b);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(b);
        return 0;
}
