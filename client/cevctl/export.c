/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus.h"
#include "cleanup.h"
#include "command.h"
#include "event-json.h"
#include "event-line.h"
#include "history.h"
#include "meter.h"
#include "selection.h"
#include "text-format.h"
#include "time-spec.h"

typedef struct Export {
        FILE *file;      /* owned, unless it is standard output */
        char *temporary; /* owned; its name until it is complete, or NULL */
        bool terminal;
        Meter meter;
} Export;

static void export_done(Export *export)
{
        meter_clear(&export->meter);
        if (export->file && export->file != stdout)
                (void)fclose(export->file);
        if (export->temporary)
                (void)unlink(export->temporary);
        free(export->temporary);
}

/* A file appears under its name when it is complete; a pipe or a device is written as it is. */
static int open_file(Export *export, const char *path)
{
        struct stat st;
        int fd;

        if (!path || strcmp(path, "-") == 0) {
                export->file = stdout;
                export->terminal = isatty(STDOUT_FILENO) > 0;
                return 0;
        }
        if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
                fd = open(path, O_WRONLY | O_CLOEXEC);
        } else {
                if (text_format(&export->temporary, "%s.XXXXXX", path) < 0)
                        return -ENOMEM;
                fd = mkostemp(export->temporary, O_CLOEXEC);
        }
        if (fd < 0)
                return -errno;
        export->file = fdopen(fd, "w");
        if (!export->file) {
                (void)close(fd);
                return -ENOMEM;
        }
        export->terminal = isatty(fd) > 0;
        return 0;
}

static int close_file(Export *export, const char *path)
{
        FILE *file = export->file;

        if (fflush(file) != 0)
                return -errno;
        if (!export->temporary)
                return 0;
        if (fsync(fileno(file)) < 0 || rename(export->temporary, path) < 0)
                return -errno;
        free(export->temporary);
        export->temporary = NULL;
        return 0;
}

static int on_event(const Event *e, void *userdata)
{
        Export *export = userdata;
        int r = 0;

        if (export->terminal) {
                _cleanup_json_ json_object *object = NULL;

                /* Nothing in it may control the terminal, and then its checksum would not fit. */
                r = event_to_record(e, &object);
                if (r >= 0)
                        r = json_print(export->file, object);
        } else {
                r = event_line_print(export->file, e);
        }
        if (r >= 0 && ferror(export->file))
                r = errno > 0 ? -errno : -EIO;
        meter_add(&export->meter);
        return r;
}

static int on_line(const char *line, size_t length, void *userdata)
{
        Export *export = userdata;

        meter_add(&export->meter);
        if (fwrite(line, 1, length, export->file) != length)
                return errno > 0 ? -errno : -EIO;
        return 0;
}

static int take_options(Context *c, Selection *s, int argc, char *argv[])
{
        static const struct option options[] = { SELECTION_OPTIONS, COMMON_OPTIONS, {} };
        int option, status;

        while ((option = getopt_long(argc, argv, SELECTION_SHORT_OPTIONS "h", options, NULL)) >=
               0) {
                status = selection_take_option(c, s, option);
                if (status >= 0)
                        return status;
        }
        if (argc - optind > 1)
                return command_usage_error(c, "Give one file, or none.");
        return -1;
}

static int run(Context *c, int argc, char *argv[])
{
        _cleanup_(selection_done) Selection selection = {};
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(export_done) Export export = {};
        FollowOptions what = { .start = FOLLOW_TIME };
        const char *path;
        int status, r;

        status = take_options(c, &selection, argc, argv);
        if (status < 0)
                status = selection_range(c, &selection, time_now_nsec(), &what.since_nsec,
                                         &what.until_nsec);
        if (status >= 0)
                return status;
        path = argv[optind];
        what.filters = selection.filters;
        (void)signal(SIGPIPE, SIG_IGN); /* a reader that has gone is an error of write() */

        r = bus_open(c->user, &bus);
        if (r < 0)
                return bus_report(c->user, NULL, r);
        r = open_file(&export, path);
        if (r < 0)
                return command_error(r, path);
        meter_start(&export.meter, "events exported");
        status = history_read(c, bus, &what, on_event, export.terminal ? NULL : on_line, &export);
        meter_clear(&export.meter);
        if (status >= 0)
                return status;
        r = close_file(&export, path);
        if (r == -EPIPE)
                return STATUS_OK;
        return r < 0 ? command_error(r, path ?: "Cannot write") : STATUS_OK;
}

const Command command_export = {
        .name = "export",
        .purpose = "Write the history, or a part of it, to a file",
        .run = run,
        .help = "Usage: cevctl export [OPTION...] [FILE]\n"
                "\n"
                "Writes the events of the past to FILE, or to standard output, as the history itself\n"
                "has them: a line of JSON each. \"cevctl import\" takes them, here or elsewhere.\n"
                "\n" SELECTION_HELP COMMON_HELP SELECTION_HELP_TIME,
};
