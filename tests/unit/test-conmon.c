/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "model/filter.h"
#include "model/timestamp.h"
#include "scratch.h"
#include "sources/conmon.h"
#include "sources/podman-log.h"
#include "tap.h"

#define EVENTS_MAX 64

/*
 * Podman's log and conmon's files, and a history that both sources give their events to. What it
 * has is shown as a word for each event: "exec:a", "exec_died:a:3"; the letter is the session's, 64
 * times its ID.
 */
typedef struct Scene {
        Scratch scratch;
        sd_event *loop;            /* owned */
        Source *conmon;            /* owned */
        Source *podman;            /* owned */
        Event *events[EVENTS_MAX]; /* owned */
        size_t n_events;
        char conmon_place[64], podman_place[256];
        bool refuses;
        char shown[2048];
} Scene;

static const char *id_of(char letter)
{
        static char ids[4][65];
        static unsigned n;
        char *id = ids[n++ % 4];

        memset(id, letter, 64);
        return id;
}

static const char *path_of(const Scene *scene, char session, const char *rest)
{
        static char path[PATH_MAX + 512];
        size_t n = (size_t)snprintf(path, sizeof(path), "%s/root/vfs-containers/%s/userdata",
                                    scene->scratch.path, id_of('c'));

        if (session)
                snprintf(path + n, sizeof(path) - n, "/%s%s", id_of(session), rest);
        return path;
}

/* ---- the history ---- */

static int take_event(Source *source, const Event *event, const char *position, void *userdata)
{
        Scene *scene = userdata;
        const bool conmon = strncmp(position, "conmon ", 7) == 0;

        if (scene->refuses)
                return -EAGAIN;
        must(scene->n_events < EVENTS_MAX);
        scene->events[scene->n_events++] = event_ref((Event *)event);
        if (conmon)
                snprintf(scene->conmon_place, sizeof(scene->conmon_place), "%s", position + 7);
        else
                snprintf(scene->podman_place, sizeof(scene->podman_place), "%s", position + 7);
        return 0;
}

static int recall(const char *const *terms, uint64_t since_nsec,
                  int (*each)(const EventFields *fields, void *userdata), void *each_userdata,
                  void *userdata)
{
        _cleanup_(filter_freep) Filter *filter = NULL;
        char message[FILTER_MESSAGE_SIZE];
        const Scene *scene = userdata;

        must(filter_new(terms, &filter, message) == 0);
        for (size_t i = 0; i < scene->n_events; i++) {
                const EventFields *fields = event_fields(scene->events[i]);
                int r;

                if (fields->time_nsec < since_nsec || !filter_matches(filter, fields))
                        continue;
                r = each(fields, each_userdata);
                if (r != 0)
                        return r < 0 ? r : 0;
        }
        return 0;
}

static void look(Source *source, void *userdata)
{
        const Scene *scene = userdata;

        scene->podman->ops->resume(scene->podman);
}

static void note_change(Source *source, void *userdata)
{
}

/* What was recorded behind so many events. */
static const char *shown(Scene *scene, size_t from)
{
        size_t n = 0;

        scene->shown[0] = '\0';
        for (size_t i = from; i < scene->n_events; i++) {
                const EventFields *fields = event_fields(scene->events[i]);

                n += (size_t)snprintf(scene->shown + n, sizeof(scene->shown) - n, "%s%s",
                                      n > 0 ? " " : "", fields->status);
                if (fields->exec_id)
                        n += (size_t)snprintf(scene->shown + n, sizeof(scene->shown) - n, ":%c",
                                              *fields->exec_id);
                if (fields->has_exit_code)
                        n += (size_t)snprintf(scene->shown + n, sizeof(scene->shown) - n, ":%d",
                                              fields->exit_code);
        }
        return scene->shown;
}

/* ---- the service ---- */

/* Until nothing more happens. */
static void run(Scene *scene)
{
        for (unsigned n_idle = 0; n_idle < 3;)
                n_idle = sd_event_run(scene->loop, 0) > 0 ? 0 : n_idle + 1;
}

static void start(Scene *scene)
{
        const SourceSink sink = { .event = take_event,
                                  .recall = recall,
                                  .look = look,
                                  .changed = note_change,
                                  .userdata = scene };
        char root[PATH_MAX + 16], tmp[PATH_MAX + 16], log[PATH_MAX + 16];

        snprintf(root, sizeof(root), "%s/root", scene->scratch.path);
        snprintf(tmp, sizeof(tmp), "%s/tmp", scene->scratch.path);
        snprintf(log, sizeof(log), "%s/events.log", scene->scratch.path);
        must(conmon_new(&(ConmonOptions){ .graphroot = root, .tmp_dir = tmp, .kept_fd = -1 },
                        scene->loop, &sink, &scene->conmon) == 0);
        must(podman_log_new(log, scene->loop, &sink, conmon_knowledge(scene->conmon),
                            &scene->podman) == 0);
        must(scene->conmon->ops->start(scene->conmon,
                                       *scene->conmon_place ? scene->conmon_place : NULL) == 0);
        must(scene->podman->ops->start(scene->podman,
                                       *scene->podman_place ? scene->podman_place : NULL) == 0);
        run(scene);
}

static void stop(Scene *scene)
{
        scene->podman = scene->podman->ops->free(scene->podman);
        scene->conmon = scene->conmon->ops->free(scene->conmon);
}

/* ---- Podman and conmon ---- */

static void line(const Scene *scene, const char *status, int code)
{
        char path[PATH_MAX + 16], time[TIMESTAMP_SIZE];
        FILE *file;

        snprintf(path, sizeof(path), "%s/events.log", scene->scratch.path);
        file = fopen(path, "a");
        must(file);
        timestamp_format(timestamp_now(), time);
        if (code >= 0)
                fprintf(file, "{\"ContainerExitCode\":%d,", code);
        else
                fputc('{', file);
        fprintf(file,
                "\"ID\":\"%s\",\"Image\":\"img\",\"Name\":\"web\",\"Status\":\"%s\",\"Time\":\"%s\","
                "\"Type\":\"container\",\"Attributes\":{\"team\":\"payments\"}}\n",
                id_of('c'), status, time);
        must(fclose(file) == 0);
}

static void write_file(const char *path, const char *text)
{
        FILE *file = fopen(path, "w");

        must(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* The session's folder, and conmon runs it. The process is one that lives on: ours. */
static void session(const Scene *scene, char letter)
{
        char text[16];

        must(mkdir(path_of(scene, letter, ""), 0700) == 0);
        must(mkdir(path_of(scene, letter, "/exit"), 0700) == 0);
        snprintf(text, sizeof(text), "%d", getpid());
        write_file(path_of(scene, letter, "/exec_pid"), text);
        /* As long as it takes to start a process: the folder's time is that of a clock tick. */
        for (uint64_t until = timestamp_now() + 20 * NSEC_PER_MSEC; timestamp_now() < until;)
                ;
}

static void exit_file(const Scene *scene, char letter, const char *code)
{
        char rest[128], temporary[PATH_MAX + 512];

        snprintf(temporary, sizeof(temporary), "%s/exit.new", scene->scratch.path);
        write_file(temporary, code);
        snprintf(rest, sizeof(rest), "/exit/%s", id_of('c'));
        must(rename(temporary, path_of(scene, letter, rest)) == 0);
}

static void remove_session(const Scene *scene, char letter)
{
        must(nftw(path_of(scene, letter, ""), scratch_remove, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

static Scene *scene_new(void)
{
        Scene *scene = calloc(1, sizeof(Scene));
        _cleanup_free_ char *userdata = NULL;
        char *slash;

        must(scene && sd_event_new(&scene->loop) >= 0);
        scene->scratch = scratch_enter();
        must(mkdir("tmp", 0700) == 0 && mkdir("root", 0700) == 0 &&
             mkdir("root/vfs-containers", 0700) == 0);
        userdata = strdup(path_of(scene, 0, ""));
        must(userdata);
        slash = strrchr(userdata, '/');
        *slash = '\0';
        must(mkdir(userdata, 0700) == 0);
        *slash = '/';
        must(mkdir(userdata, 0700) == 0);
        write_file("events.log", "");
        start(scene);
        line(scene, "create", -1);
        run(scene);
        return scene;
}

static void scene_free(Scene *scene)
{
        stop(scene);
        for (size_t i = 0; i < scene->n_events; i++)
                event_unref(scene->events[i]);
        sd_event_unref(scene->loop);
        scratch_leave(&scene->scratch);
        free(scene);
}

/* ---- tests ---- */

static void test_life(void)
{
        Scene *scene = scene_new();
        const EventFields *ended;
        char *id = NULL;

        session(scene, 'a');
        line(scene, "exec", -1);
        run(scene);
        tap_eq_str(shown(scene, 1), "exec:a", "the start has its session's ID");
        tap_eq_int(conmon_running(scene->conmon, "aaaaaaaaaaaa", &id), 1, "it runs");
        tap_eq_str(id, id_of('a'), "under its full ID");
        free(id);

        exit_file(scene, 'a', "7");
        run(scene);
        line(scene, "exec_died", 7);
        remove_session(scene, 'a');
        line(scene, "exec_died", 7);
        run(scene);
        tap_eq_str(shown(scene, 1), "exec:a exec_died:a:7", "one ending, of three words");
        ended = event_fields(scene->events[2]);
        tap_eq_str(ended->name, "web", "with the container's name");
        tap_eq_str(event_attribute(ended, "team"), "payments", "and labels");
        tap_eq_str(ended->evidence, EVIDENCE_EXIT_FILE, "known from conmon");
        tap_eq_int(conmon_running(scene->conmon, "aaaaaaaaaaaa", &id), 0, "it does not run");
        tap_eq_u64(scene->podman->duplicates, 2, "Podman's words are counted as duplicates");
        scene_free(scene);
}

/* What Podman keeps of its log when it is too large is a new file, with the newer lines. */
static void rotate(const Scene *scene)
{
        _cleanup_free_ char *bytes = NULL;
        const char *kept;
        size_t size;

        bytes = file_read("events.log", &size);
        must(bytes);
        kept = memmem(bytes, size, "\"exec\"", 6);
        must(kept);
        while (kept[-1] != '\n')
                kept--;
        write_file("events.new", kept);
        must(rename("events.new", "events.log") == 0);
}

static void test_rotation(void)
{
        Scene *scene = scene_new();

        session(scene, 'a');
        line(scene, "exec", -1);
        run(scene);
        exit_file(scene, 'a', "7");
        run(scene);
        line(scene, "exec_died", 7);
        line(scene, "exec_died", 7);
        run(scene);
        rotate(scene);
        run(scene);
        line(scene, "cleanup", -1);
        run(scene);
        tap_eq_str(shown(scene, 1), "exec:a exec_died:a:7 cleanup",
                   "words that were left out do not come again with a rotation");
        scene_free(scene);
}

static void test_refused(void)
{
        Scene *scene = scene_new();
        char *id = NULL;

        session(scene, 'a');
        line(scene, "exec", -1);
        run(scene);
        scene->refuses = true;
        exit_file(scene, 'a', "7");
        run(scene);
        remove_session(scene, 'a');
        run(scene);
        tap_eq_str(shown(scene, 2), "", "the history takes nothing");
        tap_eq_int(conmon_running(scene->conmon, id_of('a'), &id), 1,
                   "what it does not have has not ended for anybody");
        free(id);

        scene->refuses = false;
        scene->conmon->ops->resume(scene->conmon);
        run(scene);
        tap_eq_str(shown(scene, 2), "exec_died:a:7", "it is told when the history takes it");
        scene_free(scene);
}

static void test_restart(void)
{
        Scene *scene = scene_new();

        session(scene, 'a');
        line(scene, "exec", -1);
        session(scene, 'b');
        line(scene, "exec", -1);
        run(scene);
        exit_file(scene, 'b', "1");
        run(scene);
        tap_eq_str(shown(scene, 1), "exec:a exec:b exec_died:b:1", "two ran, and one has ended");

        stop(scene);
        line(scene, "exec_died", 1);
        remove_session(scene, 'b');
        start(scene);
        tap_eq_str(shown(scene, 4), "", "nothing is told twice");
        exit_file(scene, 'a', "9");
        run(scene);
        tap_eq_str(shown(scene, 4), "exec_died:a:9", "what ran goes on");
        tap_eq_str(event_fields(scene->events[4])->name, "web", "the history knows of what");
        scene_free(scene);
}

static void test_ended_meanwhile(void)
{
        Scene *scene = scene_new();

        session(scene, 'a');
        line(scene, "exec", -1);
        session(scene, 'b');
        line(scene, "exec", -1);
        run(scene);
        exit_file(scene, 'b', "1");
        run(scene);

        stop(scene);
        exit_file(scene, 'a', "9");
        line(scene, "exec_died", 9);
        remove_session(scene, 'a');
        start(scene);
        tap_eq_str(shown(scene, 4), "exec_died:a:9", "Podman's word tells the code");
        tap_eq_str(event_fields(scene->events[4])->evidence, EVIDENCE_INFERRED, "and that is said");
        scene_free(scene);
}

static void test_facts(void)
{
        Scene *scene = scene_new();

        session(scene, 'd');
        exit_file(scene, 'd', "1");
        run(scene);
        tap_eq_str(shown(scene, 1), "", "without a start it may be of a health check");
        for (uint64_t until = timestamp_now() + 10 * NSEC_PER_SEC;
             scene->n_events < 2 && timestamp_now() < until;)
                must(sd_event_run(scene->loop, 1000000) >= 0);
        tap_eq_str(shown(scene, 1), "exec_died:d:1", "it is told a while later");
        tap_eq_str(event_fields(scene->events[1])->image, "img",
                   "what its container is the history says");
        scene_free(scene);
}

int main(void)
{
        test_life();
        test_rotation();
        test_refused();
        test_restart();
        test_ended_meanwhile();
        test_facts();
        return tap_done();
}
