/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "conmon-child.h"
#include "sources/conmon-folder.h"
#include "sources/conmon-watch.h"
#include "tap.h"

#define TOLD_SIZE (1 << 20)

/*
 * Sessions and containers are told as the first digit of their ID: "+c/s" made, "*" was there, "!"
 * started, "=7" exited, "." its process ended, ".=7" with a code, "~" its file was missed, "-"
 * gone; a container "@c=7" or "@c=137oom", "-c";
 * "?" missed, "X" failed.
 */
typedef struct Scene {
        Scratch scratch;
        char storage[PATH_MAX + 64], tmp[PATH_MAX + 64];
        sd_event *loop;
        ConmonWatch *watch;
        char told[TOLD_SIZE];
        uint64_t nsec; /* that was told last */
        char failure[512];
} Scene;

__attribute__((format(printf, 2, 3))) static void add(void *userdata, const char *format, ...)
{
        Scene *scene = userdata;
        size_t n = strlen(scene->told);
        va_list args;

        va_start(args, format);
        must(n + 128 < sizeof(scene->told));
        if (n > 0)
                scene->told[n++] = ' ';
        vsnprintf(scene->told + n, sizeof(scene->told) - n, format, args);
        va_end(args);
}

static void on_made(const char *container, const char *session, uint64_t birth_nsec, bool was_there,
                    void *userdata)
{
        ((Scene *)userdata)->nsec = birth_nsec;
        add(userdata, "%c%c/%c", was_there ? '*' : '+', *container, *session);
}

static void on_started(const char *container, const char *session, void *userdata)
{
        add(userdata, "!%c/%c", *container, *session);
}

static void on_exited(const char *container, const char *session, int32_t code, uint64_t time_nsec,
                      void *userdata)
{
        ((Scene *)userdata)->nsec = time_nsec;
        add(userdata, "%c/%c=%d", *container, *session, code);
}

static void on_process_ended(const char *container, const char *session, int32_t code,
                             void *userdata)
{
        if (code == CONMON_CODE_UNKNOWN)
                add(userdata, ".%c/%c", *container, *session);
        else
                add(userdata, ".%c/%c=%d", *container, *session, code);
}

static void on_exit_missed(const char *container, const char *session, void *userdata)
{
        add(userdata, "~%c/%c", *container, *session);
}

static void on_gone(const char *container, const char *session, void *userdata)
{
        add(userdata, "-%c/%c", *container, *session);
}

static void on_container_exited(const char *container, int32_t code, uint64_t time_nsec, bool oom,
                                void *userdata)
{
        ((Scene *)userdata)->nsec = time_nsec;
        add(userdata, "@%c=%d%s", *container, code, oom ? "oom" : "");
}

static void on_container_gone(const char *container, void *userdata)
{
        add(userdata, "-%c", *container);
}

static void on_missed(void *userdata)
{
        add(userdata, "?");
}

static void on_failed(const char *sentence, void *userdata)
{
        snprintf(((Scene *)userdata)->failure, 512, "%s", sentence);
        add(userdata, "X");
}

/* ---- a storage ---- */

/* Each %X (%% in a format) becomes an ID: 64 times the digit X. */
static const char *path_of(const char *format, ...)
{
        static char paths[4][512];
        static unsigned which;
        char *path = paths[which++ % 4], *out = path;
        char text[256];
        va_list args;

        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        for (const char *p = text; *p; p++) {
                if (*p != '%') {
                        *out++ = *p;
                        continue;
                }
                p++;
                memset(out, *p, 64);
                out += 64;
        }
        *out = '\0';
        return path;
}

static void folder(const char *path)
{
        must(mkdir(path, 0700) == 0);
}

static void make_storage(void)
{
        folder("storage");
        folder("storage/overlay-containers");
        folder("tmp");
        folder("tmp/exits");
}

static void make_container(const char *c)
{
        folder(path_of("storage/overlay-containers/%%%s", c));
        folder(path_of("storage/overlay-containers/%%%s/userdata", c));
}

static void make_session(const char *c, const char *s)
{
        folder(path_of("storage/overlay-containers/%%%s/userdata/%%%s", c, s));
        folder(path_of("storage/overlay-containers/%%%s/userdata/%%%s/exit", c, s));
}

/* As conmon does: under another name, then renamed. */
static void put(const char *path, const char *text)
{
        char temporary[600];

        snprintf(temporary, sizeof(temporary), "%s.A1B2C3", path);
        file_write(temporary, text);
        must(rename(temporary, path) == 0);
}

static void start_session(const char *c, const char *s, const char *pid)
{
        put(path_of("storage/overlay-containers/%%%s/userdata/%%%s/exec_pid", c, s), pid);
}

static void end_session(const char *c, const char *s, const char *code)
{
        put(path_of("storage/overlay-containers/%%%s/userdata/%%%s/exit/%%%s", c, s, c), code);
}

static void remove_all(const char *path)
{
        must(nftw(path, scratch_remove, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

static void remove_session(const char *c, const char *s)
{
        remove_all(path_of("storage/overlay-containers/%%%s/userdata/%%%s", c, s));
}

static void remove_container(const char *c)
{
        remove_all(path_of("storage/overlay-containers/%%%s", c));
}

/* ---- a scene ---- */

static Scene *scene_enter(void)
{
        Scene *scene = calloc(1, sizeof(Scene));

        must(scene && sd_event_new(&scene->loop) >= 0);
        scene->scratch = scratch_enter();
        snprintf(scene->storage, sizeof(scene->storage), "%s/storage", scene->scratch.path);
        snprintf(scene->tmp, sizeof(scene->tmp), "%s/tmp", scene->scratch.path);
        return scene;
}

static void scene_start(Scene *scene, int kept_fd)
{
        const ConmonListener listener = {
                .made = on_made,
                .started = on_started,
                .exited = on_exited,
                .process_ended = on_process_ended,
                .exit_missed = on_exit_missed,
                .gone = on_gone,
                .container_exited = on_container_exited,
                .container_gone = on_container_gone,
                .missed = on_missed,
                .failed = on_failed,
                .userdata = scene,
        };

        must(conmon_watch_new(scene->loop, scene->storage, scene->tmp, kept_fd, &listener,
                              &scene->watch) == 0);
        must(conmon_watch_start(scene->watch) == 0);
}

/* What was told since the last time, by the loop and what it has to do now. */
static const char *told(Scene *scene)
{
        static char copy[TOLD_SIZE];

        while (sd_event_run(scene->loop, 0) > 0)
                ;
        strcpy(copy, scene->told);
        scene->told[0] = '\0';
        return copy;
}

/* Until this was told, within the patience of a second. */
static bool is_told(Scene *scene, const char *what)
{
        for (int i = 0; i < 100 && !strstr(scene->told, what); i++)
                sd_event_run(scene->loop, 10000);
        return strstr(told(scene), what);
}

/* By the drain alone. */
static const char *drained(Scene *scene)
{
        static char copy[TOLD_SIZE];

        conmon_watch_drain(scene->watch);
        strcpy(copy, scene->told);
        scene->told[0] = '\0';
        return copy;
}

static void scene_leave(Scene **scene)
{
        conmon_watch_free((*scene)->watch);
        sd_event_unref((*scene)->loop);
        scratch_leave(&(*scene)->scratch);
        free(*scene);
}

#define _scene_ _cleanup_(scene_leave)

static uint64_t now_nsec(void)
{
        struct timespec t;

        must(clock_gettime(CLOCK_REALTIME, &t) == 0);
        return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static bool is_recent(uint64_t nsec)
{
        uint64_t now = now_nsec();

        return nsec <= now + 1000000000 && nsec + UINT64_C(60) * 1000000000 > now;
}

/* ---- what is told ---- */

static void test_paths_that_cannot_be(void)
{
        static const struct {
                const char *graphroot, *tmp;
        } rows[] = {
                { "storage", "/tmp" }, { "/storage", "tmp" }, { "", "/tmp" }, { "/", "/tmp" }
        };
        const ConmonListener listener = {};
        ConmonWatch *watch = NULL;
        sd_event *loop = NULL;

        must(sd_event_new(&loop) >= 0);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                tap_eq_int(conmon_watch_new(loop, rows[i].graphroot, rows[i].tmp, -1, &listener,
                                            &watch),
                           -EINVAL, "\"%s\" and \"%s\"", rows[i].graphroot, rows[i].tmp);
        tap_ok(!watch && !conmon_watch_free(NULL), "there is no watch");
        sd_event_unref(loop);
}

static void test_a_session(void)
{
        _scene_ Scene *scene = scene_enter();

        make_storage();
        make_container("c");
        scene_start(scene, -1);
        tap_eq_str(told(scene), "?", "nothing is there yet");
        folder(path_of("storage/overlay-containers/%%c/userdata/%%5"));
        tap_eq_str(told(scene), "+c/5", "its folder");
        tap_ok(scene->nsec == 0 || is_recent(scene->nsec), "made now, or nobody knows");
        folder(path_of("storage/overlay-containers/%%c/userdata/%%5/exit"));
        file_write(path_of("storage/overlay-containers/%%c/userdata/%%5/.exec_pid"), "1");
        tap_eq_str(told(scene), "", "what is not yet ready");
        start_session("c", "5", "1");
        tap_eq_str(told(scene), "!c/5", "exec_pid");
        end_session("c", "5", "7");
        tap_eq_str(told(scene), "c/5=7", "its code");
        tap_ok(is_recent(scene->nsec), "which was written now");
        remove_session("c", "5");
        tap_eq_str(told(scene), "-c/5", "its end");
        remove_container("c");
        tap_eq_str(told(scene), "-c", "and the container's");
}

/* conmon's files are renamed when they are whole, and of the runtimes runc's; crun's is written in
 * its place. */
static void test_a_number_that_is_written_in_its_place(void)
{
        _scene_ Scene *scene = scene_enter();
        _cleanup_close_ int fd = -1;

        make_storage();
        make_container("c");
        make_session("c", "5");
        scene_start(scene, -1);
        told(scene);
        fd = open(path_of("storage/overlay-containers/%%c/userdata/%%5/exec_pid"),
                  O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        must(fd >= 0);
        tap_eq_str(told(scene), "", "there is no number yet");
        must(write(fd, "1", 1) == 1 && close(TAKE_FD(fd)) == 0);
        tap_eq_str(told(scene), "!c/5", "it is there");
}

/* All before the loop has a turn: the folders are found by looking, the rest too. */
static void test_all_at_once(void)
{
        _scene_ Scene *scene = scene_enter();

        make_storage();
        scene_start(scene, -1);
        told(scene);
        make_container("c");
        make_session("c", "5");
        start_session("c", "5", "1");
        end_session("c", "5", "0");
        tap_eq_str(told(scene), "+c/5 !c/5 c/5=0", "from the container to the code");
        make_session("c", "6");
        end_session("c", "6", "9");
        tap_eq_str(told(scene), "+c/6 !c/6 c/6=9", "exec_pid is gone, but it ran");
        make_session("c", "7");
        start_session("c", "7", "1");
        end_session("c", "7", "9");
        remove_session("c", "7");
        tap_eq_str(told(scene), "+c/7 -c/7", "seen too late, it is accounted for");
        make_container("d");
        make_session("d", "8");
        remove_container("d");
        tap_eq_str(told(scene), "-d", "a container that came and went");
}

static void test_what_it_hears_too_late(void)
{
        _scene_ Scene *scene = scene_enter();

        make_storage();
        make_container("c");
        make_session("c", "5");
        scene_start(scene, -1);
        tap_eq_str(told(scene), "? *c/5", "a session that waits");
        start_session("c", "5", "1");
        end_session("c", "5", "4");
        must(unlink(path_of("storage/overlay-containers/%%c/userdata/%%5/exit/%%c")) == 0);
        tap_eq_str(told(scene), "!c/5 .c/5 ~c/5",
                   "the file is gone: it ended, with what is not known");
        remove_session("c", "5");
        tap_eq_str(told(scene), "-c/5", "and its folder");
}

static void test_what_was_there(void)
{
        _scene_ Scene *scene = scene_enter();

        make_storage();
        make_container("c");
        make_session("c", "5");
        make_session("c", "6");
        start_session("c", "6", "1");
        make_session("c", "7");
        start_session("c", "7", "1");
        end_session("c", "7", "137");
        put(path_of("tmp/exits/%%d"), "3");
        scene_start(scene, -1);

        const char *all = told(scene);
        tap_ok(strncmp(all, "? ", 2) == 0, "that something was missed comes first");
        tap_ok(strstr(all, "*c/5") && !strstr(all, "!c/5"), "one that does not run yet");
        tap_ok(strstr(all, "*c/6 !c/6") && !strstr(all, "c/6="), "one that runs");
        tap_ok(strstr(all, "*c/7 !c/7 c/7=137"), "one that ended");
        tap_ok(strstr(all, "@d=3"), "a container's code");
        tap_eq_u64(strlen(all), strlen("? *c/5 *c/6 !c/6 *c/7 !c/7 c/7=137 @d=3"), "each once");
        conmon_watch_drain(scene->watch);
        tap_eq_str(told(scene), "", "and never again");
        end_session("c", "5", "1");
        end_session("c", "6", "2");
        tap_eq_str(told(scene), "!c/5 c/5=1 c/6=2", "they go on");
}

static void test_the_drain_alone(void)
{
        _scene_ Scene *scene = scene_enter();

        make_storage();
        make_container("c");
        scene_start(scene, -1);
        told(scene);
        make_session("c", "5");
        start_session("c", "5", "1");
        tap_eq_str(drained(scene), "+c/5 !c/5", "it takes in what was made");
        end_session("c", "5", "7");
        tap_eq_str(drained(scene), "c/5=7", "and each change behind it");
        remove_session("c", "5");
        tap_eq_str(drained(scene), "-c/5", "to the end");
        tap_eq_str(drained(scene), "", "nothing is left");
        tap_eq_str(told(scene), "", "for the loop neither");
}

static void test_codes(void)
{
        static const struct {
                const char *text, *want;
        } rows[] = {
                { "0", "d/5=0" },
                { "255", "d/5=255" },
                { "-1", "d/5=-1" },
                { "137", "d/5=137" },
                { "256", "" },
                { "-2", "" },
                { "", "" },
                { "7\n", "" },
                { " 7", "" },
                { "+7", "" },
                { "0x7", "" },
                { "seven", "" },
                { "1\x01", "" },
                { "2147483648", "" },
                { "0000000000000007", "" },
                { "00000000000000000000000000000000000000000000000000007", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _scene_ Scene *scene = scene_enter();

                make_storage();
                make_container("d");
                make_session("d", "5");
                start_session("d", "5", "1");
                scene_start(scene, -1);
                told(scene);
                end_session("d", "5", rows[i].text);
                put(path_of("tmp/exits/%%d"), rows[i].text);
                tap_ok((strstr(told(scene), "d/5=") != NULL) == (*rows[i].want != '\0'),
                       "\"%s\" is %s", rows[i].text, *rows[i].want ? "a code" : "none");
        }
}

static void test_containers(void)
{
        _scene_ Scene *scene = scene_enter();

        make_storage();
        make_container("a");
        make_container("b");
        scene_start(scene, -1);
        told(scene);
        put(path_of("tmp/exits/%%a"), "3");
        tap_eq_str(told(scene), "@a=3", "its code");
        tap_ok(is_recent(scene->nsec), "which was written now");
        must(unlink(path_of("tmp/exits/%%a")) == 0);
        file_write(path_of("storage/overlay-containers/%%a/userdata/oom"), "");
        put(path_of("tmp/exits/%%a"), "137");
        tap_eq_str(told(scene), "@a=137oom", "it had no memory, says the bundle");
        folder("tmp/persist");
        folder(path_of("tmp/persist/%%b"));
        put(path_of("tmp/exits/%%b"), "1");
        tap_eq_str(told(scene), "@b=1", "another had");
        file_write(path_of("tmp/persist/%%b/oom"), "");
        put(path_of("tmp/exits/%%b"), "137");
        tap_eq_str(told(scene), "@b=137oom", "one of which the bundle is gone");
        file_write(path_of("tmp/exits/%%c"), "4");
        file_write("tmp/exits/other", "4");
        tap_eq_str(told(scene), "", "what was not renamed is not ready");
        put("tmp/exits/short", "4");
        tap_eq_str(told(scene), "", "nor is any file one of a container");
}

/* ---- folders that come late, and go ---- */

static void test_folders_that_come_late(void)
{
        _scene_ Scene *scene = scene_enter();

        scene_start(scene, -1);
        tap_eq_str(told(scene), "?", "there is nothing at all");
        folder("storage");
        tap_eq_str(told(scene), "", "a storage");
        folder("storage/vfs-containers");
        tap_eq_str(told(scene), "", "a driver");
        folder(path_of("storage/vfs-containers/%%c"));
        folder(path_of("storage/vfs-containers/%%c/userdata"));
        tap_eq_str(told(scene), "", "a container");
        folder(path_of("storage/vfs-containers/%%c/userdata/%%5"));
        tap_eq_str(told(scene), "+c/5", "a session");
        folder("storage/overlay-containers");
        make_container("d");
        make_session("d", "6");
        tap_eq_str(told(scene), "+d/6", "another driver beside it");
        folder("tmp");
        told(scene);
        folder("tmp/exits");
        put(path_of("tmp/exits/%%c"), "3");
        tap_ok(is_told(scene, "@c=3"), "the exits");
}

static void test_a_storage_that_is_there_at_once(void)
{
        _scene_ Scene *scene = scene_enter();

        scene_start(scene, -1);
        told(scene);
        make_storage();
        make_container("c");
        make_session("c", "5");
        start_session("c", "5", "1");
        tap_ok(is_told(scene, "+c/5 !c/5"), "it is found whole");
        remove_all("storage");
        tap_ok(is_told(scene, "-c/5 -c"), "it is reset");
        folder("storage");
        folder("storage/overlay-containers");
        make_container("d");
        make_session("d", "6");
        tap_ok(is_told(scene, "+d/6"), "and made again");
        end_session("d", "6", "1");
        tap_eq_str(told(scene), "!d/6 d/6=1", "it is followed");
}

static void test_a_storage_that_comes_before_the_loop_hears(void)
{
        _scene_ Scene *scene = scene_enter();

        scene_start(scene, -1);
        told(scene);
        make_storage();
        make_container("c");
        make_session("c", "5");
        end_session("c", "5", "8");
        tap_ok(strstr(drained(scene), "c/5=8"), "the drain finds it");
        tap_eq_str(told(scene), "", "once");
        remove_all("storage");
        folder("storage");
        folder("storage/overlay-containers");
        make_container("d");
        make_session("d", "6");
        const char *all = drained(scene);
        tap_ok(strstr(all, "-c/5 -c") && strstr(all, "d/6"), "also when it is another: %s", all);
        tap_eq_str(told(scene), "", "once");
}

static void test_folders_that_move(void)
{
        _scene_ Scene *scene = scene_enter();

        make_storage();
        make_container("c");
        make_session("c", "5");
        scene_start(scene, -1);
        told(scene);
        must(rename(path_of("storage/overlay-containers/%%c"), "elsewhere") == 0);
        tap_eq_str(told(scene), "-c/5 -c", "away is gone");
        file_write("elsewhere/userdata/x", "");
        must(rename("elsewhere", path_of("storage/overlay-containers/%%d")) == 0);
        tap_eq_str(told(scene), "+d/5", "under another name it is another");
        start_session("d", "5", "1");
        tap_eq_str(told(scene), "!d/5", "which is followed");
        must(rename("storage", "away") == 0);
        tap_ok(is_told(scene, "-d/5 -d"), "the storage itself");
        must(rename("away", "storage") == 0);
        tap_ok(is_told(scene, "+d/5 !d/5"), "and back");
}

static void test_a_name_that_is_used_again(void)
{
        _scene_ Scene *scene = scene_enter();

        make_storage();
        make_container("c");
        scene_start(scene, -1);
        told(scene);
        for (int i = 0; i < 3; i++) {
                make_session("c", "5");
                end_session("c", "5", "7");
                if (i < 2)
                        tap_eq_str(told(scene), "+c/5 !c/5 c/5=7", "round %d", i);
                remove_session("c", "5");
                if (i < 2)
                        tap_eq_str(told(scene), "-c/5", "round %d", i);
                make_session("c", "5");
                if (i == 2)
                        end_session("c", "5", "9");
                if (i < 2) {
                        remove_session("c", "5");
                        told(scene);
                }
        }
        const char *all = told(scene);
        tap_ok(strcmp(all + strlen(all) - 5, "c/5=9") == 0, "only the last is there: %s", all);
}

/* ---- processes ---- */

static pid_t sleeper(void)
{
        pid_t pid = fork();

        must(pid >= 0);
        if (pid == 0)
                for (;;)
                        pause();
        return pid;
}

static void end(pid_t pid)
{
        must(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
}

static void test_a_process_that_ends(void)
{
        _scene_ Scene *scene = scene_enter();
        pid_t first = sleeper(), second = sleeper();
        char pid[32];

        make_storage();
        make_container("c");
        make_session("c", "5");
        make_session("c", "6");
        scene_start(scene, -1);
        snprintf(pid, sizeof(pid), "%d", first);
        start_session("c", "5", pid);
        snprintf(pid, sizeof(pid), "%d", second);
        start_session("c", "6", pid);
        const char *all = told(scene);
        tap_ok(strstr(all, "!c/5 !c/6") && !strstr(all, "."), "they run");
        end(first);
        tap_ok(is_told(scene, ".c/5"), "one ended, without a word");
        end_session("c", "6", "9");
        end(second);
        tap_eq_str(told(scene), "c/6=9", "the other with its code, which is enough");
        end_session("c", "5", "2");
        tap_eq_str(told(scene), "c/5=2", "a code may still come");
        remove_session("c", "5");
        remove_session("c", "6");
        tap_eq_str(told(scene), "-c/5 -c/6", "they are gone");

        make_session("c", "7");
        snprintf(pid, sizeof(pid), "%d", first);
        start_session("c", "7", pid);
        tap_eq_str(told(scene), "+c/7 !c/7 .c/7", "one that ended before we looked");
}

static Child run_child(const char *c, const char *s, const char *how)
{
        Child child = child_start(
                path_of("storage/overlay-containers/%%%s/userdata/%%%s/exec_pid", c, s), how);
        char pid[32];

        snprintf(pid, sizeof(pid), "%d", child.process);
        start_session(c, s, pid);
        return child;
}

static void remove_exit(const char *c, const char *s)
{
        must(unlink(path_of("storage/overlay-containers/%%%s/userdata/%%%s/exit/%%%s", c, s, c)) ==
             0);
}

static void test_a_process_whose_file_is_missed(void)
{
        _scene_ Scene *scene = scene_enter();
        Child children[4];

        make_storage();
        make_container("c");
        scene_start(scene, -1);
        for (int i = 0; i < 4; i++) {
                const char name[2] = { (char)('5' + i), '\0' };

                make_session("c", name);
                children[i] = run_child("c", name, name);
        }
        tap_ok(strstr(told(scene), "!c/8"), "they run");

        child_reap(children);
        end_session("c", "5", "5");
        remove_exit("c", "5");
        if (!strstr(told(scene), ".c/5=5 ~c/5")) {
                for (int i = 1; i < 4; i++)
                        child_reap(children + i);
                tap_skip("the kernel does not say how a process ended");
                return;
        }
        tap_ok(true, "the file was there, and the process had that code");

        child_reap(children + 1);
        remove_session("c", "6");
        tap_eq_str(drained(scene), ".c/6=6 -c/6", "nobody saw a file");

        child_end(children + 2);
        tap_ok(!is_told(scene, ".c/7"), "conmon does not know that it has ended");
        child_reap(children + 2);
        tap_ok(is_told(scene, ".c/7=7"), "there may be a file soon");
        end_session("c", "7", "8");
        tap_eq_str(told(scene), "c/7=8", "and what is in it counts");

        remove_session("c", "8");
        tap_eq_str(told(scene), "-c/8", "one that is gone and goes on has no code");
        child_reap(children + 3);
        tap_eq_str(told(scene), "", "nor later");
}

static void test_processes_that_cannot_be(void)
{
        static const char *const pids[] = { "", "0", "-1", "x", "2147483647", "99999999999" };
        _scene_ Scene *scene = scene_enter();
        char name[2] = "0";

        make_storage();
        make_container("c");
        scene_start(scene, -1);
        told(scene);
        for (size_t i = 0; i < ELEMENTSOF(pids); i++) {
                char want[64];

                name[0] = (char)('0' + i);
                make_session("c", name);
                start_session("c", name, pids[i]);
                end_session("c", name, "1");
                snprintf(want, sizeof(want), "+c/%s !c/%s c/%s=1", name, name, name);
                tap_eq_str(told(scene), want, "\"%s\"", pids[i]);
        }
}

/* ---- those who own a folder, and mean no good ---- */

static void test_hostile_files(void)
{
        _scene_ Scene *scene = scene_enter();
        const char *exit = "storage/overlay-containers/%%c/userdata/%%5/exit/%%c";

        make_storage();
        make_container("c");
        scene_start(scene, -1);
        told(scene);
        file_write("secret", "42");
        must(symlink("../../../../../../secret", "link") == 0);

        make_session("c", "5");
        must(rename("link", path_of(exit)) == 0);
        tap_eq_str(told(scene), "+c/5", "a link is no exit file");
        must(unlink(path_of(exit)) == 0 && mkfifo("fifo", 0600) == 0 &&
             rename("fifo", path_of(exit)) == 0);
        tap_eq_str(told(scene), "", "nor is a pipe");
        must(unlink(path_of(exit)) == 0);
        folder(path_of(exit));
        tap_eq_str(told(scene), "", "nor a folder");
        must(rmdir(path_of(exit)) == 0);
        must(mkfifo(path_of("storage/overlay-containers/%%c/userdata/%%5/fifo"), 0600) == 0 &&
             rename(path_of("storage/overlay-containers/%%c/userdata/%%5/fifo"),
                    path_of("storage/overlay-containers/%%c/userdata/%%5/exec_pid")) == 0);
        tap_eq_str(told(scene), "!c/5", "whatever is called exec_pid is waited for by nobody");
        end_session("c", "5", "3");
        tap_eq_str(told(scene), "c/5=3", "a file of conmon's still counts");
}

static void test_hostile_folders(void)
{
        _scene_ Scene *scene = scene_enter();
        const char *bundle = "storage/overlay-containers/%%c/userdata";

        make_storage();
        make_container("c");
        folder("elsewhere");
        folder(path_of("elsewhere/%%6"));
        folder(path_of("elsewhere/%%6/exit"));
        file_write(path_of("elsewhere/%%6/exit/%%c"), "1");
        file_write(path_of("storage/overlay-containers/%%c/userdata/%%1"), "a file");
        must(symlink("/", path_of("storage/overlay-containers/%%c/userdata/%%2")) == 0);
        scene_start(scene, -1);
        tap_eq_str(told(scene), "?", "files and links are no sessions");
        must(symlink("../../../../elsewhere/x", path_of("%%3")) == 0 &&
             rename(path_of("%%3"), path_of("storage/overlay-containers/%%c/userdata/%%3")) == 0);
        folder(path_of("storage/overlay-containers/%%c/userdata/1234"));
        folder(path_of("storage/overlay-containers/%%c/userdata/%%F"));
        folder(path_of("storage/overlay-containers/%%c/userdata/%%5x"));
        folder(path_of("storage/overlay-containers/short"));
        folder(path_of("storage/-containers"));
        folder(path_of("storage/overlay-images"));
        tap_eq_str(told(scene), "", "also such as come later; nor is any folder one");

        make_session("c", "5");
        told(scene);
        remove_all(path_of("storage/overlay-containers/%%c/userdata/%%5/exit"));
        must(symlink("../../../../../elsewhere",
                     path_of("storage/overlay-containers/%%c/userdata/%%5/exit")) == 0);
        tap_eq_str(told(scene), "", "its folder becomes a link");
        remove_all(path_of(bundle));
        must(symlink("../../../elsewhere", path_of(bundle)) == 0);
        tap_eq_str(told(scene), "-c/5", "a bundle becomes one");
        conmon_watch_drain(scene->watch);
        tap_eq_str(told(scene), "", "not even to look");
}

/* Between what inotify told and our look. */
static void test_a_folder_that_becomes_a_link(void)
{
        _scene_ Scene *scene = scene_enter();
        const char *session = "storage/overlay-containers/%%c/userdata/%%5";

        make_storage();
        make_container("c");
        make_session("c", "5");
        scene_start(scene, -1);
        told(scene);
        folder("elsewhere");
        folder("elsewhere/exit");
        file_write(path_of("elsewhere/exit/%%c"), "42");
        end_session("c", "5", "7");
        must(rename(path_of(session), path_of("%%5")) == 0);
        must(symlink("../../../../elsewhere", path_of(session)) == 0);
        tap_eq_str(told(scene), "!c/5 .c/5 ~c/5 -c/5", "nobody is led to another's file");
}

/* A folder that is two in the tree. */
static void test_folders_that_change_names(void)
{
        _scene_ Scene *scene = scene_enter();

        make_storage();
        make_container("c");
        make_session("c", "5");
        scene_start(scene, -1);
        told(scene);
        for (int i = 0; i < 100; i++) {
                must(rename(path_of("storage/overlay-containers/%%c/userdata/%%5"),
                            path_of("storage/overlay-containers/%%c/userdata/%%6")) == 0);
                make_session("c", "5");
                must(renameat2(AT_FDCWD, path_of("storage/overlay-containers/%%c/userdata/%%5"),
                               AT_FDCWD, path_of("storage/overlay-containers/%%c/userdata/%%6"),
                               RENAME_EXCHANGE) == 0);
                remove_session("c", "6");
        }
        told(scene);
        end_session("c", "5", "1");
        tap_eq_str(told(scene), "!c/5 c/5=1", "the last is the one that counts");
}

/* ---- what fails ---- */

static int sysctl_value(const char *name)
{
        char path[256], digits[32] = "";
        int fd;

        snprintf(path, sizeof(path), "/proc/sys/fs/inotify/%s", name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        must(fd >= 0 && read(fd, digits, sizeof(digits) - 1) > 0);
        close(fd);
        return atoi(digits);
}

static void test_an_overflow(void)
{
        int n = sysctl_value("max_queued_events");
        _scene_ Scene *scene = scene_enter();

        if (n > 50000) {
                tap_skip("%d changes are too many", n);
                return;
        }
        make_storage();
        make_container("a");
        make_container("b");
        make_session("a", "1");
        make_session("a", "2");
        make_session("b", "3");
        scene_start(scene, -1);
        told(scene);
        for (int i = 0; i < n / 2 + 10; i++) {
                folder("storage/x");
                must(rmdir("storage/x") == 0);
        }
        end_session("a", "1", "7");
        remove_session("a", "2");
        make_session("a", "4");
        make_session("a", "5");
        remove_session("a", "5");
        remove_container("b");
        make_container("c");

        const char *all = drained(scene);
        tap_ok(strncmp(all, "? ", 2) == 0, "something was missed");
        tap_ok(strstr(all, "!a/1 a/1=7"), "the code is found");
        tap_ok(strstr(all, "-a/2"), "a session that went");
        tap_ok(strstr(all, "*a/4"), "one that came, behind our back");
        tap_ok(!strstr(all, "a/5"), "one that nobody saw");
        tap_ok(strstr(all, "-b/3 -b"), "a container that went");
        tap_ok(!strstr(all, "*a/1"), "what was told is not told again");
        make_session("c", "6");
        end_session("a", "4", "1");
        tap_eq_str(told(scene), "+c/6 !a/4 a/4=1", "it goes on, also with what it found");
}

/* ---- a restart ---- */

/* The watch goes, its descriptor stays, as it does with systemd. Returns it. */
static int scene_stop(Scene *scene)
{
        int fd = fcntl(conmon_watch_fd(scene->watch), F_DUPFD_CLOEXEC, 3);

        must(fd >= 0);
        scene->watch = conmon_watch_free(scene->watch);
        scene->told[0] = '\0';
        return fd;
}

static void test_a_restart(void)
{
        _scene_ Scene *scene = scene_enter();
        int fd;

        make_storage();
        make_container("a");
        make_container("b");
        make_session("a", "1");
        start_session("a", "1", "1");
        make_session("a", "2");
        start_session("a", "2", "1");
        scene_start(scene, -1);
        fd = scene_stop(scene);

        make_session("a", "3");
        start_session("a", "3", "1");
        end_session("a", "3", "3");
        remove_session("a", "3");
        end_session("a", "2", "2");
        remove_session("a", "2");
        make_session("a", "4");
        start_session("a", "4", "1");
        make_session("a", "5");
        end_session("a", "5", "5");
        remove_container("b");
        scene_start(scene, fd);
        tap_eq_str(scene->told, "+a/3 -a/3 -a/2 +a/4 !a/4 +a/5 !a/5 a/5=5 -b *a/1 !a/1",
                   "what came and went meanwhile, in order, then what was there");
        told(scene);
        end_session("a", "1", "1");
        end_session("a", "4", "4");
        make_session("a", "6");
        remove_session("a", "5");
        tap_eq_str(told(scene), "a/1=1 a/4=4 +a/6 -a/5", "it goes on");
}

static void test_a_restart_that_misses_something(void)
{
        _scene_ Scene *scene = scene_enter();
        int fd;

        make_storage();
        make_container("a");
        scene_start(scene, -1);
        fd = scene_stop(scene);
        make_container("b");
        make_session("b", "1");
        scene_start(scene, fd);
        tap_ok(scene->told[0] == '?' && strstr(scene->told, "b/1"), "a container was made: %s",
               scene->told);
        fd = scene_stop(scene);
        make_container("c");
        remove_container("c");
        scene_start(scene, fd);
        tap_eq_str(scene->told, "-c ? *b/1", "one was made and removed");
        fd = scene_stop(scene);
        remove_all("storage");
        folder("storage");
        folder("storage/overlay-containers");
        make_container("b");
        make_session("b", "2");
        scene_start(scene, fd);
        tap_ok(strchr(scene->told, '?') && strstr(scene->told, "*b/2"), "all is another: %s",
               scene->told);
        told(scene);
        end_session("b", "2", "2");
        tap_eq_str(told(scene), "!b/2 b/2=2", "it goes on");
}

/* What is handed to us under our name. */
static void test_descriptors_that_are_none(void)
{
        _scene_ Scene *scene = scene_enter();
        int pipes[2], fd;

        make_storage();
        make_container("a");
        must(pipe2(pipes, O_CLOEXEC) == 0);
        scene_start(scene, pipes[0]);
        make_session("a", "1");
        tap_eq_str(told(scene), "? +a/1", "a pipe is not listened to");
        tap_ok(fcntl(pipes[0], F_GETFD) < 0 || conmon_watch_fd(scene->watch) == pipes[0],
               "but closed");
        close(pipes[1]);

        scene_stop(scene);
        fd = inotify_init1(IN_CLOEXEC);
        must(fd >= 0 && inotify_add_watch(fd, "/", IN_CREATE) >= 0);
        scene_start(scene, fd);
        tap_eq_str(told(scene), "? *a/1", "one of somebody else's: nobody watched for us");
        end_session("a", "1", "1");
        tap_eq_str(told(scene), "!a/1 a/1=1", "it is good enough");
}

/* A disk that is mounted late, as inotify does not tell. In a mount namespace of one's own. */
static void test_a_storage_that_is_mounted_over(void)
{
        _scene_ Scene *scene = scene_enter();

        make_storage();
        make_container("a");
        make_session("a", "1");
        scene_start(scene, -1);
        told(scene);
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", "storage", "tmpfs", 0, NULL) < 0) {
                tap_skip("nothing can be mounted: %s", strerror(errno));
                return;
        }
        folder("storage/overlay-containers");
        make_container("b");
        make_session("b", "2");
        tap_eq_str(drained(scene), "-a/1 -a *b/2", "it is found when somebody asks");
        end_session("b", "2", "3");
        tap_eq_str(told(scene), "!b/2 b/2=3", "and followed");
        must(umount2("storage", MNT_DETACH) == 0);
        tap_ok(is_told(scene, "-b/2 -b"), "it is unmounted");
        end_session("a", "1", "4");
        conmon_watch_drain(scene->watch);
        tap_ok(is_told(scene, "a/1=4"), "what was below it is there again");
}

static bool write_text(const char *path, const char *text)
{
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* In a user namespace of one's own the limit is one's own, too. For all that comes behind it. */
static bool have_few_watches(const char *limit)
{
        char map[64];

        snprintf(map, sizeof(map), "%d %d 1", geteuid(), geteuid());
        return unshare(CLONE_NEWUSER) >= 0 && write_text("/proc/self/uid_map", map) &&
               write_text("/proc/sys/user/max_inotify_watches", limit);
}

static void test_too_few_watches(void)
{
        _scene_ Scene *scene = scene_enter();
        uint64_t since = now_nsec();

        if (!have_few_watches("8")) {
                tap_skip("the limit of watches cannot be set: %s", strerror(errno));
                return;
        }
        make_storage();
        make_container("a");
        make_session("a", "1");
        make_container("b");
        make_container("c");
        make_container("d");
        make_session("d", "2");
        scene_start(scene, -1);

        const char *all = told(scene);
        tap_ok(strstr(all, "X") && strstr(scene->failure, "fs.inotify.max_user_watches"),
               "it says so: %s", scene->failure);
        tap_ok(strstr(all, "*a/1") && strstr(all, "*d/2"), "what is there is told all the same");
        make_session("a", "3");
        make_session("d", "4");
        told(scene);
        tap_ok(!strchr(all, 'X'), "once");
        remove_container("b");
        remove_container("c");
        told(scene);
        must(write_text("/proc/sys/user/max_inotify_watches", "100"));
        for (int i = 0; i < 100 && !strstr(scene->told, "?"); i++)
                sd_event_run(scene->loop, 100000);
        tap_ok(now_nsec() - since < UINT64_C(9000000000), "after a while it is tried again");
        all = told(scene);
        tap_ok(strstr(all, "a/3") || strstr(all, "d/4"), "what was missed is found: %s", all);
        end_session("a", "1", "1");
        end_session("a", "3", "3");
        end_session("d", "2", "2");
        end_session("d", "4", "4");
        all = told(scene);
        tap_ok(strstr(all, "a/1=1") && strstr(all, "a/3=3") && strstr(all, "d/2=2") &&
                       strstr(all, "d/4=4"),
               "and all are followed: %s", all);
}

static int on_other(sd_event_source *source, void *userdata)
{
        (*(unsigned *)userdata)++;
        return 0;
}

/* An event in each turn of the loop. */
static void test_one_who_talks_without_an_end(void)
{
        _scene_ Scene *scene = scene_enter();
        sd_event_source *other = NULL;
        unsigned turns = 0;

        make_storage();
        make_container("c");
        make_session("c", "5");
        scene_start(scene, -1);
        told(scene);
        must(sd_event_add_defer(scene->loop, &other, on_other, &turns) >= 0);
        must(sd_event_source_set_enabled(other, SD_EVENT_ON) >= 0);
        for (int i = 0; i < 1000; i++) {
                folder("storage/x");
                must(rmdir("storage/x") == 0);
                must(sd_event_run(scene->loop, 0) >= 0);
        }
        sd_event_source_disable_unref(other);
        tap_ok(turns > 100, "others have their turns: %u of 1000", turns);
        end_session("c", "5", "3");
        tap_ok(is_told(scene, "c/5=3"), "and what counts is heard");
}

int main(int argc, char *argv[])
{
        child_main(argc, argv);

        test_paths_that_cannot_be();
        test_a_session();
        test_a_number_that_is_written_in_its_place();
        test_all_at_once();
        test_what_it_hears_too_late();
        test_what_was_there();
        test_the_drain_alone();
        test_codes();
        test_containers();
        test_folders_that_come_late();
        test_a_storage_that_is_there_at_once();
        test_a_storage_that_comes_before_the_loop_hears();
        test_folders_that_move();
        test_a_name_that_is_used_again();
        test_a_process_that_ends();
        test_a_process_whose_file_is_missed();
        test_processes_that_cannot_be();
        test_hostile_files();
        test_hostile_folders();
        test_a_folder_that_becomes_a_link();
        test_folders_that_change_names();
        test_an_overflow();
        test_one_who_talks_without_an_end();
        test_a_restart();
        test_a_restart_that_misses_something();
        test_descriptors_that_are_none();
        test_a_storage_that_is_mounted_over();
        test_too_few_watches();
        return tap_done();
}
