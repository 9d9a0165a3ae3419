/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus.h"
#include "cleanup.h"
#include "command.h"
#include "emit-call.h"
#include "escape.h"
#include "event-json.h"
#include "event-line.h"
#include "history.h"
#include "identity.h"
#include "line-file.h"
#include "meter.h"
#include "multiset.h"

/*
 * Each file is read twice. The first time says which lines are no events, and from when to when the
 * others are. Then the history of that time is asked for, and what each of its events says is
 * remembered as a number. The second time an event whose number is there is crossed out, and every
 * other one is recorded. So an import that was interrupted can be done again, and what the service
 * has heard itself is not recorded again.
 */

/* Calls under way. A bus allows 128 without a reply. */
#define CALLS_MAX 100

/* When the service has enough to do, and we have nothing under way that would tell us more. */
#define REST_USEC 50000

/* The service cuts what is longer than this; then an event is known by what it does not cut. */
#define CUT_MIN 2048

/* Of one file; more say nothing new. */
#define COMPLAINTS_MAX 20

typedef struct Import Import;

typedef struct Call {
        Import *import;
        Event event;     /* owned, while the call is under way */
        uint64_t number; /* of its line */
        bool again;      /* the service had too much to do */
} Call;

struct Import {
        const Context *context;
        sd_bus *bus;       /* owned */
        EventLines *lines; /* owned */
        IdentityKey key;
        Meter meter;

        Call calls[CALLS_MAX];
        Call *free[CALLS_MAX]; /* the first n_free are not under way */
        size_t n_free;
        size_t n_again;
        int status; /* -1, or how it ends */

        uint64_t n_imported;
        uint64_t n_known;
        uint64_t n_refused;

        /* Of the file at hand. */
        const char *path;
        LineFile *file; /* owned */
        Multiset known; /* what the history has */
        Multiset cut;   /* of that, what was too large for it */
        uint64_t n_complaints;
};

static void import_done(Import *import)
{
        meter_clear(&import->meter);
        for (size_t i = 0; i < CALLS_MAX; i++)
                event_done(&import->calls[i].event);
        multiset_done(&import->known);
        multiset_done(&import->cut);
        line_file_free(import->file);
        event_lines_free(import->lines);
        sd_bus_flush_close_unref(import->bus);
}

/* ---- what is wrong with a line ---- */

static void complain(Import *import, uint64_t number, const char *sentence)
{
        import->n_refused++;
        if (++import->n_complaints > COMPLAINTS_MAX)
                return;
        meter_clear(&import->meter);
        fputs("cevctl: ", stderr);
        escape_print(stderr, strcmp(import->path, "-") == 0 ? "standard input" : import->path);
        fprintf(stderr, ":%" PRIu64 ": ", number);
        escape_print(stderr, sentence);
        fputc('\n', stderr);
}

static void end_complaints(const Import *import)
{
        if (import->n_complaints <= COMPLAINTS_MAX)
                return;
        fputs("cevctl: ", stderr);
        escape_print(stderr, import->path);
        fprintf(stderr, ": There are %" PRIu64 " more such lines.\n",
                import->n_complaints - COMPLAINTS_MAX);
}

/* The next event of the file. Returns 0 at the end; says what is wrong with the lines before it if
 * it is asked to. */
static int next_event(Import *import, bool complains, Event *ret, size_t *ret_length)
{
        const char *line, *sentence;
        int r;

        for (;;) {
                r = line_file_next(import->file, &line, ret_length);
                if (r > 0 && *ret_length > 0)
                        r = event_lines_read(import->lines, line, *ret_length, ret);
                else if (r > 0)
                        continue; /* an empty line */
                else if (r == 0)
                        return 0;
                if (r > 0)
                        return 1;
                if (r < 0 && r != -EBADMSG && r != -EILSEQ && r != -E2BIG)
                        return r;

                sentence = r == -EILSEQ  ? "The line was changed: its checksum is wrong."
                           : r == -E2BIG ? "The line is too long for an event."
                                         : "The line is no event.";
                if (r < 0 && complains)
                        complain(import, line_file_number(import->file), sentence);
        }
}

/* ---- what the history has ---- */

/* Returns 0 if there is no event in the file. */
static int find_range(Import *import, FollowOptions *ret)
{
        uint64_t least = UINT64_MAX, greatest = 0;
        size_t length;
        bool any = false;
        int r;

        meter_start(&import->meter, "events in the file");
        for (;;) {
                _cleanup_(event_done) Event e = {};

                r = next_event(import, true, &e, &length);
                if (r <= 0)
                        break;
                meter_add(&import->meter);
                any = true;
                least = e.time_nsec < least ? e.time_nsec : least;
                greatest = e.time_nsec > greatest ? e.time_nsec : greatest;
        }
        if (r < 0)
                return r;
        ret->start = FOLLOW_TIME;
        ret->since_nsec = least;
        ret->until_nsec = greatest < UINT64_MAX ? greatest + 1 : 0;
        return any;
}

static int remember(const Event *e, void *userdata)
{
        Import *import = userdata;
        uint64_t number;
        int r;

        meter_add(&import->meter);
        r = identity_of(&import->key, e, &number);
        if (r >= 0)
                r = multiset_put(&import->known, number);
        if (r >= 0 && e->truncated) {
                r = identity_of_rest(&import->key, e, &number);
                if (r >= 0)
                        r = multiset_put(&import->cut, number);
        }
        return r;
}

/* Whether the history has the event, of which it then has one less. */
static int is_known(Import *import, const Event *e, size_t length)
{
        uint64_t number;
        int r;

        r = identity_of(&import->key, e, &number);
        if (r < 0)
                return r;
        if (multiset_take(&import->known, number))
                return 1;
        if (length < CUT_MIN)
                return 0;
        r = identity_of_rest(&import->key, e, &number);
        return r < 0 ? r : multiset_take(&import->cut, number);
}

/* ---- recording ---- */

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        Call *call = userdata;
        Import *import = call->import;
        const sd_bus_error *error = sd_bus_message_get_error(m);

        if (!error) {
                import->n_imported++;
                meter_add(&import->meter);
        } else if (bus_failure(error) == BUS_FAILURE_PASSING && sd_bus_is_open(import->bus) > 0) {
                call->again = true;
                import->n_again++;
                return 0;
        } else if (bus_failure(error) == BUS_FAILURE_ARGUMENT) {
                complain(import, call->number, error->message ?: error->name);
        } else if (import->status < 0) {
                meter_clear(&import->meter);
                import->status = bus_report_emit(import->context->user, error, 0);
        }
        event_done(&call->event);
        import->free[import->n_free++] = call;
        return 0;
}

static int send_call(Import *import, Call *call)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = emit_call_new(import->bus, &call->event, &m);
        if (r >= 0)
                /* While the service cannot write it keeps the call; so do we. */
                r = sd_bus_call_async(import->bus, NULL, m, on_reply, call, UINT64_MAX);
        return r;
}

static int send_again(Import *import)
{
        int r = 0;

        for (size_t i = 0; i < CALLS_MAX && r >= 0; i++)
                if (import->calls[i].again) {
                        import->calls[i].again = false;
                        import->n_again--;
                        r = send_call(import, &import->calls[i]);
                }
        return r;
}

/* Until no more than so many calls are under way. */
static int wait_for(Import *import, size_t n_calls)
{
        int r;

        while (import->status < 0 && CALLS_MAX - import->n_free > n_calls) {
                r = sd_bus_process(import->bus, NULL);
                if (r < 0)
                        return r;
                if (r > 0)
                        continue;
                if (CALLS_MAX - import->n_free > import->n_again) {
                        r = sd_bus_wait(import->bus, UINT64_MAX);
                } else {
                        (void)usleep(REST_USEC);
                        r = send_again(import);
                }
                if (r < 0 && r != -EINTR)
                        return r;
        }
        return 0;
}

/* Takes the event over. */
static int record(Import *import, Event *e)
{
        Call *call;
        int r;

        /* The first one alone: who may not record is told so once. */
        r = wait_for(import, import->n_imported > 0 ? CALLS_MAX - 1 : 0);
        if (r < 0 || import->status >= 0)
                return r;
        call = import->free[--import->n_free];
        *call = (Call){ .import = import, .event = *e, .number = line_file_number(import->file) };
        *e = (Event){};
        return send_call(import, call);
}

static int record_new(Import *import)
{
        size_t length;
        int r;

        r = line_file_rewind(import->file);
        meter_start(&import->meter, "events imported");
        while (r >= 0 && import->status < 0) {
                _cleanup_(event_done) Event e = {};

                r = next_event(import, false, &e, &length);
                if (r == 0)
                        break;
                if (r > 0)
                        r = is_known(import, &e, length);
                if (r > 0)
                        import->n_known++;
                else if (r == 0)
                        r = record(import, &e);
        }
        return r < 0 ? r : wait_for(import, 0);
}

/* ---- the files ---- */

static int read_history(Import *import, const FollowOptions *range)
{
        multiset_done(&import->known);
        multiset_done(&import->cut);
        meter_start(&import->meter, "events in the history");
        import->status = history_read(import->context, import->bus, range, remember, NULL, import);
        return 0;
}

/* -1, or the exit status. */
static int import_file(Import *import, const char *path)
{
        FollowOptions range = {};
        int r;

        import->path = path;
        import->n_complaints = 0;
        import->file = line_file_free(import->file);
        r = line_file_open(path, &import->file);
        if (r >= 0)
                r = find_range(import, &range);
        if (r > 0) {
                r = read_history(import, &range);
                if (import->status < 0)
                        r = record_new(import);
        }
        meter_clear(&import->meter);
        end_complaints(import);
        if (r < 0 && import->status < 0)
                import->status = command_error(r, path);
        return import->status;
}

static int print_summary(const Import *import)
{
        _cleanup_json_ json_object *object = NULL;

        if (!import->context->json) {
                printf("%" PRIu64 " imported, %" PRIu64 " already there, %" PRIu64 " refused\n",
                       import->n_imported, import->n_known, import->n_refused);
                return 0;
        }
        object = json_object_new_object();
        if (!object ||
            json_object_object_add(object, "Imported", json_object_new_uint64(import->n_imported)) <
                    0 ||
            json_object_object_add(object, "AlreadyThere",
                                   json_object_new_uint64(import->n_known)) < 0 ||
            json_object_object_add(object, "Refused", json_object_new_uint64(import->n_refused)) <
                    0)
                return -ENOMEM;
        return json_print(stdout, object);
}

static int import_all(Import *import, char *paths[])
{
        static char *const standard_input[] = { (char *)"-", NULL };
        int r;

        import->status = -1;
        import->n_free = CALLS_MAX;
        for (size_t i = 0; i < CALLS_MAX; i++)
                import->free[i] = &import->calls[i];
        r = identity_key_new(&import->key);
        if (r >= 0)
                r = event_lines_new(&import->lines);
        if (r < 0)
                return command_error(r, "Cannot start");
        r = bus_open(import->context->user, &import->bus);
        if (r < 0)
                return bus_report(import->context->user, NULL, r);

        for (char *const *path = *paths ? paths : standard_input; *path; path++)
                if (import_file(import, *path) >= 0)
                        break;
        /* What failed before anything was done has said so. */
        r = import->status >= 0 && import->n_imported + import->n_known + import->n_refused == 0
                    ? 0
                    : print_summary(import);
        if (r < 0)
                return command_error(r, "Cannot print");
        if (import->status >= 0)
                return import->status;
        return import->n_refused > 0 ? STATUS_ERROR : STATUS_OK;
}

static int run(Context *c, int argc, char *argv[])
{
        _cleanup_free_ Import *import = NULL;
        int status;

        status = command_take_common_options(c, argc, argv);
        if (status >= 0)
                return status;
        import = calloc(1, sizeof(Import));
        if (!import)
                return command_error(-ENOMEM, "Cannot start");
        import->context = c;
        status = import_all(import, argv + optind);
        import_done(import);
        return status;
}

const Command command_import = {
        .name = "import",
        .purpose = "Record the events of an export, of another history or of Podman's log",
        .run = run,
        .help = "Usage: cevctl import [OPTION...] [FILE...]\n"
                "\n"
                "Records the events in the files, or in standard input: what \"cevctl export\" wrote,\n"
                "the files of another history, or Podman's events.log. Events that the history has\n"
                "already are left alone, so that doing it again changes nothing. Nobody is signalled:\n"
                "they are past. Only root may do that, or on the user bus the user.\n"
                "\n" COMMON_HELP,
};
