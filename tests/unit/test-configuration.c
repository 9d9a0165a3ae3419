/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/stat.h>

#include "base/logging.h"
#include "configuration.h"
#include "scratch.h"
#include "tap.h"

#define K (UINT64_C(1) << 10)
#define M (UINT64_C(1) << 20)
#define G (UINT64_C(1) << 30)
#define T (UINT64_C(1) << 40)

#define _cleanup_configuration_ _cleanup_(configuration_done)

#define FILE_NAME "eventsd.conf"

static Configuration load(const char *text)
{
        Configuration configuration = {};

        file_write(FILE_NAME, text);
        must(configuration_load(FILE_NAME, false, &configuration) == 0);
        return configuration;
}

static void test_an_empty_file_is_the_default(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_configuration_ Configuration c = load("");

        tap_eq_str(c.directory, "/var/log/containers-events", "Directory");
        tap_eq_u64(c.segment_size, 32 * M, "SegmentSize");
        tap_eq_u64(c.max_size, 256 * M, "MaxSize");
        tap_eq_u64(c.max_age_nsec, 0, "MaxAge");
        tap_ok(c.keep_free == 0 && c.keep_free_percent == 5, "KeepFree");
        tap_ok(c.podman_enabled, "Podman is enabled");
        tap_ok(!c.podman_events_log, "its log is found out");
        tap_ok(!c.podman_graph_root && !c.podman_tmp_dir, "and its folders");
        tap_ok(!c.podman_health_check_execs, "HealthCheckExecs");
        tap_ok(!c.problem, "there is no problem");
}

static void test_every_key(void)
{
        static const char text[] = "# containers-eventsd\n"
                                   "[Log]\n"
                                   "Backend=logfile\n"
                                   "Directory=/srv/history   # a large disk\n"
                                   "SegmentSize=1M\n"
                                   "MaxSize = 10G\n"
                                   "MaxAge=90d\n"
                                   "KeepFree=1G\n"
                                   "[Podman]\n"
                                   "Enabled=no\n"
                                   "EventsLog=/srv/events.log\n"
                                   "GraphRoot=/srv/storage\n"
                                   "TmpDir=/srv/tmp\n"
                                   "HealthCheckExecs=yes\n";
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_configuration_ Configuration c = load(text);

        tap_eq_str(c.directory, "/srv/history", "Directory");
        tap_eq_u64(c.segment_size, M, "SegmentSize");
        tap_eq_u64(c.max_size, 10 * G, "MaxSize");
        tap_eq_u64(c.max_age_nsec, UINT64_C(90) * 24 * 3600 * 1000000000, "MaxAge");
        tap_ok(c.keep_free == G && c.keep_free_percent == 0, "KeepFree");
        tap_ok(!c.podman_enabled, "Enabled");
        tap_eq_str(c.podman_events_log, "/srv/events.log", "EventsLog");
        tap_eq_str(c.podman_graph_root, "/srv/storage", "GraphRoot");
        tap_eq_str(c.podman_tmp_dir, "/srv/tmp", "TmpDir");
        tap_ok(c.podman_health_check_execs, "HealthCheckExecs");
        tap_ok(!c.problem, "there is no problem: %s", c.problem ? c.problem : "");
}

static void test_sizes(void)
{
        static const struct {
                const char *value;
                uint64_t size; /* 0: it cannot be */
        } rows[] = {
                { "4096", 4096 },
                { "4K", 4 * K },
                { "32M", 32 * M },
                { "3G", 3 * G },
                { "2T", 2 * T },
                { "1048576T", 1048576 * T },
                { "4095", 0 },
                { "3K", 0 },
                { "0", 0 },
                { "", 0 },
                { "M", 0 },
                { "32m", 0 },
                { "32MB", 0 },
                { "32 M", 0 },
                { "-32M", 0 },
                { "+32M", 0 },
                { "1.5M", 0 },
                { "0x1000", 0 },
                { "1048577T", 0 },
                { "16777216T", 0 },
                { "18446744073709551615", 0 },
                { "18446744073709551616", 0 },
                { "99999999999999999999T", 0 },
                { "much", 0 },
        };
        _scratch_ Scratch scratch = scratch_enter();

        for (size_t i = 0; i < ELEMENTSOF(rows) * 2; i++) {
                const char *key = i % 2 ? "MaxSize" : "SegmentSize", *value = rows[i / 2].value;
                uint64_t want = rows[i / 2].size, standard = i % 2 ? 256 * M : 32 * M;
                _cleanup_configuration_ Configuration c = {};
                char text[128];

                snprintf(text, sizeof(text), "[Log]\n%s=%s\n", key, value);
                c = load(text);
                tap_eq_u64(i % 2 ? c.max_size : c.segment_size, want > 0 ? want : standard, "%s=%s",
                           key, value);
                tap_ok((c.problem != NULL) == (want == 0), "is a problem, or not");
        }
}

static void test_values_that_cannot_be(void)
{
        static const struct {
                const char *section, *setting, *value;
        } rows[] = {
                { "Log", "Backend", "journal" },
                { "Log", "Backend", "" },
                { "Log", "Backend", "Logfile" },
                { "Log", "Directory", "history" },
                { "Log", "Directory", "./history" },
                { "Log", "SegmentSize", "much" },
                { "Log", "MaxSize", "-1" },
                { "Log", "MaxAge", "soon" },
                { "Log", "MaxAge", "-1d" },
                { "Log", "MaxAge", "5 weeks ago" },
                { "Log", "MaxAge", "585y" },
                { "Log", "MaxAge", "99999999999999y" },
                { "Log", "KeepFree", "" },
                { "Log", "KeepFree", "%" },
                { "Log", "KeepFree", "96%" },
                { "Log", "KeepFree", "-5%" },
                { "Log", "KeepFree", "5.5%" },
                { "Log", "KeepFree", "1000%" },
                { "Log", "KeepFree", "much" },
                { "Log", "KeepFree", "9999999T" },
                { "Podman", "Enabled", "true" },
                { "Podman", "Enabled", "" },
                { "Podman", "Enabled", "Yes" },
                { "Podman", "EventsLog", "events.log" },
                { "Podman", "EventsLog", "/run/events/" },
                { "Podman", "GraphRoot", "storage" },
                { "Podman", "GraphRoot", "/" },
                { "Podman", "TmpDir", "./tmp" },
                { "Podman", "HealthCheckExecs", "" },
                { "Podman", "HealthCheckExecs", "auto" },
        };
        _scratch_ Scratch scratch = scratch_enter();

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_configuration_ Configuration c = {};
                char text[128], value[64];

                snprintf(text, sizeof(text), "\n[%s]\n%s=%s\n", rows[i].section, rows[i].setting,
                         rows[i].value);
                snprintf(value, sizeof(value), "\"%s\"", rows[i].value);
                c = load(text);
                tap_ok(c.problem && strstr(c.problem, FILE_NAME ":3:") &&
                               strstr(c.problem, rows[i].setting) && strstr(c.problem, value) &&
                               c.problem[strlen(c.problem) - 1] == '.',
                       "is told: %s", c.problem ? c.problem : "nothing");
                tap_eq_str(c.directory, "/var/log/containers-events", "the default stays");
                tap_ok(c.podman_enabled && !c.podman_events_log && !c.podman_graph_root &&
                               !c.podman_tmp_dir && c.segment_size == 32 * M &&
                               c.max_size == 256 * M && c.max_age_nsec == 0 && c.keep_free == 0 &&
                               c.keep_free_percent == 5 && !c.podman_health_check_execs,
                       "of each");
        }
}

static void test_values_that_can_be(void)
{
        static const struct {
                const char *value;
                bool enabled;
        } rows[] = { { "yes", true }, { "auto", true }, { "no", false } };
        _scratch_ Scratch scratch = scratch_enter();

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_configuration_ Configuration c = {};
                char text[64];

                snprintf(text, sizeof(text), "[Podman]\nEnabled=%s\n", rows[i].value);
                c = load(text);
                tap_ok(c.podman_enabled == rows[i].enabled && !c.problem, "Enabled=%s",
                       rows[i].value);
        }
}

static void test_ages_and_room(void)
{
        static const struct {
                const char *age;
                uint64_t seconds;
        } ages[] = { { "", 0 },        { "0", 0 },   { "5min", 300 },     { "1w", 604800 },
                     { "12h", 43200 }, { "30", 30 }, { "1h 30min", 5400 } };
        static const struct {
                const char *keep;
                uint64_t bytes;
                unsigned percent;
        } rooms[] = { { "0", 0, 0 }, { "0%", 0, 0 }, { "95%", 0, 95 }, { "512M", 512 * M, 0 } };
        _scratch_ Scratch scratch = scratch_enter();
        char text[64];

        for (size_t i = 0; i < ELEMENTSOF(ages); i++) {
                _cleanup_configuration_ Configuration c = {};

                snprintf(text, sizeof(text), "[Log]\nMaxAge=%s\n", ages[i].age);
                c = load(text);
                tap_ok(!c.problem && c.max_age_nsec == ages[i].seconds * 1000000000, "MaxAge=%s",
                       ages[i].age);
        }
        for (size_t i = 0; i < ELEMENTSOF(rooms); i++) {
                _cleanup_configuration_ Configuration c = {};

                snprintf(text, sizeof(text), "[Log]\nKeepFree=%s\n", rooms[i].keep);
                c = load(text);
                tap_ok(!c.problem && c.keep_free == rooms[i].bytes &&
                               c.keep_free_percent == rooms[i].percent,
                       "KeepFree=%s", rooms[i].keep);
        }
}

static void test_the_last_value_counts(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_configuration_ Configuration last = load("[Log]\nDirectory=/a\nDirectory=/b\n"),
                                              empty = load("[Log]\nDirectory=/a\nDirectory=\n"
                                                           "[Podman]\nEventsLog=/a\nEventsLog=\n"
                                                           "HealthCheckExecs=yes\n"
                                                           "HealthCheckExecs=no\n"),
                                              bad = load("[Log]\nMaxSize=1G\nMaxSize=x\n");

        tap_eq_str(last.directory, "/b", "of two");
        tap_eq_str(empty.directory, "/var/log/containers-events", "an empty one is the default");
        tap_ok(!empty.podman_events_log && !empty.podman_graph_root && !empty.podman_tmp_dir &&
                       !empty.problem,
               "also of Podman's paths");
        tap_ok(!empty.podman_health_check_execs, "no after yes");
        tap_eq_u64(bad.max_size, G, "one that cannot be does not");
        tap_ok(bad.problem, "and is a problem");
}

static void test_the_first_problem_is_kept(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_configuration_ Configuration c =
                load("[Log]\nMaxSize=x\nDirectory=y\nrubbish\n[Podman]\nEnabled=z\n");

        tap_ok(c.problem && strstr(c.problem, "MaxSize"), "%s", c.problem ? c.problem : "none");
}

/* What went to standard error; the caller owns it. */
static char *said_while_loading(const char *text)
{
        _cleanup_close_ int saved = dup(STDERR_FILENO), fd = -1;
        Configuration c;

        fd = open("stderr", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        must(saved >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
        c = load(text);
        must(dup2(saved, STDERR_FILENO) >= 0);
        tap_ok(!c.problem, "is no problem");
        configuration_done(&c);
        return file_read("stderr", NULL);
}

static void test_unknown_keys_are_warnings(void)
{
        static const struct {
                const char *text, *key;
                unsigned line;
        } rows[] = {
                { "[Log]\n\nSegmentsize=1M\n", "Segmentsize", 3 },
                { "[log]\nSegmentSize=1M\n", "SegmentSize", 2 },
                { "[Podman]\nSegmentSize=1M\n", "SegmentSize", 2 },
                { "SegmentSize=1M\n", "SegmentSize", 1 },
                { "[Future]\nKey=value\n", "Key", 2 },
        };
        _scratch_ Scratch scratch = scratch_enter();

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *said = said_while_loading(rows[i].text);
                char where[32];

                snprintf(where, sizeof(where), FILE_NAME ":%u:", rows[i].line);
                tap_ok(strstr(said, where) && strstr(said, rows[i].key), "but said: %s", said);
        }
}

static void test_lines_that_are_none(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_free_ char *text = NULL;
        char path[300];
        _cleanup_configuration_ Configuration rubbish = load("[Log]\nrubbish\nMaxSize=1G\n"),
                                              too_long = {};

        tap_ok(rubbish.problem && strstr(rubbish.problem, FILE_NAME ":2:"), "%s",
               rubbish.problem ? rubbish.problem : "nothing is told");
        tap_eq_u64(rubbish.max_size, G, "what follows counts");

        memset(path, 'x', sizeof(path));
        path[0] = '/';
        path[sizeof(path) - 1] = '\0';
        must(asprintf(&text, "[Log]\nDirectory=%s\nMaxSize=1G\n", path) > 0);
        too_long = load(text);
        tap_ok(too_long.problem && strstr(too_long.problem, FILE_NAME ":2:") &&
                       strstr(too_long.problem, "long"),
               "%s", too_long.problem ? too_long.problem : "nothing is told");
        tap_eq_str(too_long.directory, "/var/log/containers-events", "no half of a path is taken");
        tap_eq_u64(too_long.max_size, G, "what follows counts");
}

/* ---- files ---- */

static void test_drop_ins_are_read_in_order(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_configuration_ Configuration c = {};

        must(mkdir(FILE_NAME ".d", 0700) == 0);
        file_write(FILE_NAME ".d/20-b.conf", "[Log]\nDirectory=/20\n");
        file_write(FILE_NAME ".d/10-a.conf", "[Log]\nDirectory=/10\nMaxSize=1G\n");
        file_write(FILE_NAME ".d/30.conf.bak", "[Log]\nDirectory=/30\n");
        file_write(FILE_NAME ".d/.40.conf", "[Log]\nDirectory=/40\n");
        file_write(FILE_NAME ".d/.conf", "[Log]\nDirectory=/50\n");
        c = load("[Log]\nDirectory=/0\nMaxSize=2G\nSegmentSize=1M\n");
        tap_eq_str(c.directory, "/20", "the last counts");
        tap_eq_u64(c.max_size, G, "of each key");
        tap_eq_u64(c.segment_size, M, "and what none says stays");
        tap_ok(!c.problem, "there is no problem");
        configuration_done(&c);

        file_write(FILE_NAME ".d/15.conf", "\n[Log]\nMaxSize=x\n");
        c = load("");
        tap_ok(c.problem && strstr(c.problem, FILE_NAME ".d/15.conf:3:"), "a problem names it: %s",
               c.problem ? c.problem : "");
}

static void test_files_that_cannot_be_read(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_configuration_ Configuration missing = {}, folder = {}, drop_in = {};

        tap_eq_int(configuration_load("missing.conf", false, &missing), 0, "one that is not there");
        tap_ok(missing.problem && strstr(missing.problem, "missing.conf"), "is a problem: %s",
               missing.problem ? missing.problem : "");
        tap_eq_u64(missing.max_size, 256 * M, "and the default counts");

        must(mkdir("folder.conf", 0700) == 0);
        tap_eq_int(configuration_load("folder.conf", false, &folder), 0, "a folder");
        tap_ok(folder.problem && strstr(folder.problem, "folder.conf"), "is a problem: %s",
               folder.problem ? folder.problem : "");

        must(mkdir(FILE_NAME ".d", 0700) == 0);
        must(symlink("nowhere", FILE_NAME ".d/10.conf") == 0);
        drop_in = load("");
        tap_ok(drop_in.problem && strstr(drop_in.problem, "10.conf"), "so is a drop-in: %s",
               drop_in.problem ? drop_in.problem : "");
}

/* A plain name is a folder of ours, what starts with "." is no absolute path; NULL: not set. */
static void set_path(const char *variable, const Scratch *scratch, const char *value)
{
        char path[PATH_MAX + 64];

        if (!value) {
                must(unsetenv(variable) == 0);
                return;
        }
        if (value[0] == '/' || value[0] == '.')
                snprintf(path, sizeof(path), "%s", value);
        else
                snprintf(path, sizeof(path), "%s/%s", scratch->path, value);
        must(setenv(variable, path, 1) == 0);
}

static void test_places_of_a_user(void)
{
        static const struct {
                const char *label, *config_home, *state_home, *home;
                int result;
                const char *directory;
                uint64_t max_size;
        } rows[] = {
                { "XDG folders", "config", "/state", "/home", 0, "/state/containers-events", G },
                { "below the home", NULL, NULL, "home", 0, "home/.local/state/containers-events",
                  2 * G },
                { "folders that are not absolute say nothing", "./config", "./state", "home", 0,
                  "home/.local/state/containers-events", 2 * G },
                { "no files at all", "/nowhere", NULL, "/nowhere", 0,
                  "/nowhere/.local/state/containers-events", 256 * M },
                { "no home", NULL, NULL, NULL, -ENXIO, NULL, 0 },
                { "a home that is not absolute", NULL, NULL, "./home", -ENXIO, NULL, 0 },
        };
        static const char *const folders[] = { "config", "config/containers-events", "home",
                                               "home/.config", "home/.config/containers-events" };
        _scratch_ Scratch scratch = scratch_enter();

        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                must(mkdir(folders[i], 0700) == 0);
        file_write("config/containers-events/eventsd.conf", "[Log]\nMaxSize=1G\n");
        file_write("home/.config/containers-events/eventsd.conf", "[Log]\nMaxSize=2G\n");

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_configuration_ Configuration c = {};
                char want[PATH_MAX + 128];

                set_path("XDG_CONFIG_HOME", &scratch, rows[i].config_home);
                set_path("XDG_STATE_HOME", &scratch, rows[i].state_home);
                set_path("HOME", &scratch, rows[i].home);
                tap_eq_int(configuration_load(NULL, true, &c), rows[i].result, "%s", rows[i].label);
                if (rows[i].result < 0)
                        continue;
                if (rows[i].directory[0] == '/')
                        snprintf(want, sizeof(want), "%s", rows[i].directory);
                else
                        snprintf(want, sizeof(want), "%s/%s", scratch.path, rows[i].directory);
                tap_eq_str(c.directory, want, "the history is there");
                tap_eq_u64(c.max_size, rows[i].max_size, "and that file was read");
                tap_ok(!c.problem, "there is no problem");
        }
}

static void test_it_is_let_go(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        Configuration c = load("[Log]\nDirectory=/a\nMaxSize=x\n[Podman]\nEventsLog=/b\n");

        configuration_done(&c);
        tap_ok(!c.directory && !c.podman_events_log && !c.podman_graph_root && !c.podman_tmp_dir &&
                       !c.problem,
               "and empty");
        configuration_done(&c);
        tap_ok(true, "twice is once");
}

int main(void)
{
        logging_set_level(LOG_WARNING);
        test_an_empty_file_is_the_default();
        test_every_key();
        test_unknown_keys_are_warnings();
        logging_set_target(LOG_TARGET_NULL);
        test_sizes();
        test_values_that_cannot_be();
        test_values_that_can_be();
        test_ages_and_room();
        test_the_last_value_counts();
        test_the_first_problem_is_kept();
        test_lines_that_are_none();
        test_drop_ins_are_read_in_order();
        test_files_that_cannot_be_read();
        test_places_of_a_user();
        test_it_is_let_go();
        return tap_done();
}
