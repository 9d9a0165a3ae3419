/* SPDX-License-Identifier: Apache-2.0 */
/* An event of its own: it has all that it was made of, and outlives that. And what of the history
 * is chosen, and which errno an error is. */
#include <errno.h>
#include <stdlib.h>

#include "bus-errno.h"
#include "choice.h"
#include "cleanup.h"
#include "event-line.h"
#include "event-object.h"
#include "names.h"
#include "tap.h"

static const char full[] =
        "{\"ContainerExitCode\":0,\"OOMKilled\":true,\"ID\":\"id\",\"Image\":\"im\","
        "\"Name\":\"n\",\"network\":\"net\",\"Status\":\"exec_died\","
        "\"Time\":\"2026-11-22T12:00:00.5Z\",\"Type\":\"container\",\"health_status\":\"h\","
        "\"error\":\"e\",\"PodID\":\"p\",\"Attributes\":{\"b\":\"2\",\"a\":\"\",\"c\":\"3\"},"
        "\"Seq\":18446744073709551615,\"Engine\":\"podman\",\"ExecID\":\"x\",\"UID\":4294967295,"
        "\"Synthetic\":true,\"Reason\":\"r\",\"Evidence\":\"v\",\"Truncated\":true,"
        "\"Backlog\":true,\"Unrecorded\":true,\"Extra\":{\"colour\":\"red\",\"size\":7}}";

static const char bare[] =
        "{\"Name\":\"\",\"Status\":\"refresh\",\"Time\":\"1970-01-01T00:00:00Z\","
        "\"Type\":\"system\",\"Seq\":1,\"Engine\":\"podman\"}";

/* What it was made of is gone when this returns. */
static cev_event *make(const char *line, const char *cursor)
{
        _cleanup_(event_lines_freep) EventLines *lines = NULL;
        _cleanup_(event_done) Event e = {};
        cev_event *object;

        if (event_lines_new(&lines) < 0 || event_lines_read(lines, line, strlen(line), &e) <= 0 ||
            event_object_new(&e, cursor, &object) < 0)
                abort();
        return object;
}

static void test_strings(const cev_event *e)
{
        tap_eq_str(cev_event_get_type(e), "container", "type");
        tap_eq_str(cev_event_get_status(e), "exec_died", "status");
        tap_eq_str(cev_event_get_id(e), "id", "ID");
        tap_eq_str(cev_event_get_name(e), "n", "name");
        tap_eq_str(cev_event_get_image(e), "im", "image");
        tap_eq_str(cev_event_get_engine(e), "podman", "engine");
        tap_eq_str(cev_event_get_exec_id(e), "x", "exec session");
        tap_eq_str(cev_event_get_pod_id(e), "p", "pod");
        tap_eq_str(cev_event_get_network(e), "net", "network");
        tap_eq_str(cev_event_get_health_status(e), "h", "health");
        tap_eq_str(cev_event_get_error(e), "e", "error");
        tap_eq_str(cev_event_get_reason(e), "r", "reason");
        tap_eq_str(cev_event_get_evidence(e), "v", "evidence");
        tap_eq_str(cev_event_get_cursor(e), "epoch:7", "cursor");
        tap_eq_str(cev_event_get_detail(e, "colour"), "red", "a detail");
        tap_eq_str(cev_event_get_detail(e, "size"), "7", "a detail that is a number");
        tap_ok(!cev_event_get_detail(e, "reason"), "no detail is what has a getter");
}

static void test_numbers(const cev_event *e)
{
        int code = -1;
        uid_t uid = 0;

        tap_ok(cev_event_get_exit_code(e, &code) == 0 && code == 0, "exit code");
        tap_ok(cev_event_get_uid(e, &uid) == 0 && uid == UINT32_MAX, "uid");
        tap_eq_u64(cev_event_get_seq(e), UINT64_MAX, "number");
        tap_eq_u64(cev_event_get_time_nsec(e), UINT64_C(1795348800500000000), "time");
        tap_ok(cev_event_is_oom_killed(e) && cev_event_is_synthetic(e) && cev_event_is_backlog(e) &&
                       cev_event_is_truncated(e) && cev_event_is_unrecorded(e),
               "what is true");
}

static void test_labels(const cev_event *e)
{
        static const char *const labels[][2] = { { "a", "" }, { "b", "2" }, { "c", "3" } };
        const char *key, *value;

        for (size_t i = 0; i < 3; i++) {
                tap_eq_int(cev_event_get_label_at(e, i, &key, &value), 0, "label %zu", i);
                tap_eq_str(key, labels[i][0], "its key");
                tap_eq_str(value, labels[i][1], "its value");
                tap_eq_str(cev_event_get_label(e, key), value, "and by its key");
        }
        tap_eq_int(cev_event_get_label_at(e, 3, &key, &value), -ENOENT, "behind the last");
        tap_ok(!cev_event_get_label(e, "d"), "one that is not there");
}

static void test_full(void)
{
        cev_event *e = make(full, "epoch:7");

        tap_ok(cev_event_ref(e) == e, "a reference");
        tap_ok(!cev_event_unref(e), "less");
        test_strings(e);
        test_numbers(e);
        test_labels(e);
        cev_event_unref(e);
}

static void test_bare(void)
{
        _cleanup_(cev_event_unrefp) cev_event *e = make(bare, NULL);
        _cleanup_free_ char *json = NULL;
        const char *key, *value;
        int code = 77;
        uid_t uid = 77;

        tap_eq_str(cev_event_get_id(e), "", "no ID");
        tap_eq_str(cev_event_get_cursor(e), "", "no cursor");
        tap_ok(!cev_event_get_exec_id(e) && !cev_event_get_error(e) &&
                       !cev_event_get_detail(e, "colour") && !cev_event_get_label(e, "a"),
               "what does not apply");
        tap_ok(cev_event_get_exit_code(e, &code) == -ENODATA && code == 77, "no exit code");
        tap_ok(cev_event_get_uid(e, &uid) == -ENODATA && uid == 77, "no uid");
        tap_eq_int(cev_event_get_label_at(e, 0, &key, &value), -ENOENT, "no label");
        tap_ok(!cev_event_is_oom_killed(e) && !cev_event_is_unrecorded(e), "nothing is true");
        tap_eq_int(cev_event_to_json(e, &json), 0, "as JSON");
        tap_eq_str(json,
                   "{\"Status\":\"refresh\",\"Time\":\"1970-01-01T00:00:00Z\",\"Type\":\"system\","
                   "\"time\":0,\"timeNano\":0,\"Seq\":1,\"Engine\":\"podman\"}",
                   "without the end of the line");
}

static void test_choice(void)
{
        _cleanup_(choice_done) Choice choice = {};

        tap_ok(!choice_filters(&choice), "no filters");
        tap_eq_int(choice_add_filter(&choice, "type=pod"), 0, "a filter");
        tap_eq_int(choice_add_filter(&choice, "a=\xc3\xa4"), 0, "another");
        tap_eq_int(choice_add_filter(&choice, "a=\xff"), -EINVAL, "one that is no UTF-8");
        tap_eq_int(choice_add_filter(&choice, NULL), -EINVAL, "none");
        tap_eq_str(choice_filters(&choice)[0], "type=pod", "the first");
        tap_eq_str(choice_filters(&choice)[1], "a=\xc3\xa4", "the second");
        tap_ok(!choice_filters(&choice)[2], "and no more");
        tap_eq_int(choice_set_cursor(&choice, "a:1"), 0, "a cursor");
        tap_eq_int(choice_set_cursor(&choice, "b:2"), 0, "another");
        tap_eq_int(choice_set_cursor(&choice, "\x80"), -EINVAL, "one that is no UTF-8");
        tap_eq_str(choice.cursor, "b:2", "the last good one");
}

static void test_errno(void)
{
        static const struct {
                const char *name;
                int want;
        } rows[] = {
                { CE_ERROR_INVALID_FILTER, -EINVAL },
                { CE_ERROR_INVALID_TIME, -EINVAL },
                { SD_BUS_ERROR_INVALID_ARGS, -EINVAL },
                { CE_ERROR_CURSOR_EXPIRED, -ESTALE },
                { CE_ERROR_NO_SUCH_EXEC, -ESRCH },
                { CE_ERROR_NO_SUCH_CONTAINER, -ESRCH },
                { CE_ERROR_EXEC_RUNNING, -EBUSY },
                { CE_ERROR_EXIT_CODE_UNKNOWN, -ENODATA },
                { CE_ERROR_TIMED_OUT, -ETIMEDOUT },
                { CE_ERROR_LIMITS_EXCEEDED, -EDQUOT },
                { SD_BUS_ERROR_LIMITS_EXCEEDED, -EDQUOT },
                { CE_ERROR_NOT_AUTHORIZED, -EACCES },
                { SD_BUS_ERROR_ACCESS_DENIED, -EACCES },
                { CE_ERROR_LOG_UNAVAILABLE, -ENOTRECOVERABLE },
                { SD_BUS_ERROR_SERVICE_UNKNOWN, -EHOSTUNREACH },
                { SD_BUS_ERROR_NAME_HAS_NO_OWNER, -EHOSTUNREACH },
                { "org.freedesktop.DBus.Error.Spawn.ChildExited", -EHOSTUNREACH },
                { SD_BUS_ERROR_NO_REPLY, -ECONNRESET },
                { SD_BUS_ERROR_TIMEOUT, -ETIMEDOUT },
                { SD_BUS_ERROR_UNKNOWN_METHOD, -EBADR },
                { "com.example.Unheard", -EIO },
        };
        static const sd_bus_error unset = SD_BUS_ERROR_NULL;

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                sd_bus_error error = SD_BUS_ERROR_MAKE_CONST(rows[i].name, "a sentence");

                tap_eq_int(bus_errno(&error, -EPERM), rows[i].want, "%s", rows[i].name);
        }
        tap_eq_int(bus_errno(&unset, -ENOTCONN), -ENOTCONN, "no error");
        tap_eq_int(bus_errno(NULL, -ENOMEM), -ENOMEM, "none at all");
}

int main(void)
{
        test_full();
        test_bare();
        test_choice();
        test_errno();
        return tap_done();
}
