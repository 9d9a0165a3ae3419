/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "bus/auth.h"
#include "bus/emission.h"
#include "bus/exec-wait.h"
#include "bus/query.h"
#include "bus/question.h"
#include "bus/stream.h"
#include "config.h"
#include "names.h"

struct Api {
        const BusHost *host; /* weak */
        Outbox *outbox;      /* weak */
        Streams *streams;    /* owned: pipes, which outlive a connection */

        /* Owned; NULL while it is on no bus. */
        Auth *auth;
        Queries *queries;
        ExecWaits *exec_waits;
        Emissions *emissions;
        sd_bus_slot *slot; /* the vtable */
};

/* ---- queries ---- */

/* A method that works for the caller, as long as the bus has said who that is. */
static int identified(sd_bus_message *call, void *userdata, sd_bus_message_handler_t handler,
                      sd_bus_error *error)
{
        const Api *api = userdata;

        /* Nobody would hear the answer. */
        if (sd_bus_message_get_expect_reply(call) == 0)
                return 1;
        return auth_identify(api->auth, call, handler, userdata, error);
}

static int query(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        _cleanup_question_ Question question = {};
        Api *api = userdata;
        uid_t uid;
        int r;

        r = auth_uid(api->auth, call, &uid);
        if (r < 0)
                return r;
        r = question_read_range(&question, call, error);
        if (r < 0)
                return r;
        r = question_read_filters(&question, call, error);
        if (r < 0)
                return r;

        return queries_page(api->queries, call, uid, 0, question.since_nsec, question.until_nsec,
                            TAKE_PTR(question.filter), error);
}

static int method_query(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        return identified(call, userdata, query, error);
}

static int query_after(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        _cleanup_question_ Question question = {};
        Api *api = userdata;
        uint64_t until;
        uid_t uid;
        int r;

        r = auth_uid(api->auth, call, &uid);
        if (r < 0)
                return r;
        r = question_read_cursor(&question, api->host->log, call, error);
        if (r < 0)
                return r;
        r = sd_bus_message_read(call, "t", &until);
        if (r < 0)
                return r;
        r = question_read_filters(&question, call, error);
        if (r < 0)
                return r;

        return queries_page(api->queries, call, uid, question.after, 0, until,
                            TAKE_PTR(question.filter), error);
}

static int method_query_after(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        return identified(call, userdata, query_after, error);
}

static int answer_exit_code(Api *api, sd_bus_message *call, ExitCodeKind kind, sd_bus_error *error)
{
        const char *id;
        uid_t uid;
        int r;

        r = auth_uid(api->auth, call, &uid);
        if (r < 0)
                return r;
        r = sd_bus_message_read(call, "s", &id);
        if (r < 0)
                return r;
        return queries_exit_code(api->queries, api->host, call, uid, kind, id, error);
}

static int exec_exit_code(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        return answer_exit_code(userdata, call, EXIT_CODE_EXEC, error);
}

static int method_exec_exit_code(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        return identified(call, userdata, exec_exit_code, error);
}

static int wait_exec_exit(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        const Api *api = userdata;
        uint64_t timeout_usec;
        const char *id;
        uid_t uid;
        int r;

        r = auth_uid(api->auth, call, &uid);
        if (r < 0)
                return r;
        r = sd_bus_message_read(call, "st", &id, &timeout_usec);
        if (r < 0)
                return r;
        return exec_waits_add(api->exec_waits, call, uid, id, timeout_usec, error);
}

static int method_wait_exec_exit(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        return identified(call, userdata, wait_exec_exit, error);
}

static int container_exit_code(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        return answer_exit_code(userdata, call, EXIT_CODE_CONTAINER, error);
}

static int method_container_exit_code(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        return identified(call, userdata, container_exit_code, error);
}

static int stream_identified(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        _cleanup_question_ Question question = {};
        const Api *api = userdata;
        int follow, r;
        uid_t uid;

        r = question_read_cursor(&question, api->host->log, call, error);
        if (r < 0)
                return r;
        r = question_read_range(&question, call, error);
        if (r < 0)
                return r;
        r = question_read_filters(&question, call, error);
        if (r < 0)
                return r;
        r = sd_bus_message_read(call, "b", &follow);
        if (r < 0)
                return r;
        r = auth_uid(api->auth, call, &uid);
        if (r < 0)
                return r;

        return streams_add(api->streams, call, uid, &question, follow, error);
}

static int method_stream(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        Api *api = userdata;

        return auth_identify(api->auth, call, stream_identified, api, error);
}

static int emit_authorized(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        const Api *api = userdata;

        return emissions_add(api->emissions, call, error);
}

static int method_emit(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        Api *api = userdata;

        return auth_check(api->auth, call, emit_authorized, api, error);
}

void api_committed(Api *api)
{
        if (api->emissions)
                emissions_committed(api->emissions);
        if (api->queries)
                queries_committed(api->queries);
        if (api->exec_waits)
                exec_waits_committed(api->exec_waits);
        streams_committed(api->streams);
}

/* ---- properties ---- */

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", PROJECT_VERSION);
}

static int get_backend(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const Api *api = userdata;

        return sd_bus_message_append(reply, "s",
                                     log_backend_to_string(eventlog_backend(api->host->log)));
}

static int get_epoch(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const Api *api = userdata;
        sd_id128_t epoch = eventlog_epoch(api->host->log);
        char text[SD_ID128_STRING_MAX];

        return sd_bus_message_append(
                reply, "s", sd_id128_is_null(epoch) ? "" : sd_id128_to_string(epoch, text));
}

/* A number that a function of the log or the state of the service tells. */
static int get_number(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const BusHost *host = ((const Api *)userdata)->host;
        uint64_t number;

        if (strcmp(property, "OldestSeq") == 0)
                number = eventlog_oldest_seq(host->log);
        else if (strcmp(property, "NewestSeq") == 0)
                number = eventlog_newest_seq(host->log);
        else if (strcmp(property, "LogSize") == 0)
                number = eventlog_size(host->log);
        else if (strcmp(property, "Recorded") == 0)
                number = host->state->recorded;
        else
                number = host->state->lost;
        return sd_bus_message_append(reply, "t", number);
}

static int get_degraded(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const BusHost *host = ((const Api *)userdata)->host;

        return sd_bus_message_append(reply, "b", *host->state->degraded_reason != '\0');
}

static int get_degraded_reason(sd_bus *bus, const char *path, const char *interface,
                               const char *property, sd_bus_message *reply, void *userdata,
                               sd_bus_error *error)
{
        const BusHost *host = ((const Api *)userdata)->host;

        return sd_bus_message_append(reply, "s", host->state->degraded_reason);
}

/* Who may call is decided by the bus policy, and for Emit by bus/auth.c too. */
static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),

        SD_BUS_METHOD_WITH_ARGS(
                "Query", SD_BUS_ARGS("t", since_nsec, "t", until_nsec, "as", filters),
                SD_BUS_RESULT("a" CE_EVENT_SIGNATURE, events, "s", cursor, "b", more), method_query,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "QueryAfter", SD_BUS_ARGS("s", cursor, "t", until_nsec, "as", filters),
                SD_BUS_RESULT("a" CE_EVENT_SIGNATURE, events, "s", cursor, "b", more),
                method_query_after, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Stream",
                                SD_BUS_ARGS("s", after, "t", since_nsec, "t", until_nsec, "as",
                                            filters, "b", follow),
                                SD_BUS_RESULT("h", pipe), method_stream,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ExecExitCode", SD_BUS_ARGS("s", id), SD_BUS_RESULT("i", exit_code),
                                method_exec_exit_code, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("WaitExecExit", SD_BUS_ARGS("s", id, "t", timeout_usec),
                                SD_BUS_RESULT("i", exit_code), method_wait_exec_exit,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ContainerExitCode", SD_BUS_ARGS("s", id),
                                SD_BUS_RESULT("i", exit_code), method_container_exit_code,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Emit",
                                SD_BUS_ARGS("s", type, "s", status, "s", id, "s", name, "s", image,
                                            "s", engine, "t", time_nsec, "a{sv}", details),
                                SD_BUS_RESULT("t", seq), method_emit, SD_BUS_VTABLE_UNPRIVILEGED),

        SD_BUS_SIGNAL_WITH_ARGS(CE_SIGNAL_EVENT_EMITTED,
                                SD_BUS_ARGS("s", type, "s", status, "s", id, "s", name, "s", image,
                                            "s", engine, "t", time_nsec, "t", seq, "a{sv}",
                                            details),
                                0),

        SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Backend", "s", get_backend, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Epoch", "s", get_epoch, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("OldestSeq", "t", get_number, 0, 0),
        SD_BUS_PROPERTY("NewestSeq", "t", get_number, 0, 0),
        SD_BUS_PROPERTY("Recorded", "t", get_number, 0, 0),
        SD_BUS_PROPERTY("Lost", "t", get_number, 0, 0),
        SD_BUS_PROPERTY("LogSize", "t", get_number, 0, 0),
        SD_BUS_PROPERTY("Degraded", "b", get_degraded, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("DegradedReason", "s", get_degraded_reason, 0,
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

int api_new(const BusHost *host, Outbox *outbox, Api **ret)
{
        _cleanup_(api_freep) Api *api = NULL;
        int r;

        api = calloc(1, sizeof(Api));
        if (!api)
                return -ENOMEM;
        api->host = host;
        api->outbox = outbox;
        r = streams_new(host->loop, host->log, &api->streams);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(api);
        return 0;
}

int api_join(Api *api, sd_bus *bus)
{
        const BusHost *host = api->host;
        int r;

        if ((r = auth_new(bus, host->user, &api->auth)) < 0 ||
            (r = emissions_new(host, &api->emissions)) < 0 ||
            (r = queries_new(host->loop, host->log, api->outbox, &api->queries)) < 0 ||
            (r = exec_waits_new(host, api->outbox, &api->exec_waits)) < 0)
                return r;
        return sd_bus_add_object_vtable(bus, &api->slot, CE_OBJECT_PATH, CE_INTERFACE, vtable, api);
}

void api_leave(Api *api)
{
        api->slot = sd_bus_slot_unref(api->slot);
        api->emissions = emissions_free(api->emissions);
        api->queries = queries_free(api->queries);
        api->exec_waits = exec_waits_free(api->exec_waits);
        api->auth = auth_free(api->auth);
}

Api *api_free(Api *api)
{
        if (!api)
                return NULL;

        api_leave(api);
        streams_free(api->streams);
        free(api);
        return NULL;
}
