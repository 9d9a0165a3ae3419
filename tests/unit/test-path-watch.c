/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "scratch.h"
#include "sources/path-watch.h"
#include "tap.h"

/* A watch and what it told since somebody asked: W written, M made, V moved, F failed. */
typedef struct Watched {
        sd_event *loop;
        PathWatch *watch;
        char told[256];
} Watched;

static void on_change(PathChange change, void *userdata)
{
        Watched *watched = userdata;
        size_t n = strlen(watched->told);

        must(n + 1 < sizeof(watched->told));
        watched->told[n] = change == PATH_WRITTEN ? 'W'
                           : change == PATH_MADE  ? 'M'
                           : change == PATH_MOVED ? 'V'
                                                  : 'F';
        watched->told[n + 1] = '\0';
}

static void watched_start(Watched *watched, const Scratch *scratch, const char *name)
{
        char path[PATH_MAX + 64];

        *watched = (Watched){};
        must(sd_event_new(&watched->loop) >= 0);
        snprintf(path, sizeof(path), "%s/%s", scratch->path, name);
        must(path_watch_new(watched->loop, path, on_change, watched, &watched->watch) == 0);
        must(path_watch_start(watched->watch) == 0);
}

static void watched_done(Watched *watched)
{
        path_watch_free(watched->watch);
        sd_event_unref(watched->loop);
}

#define _cleanup_watched_ _cleanup_(watched_done)

/* Lets the loop do all that there is to do; what was told, once. */
static const char *told(Watched *watched)
{
        static char once[256];
        size_t n = 0;

        watched->told[0] = '\0';
        while (sd_event_run(watched->loop, 0) > 0)
                ;
        for (const char *p = watched->told; *p; p++)
                if (!memchr(once, *p, n))
                        once[n++] = *p;
        once[n] = '\0';
        return once;
}

static void test_paths_that_cannot_be(void)
{
        static const char *const paths[] = { "", "events.log", "./events.log", "/", "/run/" };
        sd_event *loop = NULL;
        PathWatch *watch = NULL;

        must(sd_event_new(&loop) >= 0);
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                tap_eq_int(path_watch_new(loop, paths[i], on_change, NULL, &watch), -EINVAL,
                           "\"%s\"", paths[i]);
        tap_ok(!watch && !path_watch_free(NULL), "there is no watch");
        sd_event_unref(loop);
}

static void test_a_file_in_a_folder(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_watched_ Watched watched;

        watched_start(&watched, &scratch, "log");
        tap_eq_str(told(&watched), "", "nothing happens");
        file_write("other", "x");
        file_write("logs", "x");
        must(unlink("other") == 0);
        tap_eq_str(told(&watched), "", "other files are nobody's business");
        file_write("log", "");
        tap_eq_str(told(&watched), "M", "the file appears");
        file_append("log", "x");
        tap_eq_str(told(&watched), "W", "it is written to");
        must(truncate("log", 0) == 0);
        tap_eq_str(told(&watched), "W", "it is truncated");
        must(rename("logs", "log") == 0);
        tap_eq_str(told(&watched), "V", "another is renamed over it");
        file_append("log", "x");
        tap_eq_str(told(&watched), "W", "that one is written to");
        must(rename("log", "old") == 0);
        tap_eq_str(told(&watched), "M", "it is renamed away");
        file_append("old", "x");
        tap_eq_str(told(&watched), "", "and is nobody's business");
        file_write("log", "x");
        tap_ok(strchr(told(&watched), 'M'), "a new one appears");
        must(unlink("log") == 0);
        tap_eq_str(told(&watched), "M", "it is removed");
}

static void test_several_changes_are_all_told(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_watched_ Watched watched;

        watched_start(&watched, &scratch, "log");
        file_write("log", "x");
        file_write("new", "y");
        must(rename("new", "log") == 0);
        file_append("log", "z");
        tap_eq_str(told(&watched), "MWV", "in the order in which they happened");
}

static void test_a_folder_that_appears(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_watched_ Watched watched;

        watched_start(&watched, &scratch, "folder/log");
        file_write("other", "x");
        must(mkdir("folder", 0700) == 0);
        tap_eq_str(told(&watched), "M", "look now");
        file_write("folder/log", "x");
        tap_ok(strchr(told(&watched), 'M'), "the file in it is seen");
        file_append("folder/log", "x");
        tap_eq_str(told(&watched), "W", "and followed");
}

/* The folder and its file come at once: who is told of the one looks for the other. */
static void test_a_folder_that_appears_with_its_file(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_watched_ Watched watched;

        must(mkdir("made", 0700) == 0);
        file_write("made/log", "x");
        watched_start(&watched, &scratch, "folder/log");
        must(rename("made", "folder") == 0);
        tap_eq_str(told(&watched), "M", "look now");
        file_append("folder/log", "y");
        tap_eq_str(told(&watched), "W", "it is followed");
}

static void test_levels_that_appear_one_after_another(void)
{
        static const char *const folders[] = { "a", "a/b", "a/b/c", "a/b/c/d" };
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_watched_ Watched slow, fast;

        watched_start(&slow, &scratch, "a/b/c/d/log");
        watched_start(&fast, &scratch, "a/b/c/d/log");
        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                must(mkdir(folders[i], 0700) == 0);
                tap_eq_str(told(&slow), "M", "%s", folders[i]);
        }
        tap_eq_str(told(&fast), "M", "all at once");
        file_write("a/b/c/d/log", "x");
        tap_ok(strchr(told(&slow), 'M') && strchr(told(&fast), 'M'), "the file");
        file_append("a/b/c/d/log", "x");
        tap_eq_str(told(&slow), "W", "is followed");
        tap_eq_str(told(&fast), "W", "by both");
}

static void test_a_folder_that_goes_and_comes_again(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_watched_ Watched watched;

        must(mkdir("a", 0700) == 0 && mkdir("a/b", 0700) == 0);
        watched_start(&watched, &scratch, "a/b/log");
        for (int round = 0; round < 3; round++) {
                file_write("a/b/log", "x");
                tap_ok(strchr(told(&watched), 'M'), "the file appears");
                must(unlink("a/b/log") == 0 && rmdir("a/b") == 0);
                if (round == 1)
                        must(rmdir("a") == 0);
                tap_eq_str(told(&watched), "M", "its folder goes");
                if (round == 1)
                        must(mkdir("a", 0700) == 0);
                must(mkdir("a/b", 0700) == 0);
                tap_eq_str(told(&watched), "M", "and comes again");
        }
        /* Without time to look in between. */
        must(rmdir("a/b") == 0 && mkdir("a/b", 0700) == 0);
        file_write("a/b/log", "x");
        tap_eq_str(told(&watched), "M", "gone and made again at once");
        file_append("a/b/log", "x");
        tap_eq_str(told(&watched), "W", "it is followed");
}

static void test_a_folder_that_is_moved(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_watched_ Watched watched;

        must(mkdir("folder", 0700) == 0);
        file_write("folder/log", "x");
        watched_start(&watched, &scratch, "folder/log");
        must(rename("folder", "elsewhere") == 0);
        tap_eq_str(told(&watched), "M", "away");
        file_append("elsewhere/log", "x");
        tap_eq_str(told(&watched), "", "what it is elsewhere is nobody's business");
        must(rename("elsewhere", "folder") == 0);
        tap_eq_str(told(&watched), "M", "and back");
        file_append("folder/log", "x");
        tap_eq_str(told(&watched), "W", "it is followed");
}

static void test_what_stands_where_a_folder_should(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_watched_ Watched watched;

        file_write("folder", "a file");
        watched_start(&watched, &scratch, "folder/log");
        tap_eq_str(told(&watched), "", "a file is waited out");
        must(unlink("folder") == 0 && symlink("nowhere", "folder") == 0);
        told(&watched);
        must(mkdir("real", 0700) == 0 && unlink("folder") == 0 && symlink("real", "folder") == 0);
        tap_eq_str(told(&watched), "M", "a link to a folder is one");
        file_write("real/log", "x");
        tap_ok(strchr(told(&watched), 'M'), "the file in it is seen");
}

static void test_it_is_started_anew(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_watched_ Watched watched;

        watched_start(&watched, &scratch, "log");
        file_write("log", "x");
        tap_eq_int(path_watch_start(watched.watch), 0, "it may be");
        tap_eq_str(told(&watched), "", "what was there already is not told");
        file_append("log", "x");
        tap_eq_str(told(&watched), "W", "what comes is, once");
        tap_eq_u64(strlen(watched.told), 1, "and only once");
}

/* More than inotify remembers: what was missed may be the worst. */
static void test_an_overflow(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_watched_ Watched watched;
        char digits[32] = "";
        int n, fd;

        fd = open("/proc/sys/fs/inotify/max_queued_events", O_RDONLY | O_CLOEXEC);
        must(fd >= 0 && read(fd, digits, sizeof(digits) - 1) > 0);
        close(fd);
        n = atoi(digits);
        if (n > 50000) {
                tap_skip("%d changes are too many", n);
                return;
        }
        watched_start(&watched, &scratch, "log");
        for (int i = 0; i < n + 10; i++) {
                char name[32];

                /* Different ones, or they would be told as one. */
                snprintf(name, sizeof(name), "%d", i % 2);
                fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
                must(fd >= 0 && write(fd, "x", 1) == 1);
                close(fd);
        }
        tap_ok(strchr(told(&watched), 'V'), "it says that something was moved");
        file_append("log", "x");
        tap_ok(*told(&watched) != '\0', "and goes on");
}

int main(void)
{
        test_paths_that_cannot_be();
        test_a_file_in_a_folder();
        test_several_changes_are_all_told();
        test_a_folder_that_appears();
        test_a_folder_that_appears_with_its_file();
        test_levels_that_appear_one_after_another();
        test_a_folder_that_goes_and_comes_again();
        test_a_folder_that_is_moved();
        test_what_stands_where_a_folder_should();
        test_it_is_started_anew();
        test_an_overflow();
        return tap_done();
}
