/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/podman-loss.h"

#include <errno.h>
#include <stddef.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/line-reader.h"
#include "model/timestamp.h"
#include "sources/podman-line.h"
#include "sources/podman-place.h"

bool podman_rotation_keeps_some(int fd, uint64_t size)
{
        LineReader reader;
        const char *line;
        size_t length;
        bool keeps;

        if (line_reader_init(&reader, fd, size / 2, PODMAN_LINE_MAX) < 0)
                return true;
        keeps = line_reader_next(&reader, UINT64_MAX, &line, &length) > 0 && reader.offset < size;
        line_reader_done(&reader);
        return keeps;
}

bool podman_is_loss(const PodmanChange *change)
{
        if (change->drained)
                return change->n_moved > 1 || (change->n_moved > 0 && change->kept_some);
        return change->had_place ? change->same_boot : change->was_rotated;
}

bool podman_log_was_rotated(int fd)
{
        bool rotated = false;
        LineReader reader;
        const char *line;
        size_t length;
        int r;

        if (line_reader_init(&reader, fd, 0, PODMAN_LINE_MAX) < 0)
                return false;
        while (!rotated && (r = line_reader_next(&reader, UINT64_MAX, &line, &length)) > 0)
                rotated = r == LINE_READ && podman_line_is_rotation(line, length);
        line_reader_done(&reader);
        return rotated;
}

/* When the first event of the file happened; now, if none tells. */
static uint64_t first_time(int fd)
{
        _cleanup_(event_scanner_done) EventScanner scanner = {};
        uint64_t nsec = timestamp_now();
        LineReader reader;
        const char *line;
        size_t length;
        int r;

        if (line_reader_init(&reader, fd, 0, PODMAN_LINE_MAX) < 0)
                return nsec;
        while ((r = line_reader_next(&reader, UINT64_MAX, &line, &length)) > 0) {
                _cleanup_(event_unrefp) Event *event = NULL;

                if (r == LINE_READ &&
                    podman_line_parse(&scanner, line, length, 0, false, &event) >= 0 &&
                    !podman_line_is_rotation(line, length)) {
                        nsec = event_fields(event)->time_nsec;
                        break;
                }
        }
        line_reader_done(&reader);
        return nsec;
}

int podman_loss_make(const PodmanLoss *loss, Event **ret)
{
        _cleanup_json_ struct json_object *extra = json_object_new_object();
        const EventFields fields = {
                .type = "system",
                .status = "lost",
                .engine = "podman",
                .name = loss->name,
                .time_nsec = timestamp_now(),
                .uid = loss->uid,
                .has_uid = loss->has_uid,
                .extra = extra,
                .reason = loss->reason,
        };

        if (!extra ||
            json_add(extra, "lost_since_nsec", json_object_new_uint64(loss->since_nsec)) < 0 ||
            json_add(extra, "lost_until_nsec", json_object_new_uint64(loss->until_nsec)) < 0)
                return -ENOMEM;

        return event_new(&fields, ret);
}

int podman_loss_new(const char *path, int fd, uint32_t uid, uint64_t since_nsec, Event **ret)
{
        const PodmanLoss loss = {
                .name = path,
                .reason = "Podman's log was replaced or cut before all of it was read",
                .has_uid = true,
                .uid = uid,
                .since_nsec = since_nsec,
                .until_nsec = first_time(fd),
        };

        return podman_loss_make(&loss, ret);
}
