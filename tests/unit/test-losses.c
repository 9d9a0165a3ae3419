/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "log/losses.h"
#include "sample.h"
#include "tap.h"

static void add(Losses *losses, uint64_t seq, const char *position, const char *engine)
{
        const EventFields fields = {
                .type = "container", .status = "died", .engine = engine, .time_nsec = 1000 - seq
        };
        _cleanup_event_ Event *event = event_of(&fields);
        _cleanup_free_ char *line = NULL;
        size_t length;

        must(record_format(event, seq, position, &line, &length) == 0);
        losses_add(losses, -EIO, seq, line, length - 1, event_fields(event));
}

static void test_each_source_has_its_own(void)
{
        Losses losses = {};

        add(&losses, 1, "podman a", "podman");
        add(&losses, 2, "docker b", "docker");
        add(&losses, 3, NULL, "hook");
        add(&losses, 4, "podman c", "podman");
        add(&losses, 5, NULL, "another");
        tap_eq_u64(losses.n, 3, "two sources, and what has none");
        tap_eq_str(losses.losses[0].source, "podman", "the first");
        tap_ok(losses.losses[0].first_seq == 1 && losses.losses[0].last_seq == 4 &&
                       losses.losses[0].n_events == 2,
               "from its first to its last");
        tap_ok(losses.losses[0].since_nsec == 996 && losses.losses[0].until_nsec == 1000,
               "in any order of time");
        tap_eq_str(losses.losses[0].engine, "podman", "its engine");
        tap_eq_str(losses.losses[2].source, "", "what has no source");
        tap_eq_str(losses.losses[2].engine, "", "and several engines");
}

static void test_more_sources_than_there_is_room_for(void)
{
        Losses losses = {};
        uint64_t n = 0;

        losses_add_unknown(&losses, 1, 2, 3, 4);
        for (uint64_t seq = 10; seq < 40; seq++) {
                char position[32];

                snprintf(position, sizeof(position), "s%" PRIu64 " x", seq);
                add(&losses, seq, position, "podman");
        }
        tap_eq_u64(losses.n, LOSSES_MAX, "as many as there are");
        for (size_t i = 0; i < losses.n; i++)
                n += losses.losses[i].n_events;
        tap_eq_u64(n, 30, "none is forgotten");
        tap_eq_u64(losses.losses[0].last_seq, 2, "nor what is not known");
        tap_eq_str(losses.losses[LOSSES_MAX - 1].source, "", "the last is of several");
}

static void test_the_event(void)
{
        Losses losses = {};
        _cleanup_event_ Event *event = NULL, *unknown = NULL;
        struct json_object *value;

        add(&losses, 7, "podman a", "podman");
        must(loss_event_new(losses.losses, &event) == 0);
        tap_eq_str(event_fields(event)->type, "system", "its type");
        tap_eq_str(event_fields(event)->status, "lost", "its status");
        tap_ok(strstr(event_fields(event)->reason, "Input/output error"), "its reason: %s",
               event_fields(event)->reason);
        losses_add_unknown(&losses, 20, 30, 0, 4);
        must(loss_event_new(losses.losses + 1, &unknown) == 0);
        tap_ok(!json_object_object_get_ex(event_fields(unknown)->extra, "lost_events", &value) &&
                       !json_object_object_get_ex(event_fields(unknown)->extra, "lost_since_nsec",
                                                  &value),
               "what is not known is not said");
        tap_ok(json_object_object_get_ex(event_fields(unknown)->extra, "lost_last_seq", &value) &&
                       json_object_get_uint64(value) == 30,
               "what is known is");
}

int main(void)
{
        test_each_source_has_its_own();
        test_more_sources_than_there_is_room_for();
        test_the_event();
        return tap_done();
}
