/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "bus/event.h"
#include "names.h"
#include "peers.h"
#include "sample.h"
#include "tap.h"

/* ---- what is in a message, as text, and how many bytes it takes ---- */

typedef struct Dump {
        char text[64 * 1024];
        size_t n;
        size_t size;
} Dump;

__attribute__((format(printf, 2, 3))) static void put(Dump *dump, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        dump->n +=
                (size_t)vsnprintf(dump->text + dump->n, sizeof(dump->text) - dump->n, format, args);
        va_end(args);
        must(dump->n < sizeof(dump->text));
}

static void count(Dump *dump, size_t alignment, size_t size)
{
        dump->size = (dump->size + alignment - 1) / alignment * alignment + size;
}

static void dump_message(sd_bus_message *message, Dump *dump);

static void dump_container(sd_bus_message *message, char type, const char *contents, Dump *dump)
{
        if (type == SD_BUS_TYPE_ARRAY)
                count(dump, 4, 4);
        else if (type == SD_BUS_TYPE_VARIANT)
                count(dump, 1, strlen(contents) + 2);
        else
                count(dump, 8, 0);
        put(dump,
            type == SD_BUS_TYPE_VARIANT ? "%s "
            : type == SD_BUS_TYPE_ARRAY ? "["
                                        : "(",
            contents);
        must(sd_bus_message_enter_container(message, type, contents) > 0);
        dump_message(message, dump);
        must(sd_bus_message_exit_container(message) >= 0);
        put(dump, type == SD_BUS_TYPE_VARIANT ? "" : type == SD_BUS_TYPE_ARRAY ? "]" : ")");
}

static void dump_basic(sd_bus_message *message, char type, Dump *dump)
{
        union {
                const char *string;
                int boolean;
                int32_t i;
                uint32_t u;
                int64_t x;
                uint64_t t;
                double d;
        } value;

        must(sd_bus_message_read_basic(message, type, &value) > 0);
        switch (type) {
        case 's':
                count(dump, 4, strlen(value.string) + 5);
                put(dump, "'%s'", value.string);
                break;
        case 'b':
                count(dump, 4, 4);
                put(dump, "%s", value.boolean ? "true" : "false");
                break;
        case 'i':
                count(dump, 4, 4);
                put(dump, "%" PRIi32, value.i);
                break;
        case 'u':
                count(dump, 4, 4);
                put(dump, "%" PRIu32, value.u);
                break;
        case 'd':
                count(dump, 8, 8);
                put(dump, "%g", value.d);
                break;
        case 'x':
                count(dump, 8, 8);
                put(dump, "%" PRIi64, value.x);
                break;
        default:
                must(type == 't');
                count(dump, 8, 8);
                put(dump, "%" PRIu64, value.t);
                break;
        }
}

static void dump_message(sd_bus_message *message, Dump *dump)
{
        const char *contents;
        char type;

        for (bool first = true; sd_bus_message_peek_type(message, &type, &contents) > 0;
             first = false) {
                put(dump, first ? "" : " ");
                if (contents)
                        dump_container(message, type, contents, dump);
                else
                        dump_basic(message, type, dump);
        }
}

/* ---- the two forms ---- */

static sd_bus_message *received;

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        if (sd_bus_message_is_signal(message, CE_INTERFACE, NULL)) {
                sd_bus_message_unref(received);
                received = sd_bus_message_ref(message);
        }
        return 0;
}

/* The signal as the client gets it. */
static void send_signal(Peers *peers, const EventFields *fields, Dump *dump)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        _cleanup_event_ Event *event = event_of(fields);

        *dump = (Dump){};
        must(bus_event_new_signal(peers->service, event_fields(event), &message) >= 0);
        must(sd_bus_send(peers->service, message, NULL) >= 0);
        peers_run(peers);
        must(received);
        dump_message(received, dump);
}

static void test_the_least_event(void)
{
        const EventFields fields = { .type = "pod", .status = "stop", .time_nsec = 1, .seq = 2 };
        _cleanup_peers_ Peers peers = peers_new();
        Dump dump;

        must(sd_bus_add_filter(peers.client, NULL, on_message, NULL) >= 0);
        send_signal(&peers, &fields, &dump);
        tap_eq_str(sd_bus_message_get_signature(received, true), "sssssstta{sv}", "its signature");
        tap_eq_str(sd_bus_message_get_member(received), "EventEmitted", "its name");
        tap_eq_str(sd_bus_message_get_path(received), "/org/containers/Events", "its path");
        tap_eq_str(sd_bus_message_get_interface(received), "org.containers.Events",
                   "its interface");
        tap_eq_str(dump.text, "'pod' 'stop' '' '' '' '' 1 2 []", "what is in it");
        received = sd_bus_message_unref(received);
}

static void test_every_detail(void)
{
        static const EventAttribute attributes[] = { { "a", "b" }, { "c", "" } };
        const EventFields fields = {
                .type = "container",
                .status = "died",
                .id = "i",
                .name = "n",
                .image = "m",
                .engine = "e",
                .seq = 7,
                .time_nsec = UINT64_MAX,
                .exec_id = "x",
                .pod_id = "p",
                .network = "w",
                .health_status = "h",
                .error = "r",
                .reason = "y",
                .evidence = "v",
                .exit_code = -1,
                .has_exit_code = true,
                .uid = UINT32_MAX,
                .has_uid = true,
                .oom_killed = true,
                .synthetic = true,
                .truncated = true,
                .backlog = true,
                .unrecorded = true,
                .unsignalled = 3,
                .has_unsignalled = true,
                .attributes = attributes,
                .n_attributes = ELEMENTSOF(attributes),
        };
        static const char *const details[] = {
                "('exit_code' i -1)",      "('exec_id' s 'x')",
                "('pod_id' s 'p')",        "('network' s 'w')",
                "('health_status' s 'h')", "('error' s 'r')",
                "('oom_killed' b true)",   "('uid' u 4294967295)",
                "('synthetic' b true)",    "('attributes' a{ss} [('a' 'b') ('c' '')])",
                "('reason' s 'y')",        "('truncated' b true)",
                "('backlog' b true)",      "('unrecorded' b true)",
                "('evidence' s 'v')",      "('unsignalled' u 3)",
        };
        static const char head[] = "'container' 'died' 'i' 'n' 'm' 'e' 18446744073709551615 7 [";
        _cleanup_peers_ Peers peers = peers_new();
        size_t length = strlen(head) + 1;
        Dump dump;

        must(sd_bus_add_filter(peers.client, NULL, on_message, NULL) >= 0);
        send_signal(&peers, &fields, &dump);
        tap_ok(strncmp(dump.text, head, strlen(head)) == 0, "%s", dump.text);
        for (size_t i = 0; i < ELEMENTSOF(details); i++) {
                tap_ok(strstr(dump.text, details[i]), "detail %zu", i);
                length += strlen(details[i]) + (i > 0);
        }
        tap_eq_u64(strlen(dump.text), length, "and nothing else");
        received = sd_bus_message_unref(received);
}

static void test_zero_is_not_absent(void)
{
        const EventFields fields = {
                .type = "container", .status = "died", .has_exit_code = true, .has_uid = true
        };
        _cleanup_peers_ Peers peers = peers_new();
        Dump dump;

        must(sd_bus_add_filter(peers.client, NULL, on_message, NULL) >= 0);
        send_signal(&peers, &fields, &dump);
        tap_ok(strstr(dump.text, "('exit_code' i 0)") && strstr(dump.text, "('uid' u 0)"), "%s",
               dump.text);
        received = sd_bus_message_unref(received);
}

static void test_what_an_engine_adds(void)
{
        static const struct {
                const char *extra, *want;
        } rows[] = {
                { "{\"health_log\":\"x\"}", "[('health_log' s 'x')]" },
                { "{\"n\":-5}", "[('n' x -5)]" },
                { "{\"n\":9223372036854775807}", "[('n' x 9223372036854775807)]" },
                { "{\"n\":9223372036854775808}", "[('n' t 9223372036854775808)]" },
                { "{\"n\":18446744073709551615}", "[('n' t 18446744073709551615)]" },
                { "{\"d\":0.5,\"b\":false}", "[('d' d 0.5) ('b' b false)]" },
                { "{\"o\":{},\"a\":[],\"z\":null,\"k\":1}", "[('k' x 1)]" },
                /* It does not pass for what we say. */
                { "{\"exit_code\":0,\"backlog\":true,\"attributes\":\"x\",\"k\":1}",
                  "[('k' x 1)]" },
        };
        _cleanup_peers_ Peers peers = peers_new();

        must(sd_bus_add_filter(peers.client, NULL, on_message, NULL) >= 0);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_json_ struct json_object *extra = json_of(rows[i].extra);
                const EventFields fields = { .type = "pod", .status = "stop", .extra = extra };
                Dump dump;

                send_signal(&peers, &fields, &dump);
                tap_eq_str(strchr(dump.text, '['), rows[i].want, "%s", rows[i].extra);
        }
        received = sd_bus_message_unref(received);
}

static void test_an_array_of_events(void)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        _cleanup_peers_ Peers peers = peers_new();
        Dump dump = {};

        /* A signal is as good a message as a reply. */
        must(sd_bus_message_new_signal(peers.service, &message, "/", "a.b", "C") >= 0);
        must(sd_bus_message_open_container(message, 'a', CE_EVENT_SIGNATURE) >= 0);
        for (uint64_t seq = 1; seq <= 2; seq++) {
                const EventFields fields = { .type = "pod", .status = "stop", .seq = seq };
                _cleanup_event_ Event *event = event_of(&fields);

                tap_ok(bus_event_append(message, event_fields(event)) >= 0, "one more");
        }
        must(sd_bus_message_close_container(message) >= 0);
        must(sd_bus_message_seal(message, 1, 0) >= 0 && sd_bus_message_rewind(message, true) >= 0);
        tap_eq_str(sd_bus_message_get_signature(message, true), "a(sssssstta{sv})", "signature");
        dump_message(message, &dump);
        tap_eq_str(dump.text,
                   "[('pod' 'stop' '' '' '' '' 0 1 []) ('pod' 'stop' '' '' '' '' 0 2 [])]",
                   "what is in it");
}

/* Pages are filled by what bus_event_size() says, so it must never be less than it is. */
static void test_no_event_is_larger_than_was_said(void)
{
        static char texts[4][512];
        _cleanup_peers_ Peers peers = peers_new();
        uint64_t seed = 5, n_small = 0, most = 0;
        static Dump dump;

        must(sd_bus_add_filter(peers.client, NULL, on_message, NULL) >= 0);
        for (int round = 0; round < 300; round++) {
                _cleanup_json_ struct json_object *attributes = json_object_new_object(),
                                                  *extra = json_object_new_object();
                EventFields fields = { .type = "t", .status = "s", .extra = extra };
                const char **strings[] = {
                        &fields.id,      &fields.name,          &fields.exec_id,
                        &fields.pod_id,  &fields.error,         &fields.reason,
                        &fields.network, &fields.health_status, &fields.evidence
                };

                for (size_t i = 0; i < ELEMENTSOF(strings); i++) {
                        unsigned n = random_below(&seed, 60);

                        memset(texts[i % 4], 'x', n);
                        texts[i % 4][n] = '\0';
                        *strings[i] = random_below(&seed, 3) ? texts[i % 4] : NULL;
                }
                fields.has_uid = fields.has_exit_code = random_below(&seed, 2);
                fields.oom_killed = fields.synthetic = fields.backlog = random_below(&seed, 2);
                for (unsigned n = random_below(&seed, 20); n > 0; n--) {
                        char key[32];

                        sprintf(key, "%0*u", (int)random_below(&seed, 12) + 1, n);
                        json_object_object_add(attributes, key, json_object_new_string(texts[0]));
                        json_object_object_add(extra, key,
                                               random_below(&seed, 2)
                                                       ? json_object_new_string(texts[1])
                                                       : json_object_new_int64(-1));
                }
                set_labels(&fields, attributes);
                send_signal(&peers, &fields, &dump);
                n_small += bus_event_size(&fields) < dump.size;
                most = dump.size > most ? dump.size : most;
        }
        tap_eq_u64(n_small, 0, "300 events, of up to %" PRIu64 " bytes", most);
        received = sd_bus_message_unref(received);
}

int main(void)
{
        test_the_least_event();
        test_every_detail();
        test_zero_is_not_absent();
        test_what_an_engine_adds();
        test_an_array_of_events();
        test_no_event_is_larger_than_was_said();
        return tap_done();
}
