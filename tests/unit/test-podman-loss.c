/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "podman.h"
#include "sources/podman-loss.h"
#include "tap.h"

#define LOG "events.log"

static void test_what_is_a_loss(void)
{
        static const struct {
                const char *label;
                PodmanChange change;
                bool is;
        } rows[] = {
                { "drained, and rotated once",
                  { .drained = true, .n_moved = 1, .had_place = true, .same_boot = true },
                  false },
                { "drained, rotated, and what was kept is not there",
                  { .drained = true,
                    .kept_some = true,
                    .n_moved = 1,
                    .had_place = true,
                    .same_boot = true },
                  true },
                { "drained, nothing was kept, and rotated twice",
                  { .drained = true, .n_moved = 2, .had_place = true, .same_boot = true },
                  true },
                { "drained, and made anew",
                  { .drained = true, .kept_some = true, .had_place = true, .same_boot = true },
                  false },
                { "while nobody listened", { .had_place = true, .same_boot = true }, true },
                { "in another boot", { .had_place = true }, false },
                { "the first file", { .same_boot = true }, false },
                { "the first file, which was rotated",
                  { .same_boot = true, .was_rotated = true },
                  true },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                tap_ok(podman_is_loss(&rows[i].change) == rows[i].is, "%s", rows[i].label);
}

static void test_what_a_rotation_keeps(void)
{
        static const struct {
                const char *label, *text;
                bool keeps;
        } rows[] = {
                { "of nothing", "", false },
                { "of one line", "0123456789\n", false },
                { "of two", "0123\n5678\n", false },
                { "of two, where the middle is an end", "01234\n6789\n", true },
                { "of three", "012\n456\n89a\n", true },
                { "of a short and a long one", "01\n3456789abcdef\n", false },
                { "of a long and a short one", "0123456\n89a\nc\n", true },
                { "of lines with a piece behind", "012\n456\n89", true },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _scratch_ Scratch scratch = scratch_enter();
                PodmanModel model = { .path = LOG, .unmarked = true };
                _cleanup_free_ char *kept = NULL;
                _cleanup_close_ int fd = -1;
                size_t length;

                file_write(LOG, rows[i].text);
                fd = open(LOG, O_RDONLY | O_CLOEXEC);
                tap_ok(podman_rotation_keeps_some(fd, strlen(rows[i].text)) == rows[i].keeps, "%s",
                       rows[i].label);
                podman_rotate(&model);
                kept = file_read(LOG, &length);
                tap_ok((length > 0) == rows[i].keeps, "and so it is: \"%s\"", kept);
        }
}

static void test_whether_a_log_was_rotated(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        PodmanModel model = { .path = LOG };
        _cleanup_close_ int empty = -1, once = -1, rotated = -1;

        file_write(LOG, "");
        empty = open(LOG, O_RDONLY | O_CLOEXEC);
        tap_ok(!podman_log_was_rotated(empty), "an empty one");
        for (unsigned i = 1; i <= 10; i++)
                podman_event(&model, i, 20);
        once = open(LOG, O_RDONLY | O_CLOEXEC);
        tap_ok(!podman_log_was_rotated(once), "one with events");
        podman_rotate(&model);
        rotated = open(LOG, O_RDONLY | O_CLOEXEC);
        tap_ok(podman_log_was_rotated(rotated), "one that was");
}

static uint64_t extra_number(const EventFields *fields, const char *key)
{
        struct json_object *value;

        return json_object_object_get_ex(fields->extra, key, &value) ? json_object_get_uint64(value)
                                                                     : 0;
}

static void test_the_event_that_says_it(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        PodmanModel model = { .path = LOG };
        _cleanup_event_ Event *event = NULL;
        _cleanup_close_ int fd = -1;
        const EventFields *fields;

        for (unsigned i = 1; i <= 10; i++)
                podman_event(&model, i, 20);
        podman_rotate(&model);
        fd = open(LOG, O_RDONLY | O_CLOEXEC);
        if (!tap_eq_int(podman_loss_new("/x/" LOG, fd, 1000, 4711, &event), 0, "there is one"))
                return;
        fields = event_fields(event);
        tap_eq_str(fields->type, "system", "its type");
        tap_eq_str(fields->status, "lost", "its status");
        tap_eq_str(fields->engine, "podman", "its engine");
        tap_ok(fields->has_uid && fields->uid == 1000, "whose Podman it is");
        tap_eq_str(fields->name, "/x/" LOG, "its name is the log's");
        tap_ok(fields->reason && *fields->reason, "its reason: %s", fields->reason);
        tap_eq_u64(extra_number(fields, "lost_since_nsec"), 4711, "since the last event");
        /* The first that was kept: a mark has the time of the rotation. */
        tap_ok(extra_number(fields, "lost_until_nsec") / 1000000000 % 60 <= 10 &&
                       extra_number(fields, "lost_until_nsec") > 1000000000,
               "until the first that is there: %" PRIu64, extra_number(fields, "lost_until_nsec"));
        tap_ok(fields->time_nsec > UINT64_C(1700000000000000000), "it is said now");
}

int main(void)
{
        test_what_is_a_loss();
        test_what_a_rotation_keeps();
        test_whether_a_log_was_rotated();
        test_the_event_that_says_it();
        return tap_done();
}
