/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What Podman does to its events.log, as in libpod/events/logfile.go: a line is appended; if the
 * file would then reach the limit, its newer half is copied first to a new file, without the line
 * that the middle is in, between two records that say so, and renamed over the old.
 */

#include "sample.h"

typedef struct PodmanModel {
        const char *path;
        size_t limit;  /* 0: never rotated */
        bool unmarked; /* as before 4.5: no records around what is kept */
        unsigned n_rotations;
} PodmanModel;

static inline void podman_put(int fd, const char *bytes, size_t length)
{
        must(write(fd, bytes, length) == (ssize_t)length);
}

static inline void podman_put_mark(int fd, const PodmanModel *model, const char *which)
{
        _cleanup_free_ char *line = NULL;

        if (model->unmarked)
                return;
        must(asprintf(&line,
                      "{\"Name\":\"%s\",\"Status\":\"log-rotation\",\"Time\":"
                      "\"2026-11-21T23:13:%02u.%09uZ\",\"Type\":\"system\",\"Attributes\":"
                      "{\"io.podman.event.rotate\":\"%s\"}}\n",
                      model->path, model->n_rotations % 60, model->n_rotations, which) > 0);
        podman_put(fd, line, strlen(line));
}

static inline void podman_rotate(PodmanModel *model)
{
        _cleanup_free_ char *bytes = NULL, *temporary = NULL;
        _cleanup_close_ int fd = -1;
        const char *kept;
        size_t size;

        bytes = file_read(model->path, &size);
        must(bytes && asprintf(&temporary, "%s.XXXXXX", model->path) > 0);
        fd = mkstemp(temporary);
        must(fd >= 0);
        model->n_rotations++;

        kept = memchr(bytes + size / 2, '\n', size - size / 2);
        podman_put_mark(fd, model, "begin");
        if (kept)
                podman_put(fd, kept + 1, (size_t)(bytes + size - kept - 1));
        podman_put_mark(fd, model, "end");
        must(rename(temporary, model->path) == 0);
}

/* One write, of a line or of what becomes one. */
static inline void podman_append(PodmanModel *model, const char *bytes)
{
        _cleanup_close_ int fd = -1;
        struct stat st;

        if (model->limit > 0 && stat(model->path, &st) == 0 &&
            (size_t)st.st_size + strlen(bytes) >= model->limit)
                podman_rotate(model);
        fd = open(model->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        must(fd >= 0);
        podman_put(fd, bytes, strlen(bytes));
}

/* The line of an event that has a number; the caller owns it. */
static inline char *podman_line(unsigned number, unsigned padding)
{
        char *line;

        must(asprintf(&line,
                      "{\"ID\":\"%064x\",\"Image\":\"bb\",\"Name\":\"e%u\",\"Status\":\"start\","
                      "\"Time\":\"2026-11-21T%02u:%02u:%02u.%09uZ\",\"Type\":\"container\","
                      "\"Attributes\":{\"p\":\"%0*u\"}}\n",
                      number, number, number / 3600 % 24, number / 60 % 60, number % 60, number,
                      (int)padding, 0U) > 0);
        return line;
}

static inline void podman_event(PodmanModel *model, unsigned number, unsigned padding)
{
        _cleanup_free_ char *line = podman_line(number, padding);

        podman_append(model, line);
}
