/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/stat.h>

#include "scratch.h"
#include "sources/podman-config.h"
#include "tap.h"

static const char *const variables[] = { "CONTAINERS_CONF", "CONTAINERS_CONF_OVERRIDE",
                                         "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "HOME" };

static void forget_environment(void)
{
        for (size_t i = 0; i < ELEMENTSOF(variables); i++)
                must(unsetenv(variables[i]) == 0);
}

/* What is found; "<none>" for an error. The caller owns it. */
static char *found(bool user)
{
        char *path = NULL;
        int r = podman_events_log_path(user, &path);

        if (r >= 0)
                return path;
        must(asprintf(&path, "<%s>", strerror(-r)) > 0);
        return path;
}

static void test_what_one_file_says(void)
{
        static const struct {
                const char *label, *text, *want;
        } rows[] = {
                { "nothing", "", "/run/libpod/events/events.log" },
                { "the path itself", "[engine]\nevents_logfile_path = \"/x/e.log\"\n", "/x/e.log" },
                { "in single quotes", "[engine]\nevents_logfile_path = '/x/e.log'\n", "/x/e.log" },
                { "without white space", "[engine]\nevents_logfile_path=\"/x/e.log\"\n",
                  "/x/e.log" },
                { "with a comment", "[engine]\nevents_logfile_path = \"/x/e.log\" # here\n",
                  "/x/e.log" },
                { "indented", "[engine]\n  events_logfile_path = \"/x/e.log\"\n", "/x/e.log" },
                { "a blank in it", "[engine]\nevents_logfile_path = \"/x y/e.log\"\n",
                  "/x y/e.log" },
                { "the folder", "[engine]\ntmp_dir = \"/t\"\n", "/t/events/events.log" },
                { "both", "[engine]\ntmp_dir = \"/t\"\nevents_logfile_path = \"/x/e.log\"\n",
                  "/x/e.log" },
                { "an empty path says nothing",
                  "[engine]\ntmp_dir = \"/t\"\nevents_logfile_path = \"\"\n",
                  "/t/events/events.log" },
                { "an empty folder neither", "[engine]\ntmp_dir = \"\"\n",
                  "/run/libpod/events/events.log" },
                { "in another section", "[containers]\nevents_logfile_path = \"/x/e.log\"\n",
                  "/run/libpod/events/events.log" },
                { "in a section of a section",
                  "[engine.runtimes]\nevents_logfile_path = \"/x/e.log\"\n",
                  "/run/libpod/events/events.log" },
                { "commented out", "[engine]\n#events_logfile_path = \"/x/e.log\"\n",
                  "/run/libpod/events/events.log" },
                { "without quotes it is no string", "[engine]\nevents_logfile_path = /x/e.log\n",
                  "/run/libpod/events/events.log" },
                { "one quote", "[engine]\nevents_logfile_path = \"\n",
                  "/run/libpod/events/events.log" },
                { "quotes that do not match", "[engine]\nevents_logfile_path = \"/x/e.log'\n",
                  "/run/libpod/events/events.log" },
                { "escapes are left alone", "[engine]\nevents_logfile_path = \"/x\\u0041\"\n",
                  "/run/libpod/events/events.log" },
                { "the last one counts",
                  "[engine]\nevents_logfile_path = \"/a\"\nevents_logfile_path = \"/b\"\n", "/b" },
                { "among what else stands there",
                  "[containers]\ndefault_ulimits = [\n  \"nofile=1:2\",\n]\n[engine]\n"
                  "runtime = \"runc\"\nhelper_binaries_dir = [\"/a\", \"/b\"]\n"
                  "events_logfile_path = \"/x/e.log\"\n[engine.runtimes]\nrunc = [\n\"/a\",\n]\n",
                  "/x/e.log" },
        };
        _scratch_ Scratch scratch = scratch_enter();

        forget_environment();
        must(setenv("CONTAINERS_CONF", "containers.conf", 1) == 0);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *path = NULL;

                file_write("containers.conf", rows[i].text);
                path = found(false);
                tap_eq_str(path, rows[i].want, "%s", rows[i].label);
        }
}

static void test_the_folder_alone(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_free_ char *set = NULL, *standard = NULL;

        forget_environment();
        must(setenv("CONTAINERS_CONF", "containers.conf", 1) == 0);
        file_write("containers.conf",
                   "[engine]\ntmp_dir = \"/t\"\nevents_logfile_path = \"/x/e.log\"\n");
        tap_ok(podman_tmp_dir(false, &set) == 0, "tmp_dir");
        tap_eq_str(set, "/t", "is what it says, wherever events are");
        file_write("containers.conf", "[engine]\nevents_logfile_path = \"/x/e.log\"\n");
        tap_ok(podman_tmp_dir(false, &standard) == 0, "without it");
        tap_eq_str(standard, "/run/libpod", "the default");
}

static void test_the_override_is_read_last(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_free_ char *one = NULL, *both = NULL, *missing = NULL, *empty = NULL;

        forget_environment();
        file_write("base", "[engine]\ntmp_dir = \"/base\"\nevents_logfile_path = \"/base.log\"\n");
        file_write("override", "[engine]\nevents_logfile_path = \"/override.log\"\n");
        must(setenv("CONTAINERS_CONF", "base", 1) == 0);
        one = found(false);
        tap_eq_str(one, "/base.log", "CONTAINERS_CONF");
        must(setenv("CONTAINERS_CONF_OVERRIDE", "override", 1) == 0);
        both = found(false);
        tap_eq_str(both, "/override.log", "CONTAINERS_CONF_OVERRIDE");
        must(setenv("CONTAINERS_CONF", "missing", 1) == 0 &&
             setenv("CONTAINERS_CONF_OVERRIDE", "missing", 1) == 0);
        missing = found(false);
        tap_eq_str(missing, "/run/libpod/events/events.log", "files that are not there");
        must(setenv("CONTAINERS_CONF", "", 1) == 0 &&
             setenv("CONTAINERS_CONF_OVERRIDE", "", 1) == 0);
        empty = found(false);
        tap_ok(empty && *empty == '/', "empty variables are none: %s", empty);
}

/* A function without root's rights, if we have them: root has no files of a user. */
static void as_user(void (*function)(void))
{
        if (geteuid() != 0) {
                function();
                return;
        }
        must(chmod(".", 0755) == 0 && seteuid(65534) == 0);
        function();
        must(seteuid(0) == 0);
}

/* What the machine's own files say comes first, so that each row has its own word. */
static void check_user_files(void)
{
        static const struct {
                const char *label, *config_home, *home, *want;
        } rows[] = {
                { "XDG_CONFIG_HOME", "config", "home", "/drop-in-2.log" },
                { "HOME", NULL, "home", "/home.log" },
                { "an empty XDG_CONFIG_HOME", "", "home", "/home.log" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *path = NULL;

                forget_environment();
                must(setenv("HOME", rows[i].home, 1) == 0);
                must(!rows[i].config_home ||
                     setenv("XDG_CONFIG_HOME", rows[i].config_home, 1) == 0);
                path = found(true);
                tap_eq_str(path, rows[i].want, "%s", rows[i].label);
        }
}

static void make_folder(const char *path)
{
        must(mkdir(path, 0755) == 0 && chmod(path, 0755) == 0);
}

static void make_file(const char *path, const char *content)
{
        file_write(path, content);
        must(chmod(path, 0644) == 0);
}

static void test_files_of_a_user(void)
{
        static const char *const folders[] = {
                "config", "config/containers", "config/containers/containers.conf.d",
                "home",   "home/.config",      "home/.config/containers"
        };
        _scratch_ Scratch scratch = scratch_enter();

        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                make_folder(folders[i]);
        make_file("home/.config/containers/containers.conf",
                  "[engine]\nevents_logfile_path = \"/home.log\"\n");
        make_file("config/containers/containers.conf",
                  "[engine]\nevents_logfile_path = \"/config.log\"\n");
        /* In order of their names; what has another name is none. */
        make_file("config/containers/containers.conf.d/20.conf",
                  "[engine]\nevents_logfile_path = \"/drop-in-2.log\"\n");
        make_file("config/containers/containers.conf.d/10.conf",
                  "[engine]\nevents_logfile_path = \"/drop-in-1.log\"\n");
        make_file("config/containers/containers.conf.d/30.conf.bak",
                  "[engine]\nevents_logfile_path = \"/backup.log\"\n");
        make_file("config/containers/containers.conf.d/.40.conf",
                  "[engine]\nevents_logfile_path = \"/hidden.log\"\n");
        as_user(check_user_files);

        /* Of root's service they are not read. */
        forget_environment();
        must(setenv("XDG_CONFIG_HOME", "config", 1) == 0);
        _cleanup_free_ char *path = found(false);
        tap_ok(strcmp(path, "/drop-in-2.log") != 0, "without user they say nothing: %s", path);
}

static void check_defaults(void)
{
        _cleanup_free_ char *runtime = NULL, *none = NULL, *empty = NULL, *root = NULL;

        forget_environment();
        must(setenv("CONTAINERS_CONF", "/dev/null", 1) == 0);
        none = found(true);
        tap_eq_str(none, "<No such device or address>", "a user without XDG_RUNTIME_DIR");
        must(setenv("XDG_RUNTIME_DIR", "", 1) == 0);
        empty = found(true);
        tap_eq_str(empty, "<No such device or address>", "an empty one is none");
        must(setenv("XDG_RUNTIME_DIR", "/run/user/1000", 1) == 0);
        runtime = found(true);
        tap_eq_str(runtime, "/run/user/1000/libpod/tmp/events/events.log", "a user with it");
        root = found(false);
        tap_eq_str(root, "/run/libpod/events/events.log", "root's");
}

static void test_defaults(void)
{
        _scratch_ Scratch scratch = scratch_enter();

        as_user(check_defaults);
        if (geteuid() == 0) {
                _cleanup_free_ char *path = NULL;

                must(setenv("CONTAINERS_CONF", "/dev/null", 1) == 0);
                path = found(true);
                tap_eq_str(path, "/run/libpod/events/events.log", "root as a user is root");
        }
}

int main(void)
{
        test_what_one_file_says();
        test_the_folder_alone();
        test_the_override_is_read_last();
        test_files_of_a_user();
        test_defaults();
        return tap_done();
}
