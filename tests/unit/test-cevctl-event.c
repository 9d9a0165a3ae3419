/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#include "event.h"
#include "names.h"
#include "page.h"
#include "tap.h"
#include "variant.h"

/* A bus that is never spoken to: messages need one to be made. */
static sd_bus *silent_bus(int pair[2])
{
        sd_bus *bus = NULL;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0 ||
            sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, pair[0], pair[0]) < 0 ||
            sd_bus_start(bus) < 0)
                abort();
        return bus;
}

static sd_bus_message *new_message(sd_bus *bus)
{
        sd_bus_message *m = NULL;

        if (sd_bus_message_new_signal(bus, &m, CE_OBJECT_PATH, CE_INTERFACE, "EventEmitted") < 0)
                abort();
        return m;
}

static void seal(sd_bus_message *m)
{
        tap_ok(sd_bus_message_seal(m, 1, 0) >= 0 && sd_bus_message_rewind(m, true) >= 0,
               "a message");
}

static void test_all_details(sd_bus *bus)
{
        sd_bus_message *m = new_message(bus);
        Event e = {};

        tap_ok(sd_bus_message_append(m, CE_EVENT_CONTENTS, "container", "exec_died", "cafe", "web",
                                     "busybox", "podman", UINT64_C(5), UINT64_C(7), 15, "exit_code",
                                     "i", 0, "exec_id", "s", "beef", "pod_id", "s", "p", "network",
                                     "s", "n", "health_status", "s", "h", "error", "s", "e",
                                     "reason", "s", "r", "evidence", "s", "v", "uid", "u", 1000,
                                     "oom_killed", "b", 1, "synthetic", "b", 0, "backlog", "b", 1,
                                     "truncated", "b", 1, "attributes", "a{ss}", 2, "z", "26", "a",
                                     "1", "pid", "t", UINT64_MAX) >= 0,
               "an event with all details");
        seal(m);
        if (!tap_eq_int(event_read(m, &e), 0, "it is read"))
                return;
        tap_eq_str(e.type, "container", "type");
        tap_eq_str(e.status, "exec_died", "status");
        tap_eq_str(e.evidence, "v", "evidence");
        tap_eq_str(e.engine, "podman", "engine");
        tap_eq_u64(e.seq, 7, "seq");
        tap_ok(e.has_exit_code && e.exit_code == 0, "an exit code of 0");
        tap_eq_str(e.exec_id, "beef", "exec_id");
        tap_ok(e.has_uid && e.uid == 1000, "uid");
        tap_ok(e.oom_killed && !e.synthetic && e.backlog && e.truncated, "flags");
        tap_eq_int((int64_t)e.n_attributes, 2, "labels");
        tap_eq_str(e.attributes[0].key, "a", "in order");
        tap_eq_str(event_attribute(&e, "z"), "26", "by name");
        tap_ok(!event_attribute(&e, "none"), "or not");
        tap_eq_str(json_object_to_json_string_ext(e.others, JSON_C_TO_STRING_PLAIN),
                   "{\"pid\":18446744073709551615}", "and what we do not know");
        event_done(&e);
        sd_bus_message_unref(m);
}

static void test_details_of_other_types(sd_bus *bus)
{
        sd_bus_message *m = new_message(bus);
        Event e = {};

        tap_ok(sd_bus_message_append(m, CE_EVENT_CONTENTS, "t", "s", "", "", "", "", UINT64_C(0),
                                     UINT64_C(1), 8, "exit_code", "s", "seven", "uid", "i", -1,
                                     "attributes", "as", 2, "a", "b", "deep", "a{sv}", 1, "k",
                                     "(ib)", 1, 1, "v", "v", "d", 0.5, "empty", "a{ss}", 0, "nan",
                                     "d", (double)NAN, "infinite", "ad", 1, (double)-INFINITY) >= 0,
               "an event of a service to come");
        seal(m);
        if (!tap_eq_int(event_read(m, &e), 0, "it is read"))
                return;
        tap_ok(!e.has_exit_code && !e.has_uid && e.n_attributes == 0, "nothing is taken for ours");
        tap_eq_str(
                json_object_to_json_string_ext(e.others, JSON_C_TO_STRING_PLAIN),
                "{\"exit_code\":\"seven\",\"uid\":-1,\"attributes\":[\"a\",\"b\"],"
                "\"deep\":{\"k\":[1,true]},\"v\":0.5,\"empty\":{},\"nan\":null,\"infinite\":[null]}",
                "all of it is kept");
        event_done(&e);
        sd_bus_message_unref(m);
}

static void test_no_event(sd_bus *bus)
{
        sd_bus_message *m = new_message(bus);
        Event e = { .seq = 77 };

        tap_ok(sd_bus_message_append(m, "ss", "container", "died") >= 0,
               "a signal of another form");
        seal(m);
        tap_ok(event_read(m, &e) < 0, "is no event");
        tap_eq_u64(e.seq, 77, "and leaves the result alone");
        sd_bus_message_unref(m);
}

static int count_event(const Event *e, const char *cursor, void *userdata)
{
        unsigned *n = userdata;

        ++*n;
        tap_eq_u64(e->seq, 6 + *n, "event %u of the page", *n);
        tap_eq_str(cursor, *n == 1 ? "cafe:7" : "cafe:8", "its cursor");
        return 0;
}

static void test_a_page(sd_bus *bus)
{
        sd_bus_message *m = new_message(bus);
        const char *cursor = NULL;
        bool more = false;
        unsigned n = 0;

        tap_ok(sd_bus_message_append(m, "a" CE_EVENT_SIGNATURE "sb", 2, "container", "start", "",
                                     "", "", "", UINT64_C(1), UINT64_C(7), 0, "container", "died",
                                     "", "", "", "", UINT64_C(2), UINT64_C(8), 1, "exit_code", "i",
                                     1, "cafe:9", 1) >= 0,
               "a page of two");
        seal(m);
        tap_eq_int(page_read(m, count_event, &n, &cursor, &more), 0, "it is read");
        tap_eq_int(n, 2, "both were handed over");
        tap_eq_str(cursor, "cafe:9", "the cursor of the page");
        tap_ok(more, "and there is more");
        sd_bus_message_unref(m);

        m = new_message(bus);
        tap_ok(sd_bus_message_append(m, "s", "x") >= 0, "something else");
        seal(m);
        tap_ok(page_read(m, count_event, &n, &cursor, &more) < 0, "is no page");
        sd_bus_message_unref(m);
}

int main(void)
{
        int pair[2];
        sd_bus *bus = silent_bus(pair);

        test_all_details(bus);
        test_details_of_other_types(bus);
        test_no_event(bus);
        test_a_page(bus);
        sd_bus_close_unref(bus);
        (void)close(pair[1]);
        return tap_done();
}
