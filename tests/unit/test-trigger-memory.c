/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Triggers without memory: whatever allocation fails, a function says -ENOMEM, and has neither
 * crashed, nor leaked, nor left out a part. The linker gives the calls to the functions here
 * (tests/meson.build lists which).
 */
#include <dirent.h>
#include <errno.h>

#include "environment-file.h"
#include "failing-memory.h"
#include "headway.h"
#include "scratch.h"
#include "specifier.h"
#include "strv.h"
#include "tap.h"
#include "text-stream.h"
#include "trigger-folder.h"

WRAP(DIR *, NULL, opendir, (const char *path), path)
WRAP(FILE *, NULL, fopencookie, (void *cookie, const char *mode, cookie_io_functions_t functions),
     cookie, mode, functions)

/* Runs the function with the first allocation failing, then the second, until none does. */
static void let_each_fail(const char *label, int (*function)(void))
{
        unsigned n_wrong = 0, n;

        for (n = 1;; n++) {
                int r;

                failed = false;
                countdown = n;
                r = function();
                countdown = 0;
                if (!failed) {
                        tap_eq_int(r, 0, "%s: with memory", label);
                        break;
                }
                if (r != -ENOMEM && n_wrong++ < 5)
                        printf("# allocation %u: %s\n", n,
                               r == 0 ? "nothing was said" : strerror(-r));
                must(n < 2000);
        }
        tap_ok(n > 1, "%s: something can fail", label);
        tap_eq_u64(n_wrong, 0, "%s: without, %u times", label, n - 1);
}

static char long_name[2000];

static int write_text(void)
{
        _cleanup_(text_stream_done) TextStream s = {};
        _cleanup_free_ char *text = NULL;
        int r = text_stream_open(&s);

        if (r < 0)
                return r;
        for (unsigned i = 0; i < 100; i++)
                (void)fprintf(s.file, "%s\n", long_name);
        r = text_stream_close(&s, &text);
        if (r == 0)
                must(strlen(text) == 100 * sizeof(long_name));
        return r;
}

static int write_nothing(void)
{
        _cleanup_(text_stream_done) TextStream s = {};
        _cleanup_free_ char *text = NULL;
        int r = text_stream_open(&s);

        r = r < 0 ? r : text_stream_close(&s, &text);
        if (r == 0)
                must(*text == '\0');
        return r;
}

static int write_environment(void)
{
        const TriggerEvent e = { .name = long_name, .image = long_name };
        _cleanup_free_ char *text = NULL, *name = NULL;
        int r = environment_file_name("page@a\\x2db.service", &name);

        if (r == 0)
                r = environment_file_text(&e, "t", 1, &text);
        if (r == 0)
                must(strstr(text, "CONTAINER_EVENT_COALESCED=1\n"));
        return r;
}

static int expand_unit(void)
{
        const TriggerEvent e = { .name = long_name };
        const TriggerEvent nothing = { .seq = 1 };
        _cleanup_free_ char *plain = NULL, *unit = NULL, *by_seq = NULL;
        int r = unit_pattern_expand("a.service", &e, &plain);

        if (r == 0)
                r = unit_pattern_expand("a@%n.service", &e, &unit);
        if (r == 0)
                r = unit_pattern_expand("a@%n.service", &nothing, &by_seq);
        if (r == 0)
                must(strlen(unit) == 255 && strcmp(by_seq, "a@1.service") == 0);
        return r;
}

static int refuse_unit(void)
{
        _cleanup_free_ char *problem = NULL;
        int r = unit_pattern_check("%n.service", &problem);

        must(r != -EINVAL || *problem);
        return r == -EINVAL ? 0 : r;
}

static int tell_headway(void)
{
        _cleanup_(headway_freep) Headway *h = NULL, *again = NULL;
        _cleanup_free_ char *text = NULL;
        int r = headway_new(&h);

        if (r == 0)
                r = headway_advance(h, "0123456789abcdef0123456789abcdef:7");
        if (r == 0)
                r = headway_to_text(h, &text);
        if (r == 0)
                r = headway_from_text(text, &again);
        return r;
}

static void on_warning(const char *place, const char *text, void *userdata)
{
}

static int load_triggers(void)
{
        static const TriggerReport report = { .warning = on_warning };
        _cleanup_(trigger_set_done) TriggerSet set = {};
        int r = trigger_set_load(".", &report, &set);

        if (r == 0)
                must(set.n == 3 && set.triggers[0]->state == TRIGGER_BROKEN &&
                     set.triggers[1]->state == TRIGGER_LOADED &&
                     strv_length(set.triggers[1]->filters) == 2 &&
                     set.triggers[2]->state == TRIGGER_BROKEN);
        return r;
}

static void make_triggers(void)
{
        static const char *const folders[] = { "etc", "etc/containers-events",
                                               "etc/containers-events/triggers.d",
                                               "etc/containers-events/triggers.d/b.trigger.d" };

        for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
                must(mkdir(folders[i], 0700) == 0);
        must(chdir(folders[2]) == 0);
        file_write("a.trigger", "[Trigger]\nUnit=%n.service\n");
        file_write("b.trigger", "[Trigger]\nDescription=d\nFilter=event=died\nUnit=b@%n.service\n");
        file_write("b.trigger.d/c.conf", "[Trigger]\nFilter=type=container\nColour=red\n");
        file_write("c.trigger", "[Trigger]\nUnit=c.service\n");
        must(chdir("../../..") == 0);
}

int main(void)
{
        _scratch_ Scratch scratch = scratch_enter();

        memset(long_name, '-', sizeof(long_name) - 1);
        make_triggers();
        let_each_fail("a text", write_text);
        let_each_fail("no text", write_nothing);
        let_each_fail("an environment", write_environment);
        let_each_fail("the name of a unit", expand_unit);
        let_each_fail("a unit that is refused", refuse_unit);
        let_each_fail("how far a trigger has come", tell_headway);
        let_each_fail("all triggers", load_triggers);
        return tap_done();
}
