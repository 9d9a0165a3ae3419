/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "model/timestamp.h"
#include "sources/podman-verdict.h"
#include "tap.h"

/*
 * Each row is what happens, a word for each step, and what comes out of it. A session is a letter,
 * and its ID that letter 64 times; all are of one container.
 *
 *   made:A was:A run:A exit:A:3 pid:A gone:A missed   what conmon's files tell
 *   exec died:3 health dead:3                         what Podman writes; @ behind it: another
 * user's front:3 cleanup:3                                 "died", of which it is known who wrote
 * it box:3 oom:3                                       the container's exit file; with conmon's oom
 *   had:A ended:A:3 begin                             what the history has
 *   wait long                                         two seconds pass, two minutes
 */

#define STEP_NSEC (50 * NSEC_PER_MSEC)

typedef struct Scene {
        PodmanExecs *execs;
        PodmanDeaths *deaths;
        PodmanKnowledge known;
        char *told; /* owned */
        uint64_t nsec, usec, forgotten_usec;
        const char *recorded; /* sessions that the history has the end of */
        bool death_is_recorded;
        bool knows_no_container;
        bool is_waiting; /* something has a deadline */
} Scene;

static const char *full_id(char letter)
{
        static char ids[2][65];
        static unsigned n;
        char *id = ids[n++ % 2];

        memset(id, letter, 64);
        return id;
}

static void note(Scene *scene, const EventFields *event)
{
        _cleanup_free_ char *before = scene->told;
        const char *sign = !event->evidence                           ? ""
                           : strcmp(event->evidence, "inferred") == 0 ? "?"
                           : strcmp(event->evidence, "process") == 0  ? "#"
                                                                      : "!";
        char code[16] = "", id[3] = "";

        if (event->has_exit_code)
                snprintf(code, sizeof(code), ":%d", event->exit_code);
        if (event->exec_id)
                snprintf(id, sizeof(id), ":%c", event->exec_id[0]);
        if (asprintf(&scene->told, "%s%s%s%s%s%s%s%s%s", before, *before ? " " : "", event->status,
                     id, code, sign, event->oom_killed ? "+oom" : "", event->reason ? "/" : "",
                     event->reason ? event->reason : "") < 0)
                abort();
}

static void on_nothing(void *userdata)
{
}

static void on_deadline(void *userdata)
{
        Scene *scene = userdata;

        scene->is_waiting = true;
}

static int on_tell(Event *event, Exec *exec, void *userdata)
{
        Scene *scene = userdata;

        note(scene, event_fields(event));
        podman_execs_recorded(scene->execs, exec);
        return 0;
}

static int on_tell_death(Event *event, void *userdata)
{
        note(userdata, event_fields(event));
        return 0;
}

static int on_recall(const char *container, Event **ret, void *userdata)
{
        const Scene *scene = userdata;

        if (scene->knows_no_container)
                return 0;
        return event_new(&(EventFields){ .type = "container",
                                         .status = "create",
                                         .id = container,
                                         .name = "web",
                                         .engine = "podman" },
                         ret) < 0
                       ? -ENOMEM
                       : 1;
}

static bool on_is_recorded(const char *exec, void *userdata)
{
        const Scene *scene = userdata;

        return scene->recorded && strchr(scene->recorded, exec[0]);
}

static bool on_is_death_recorded(const char *container, uint64_t since_nsec, void *userdata)
{
        const Scene *scene = userdata;

        return scene->death_is_recorded;
}

static void scene_init(Scene *scene)
{
        const PodmanExecsHost execs = { on_nothing,     on_tell,     on_recall,
                                        on_is_recorded, on_deadline, scene };
        const PodmanDeathsHost deaths = { .drain = on_nothing,
                                          .tell = on_tell_death,
                                          .recall = on_recall,
                                          .deadline = on_nothing,
                                          .is_recorded = on_is_death_recorded,
                                          .userdata = scene };
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        scene->usec = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
        scene->nsec = timestamp_now();
        scene->told = strdup("");
        if (podman_execs_new(0, &execs, &scene->execs) < 0 ||
            podman_deaths_new(0, &deaths, &scene->deaths) < 0 || !scene->told)
                abort();
        scene->known = (PodmanKnowledge){ scene->execs, scene->deaths };
}

static void scene_done(Scene *scene)
{
        podman_execs_free(scene->execs);
        podman_deaths_free(scene->deaths);
        free(scene->told);
}

static void line(Scene *scene, const char *status, const char *exec, bool has_code, int32_t code,
                 ExecWriter writer, bool foreign)
{
        _cleanup_(event_unrefp) Event *event = NULL;
        PodmanVerdict verdict;

        if (event_new(&(EventFields){ .type = "container",
                                      .status = status,
                                      .id = full_id('c'),
                                      .engine = "podman",
                                      .time_nsec = scene->nsec,
                                      .exec_id = exec,
                                      .has_exit_code = has_code,
                                      .exit_code = code,
                                      .has_uid = foreign,
                                      .uid = foreign ? 1000 : 0 },
                      &event) < 0)
                abort();
        podman_judge(&scene->known, event_fields(event), writer, &verdict);
        if (!verdict.leave_out) {
                if (podman_verdict_complete(&verdict, &event) < 0)
                        abort();
                if (strcmp(status, "health_status") != 0)
                        note(scene, event_fields(event));
        }
        podman_verdict_apply(&scene->known, &verdict, event, writer);
}

static void remember(Scene *scene, const char *status, const char *exec, bool has_code,
                     int32_t code)
{
        podman_execs_remember(scene->execs, &(EventFields){ .type = "container",
                                                            .status = status,
                                                            .id = full_id('c'),
                                                            .name = "",
                                                            .image = "",
                                                            .engine = "podman",
                                                            .time_nsec = scene->nsec,
                                                            .exec_id = exec,
                                                            .has_exit_code = has_code,
                                                            .exit_code = code });
}

static void pass(Scene *scene, uint64_t usec)
{
        scene->usec += usec;
        scene->nsec += usec * 1000;
        (void)podman_execs_expire(scene->execs, scene->usec);
        (void)podman_deaths_expire(scene->deaths, scene->usec);
}

static void step(Scene *scene, const char *word)
{
        const char *colon = strchr(word, ':'), *last = strrchr(word, ':');
        const size_t n = colon ? (size_t)(colon - word) : strcspn(word, "@");
        const char *container = full_id('c');
        const char *exec = colon ? full_id(colon[1]) : NULL;
        const int32_t code = last ? atoi(last + 1) : 0;
        const bool foreign = strchr(word, '@');

#define IS(name) (n == strlen(name) && strncmp(word, (name), n) == 0)
        if (IS("made"))
                podman_execs_made(scene->execs, container, exec, scene->nsec, false);
        else if (IS("undated"))
                podman_execs_made(scene->execs, container, exec, 0, false);
        else if (IS("was"))
                podman_execs_made(scene->execs, container, exec, scene->nsec, true);
        else if (IS("run"))
                podman_execs_started(scene->execs, container, exec);
        else if (IS("exit"))
                podman_execs_exited(scene->execs, container, exec, code, scene->nsec);
        else if (IS("pid"))
                podman_execs_process_ended(scene->execs, container, exec, -1);
        else if (IS("reaped"))
                podman_execs_process_ended(scene->execs, container, exec, code);
        else if (IS("late"))
                podman_execs_exit_missed(scene->execs, container, exec);
        else if (IS("gone"))
                podman_execs_gone(scene->execs, container, exec);
        else if (IS("missed"))
                podman_execs_missed(scene->execs);
        else if (IS("exec"))
                line(scene, "exec", NULL, false, 0, EXEC_WRITER_UNKNOWN, foreign);
        else if (IS("foresee"))
                podman_foresee(&scene->known, &(EventFields){ .type = "container",
                                                              .status = "exec",
                                                              .id = container,
                                                              .time_nsec = scene->nsec });
        else if (IS("died"))
                line(scene, "exec_died", NULL, true, code, EXEC_WRITER_UNKNOWN, foreign);
        else if (IS("named"))
                line(scene, "exec_died", exec, true, code, EXEC_WRITER_CLEANUP, foreign);
        else if (IS("front"))
                line(scene, "exec_died", NULL, true, code, EXEC_WRITER_FRONT_END, foreign);
        else if (IS("cleanup"))
                line(scene, "exec_died", NULL, true, code, EXEC_WRITER_CLEANUP, foreign);
        else if (IS("health"))
                line(scene, "health_status", NULL, false, 0, EXEC_WRITER_UNKNOWN, foreign);
        else if (IS("dead"))
                line(scene, "died", NULL, true, code, EXEC_WRITER_UNKNOWN, foreign);
        else if (IS("box") || IS("oom"))
                podman_deaths_exited(scene->deaths, container, code, scene->nsec, IS("oom"));
        else if (IS("had"))
                remember(scene, "exec", exec, false, 0);
        else if (IS("nameless"))
                remember(scene, "exec", NULL, false, 0);
        else if (IS("ended"))
                remember(scene, "exec_died", exec, last != colon, code);
        else if (IS("begin"))
                podman_execs_begin(scene->execs);
        else if (IS("wait"))
                pass(scene, EXEC_SETTLE_USEC + 500000);
        else if (IS("long"))
                pass(scene, 2 * EXEC_REMEMBER_USEC);
        else
                abort();
        scene->nsec += STEP_NSEC;
}

static void play(Scene *scene, const char *steps)
{
        _cleanup_free_ char *words = strdup(steps);
        char *save = NULL;

        for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
                step(scene, word);
}

typedef struct Row {
        const char *label, *steps, *told;
} Row;

static void test_rows(const Row *rows, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                Scene scene = {};

                scene_init(&scene);
                play(&scene, rows[i].steps);
                tap_eq_str(scene.told, rows[i].told, "%s", rows[i].label);
                scene_done(&scene);
        }
}

static void test_one_event_per_ending(void)
{
        static const Row rows[] = {
                { "an attached one: the file, and two words of Podman's",
                  "made:A run:A exec exit:A:3 died:3 gone:A died:3 long", "exec:A exec_died:A:3!" },
                { "one word of Podman's", "made:A run:A exec exit:A:3 died:3 gone:A long",
                  "exec:A exec_died:A:3!" },
                { "no word of Podman's: it was killed", "made:A run:A exec exit:A:3 long",
                  "exec:A exec_died:A:3!" },
                { "a short one: the file before the start was written",
                  "made:A run:A exit:A:0 exec died:0 gone:A died:0 long", "exec:A exec_died:A:0!" },
                { "Podman writes nothing at all: it is told when that is certain",
                  "made:A run:A exit:A:4 gone:A wait", "exec_died:A:4!" },
                { "the start comes when that was decided: both know the session",
                  "made:A run:A exit:A:4 gone:A wait exec died:4", "exec_died:A:4! exec:A" },
                { "in parallel, with equal codes",
                  "made:A run:A exec made:B run:B exec exit:B:0 exit:A:0 died:0 died:0 died:0 gone:A "
                  "gone:B died:0 long",
                  "exec:A exec:B exec_died:B:0! exec_died:A:0!" },
                { "in parallel, with other codes",
                  "made:A run:A exec made:B run:B exec exit:B:1 exit:A:2 died:2 died:1 died:1 gone:A "
                  "gone:B died:2 long",
                  "exec:A exec:B exec_died:B:1! exec_died:A:2!" },
                { "a start that failed leaves nothing", "made:A gone:A long", "" },
                { "and does not take the next one's place",
                  "made:A gone:A made:B run:B exec exit:B:7 died:7", "exec:B exec_died:B:7!" },
                { "two that were started before their starts were read",
                  "made:A run:A made:B run:B exec exit:A:1 exit:B:2 wait",
                  "exec:B exec_died:B:2! exec_died:A:1!" },
        };

        test_rows(rows, ELEMENTSOF(rows));
}

static void test_health_checks(void)
{
        static const Row rows[] = {
                { "a session without a start, and a result: marked",
                  "made:A run:A exit:A:1 health died:1 gone:A wait",
                  "exec_died:A:1!/health_check" },
                { "later Podmans write no word", "made:A run:A exit:A:0 health gone:A wait",
                  "exec_died:A:0!/health_check" },
                { "its result is told before there is a file",
                  "made:A run:A health exit:A:3 died:3 gone:A wait",
                  "exec_died:A:3!/health_check" },
                { "one after the other",
                  "made:A run:A exit:A:0 health gone:A made:B run:B exit:B:0 health gone:B wait",
                  "exec_died:B:0!/health_check exec_died:A:0!/health_check" },
                { "a result long before the end is that of another",
                  "made:A run:A health wait exit:A:0 gone:A wait", "exec_died:A:0!" },
                { "a session beside it is not marked",
                  "made:A run:A exec made:B run:B exit:B:1 health died:1 gone:B exit:A:1 died:1 "
                  "died:1 gone:A wait",
                  "exec:A exec_died:A:1! exec_died:B:1!/health_check" },
                { "a start behind it is not taken for its own",
                  "made:A run:A exit:A:0 health gone:A wait made:B run:B exec exit:B:5 died:5",
                  "exec_died:A:0!/health_check exec:B exec_died:B:5!" },
        };

        test_rows(rows, ELEMENTSOF(rows));
}

static void test_missed_files(void)
{
        static const Row rows[] = {
                { "Podman's word can only be about the one that was missed",
                  "made:A run:A exec gone:A died:6 died:6 long", "exec:A exec_died:A:6?" },
                { "a word that names its session needs no proof",
                  "made:A run:A exec made:B run:B exec gone:A gone:B named:A:1 named:B:2 named:B:2 "
                  "long",
                  "exec:A exec:B exec_died:A:1? exec_died:B:2?" },
                { "a start that failed, and one that was gone before it was looked at: of either",
                  "made:A gone:A undated:B gone:B exec died:7 long",
                  "exec exec_died:B/no exit file was seen exec_died:A/no exit file was seen" },
                { "a health check, and one that was gone before it was looked at",
                  "made:A run:A exit:A:0 health gone:A undated:B gone:B exec died:7 long",
                  "exec exec_died:A:0! exec_died:B/no exit file was seen" },
                { "a start that may be of two: its word is not for a third that was missed",
                  "made:A run:A exec undated:B undated:C gone:B gone:C gone:A exec died:7 died:2 "
                  "long",
                  "exec:A exec exec_died:C/no exit file was seen exec_died:B/no exit file was seen "
                  "exec_died:A/no exit file was seen" },
                { "nobody says anything", "made:A run:A exec gone:A wait",
                  "exec:A exec_died:A/no exit file was seen" },
                { "two were missed: nobody knows which word is whose",
                  "made:A run:A exec made:B run:B exec gone:A gone:B died:1 died:2 wait died:1 "
                  "died:2 long",
                  "exec:A exec:B exec_died:B/no exit file was seen exec_died:A/no exit file was "
                  "seen" },
                { "a word that is another's, as far as anybody knows, proves nothing",
                  "made:A run:A exec exit:A:6 died:6 gone:A made:B run:B exec gone:B died:6 wait",
                  "exec:A exec_died:A:6! exec:B exec_died:B/no exit file was seen" },
                { "nor does one beside a start of a session that nobody saw",
                  "exec made:B run:B exec gone:B died:6 wait",
                  "exec exec:B exec_died:B/no exit file was seen" },
                { "a file that comes when the process was seen to end",
                  "made:A run:A exec pid:A exit:A:9 gone:A", "exec:A exec_died:A:9!" },
                { "conmon was killed: the process ended, and no file comes",
                  "made:A run:A exec pid:A long", "exec:A exec_died:A/no exit file was seen" },
                { "and Podman says that it does not know either",
                  "made:A run:A exec died:-1 gone:A wait",
                  "exec:A exec_died:A/no exit file was seen" },
                { "or says so afterwards", "made:A run:A exec gone:A died:-1 wait",
                  "exec:A exec_died:A/no exit file was seen" },
                { "the container has ended, and no file comes", "made:A run:A exec dead:137 long",
                  "exec:A died:137 exec_died:A/no exit file was seen" },
        };

        test_rows(rows, ELEMENTSOF(rows));
}

/* inotify lost count: of what came and went meanwhile only Podman's words are there. */
static void test_processes(void)
{
        static const Row rows[] = {
                { "the file was missed, and its process is known",
                  "made:A run:A exec reaped:A:7 late:A died:7 gone:A died:7 long",
                  "exec:A exec_died:A:7#" },
                { "and the start is written after that",
                  "made:A run:A reaped:A:0 late:A exec died:0 gone:A long",
                  "exec:A exec_died:A:0#" },
                { "nobody saw that there was a file",
                  "made:A run:A exec reaped:A:7 gone:A died:7 died:7 long",
                  "exec:A exec_died:A:7#" },
                { "a file that is read counts",
                  "made:A run:A exec reaped:A:7 exit:A:8 gone:A died:8 died:8 long",
                  "exec:A exec_died:A:8!" },
                { "two were missed, and Podman's words change nothing",
                  "made:A run:A exec made:B run:B exec reaped:B:2 reaped:A:1 late:B late:A died:1 "
                  "died:2 gone:A gone:B died:2 died:1 long",
                  "exec:A exec:B exec_died:B:2# exec_died:A:1#" },
                { "of one the process is not known: the word that is left over is its",
                  "made:A run:A exec made:B run:B exec reaped:B:2 late:B pid:A late:A gone:A gone:B "
                  "died:2 died:1 long",
                  "exec:A exec:B exec_died:B:2# exec_died:A:1?" },
                { "conmon was killed, and no file comes", "made:A run:A exec reaped:A:5 long",
                  "exec:A exec_died:A:5#" },
                { "whatever Podman says of it",
                  "made:A run:A exec reaped:A:5 died:-1 gone:A died:-1 long",
                  "exec:A exec_died:A:5#" },
                { "a health check", "made:A run:A reaped:A:1 late:A health died:1 gone:A wait",
                  "exec_died:A:1#/health_check" },
                { "the container has ended", "made:A run:A exec dead:137 reaped:A:137 gone:A long",
                  "exec:A died:137 exec_died:A:137#" },
                { "a start that may be of two, both missed",
                  "undated:A undated:B exec reaped:A:1 reaped:B:2 late:A late:B died:1 died:2 long",
                  "exec exec_died:A:1# exec_died:B:2#" },
        };

        test_rows(rows, ELEMENTSOF(rows));
}

static void test_lost_count(void)
{
        Scene scene = {};

        scene_init(&scene);
        scene.nsec -= NSEC_PER_SEC;
        play(&scene, "made:A run:A missed exec exit:A:0 died:7 wait");
        tap_eq_str(scene.told, "exec exec_died:A:0! exec_died:7",
                   "a start may be of one that nobody saw");
        scene_done(&scene);
}

static void test_restart(void)
{
        static const Row rows[] = {
                { "it goes on", "had:A was:A begin exit:A:3 died:3 died:3 long", "exec_died:A:3!" },
                { "it ended meanwhile, and Podman's word is left",
                  "missed had:A begin died:3 died:3 long", "exec_died:A:3?" },
                { "it ended meanwhile, and nothing is left", "had:A begin wait",
                  "exec_died:A/no exit file was seen" },
                { "it had ended: Podman's word comes again",
                  "had:A ended:A:3 begin died:3 died:3 long", "" },
                { "made and gone meanwhile, as the kernel kept for us",
                  "undated:A gone:A begin exec died:4 died:4 long", "exec:A exec_died:A:4?" },
                { "several of these, and so nobody knows which is which",
                  "undated:A gone:A undated:B gone:B begin exec died:4 died:4 exec died:5 long",
                  "exec exec exec_died:B/no exit file was seen exec_died:A/no exit file was seen" },
                { "several of these, and as many starts: in their order",
                  "undated:A gone:A undated:B gone:B begin foresee foresee exec died:4 died:4 exec "
                  "died:5 died:5 long",
                  "exec:A exec_died:A:4? exec:B exec_died:B:5?" },
                { "several of these, and one start less",
                  "undated:A gone:A undated:B gone:B begin foresee exec died:4 died:4 long",
                  "exec exec_died:B/no exit file was seen exec_died:A/no exit file was seen" },
                { "one, and the start of another, which nobody saw, goes before",
                  "undated:A gone:A begin foresee foresee exec died:4 died:4 exec died:5 long",
                  "exec exec exec_died:A/no exit file was seen" },
                { "only the end of one was seen: it was made before the others",
                  "undated:A gone:A gone:B begin foresee foresee exec died:4 died:4 exec died:5 long",
                  "exec:B exec_died:B:4? exec:A exec_died:A:5?" },
                { "only the ends of two: their order is not known",
                  "gone:A gone:B begin foresee foresee exec died:4 died:4 exec died:5 long",
                  "exec exec exec_died:B/no exit file was seen exec_died:A/no exit file was seen" },
                { "one that runs, and others after it: a start each",
                  "was:A undated:B gone:B undated:D gone:D begin foresee foresee foresee exec exec "
                  "died:4 died:4 exec died:5 died:5",
                  "exec:A exec:B exec_died:B:4? exec:D exec_died:D:5?" },
                { "one of these whose start failed", "undated:A gone:A begin wait", "" },
                { "one of these beside one that runs: the start may be of either",
                  "undated:A gone:A was:B begin exec died:5 long",
                  "exec exec_died:A/no exit file was seen" },
                { "one of these beside a health check that runs, and one that was known to run",
                  "had:C undated:A gone:A gone:C was:B begin foresee exec died:7 died:2 long",
                  "exec exec_died:A/no exit file was seen exec_died:C/no exit file was seen" },
                { "a start without a session, in the history, makes words uncertain",
                  "nameless had:A begin died:3 wait", "exec_died:A/no exit file was seen" },
                { "a start without a session, in the history, is of one that went meanwhile",
                  "nameless gone:A begin wait", "exec_died:A/no exit file was seen" },
                { "if no end without a session was its",
                  "nameless had:B ended:B:3 nameless ended:D:4 gone:A begin wait",
                  "exec_died:A/no exit file was seen" },
                { "and words about it are not another's",
                  "nameless was:A gone:A begin died:3 died:3 wait",
                  "exec_died:A/no exit file was seen" },
                { "nor are two words two endings", "nameless begin died:3 died:3", "exec_died:3" },
                { "and none is left", "nameless ended:D:4 gone:A begin wait", "" },
                { "the end of one was not known, and Podman's words about it are not another's",
                  "had:A ended:A had:B begin died:3 wait", "exec_died:B/no exit file was seen" },
                { "but of an end long before the last start all words were read",
                  "had:A ended:A:3 wait had:B ended:B:4 begin died:3 died:4", "exec_died:3" },
                { "whatever its code was", "had:A ended:A wait had:B ended:B:4 begin died:3 died:4",
                  "exec_died:3" },
        };
        Scene scene = { .recorded = "A" };

        test_rows(rows, ELEMENTSOF(rows));

        scene_init(&scene);
        play(&scene, "was:A exit:A:3 was:B exit:B:4 wait");
        tap_eq_str(scene.told, "exec_died:B:4!", "a file that is still there is not told again");
        scene_done(&scene);
}

static void test_words_alone(void)
{
        static const Row rows[] = {
                { "another user's: the second word is left out", "exec@ died:3@ died:3@",
                  "exec exec_died:3" },
                { "one after the other", "exec@ died:0@ died:0@ exec@ died:0@ died:0@",
                  "exec exec_died:0 exec exec_died:0" },
                { "named, as before 4.3: by the name",
                  "exec exec named:A:0 named:B:0 named:A:0 named:B:0",
                  "exec exec exec_died:A:0 exec_died:B:0" },
                { "where no start was heard each may be another", "died:0@ died:0@",
                  "exec_died:0 exec_died:0" },
                { "one word each", "exec@ died:0@ exec@ died:0@",
                  "exec exec_died:0 exec exec_died:0" },
                { "in parallel, by who wrote it",
                  "exec@ exec@ cleanup:0@ front:0@ cleanup:0@ front:0@",
                  "exec exec exec_died:0 exec_died:0" },
                { "a user cannot name root's", "made:A run:A exec named:A:3@ exit:A:0 died:0",
                  "exec:A exec_died:3 exec_died:A:0!" },
                { "a user cannot end root's", "made:A run:A exec died:3@ exit:A:0 died:0",
                  "exec:A exec_died:3 exec_died:A:0!" },
                { "nor end root's container", "made:A run:A exec dead:3@ long", "exec:A died:3" },
        };

        test_rows(rows, ELEMENTSOF(rows));
}

static void test_containers(void)
{
        static const Row rows[] = {
                { "Podman tells it", "box:3 dead:3 long", "died:3" },
                { "and what conmon knows beside it is added", "oom:137 dead:137 long",
                  "died:137+oom" },
                { "Podman does not tell it", "box:3 long", "died:3!" },
                { "Podman tells it after all", "box:3 long dead:3 long", "died:3!" },
                { "it ends twice with the same code", "box:1 dead:1 box:1 dead:1 long",
                  "died:1 died:1" },
                { "another code is another ending", "box:1 dead:2 long", "died:2 died:1!" },
        };
        Scene scene = { .death_is_recorded = true };

        test_rows(rows, ELEMENTSOF(rows));

        scene_init(&scene);
        play(&scene, "box:3 long");
        tap_eq_str(scene.told, "", "a file that is still there is not told again");
        scene_done(&scene);
}

static void test_running(void)
{
        Scene scene = {};
        char *id = NULL;

        scene_init(&scene);
        play(&scene, "made:A run:A exec made:B run:B");
        tap_eq_int(podman_execs_running(scene.execs, "AAAAAAAAAAAA", &id), 1, "one runs");
        tap_eq_str(id, full_id('A'), "by the start of its ID");
        free(id);
        tap_eq_int(podman_execs_running(scene.execs, "CCCCCCCCCCCC", &id), 0, "another does not");
        tap_eq_int(podman_execs_running(scene.execs, "", &id), -ENOTUNIQ, "several do");
        play(&scene, "made:D");
        tap_eq_int(podman_execs_running(scene.execs, "DDDDDDDDDDDD", &id), 0, "nor one to start");
        play(&scene, "exit:A:0");
        tap_eq_int(podman_execs_running(scene.execs, "AAAAAAAAAAAA", &id), 0, "it has ended");
        play(&scene, "gone:D");
        tap_eq_int(podman_execs_running(scene.execs, "DDDDDDDDDDDD", &id), 0, "nor what failed to");
        scene_done(&scene);
}

static void test_put_off(void)
{
        Scene scene = { .knows_no_container = true };

        scene_init(&scene);
        play(&scene, "made:A run:A exit:A:4 gone:A wait");
        tap_eq_str(scene.told, "", "whose container is not known yet is put off");
        play(&scene, "wait");
        tap_eq_str(scene.told, "exec_died:A:4!", "once");
        scene_done(&scene);
}

static void test_memory(void)
{
        Scene scene = {};

        scene_init(&scene);
        play(&scene,
             "made:A run:A exec exit:A:3 died:3 died:3 gone:A made:B gone:B died:7 long long");
        tap_eq_int((int)podman_execs_book(scene.execs)->n_containers, 0,
                   "what is over is forgotten");
        tap_eq_u64(podman_execs_expire(scene.execs, scene.usec), UINT64_MAX, "nothing to wait for");
        scene.is_waiting = false;
        play(&scene, "died:7@");
        tap_ok(scene.is_waiting, "another user's is, too, when nothing else is waited for");
        scene_done(&scene);
}

/* An event of a container with that number. */
static void number(Scene *scene, unsigned container, uint32_t uid)
{
        _cleanup_(event_unrefp) Event *event = NULL;
        PodmanVerdict verdict;
        char id[65];

        snprintf(id, sizeof(id), "%064x", container);
        if (event_new(&(EventFields){ .type = "container",
                                      .status = "exec_died",
                                      .id = id,
                                      .engine = "podman",
                                      .time_nsec = scene->nsec,
                                      .has_uid = true,
                                      .uid = uid },
                      &event) < 0)
                abort();
        podman_judge(&scene->known, event_fields(event), EXEC_WRITER_UNKNOWN, &verdict);
        podman_verdict_apply(&scene->known, &verdict, event, EXEC_WRITER_UNKNOWN);
}

static void test_flood(void)
{
        Scene scene = {};
        size_t most;

        scene_init(&scene);
        for (unsigned i = 0; i < 20000; i++)
                number(&scene, i, 1000);
        most = podman_execs_book(scene.execs)->n_containers;
        tap_ok(most < 20000, "of other users' containers not all are remembered");
        number(&scene, 20000, 0);
        tap_eq_u64(podman_execs_book(scene.execs)->n_containers, most + 1, "but ours are");
        scene_done(&scene);
}

/* A session that runs for weeks has us look at all that ended meanwhile. */
static void test_long_ago(void)
{
        const uint64_t day_nsec = 86400 * NSEC_PER_SEC;
        Scene scene = {};

        scene_init(&scene);
        scene.nsec -= day_nsec;
        play(&scene, "had:A had:B ended:B:0 ended:C:0");
        tap_eq_u64(podman_execs_book(scene.execs)->containers[0]->n_execs, 1,
                   "what ended long ago is not remembered");
        scene.nsec += day_nsec;
        play(&scene, "ended:D:0");
        tap_eq_u64(podman_execs_book(scene.execs)->containers[0]->n_execs, 2,
                   "what ended just now is");
        play(&scene, "begin wait");
        tap_eq_str(scene.told, "exec_died:A/no exit file was seen", "and the one that ran");
        scene_done(&scene);
}

int main(void)
{
        test_one_event_per_ending();
        test_health_checks();
        test_missed_files();
        test_processes();
        test_lost_count();
        test_restart();
        test_words_alone();
        test_containers();
        test_running();
        test_put_off();
        test_memory();
        test_flood();
        test_long_ago();
        return tap_done();
}
