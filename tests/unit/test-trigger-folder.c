/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "scratch.h"
#include "strv.h"
#include "tap.h"
#include "trigger-folder.h"

#define ETC "etc/containers-events/triggers.d"
#define RUN "run/containers-events/triggers.d"
#define LIB "usr/lib/containers-events/triggers.d"

#define TEXT(unit) "[Trigger]\nFilter=event=died\nUnit=" unit ".service\n"

static void folder_make_all(const char *path)
{
        char *copy = strdup(path);

        must(copy);
        for (char *p = strchr(copy, '/'); p; p = strchr(p + 1, '/')) {
                *p = '\0';
                (void)mkdir(copy, 0700);
                *p = '/';
        }
        (void)mkdir(copy, 0700);
        free(copy);
}

static void on_warning(const char *place, const char *text, void *userdata)
{
        ++*(unsigned *)userdata;
}

static TriggerSet load(unsigned *n_warnings)
{
        const TriggerReport report = { .warning = on_warning, .userdata = n_warnings };
        TriggerSet set;
        Scratch here;

        must(getcwd(here.path, sizeof(here.path)));
        *n_warnings = 0;
        must(trigger_set_load(here.path, &report, &set) == 0);
        return set;
}

static const char *unit_of(const TriggerSet *set, const char *name)
{
        const Trigger *t = trigger_set_find(set, name);

        return t ? (t->state == TRIGGER_LOADED ? t->unit : "(not loaded)") : "(none)";
}

static int state_of(const TriggerSet *set, const char *name)
{
        const Trigger *t = trigger_set_find(set, name);

        return t ? (int)t->state : -1;
}

static void test_nothing(void)
{
        unsigned n;
        _cleanup_(trigger_set_done) TriggerSet set = load(&n);

        tap_eq_int((int)set.n, 0, "no folders, no triggers");
        tap_eq_int(n, 0, "and no complaint");
}

static void make_folders(void)
{
        folder_make_all(ETC "/d.trigger.d");
        folder_make_all(RUN "/d.trigger.d");
        folder_make_all(LIB "/d.trigger.d");
}

static void test_which_file_counts(void)
{
        unsigned n;
        TriggerSet set;

        file_write(LIB "/a.trigger", TEXT("lib-a"));
        file_write(LIB "/b.trigger", TEXT("lib-b"));
        file_write(LIB "/c.trigger", TEXT("lib-c"));
        file_write(RUN "/b.trigger", TEXT("run-b"));
        file_write(RUN "/c.trigger", TEXT("run-c"));
        file_write(ETC "/c.trigger", TEXT("etc-c"));
        file_write(ETC "/.hidden.trigger", TEXT("hidden"));
        file_write(ETC "/c.trigger~", TEXT("backup"));
        file_write(ETC "/.trigger", TEXT("nameless"));
        file_write(ETC "/bad name.trigger", TEXT("bad"));

        set = load(&n);
        tap_eq_int((int)set.n, 3, "three triggers");
        tap_eq_int(n, 1, "and one file whose name is none is told");
        tap_eq_str(unit_of(&set, "a"), "lib-a.service", "what is only in /usr/lib");
        tap_eq_str(unit_of(&set, "b.trigger"), "run-b.service", "/run wins over /usr/lib");
        tap_eq_str(unit_of(&set, "c"), "etc-c.service", "/etc wins over both");
        tap_eq_str(unit_of(&set, "c.triggerx"), "(none)", "no other name finds it");
        tap_ok(strcmp(set.triggers[0]->name, "a") == 0 && strcmp(set.triggers[2]->name, "c") == 0,
               "they come sorted");
        trigger_set_done(&set);
}

static void test_masks(void)
{
        unsigned n;
        TriggerSet set;

        must(symlink("/dev/null", ETC "/a.trigger") == 0);
        file_write(RUN "/b.trigger", "");
        must(truncate(RUN "/b.trigger", 0) == 0);
        set = load(&n);
        tap_eq_int(state_of(&set, "a"), TRIGGER_MASKED, "a link to /dev/null masks");
        tap_eq_int(state_of(&set, "b"), TRIGGER_MASKED, "and so does an empty file");
        tap_ok(!trigger_may_start(&set, "lib-a.service"), "what is masked may start nothing");
        tap_ok(trigger_may_start(&set, "etc-c.service"), "what is not may");
        tap_ok(!trigger_may_start(&set, "lib-c.service"), "and what is hidden may not");
        trigger_set_done(&set);
        must(unlink(ETC "/a.trigger") == 0);
}

static void test_drop_ins(void)
{
        unsigned n;
        TriggerSet set;
        const Trigger *t;

        file_write(LIB "/d.trigger", TEXT("lib-d") "Description=old\n");
        file_write(LIB "/d.trigger.d/10-a.conf", "[Trigger]\nUnit=ten.service\n");
        file_write(LIB "/d.trigger.d/30-c.conf", "[Trigger]\nFilter=engine=podman\n");
        file_write(LIB "/d.trigger.d/40-d.conf", "[Trigger]\nUnit=forty.service\n");
        file_write(LIB "/d.trigger.d/50-e.conf.bak", "nonsense");
        file_write(RUN "/d.trigger.d/20-b.conf", "[Trigger]\nDescription=new\n");
        file_write(ETC "/d.trigger.d/10-a.conf", "[Trigger]\nUnit=etc-ten.service\n");
        must(symlink("/dev/null", ETC "/d.trigger.d/40-d.conf") == 0);

        set = load(&n);
        t = trigger_set_find(&set, "d");
        tap_eq_str(unit_of(&set, "d"), "etc-ten.service", "a drop-in in /etc hides its like");
        tap_eq_str(t->description, "new", "one in /run");
        tap_eq_int((int)strv_length(t->filters), 2, "one in /usr/lib adds a filter");
        tap_eq_int((int)strv_length(t->drop_ins), 3, "a masked one is not read");
        tap_ok(strstr(t->drop_ins[0], "/etc/") && strstr(t->drop_ins[1], "20-b.conf") &&
                       strstr(t->drop_ins[2], "30-c.conf"),
               "they are read in the order of their names");
        trigger_set_done(&set);

        file_write(ETC "/d.trigger.d/60-f.conf", "[Trigger]\nUnit=%n.service\n");
        file_write(ETC "/d.trigger.d/70-g.conf", "[Trigger]\nCatchUp=maybe\n");
        set = load(&n);
        t = trigger_set_find(&set, "d");
        tap_eq_int(t->state, TRIGGER_BROKEN, "a bad drop-in breaks the trigger");
        tap_ok(strstr(t->problem, "60-f.conf:2: Unit=%n.service"), "and the first is named: %s",
               t->problem);
        tap_eq_int(state_of(&set, "c"), TRIGGER_LOADED, "no other");
        tap_ok(!trigger_may_start(&set, "etc-ten.service"), "what is broken may start nothing");
        trigger_set_done(&set);
        must(unlink(ETC "/d.trigger.d/60-f.conf") == 0);
        must(unlink(ETC "/d.trigger.d/70-g.conf") == 0);
}

static void test_what_is_no_file(void)
{
        _cleanup_free_ char *large = calloc(1, 65537);
        unsigned n;
        TriggerSet set;

        must(large);
        must(mkdir(ETC "/e.trigger", 0700) == 0);
        must(mkfifo(ETC "/f.trigger", 0600) == 0);
        must(symlink("/dev/zero", ETC "/g.trigger") == 0);
        must(symlink("nowhere", ETC "/h.trigger") == 0);
        must(symlink("c.trigger", ETC "/i.trigger") == 0);
        memset(large, '#', 65536);
        file_write(ETC "/j.trigger", large);
        large[65536 - 1] = '\n';
        file_append(ETC "/j.trigger", "\n");

        set = load(&n);
        for (const char *name = "efghj"; *name; name++) {
                const char one[] = { *name, '\0' };
                const Trigger *t = trigger_set_find(&set, one);

                tap_ok(t && t->state == TRIGGER_BROKEN && t->problem, "\"%s\" is broken: %s", one,
                       t && t->problem ? t->problem : "(no reason)");
        }
        tap_eq_str(unit_of(&set, "i"), "etc-c.service", "a link to another trigger is one");
        trigger_set_done(&set);
}

static void test_folders_that_cannot_be_read(void)
{
        const TriggerReport report = { .warning = on_warning, .userdata = &(unsigned){ 0 } };
        TriggerSet set = { .n = 4711 };
        Scratch here;
        unsigned n;

        must(getcwd(here.path, sizeof(here.path)));
        file_write(LIB "/k.trigger", TEXT("k"));
        file_write(RUN "/k.trigger.d", "no folder");
        set = load(&n);
        tap_eq_int(state_of(&set, "k"), TRIGGER_BROKEN, "drop-ins that cannot be read break one");
        trigger_set_done(&set);

        must(rename(ETC, "etc/containers-events/was") == 0);
        file_write(ETC, "no folder");
        set.n = 4711;
        tap_eq_int(trigger_set_load(here.path, &report, &set), -ENOTDIR,
                   "a folder that cannot be read could hide something");
        tap_eq_int((int)set.n, 4711, "nothing is given then");
        tap_eq_int((int)*(unsigned *)report.userdata, 1, "and it is told which");
}

int main(void)
{
        _scratch_ Scratch scratch = scratch_enter();

        test_nothing();
        make_folders();
        test_which_file_counts();
        test_masks();
        test_drop_ins();
        test_what_is_no_file();
        test_folders_that_cannot_be_read();
        return tap_done();
}
