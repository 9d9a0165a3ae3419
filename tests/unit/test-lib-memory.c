/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcontainers-events without memory: whatever allocation of it fails, it says -ENOMEM, and has
 * neither crashed, nor leaked, nor done a half of its work. The linker gives its calls to the
 * functions here (tests/meson.build lists which); what fails inside of others is not ours to test.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "containers-events.h"
#include "event-line.h"
#include "event-object.h"
#include "failing-memory.h"
#include "tap.h"

WRAP(FILE *, NULL, fopencookie, (void *cookie, const char *mode, cookie_io_functions_t functions),
     cookie, mode, functions)
WRAP(struct json_object *, NULL, json_object_new_boolean, (json_bool value), value)
WRAP(struct json_object *, NULL, json_object_new_int, (int32_t value), value)
WRAP(struct json_object *, NULL, json_object_new_int64, (int64_t value), value)
WRAP(struct json_object *, NULL, json_object_new_uint64, (uint64_t value), value)
WRAP(struct json_object *, NULL, json_object_new_object, (void))
WRAP(struct json_object *, NULL, json_object_new_string, (const char *value), value)
WRAP(int, -1, json_object_object_add,
     (struct json_object * object, const char *key, struct json_object *value), object, key, value)

static const char line[] =
        "{\"ContainerExitCode\":3,\"ID\":\"id\",\"Image\":\"im\",\"Name\":\"n\",\"Status\":\"died\","
        "\"Time\":\"2026-11-22T12:00:00.5Z\",\"Type\":\"container\",\"Attributes\":{\"a\":\"1\","
        "\"b\":\"2\"},\"Seq\":7,\"Engine\":\"podman\",\"UID\":0,\"Extra\":{\"colour\":\"red\"}}";

static Event event; /* of that line */

/* A bus that never answers. */
static sd_bus *silent_bus(int pair[2])
{
        sd_bus *bus = NULL;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0 ||
            sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, pair[0], pair[0]) < 0 ||
            sd_bus_start(bus) < 0)
                abort();
        return bus;
}

static sd_bus *bus;

static int make_event(void)
{
        _cleanup_(cev_event_unrefp) cev_event *e = NULL;
        _cleanup_free_ char *json = NULL;
        int r;

        r = event_object_new(&event, "epoch:7", &e);
        return r < 0 ? r : cev_event_to_json(e, &json);
}

static int make_query(void)
{
        _cleanup_(cev_client_unrefp) cev_client *c = NULL;
        _cleanup_(cev_query_unrefp) cev_query *q = NULL;
        int r;

        r = cev_client_new(bus, &c);
        if (r >= 0)
                r = cev_query_new(c, &q);
        if (r >= 0)
                r = cev_query_add_filter(q, "type=pod");
        if (r >= 0)
                r = cev_query_add_filter(q, "type=image");
        return r < 0 ? r : cev_query_set_cursor(q, "");
}

static int on_event(cev_subscription *s, cev_event *e, void *userdata)
{
        abort();
}

static void on_end(cev_subscription *s, int result, const sd_bus_error *error, void *userdata)
{
        *(int *)userdata = result;
}

/* It begins from the loop, which is told to the handler of the end. */
static int subscribe(void)
{
        _cleanup_(cev_client_unrefp) cev_client *c = NULL;
        _cleanup_(cev_subscription_unrefp) cev_subscription *s = NULL;
        int r, result = 0;

        r = cev_client_new(bus, &c);
        if (r >= 0)
                r = cev_subscription_new(c, &s);
        if (r >= 0)
                r = cev_subscription_add_filter(s, "type=pod");
        if (r >= 0)
                r = cev_subscription_set_cursor(s, "epoch:1");
        if (r >= 0)
                r = cev_subscription_set_end_handler(s, on_end);
        if (r >= 0)
                r = cev_subscription_start(s, on_event, &result);
        for (int i = 0; r >= 0 && i < 3; i++)
                r = cev_client_run(c, 0);
        return r < 0 ? r : result;
}

static void on_code(cev_exec_wait *w, int result, int code, const sd_bus_error *error,
                    void *userdata)
{
        *(int *)userdata = result;
}

static int wait_for_code(void)
{
        _cleanup_(cev_client_unrefp) cev_client *c = NULL;
        _cleanup_(cev_exec_wait_unrefp) cev_exec_wait *w = NULL;
        int r, result = 0;

        r = cev_client_new(bus, &c);
        if (r >= 0)
                r = cev_exec_wait_new(c, "id", 7, on_code, &result, &w);
        for (int i = 0; r >= 0 && i < 3; i++)
                r = cev_client_run(c, 0);
        return r < 0 ? r : result;
}

/* Lets the first allocation fail, then the second, until there is none that could. */
static void test(const char *what, int (*function)(void))
{
        unsigned n;
        int r;

        for (n = 1; n < 1000; n++) {
                failed = false;
                countdown = n;
                r = function();
                countdown = 0;
                if (!failed)
                        break;
                if (r != -ENOMEM)
                        tap_eq_int(r, -ENOMEM, "%s without allocation %u", what, n);
        }
        tap_ok(r >= 0 && n > 1, "%s fails %u times and works then", what, n - 1);
}

int main(void)
{
        _cleanup_(event_lines_freep) EventLines *lines = NULL;
        int pair[2];

        if (event_lines_new(&lines) < 0 ||
            event_lines_read(lines, line, sizeof(line) - 1, &event) <= 0)
                abort();
        bus = silent_bus(pair);
        test("an event", make_event);
        test("a query", make_query);
        test("a subscription", subscribe);
        test("a wait", wait_for_code);
        sd_bus_close_unref(bus);
        close(pair[1]);
        event_done(&event);
        return tap_done();
}
