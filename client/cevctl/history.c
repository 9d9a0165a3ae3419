/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include <errno.h>
#include <stdio.h>

#include <systemd/sd-event.h>

#include "bus.h"
#include "cleanup.h"
#include "escape.h"

typedef struct Reading {
        const Context *context;
        HistoryHandler handler;
        HistoryLineHandler line;
        void *userdata;
        int error; /* of the handler */
        int status;
        bool ended;
} Reading;

static int on_event(const Event *event, const char *cursor, void *userdata)
{
        Reading *reading = userdata;

        reading->error = reading->handler(event, reading->userdata);
        return reading->error;
}

static int on_line(const char *line, size_t length, void *userdata)
{
        Reading *reading = userdata;

        reading->error = reading->line(line, length, reading->userdata);
        return reading->error;
}

static int on_pause(const char *cursor, void *userdata)
{
        return 0;
}

/* Of all notices the only one that there is without following: the oldest events went while we
 * read. */
static void on_notice(FollowNotice notice, const char *text, void *userdata)
{
        fputs("cevctl: Part of the history is gone; going on from the oldest event kept. (",
              stderr);
        escape_print(stderr, text);
        fputs(")\n", stderr);
}

static void on_end(int result, const sd_bus_error *error, void *userdata)
{
        Reading *reading = userdata;

        if (reading->error < 0)
                reading->status = reading->error == -EPIPE
                                          ? STATUS_OK
                                          : command_error(reading->error, "Cannot go on");
        else if (result == -EPROTO || result == -EBADMSG || result == -ENOMEM)
                reading->status =
                        command_error(result, "Cannot read the answer of containers-eventsd");
        else if (result < 0)
                reading->status = bus_report(reading->context->user, error, result);
        reading->ended = true;
}

int history_read(const Context *c, sd_bus *bus, const FollowOptions *options,
                 HistoryHandler handler, HistoryLineHandler line, void *userdata)
{
        FollowHandler following = {
                .event = on_event,
                .line = line ? on_line : NULL,
                .pause = on_pause,
                .notice = on_notice,
                .end = on_end,
        };
        _cleanup_(sd_event_unrefp) sd_event *loop = NULL;
        _cleanup_(follow_freep) Follow *follow = NULL;
        Reading reading = {
                .context = c, .handler = handler, .line = line, .userdata = userdata, .status = -1
        };
        int r;

        r = sd_event_new(&loop);
        if (r >= 0)
                r = sd_bus_attach_event(bus, loop, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                return command_error(r, "Cannot read the history");
        r = follow_new(bus, options, &following, &reading, &follow);
        /* Not sd_event_loop(): at its end it closes the bus. */
        while (r >= 0 && !reading.ended)
                r = sd_event_run(loop, UINT64_MAX);
        (void)sd_bus_detach_event(bus);
        if (r < 0 && reading.status < 0)
                return command_error(r, "Cannot read the history");
        return reading.status;
}
