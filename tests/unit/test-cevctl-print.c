/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <time.h>

#include <json-c/json.h>

#include "event-json.h"
#include "event-object.h"
#include "print.h"
#include "tap.h"

#define ID   "cafecafecafecafecafecafecafecafecafecafecafecafecafecafecafecafe"
#define TIME "2026-11-22 13:00:00.5 +0100 CET "

/* What is not given in a row is "", as the service has it. */
static Event event(Event e)
{
        e.id = e.id ?: "";
        e.name = e.name ?: "";
        e.image = e.image ?: "";
        e.engine = e.engine ?: "podman";
        e.time_nsec = e.time_nsec ?: UINT64_C(1795348800500000000);
        e.seq = e.seq ?: 7;
        return e;
}

static char *human(const Event *e, bool truncate, bool color)
{
        PrintOptions options = { .truncate = truncate, .color = color };
        cev_event *object = NULL;
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f || event_object_new(e, NULL, &object) < 0)
                abort();
        print_human(f, object, &options);
        fclose(f);
        cev_event_unref(object);
        return text;
}

static void check(Event given, const char *want)
{
        Event e = event(given);
        char *got = human(&e, false, false);

        tap_eq_str(got, want, "%s %s", e.type, e.status);
        free(got);
}

static void test_containers_and_pods(void)
{
        EventAttribute labels[] = { { "app", "web" }, { "esc", "\x1b]0;gotcha\x07" } };

        check((Event){ .type = "container",
                       .status = "start",
                       .id = ID,
                       .image = "busybox",
                       .name = "web" },
              TIME "container start " ID " (image=busybox, name=web)\n");
        check((Event){ .type = "container",
                       .status = "died",
                       .id = ID,
                       .image = "busybox",
                       .name = "web",
                       .exit_code = 3,
                       .has_exit_code = true,
                       .attributes = labels,
                       .n_attributes = 2 },
              TIME "container died " ID
                   " (image=busybox, name=web, app=web, esc=\\x1b]0;gotcha\\x07)\n");
        check((Event){ .type = "container",
                       .status = "init",
                       .id = ID,
                       .name = "web",
                       .pod_id = "beef" },
              TIME "container init " ID " (image=, name=web, pod_id=beef)\n");
        check((Event){ .type = "container",
                       .status = "health_status",
                       .id = ID,
                       .image = "i",
                       .name = "web",
                       .health_status = "healthy" },
              TIME "container health_status " ID " (image=i, name=web, health_status=healthy)\n");
        check((Event){ .type = "pod", .status = "create", .id = ID, .name = "p" },
              TIME "pod create " ID " (image=, name=p)\n");
}

static void test_networks(void)
{
        EventAttribute driver[] = { { "driver", "bridge" } };

        check((Event){ .type = "network",
                       .status = "create",
                       .id = ID,
                       .network = "net",
                       .attributes = driver,
                       .n_attributes = 1 },
              TIME "network create " ID " (name=net, type=bridge)\n");
        check((Event){ .type = "network", .status = "remove", .id = ID, .name = "net" },
              TIME "network remove " ID " (name=net)\n");
        check((Event){ .type = "network", .status = "connect", .id = ID, .network = "net" },
              TIME "network connect " ID " (container=" ID ", name=net)\n");
        check((Event){ .type = "network", .status = "disconnect", .id = ID, .network = "net" },
              TIME "network disconnect " ID " (container=" ID ", name=net)\n");
}

static void test_the_other_types(void)
{
        check((Event){ .type = "image", .status = "pull", .id = ID, .name = "quay.io/a:1" },
              TIME "image pull " ID " quay.io/a:1\n");
        check((Event){ .type = "image", .status = "pull-error", .name = "a", .error = "no such" },
              TIME "image pull-error  a no such\n");
        check((Event){ .type = "artifact", .status = "push", .id = ID, .name = "a" },
              TIME "artifact push " ID " a\n");
        check((Event){ .type = "volume", .status = "create", .name = "v" },
              TIME "volume create v\n");
        check((Event){ .type = "machine", .status = "start", .name = "m" },
              TIME "machine start m\n");
        check((Event){ .type = "secret", .status = "create", .id = "abc" },
              TIME "secret create abc\n");
        check((Event){ .type = "system", .status = "refresh" }, TIME "system refresh\n");
        check((Event){ .type = "system", .status = "log-rotation", .name = "/run/e.log" },
              TIME "system log-rotation /run/e.log\n");
        check((Event){ .type = "brand-new", .status = "x", .id = ID, .name = "n" },
              TIME "brand-new x " ID " n\n");
}

static void test_lost(void)
{
        json_object *others = json_tokener_parse("{\"lost_since_nsec\":1795348800000000000}");

        check((Event){ .type = "system",
                       .status = "lost",
                       .reason = "the ring overflowed",
                       .others = others },
              TIME "system lost (engine=podman, reason=the ring overflowed, "
                   "since=2026-11-22 13:00:00 +0100 CET)\n");
        json_object_put(others);
}

static void test_truncated_and_colored(void)
{
        Event e =
                event((Event){ .type = "network", .status = "connect", .id = ID, .network = "n" });
        char *got = human(&e, true, false);

        tap_eq_str(got, TIME "network connect cafecafecafe (container=cafecafecafe, name=n)\n",
                   "IDs are cut to 12");
        free(got);
        got = human(&e, false, true);
        tap_ok(strstr(got, "\x1b[32mconnect\x1b[0m"), "the status has a color");
        free(got);
}

static void check_json(Event given, const char *cursor, const char *want)
{
        Event e = event(given);
        json_object *object = NULL;
        char *got = NULL;
        size_t size;
        FILE *f = open_memstream(&got, &size);

        if (!f)
                abort();
        tap_eq_int(event_to_json(&e, cursor, &object), 0, "%s %s as JSON", e.type, e.status);
        tap_eq_int(json_print(f, object), 0, "it prints");
        fclose(f);
        tap_eq_str(got, want, "%s %s", e.type, e.status);
        free(got);
        json_object_put(object);
}

static void test_json(void)
{
        EventAttribute labels[] = { { "app", "we/b" }, { "esc", "\x1b\xc2\x9b" } };
        json_object *others = json_tokener_parse("{\"pid\":7,\"Seq\":666,\"Cursor\":\"forged\"}");

        check_json((Event){ .type = "container",
                            .status = "exec_died",
                            .id = ID,
                            .image = "i",
                            .name = "web",
                            .has_exit_code = true,
                            .exec_id = "beef",
                            .uid = 1000,
                            .has_uid = true,
                            .attributes = labels,
                            .n_attributes = 2,
                            .oom_killed = true,
                            .synthetic = true,
                            .reason = "r",
                            .evidence = "event" },
                   "abc:7",
                   "{\"ContainerExitCode\":0,\"OOMKilled\":true,\"ID\":\"" ID "\",\"Image\":\"i\","
                   "\"Name\":\"web\",\"Status\":\"exec_died\",\"Time\":\"2026-11-22T12:00:00.5Z\","
                   "\"Type\":\"container\",\"Attributes\":{\"app\":\"we/b\","
                   "\"esc\":\"\\u001b\\u009b\"},\"time\":1795348800,"
                   "\"timeNano\":1795348800500000000,\"Seq\":7,\"Engine\":\"podman\","
                   "\"ExecID\":\"beef\",\"UID\":1000,\"Synthetic\":true,\"Reason\":\"r\","
                   "\"Evidence\":\"event\",\"Cursor\":\"abc:7\"}\n");
        /* A hook may give a detail any name, but not pass it for ours. */
        check_json(
                (Event){ .type = "system",
                         .status = "refresh",
                         .others = others,
                         .time_nsec = UINT64_C(1795348800000000000) },
                NULL,
                "{\"Status\":\"refresh\",\"Time\":\"2026-11-22T12:00:00Z\",\"Type\":\"system\","
                "\"time\":1795348800,\"timeNano\":1795348800000000000,\"Seq\":7,"
                "\"Engine\":\"podman\",\"pid\":7,\"Extra\":{\"Seq\":666,\"Cursor\":\"forged\"}}\n");
        json_object_put(others);
}

int main(void)
{
        setenv("TZ", "Europe/Berlin", 1);
        tzset();
        test_containers_and_pods();
        test_networks();
        test_the_other_types();
        test_lost();
        test_truncated_and_colored();
        test_json();
        return tap_done();
}
