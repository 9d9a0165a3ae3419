/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/logging.h"
#include "podman.h"
#include "sources/podman-log.h"
#include "sources/podman-place.h"
#include "tap.h"

#define LOG "events.log"

/* The sink of a source, and what it took: the numbers of the events, and 0 for a "lost" one. */
typedef struct Taken {
        Scratch *scratch;
        sd_event *loop; /* owned */
        Source *source; /* owned */

        unsigned numbers[20000];
        size_t n;
        unsigned n_lost, n_backlog;
        char position[256]; /* of the last */
        char reason[256];   /* of the last loss */
        char states[512];   /* that the source was in, a word each */

        unsigned n_room; /* how many more are taken before it refuses */
} Taken;

static int take_event(Source *source, const Event *event, const char *position, void *userdata)
{
        const EventFields *fields = event_fields(event);
        Taken *taken = userdata;

        if (taken->n_room == 0)
                return -EAGAIN;
        taken->n_room--;
        must(taken->n < ELEMENTSOF(taken->numbers));
        if (strcmp(fields->status, "lost") == 0) {
                taken->numbers[taken->n++] = 0;
                taken->n_lost++;
                snprintf(taken->reason, sizeof(taken->reason), "%s", fields->reason);
        } else {
                must(fields->name[0] == 'e' && strcmp(fields->engine, "podman") == 0);
                taken->numbers[taken->n++] = (unsigned)atoi(fields->name + 1);
        }
        taken->n_backlog += fields->backlog;
        must(strncmp(position, "podman ", 7) == 0);
        snprintf(taken->position, sizeof(taken->position), "%s", position + 7);
        return 0;
}

static void note_change(Source *source, void *userdata)
{
        Taken *taken = userdata;
        const char *state = source_state_to_string(source->state);
        size_t n = strlen(taken->states), length = strlen(state);

        if (n > length && strcmp(taken->states + n - length, state) == 0)
                return;
        if (n + length + 2 < sizeof(taken->states))
                sprintf(taken->states + n, "%s%s", n > 0 ? " " : "", state);
}

/* Until nothing more happens; news of a watch that is gone is a turn in which nothing does. */
static void run(Taken *taken)
{
        for (unsigned n_idle = 0; n_idle < 3;)
                n_idle = sd_event_run(taken->loop, 0) > 0 ? 0 : n_idle + 1;
}

/* Starts a source as the service does after a restart: from the last position, if there is one. */
static void start_at(Taken *taken, const char *name)
{
        const SourceSink sink = { .event = take_event, .changed = note_change, .userdata = taken };
        char path[PATH_MAX + 64];

        snprintf(path, sizeof(path), "%s/%s", taken->scratch->path, name);
        must(podman_log_new(path, taken->loop, &sink, NULL, &taken->source) == 0);
        must(taken->source->ops->start(taken->source, *taken->position ? taken->position : NULL) ==
             0);
        run(taken);
}

static Taken *taken_new(Scratch *scratch)
{
        Taken *taken = calloc(1, sizeof(Taken));

        must(taken && sd_event_new(&taken->loop) >= 0);
        taken->scratch = scratch;
        taken->n_room = UINT32_MAX;
        return taken;
}

static Taken *taken_start(Scratch *scratch)
{
        Taken *taken = taken_new(scratch);

        start_at(taken, LOG);
        return taken;
}

static void stop(Taken *taken)
{
        taken->source = taken->source->ops->free(taken->source);
        must(!taken->source);
}

static void restart(Taken *taken)
{
        stop(taken);
        start_at(taken, LOG);
}

static void taken_done(Taken **taken)
{
        if ((*taken)->source)
                stop(*taken);
        sd_event_unref((*taken)->loop);
        free(*taken);
}

#define _cleanup_taken_ _cleanup_(taken_done)

/* What was taken since the last question, as "1-3 lost 7". */
static const char *news(Taken *taken)
{
        static char text[4096];
        size_t n = 0;

        run(taken);
        text[0] = '\0';
        for (size_t i = 0; i < taken->n && n < sizeof(text) - 64; i++) {
                unsigned first = taken->numbers[i], last = first;

                while (first > 0 && i + 1 < taken->n && taken->numbers[i + 1] == last + 1) {
                        last++;
                        i++;
                }
                n += (size_t)sprintf(text + n, n > 0 ? " " : "");
                if (first == 0)
                        n += (size_t)sprintf(text + n, "lost");
                else if (first == last)
                        n += (size_t)sprintf(text + n, "%u", first);
                else
                        n += (size_t)sprintf(text + n, "%u-%u", first, last);
        }
        taken->n = 0;
        return text;
}

static void fill(PodmanModel *model, unsigned first, unsigned last)
{
        for (unsigned i = first; i <= last; i++)
                podman_event(model, i, 20 + i * 7 % 50);
}

/* ---- one file ---- */

static void test_paths_that_cannot_be(void)
{
        static const char *const paths[] = { "", "events.log", "/", "/run/" };
        const SourceSink sink = { .event = take_event, .changed = note_change, .userdata = NULL };
        Source *source = NULL;
        sd_event *loop;

        must(sd_event_new(&loop) >= 0);
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                tap_eq_int(podman_log_new(paths[i], loop, &sink, NULL, &source), -EINVAL, "\"%s\"",
                           paths[i]);
        tap_ok(!source, "there is no source");
        sd_event_unref(loop);
}

static void test_what_is_there_first_is_backlog(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        PodmanModel model = { .path = LOG };
        _cleanup_taken_ Taken *taken = NULL;

        fill(&model, 1, 5);
        taken = taken_start(&scratch);
        tap_eq_str(news(taken), "1-5", "it is taken");
        tap_eq_u64(taken->n_backlog, 5, "and marked");
        tap_eq_str(taken->states, "syncing live", "the source is live");
        tap_eq_u64(taken->source->received, 5, "and counts");
        fill(&model, 6, 8);
        tap_eq_str(news(taken), "6-8", "what comes later is taken");
        tap_eq_u64(taken->n_backlog, 5, "and not marked");
        tap_eq_str(taken->source->last_error, "", "nothing is wrong");
        tap_eq_u64(taken->source->lost + taken->source->duplicates, 0,
                   "nothing was lost or double");
}

static void test_a_file_that_appears_is_no_backlog(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        PodmanModel model = { .path = "folder/" LOG };
        _cleanup_taken_ Taken *taken = taken_new(&scratch);

        start_at(taken, "folder/" LOG);
        tap_eq_str(taken->states, "absent", "there is no file");
        must(mkdir("folder", 0700) == 0);
        run(taken);
        fill(&model, 1, 3);
        tap_eq_str(news(taken), "1-3", "now there is");
        tap_eq_u64(taken->n_backlog, 0, "it is all new");
        must(unlink("folder/" LOG) == 0);
        run(taken);
        tap_eq_str(source_state_to_string(taken->source->state), "absent", "it goes");
        fill(&model, 4, 5);
        tap_eq_str(news(taken), "4-5", "and comes again");
        tap_eq_u64(taken->n_lost, 0, "nothing was lost");
}

static void test_a_line_is_taken_when_it_is_whole(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_free_ char *line = podman_line(1, 20), *next = podman_line(2, 20);
        PodmanModel model = { .path = LOG };
        _cleanup_taken_ Taken *taken = NULL;
        char half[32];

        file_write(LOG, "");
        taken = taken_start(&scratch);
        snprintf(half, sizeof(half), "%.20s", line);
        podman_append(&model, half);
        tap_eq_str(news(taken), "", "a half is none");
        podman_append(&model, line + 20);
        tap_eq_str(news(taken), "1", "both are one");
        podman_append(&model, next);
        tap_eq_str(news(taken), "2", "and so it goes on");
        tap_eq_str(taken->source->last_error, "", "nothing is wrong");
}

static void test_lines_that_are_no_events(void)
{
        static const struct {
                const char *label, *line;
                const char *says;
        } rows[] = {
                { "rubbish", "rubbish\n", "rubbish" },
                { "an empty line", "\n", "no event" },
                { "a torn line, with the next behind it",
                  "{\"ID\":\"x{\"Name\":\"e9\",\"Status\":\"start\",\"Time\":\"2026-11-21T00:00:00Z\","
                  "\"Type\":\"container\"}\n",
                  "no event" },
                { "no UTF-8", "\xff\xfe\n", "no event" },
                { "control characters", "\x1b[31m\n", "no event" },
                { "an object of something else", "{\"level\":\"info\"}\n", "level" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _scratch_ Scratch scratch = scratch_enter();
                PodmanModel model = { .path = LOG };
                _cleanup_taken_ Taken *taken = NULL;

                fill(&model, 1, 2);
                podman_append(&model, rows[i].line);
                fill(&model, 3, 4);
                taken = taken_start(&scratch);
                tap_eq_str(news(taken), "1-4", "%s", rows[i].label);
                tap_ok(strstr(taken->source->last_error, rows[i].says) &&
                               strstr(taken->source->last_error, LOG),
                       "is told: %s", taken->source->last_error);
                tap_eq_str(source_state_to_string(taken->source->state), "live", "and is no harm");
                restart(taken);
                tap_eq_str(news(taken), "", "not even after a restart");
        }
}

static void test_bytes_that_are_no_text(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_free_ char *first = podman_line(1, 20), *second = podman_line(2, 20), *at;
        PodmanModel model = { .path = LOG };
        _cleanup_taken_ Taken *taken = NULL;

        at = strstr(first, "\"bb\"");
        at[1] = '\xff';
        podman_append(&model, first);
        podman_append(&model, second);
        TAKE_PTR(at);
        taken = taken_start(&scratch);
        tap_eq_str(news(taken), "1-2", "cost no event");
}

static void test_a_line_that_is_too_long(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_free_ char *longest = podman_line(3, PODMAN_LINE_MAX - 300),
                            *longer = podman_line(4, PODMAN_LINE_MAX);
        PodmanModel model = { .path = LOG };
        _cleanup_taken_ Taken *taken = NULL;

        fill(&model, 1, 2);
        podman_append(&model, longest);
        podman_append(&model, longer);
        fill(&model, 5, 6);
        taken = taken_start(&scratch);
        tap_eq_str(news(taken), "1-3 5-6", "costs itself");
        tap_ok(strstr(taken->source->last_error, "longer than"), "is told: %s",
               taken->source->last_error);
        restart(taken);
        tap_eq_str(news(taken), "", "and no more after a restart");
        podman_rotate(&model);
        tap_eq_str(news(taken), "", "nor after a rotation");
        tap_eq_u64(taken->n_lost, 0, "which loses nothing");
}

static void test_a_long_file_leaves_others_their_turn(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        PodmanModel model = { .path = LOG };
        _cleanup_taken_ Taken *taken = taken_new(&scratch);
        unsigned n_turns = 0;
        size_t most = 0;

        fill(&model, 1, 3000);
        const SourceSink sink = { .event = take_event, .changed = note_change, .userdata = taken };
        char path[PATH_MAX + 64];
        snprintf(path, sizeof(path), "%s/" LOG, scratch.path);
        must(podman_log_new(path, taken->loop, &sink, NULL, &taken->source) == 0);
        must(taken->source->ops->start(taken->source, NULL) == 0);
        for (size_t before = 0; sd_event_run(taken->loop, 0) > 0; before = taken->n, n_turns++)
                if (taken->n - before > most)
                        most = taken->n - before;
        tap_ok(n_turns > 3 && most < 1000, "%u turns, %zu lines at most", n_turns, most);
        tap_eq_str(news(taken), "1-3000", "all are taken");
}

/* ---- restarts ---- */

static void test_a_restart_goes_on_where_it_was(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        PodmanModel model = { .path = LOG };
        _cleanup_taken_ Taken *taken = NULL;

        fill(&model, 1, 3);
        taken = taken_start(&scratch);
        tap_eq_str(news(taken), "1-3", "the first run");
        restart(taken);
        tap_eq_str(news(taken), "", "nothing comes twice");
        stop(taken);
        fill(&model, 4, 6);
        start_at(taken, LOG);
        tap_eq_str(news(taken), "4-6", "what came meanwhile comes");
        tap_eq_u64(taken->n_backlog, 3, "and is no backlog");
        tap_eq_u64(taken->n_lost, 0, "nothing was lost");
}

static void test_a_restart_at_any_event(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        PodmanModel model = { .path = LOG };
        unsigned n_wrong = 0;

        fill(&model, 1, 20);
        for (unsigned n = 1; n < 20; n++) {
                _cleanup_taken_ Taken *taken = taken_new(&scratch);
                char want[32];

                taken->n_room = n;
                start_at(taken, LOG);
                stop(taken);
                taken->n = 0;
                taken->n_room = UINT32_MAX;
                start_at(taken, LOG);
                snprintf(want, sizeof(want), n < 19 ? "%u-20" : "20", n + 1);
                n_wrong += strcmp(news(taken), want) != 0;
                n_wrong += taken->n_backlog != 20;
        }
        tap_eq_u64(n_wrong, 0, "each comes once, and is backlog before and after");
}

static void test_rotations_while_nobody_listened(void)
{
        static const struct {
                const char *label;
                unsigned n_rotations, n_more;
                const char *want;
        } rows[] = {
                { "none", 0, 3, "41-43" },
                { "one", 1, 3, "41-43" },
                { "one, and nothing new", 1, 0, "" },
                { "two", 2, 3, "41-43" },
                { "so many that the place is gone", 12, 0, "lost" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _scratch_ Scratch scratch = scratch_enter();
                PodmanModel model = { .path = LOG };
                _cleanup_taken_ Taken *taken = NULL;

                fill(&model, 1, 40);
                taken = taken_start(&scratch);
                news(taken);
                stop(taken);
                for (unsigned n = 0; n < rows[i].n_rotations; n++)
                        podman_rotate(&model);
                fill(&model, 41, 40 + rows[i].n_more);
                start_at(taken, LOG);
                tap_eq_str(news(taken), rows[i].want, "%s", rows[i].label);
                tap_eq_u64(taken->source->lost, taken->n_lost, "what is lost is counted");
        }
}

static void test_what_is_lost_is_said(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        PodmanModel model = { .path = LOG, .limit = 3000 };
        _cleanup_taken_ Taken *taken = NULL;

        fill(&model, 1, 5);
        taken = taken_start(&scratch);
        news(taken);
        stop(taken);
        fill(&model, 6, 100);
        taken->states[0] = '\0';
        start_at(taken, LOG);
        const char *got = news(taken);
        tap_ok(strncmp(got, "lost ", 5) == 0 && strstr(got, "-100") && !strchr(got + 5, ' '),
               "first that, then what there is: %s", got);
        tap_ok(strstr(taken->reason, "replaced"), "with a reason: %s", taken->reason);
        tap_ok(strstr(taken->states, "gap"), "the source was in a gap: %s", taken->states);
        tap_eq_str(source_state_to_string(taken->source->state), "live", "and is live again");
        tap_eq_u64(taken->n_backlog, 5, "none of it is backlog");
        restart(taken);
        tap_eq_str(news(taken), "", "it is said once");
}

static void test_a_place_of_another_kind(void)
{
        static const struct {
                const char *label;
                size_t at; /* in the place */
                const char *with;
                bool moved;
                const char *want;
                unsigned n_backlog;
        } rows[] = {
                { "of another boot, in the same file", 3, "AAA", false, "", 5 },
                { "of another boot, and the log is new", 3, "AAA", true, "6-7", 5 },
                { "of another file", 0, "AAA", false, "1-5", 10 },
                { "of no kind", 17, "!", false, "1-5", 10 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _scratch_ Scratch scratch = scratch_enter();
                PodmanModel model = { .path = LOG };
                _cleanup_taken_ Taken *taken = NULL;

                fill(&model, 1, 5);
                taken = taken_start(&scratch);
                news(taken);
                stop(taken);
                memcpy(taken->position + rows[i].at, rows[i].with, strlen(rows[i].with));
                if (rows[i].moved) {
                        must(unlink(LOG) == 0);
                        fill(&model, 6, 7);
                }
                start_at(taken, LOG);
                tap_eq_str(news(taken), rows[i].want, "%s", rows[i].label);
                tap_eq_u64(taken->n_backlog, rows[i].n_backlog, "backlog");
                tap_eq_u64(taken->n_lost, 0, "nothing is said to be lost");
        }
}

static void test_a_restart_inside_the_backlog(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        PodmanModel model = { .path = LOG };
        _cleanup_taken_ Taken *taken = taken_new(&scratch);

        fill(&model, 1, 20);
        taken->n_room = 15;
        start_at(taken, LOG);
        stop(taken);
        taken->n_room = UINT32_MAX;
        podman_rotate(&model);
        fill(&model, 21, 23);
        start_at(taken, LOG);
        tap_eq_str(news(taken), "1-23", "with a rotation: each comes once");
        tap_eq_u64(taken->n_backlog, 20, "what was there first is still backlog");
}

/* ---- a sink that refuses ---- */

static void test_a_sink_that_refuses_gets_the_same_again(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        PodmanModel model = { .path = LOG };
        _cleanup_taken_ Taken *taken = taken_new(&scratch);

        fill(&model, 1, 10);
        taken->n_room = 4;
        start_at(taken, LOG);
        tap_eq_str(news(taken), "1-4", "it takes four");
        fill(&model, 11, 12);
        tap_eq_str(news(taken), "", "and no more, whatever comes");
        tap_ok(taken->source->state != SOURCE_FAILED, "which is not the source's failure");
        taken->n_room = 1;
        taken->source->ops->resume(taken->source);
        tap_eq_str(news(taken), "5", "resumed, it takes the next");
        podman_rotate(&model);
        fill(&model, 13, 14);
        tap_eq_str(news(taken), "", "a rotation meanwhile");
        taken->n_room = UINT32_MAX;
        taken->source->ops->resume(taken->source);
        tap_eq_str(news(taken), "6-14", "changes nothing");
        tap_eq_u64(taken->n_lost, 0, "nothing was lost");
        tap_eq_str(source_state_to_string(taken->source->state), "live", "it is live");
}

static void test_a_sink_that_refuses_a_loss(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        PodmanModel model = { .path = LOG };
        _cleanup_taken_ Taken *taken = NULL;

        fill(&model, 1, 5);
        taken = taken_start(&scratch);
        news(taken);
        stop(taken);
        must(unlink(LOG) == 0);
        fill(&model, 100, 103);
        taken->n_room = 0;
        start_at(taken, LOG);
        tap_eq_str(news(taken), "", "it takes nothing");
        taken->n_room = UINT32_MAX;
        taken->source->ops->resume(taken->source);
        tap_eq_str(news(taken), "lost 100-103", "resumed, it hears of the loss first");
}

/* ---- changes under us ---- */

static void test_rotations_one_after_another(void)
{
        static const bool unmarked[] = { false, true };

        for (size_t i = 0; i < ELEMENTSOF(unmarked); i++) {
                _scratch_ Scratch scratch = scratch_enter();
                PodmanModel model = { .path = LOG, .limit = 4000, .unmarked = unmarked[i] };
                _cleanup_taken_ Taken *taken = NULL;

                file_write(LOG, "");
                taken = taken_start(&scratch);
                for (unsigned n = 1; n <= 500; n++) {
                        podman_event(&model, n, 20 + n * 7 % 50);
                        if (n % 3 == 0)
                                run(taken);
                }
                tap_eq_str(news(taken), "1-500", "over %u rotations each event comes once%s",
                           model.n_rotations, unmarked[i] ? ", before 4.5" : "");
                tap_ok(model.n_rotations > 20, "there were enough");
                tap_eq_u64(taken->n_lost, 0, "nothing was lost");
                tap_ok(taken->source->duplicates > 100, "what was kept is counted: %" PRIu64,
                       taken->source->duplicates);
        }
}

static void test_truncations(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        PodmanModel model = { .path = LOG };
        _cleanup_taken_ Taken *taken = NULL;

        fill(&model, 1, 5);
        taken = taken_start(&scratch);
        news(taken);
        must(truncate(LOG, 0) == 0);
        tap_eq_str(news(taken), "", "to nothing");
        fill(&model, 6, 8);
        tap_eq_str(news(taken), "6-8", "what is written then comes");
        must(truncate(LOG, 0) == 0);
        fill(&model, 9, 20);
        tap_eq_str(news(taken), "9-20", "also when it is larger than before");
        tap_eq_u64(taken->n_backlog, 5, "nothing of it is backlog");
}

/* Somebody mends a torn line by cutting it off. */
static void test_a_torn_end_that_is_cut_off(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        PodmanModel model = { .path = LOG };
        _cleanup_taken_ Taken *taken = NULL;
        struct stat st;

        fill(&model, 1, 5);
        taken = taken_start(&scratch);
        news(taken);
        must(stat(LOG, &st) == 0);
        podman_append(&model, "{\"ID\":\"torn");
        run(taken);
        must(truncate(LOG, st.st_size) == 0);
        fill(&model, 6, 8);
        tap_eq_str(news(taken), "6-8", "costs no event");
}

static void test_equal_lines(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        PodmanModel model = { .path = LOG };
        _cleanup_taken_ Taken *taken = NULL;

        fill(&model, 1, 10);
        for (int i = 0; i < 4; i++)
                fill(&model, 11, 11);
        taken = taken_start(&scratch);
        tap_eq_str(news(taken), "1-11 11 11 11", "lines that are alike are events too");
        podman_rotate(&model);
        fill(&model, 12, 13);
        tap_eq_str(news(taken), "12-13", "and come once");
        restart(taken);
        tap_eq_str(news(taken), "", "also after a restart");
        tap_eq_u64(taken->n_lost, 0, "nothing was lost");
}

/* Rubbish is alike more often than events are. */
static void test_equal_lines_that_are_no_events(void)
{
        static const char *const lines[] = { "\n", "rubbish\n", "{\"ID\":\"torn\n" };

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                _scratch_ Scratch scratch = scratch_enter();
                PodmanModel model = { .path = LOG };
                _cleanup_taken_ Taken *taken = NULL;

                for (unsigned n = 1; n <= 20; n++) {
                        fill(&model, n, n);
                        podman_append(&model, lines[i]);
                }
                taken = taken_start(&scratch);
                tap_eq_str(news(taken), "1-20", "line %zu between events", i);
                podman_rotate(&model);
                tap_eq_str(news(taken), "", "a rotation brings nothing twice");
                stop(taken);
                podman_rotate(&model);
                fill(&model, 21, 22);
                start_at(taken, LOG);
                tap_eq_str(news(taken), "21-22", "nor does one while nobody listened");
                tap_eq_u64(taken->n_lost, 0, "nothing was lost");
        }
}

static void test_a_line_that_is_too_long_between_equal_ones(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_free_ char *longer = podman_line(4, PODMAN_LINE_MAX);
        PodmanModel model = { .path = LOG };
        _cleanup_taken_ Taken *taken = NULL;

        podman_append(&model, longer);
        fill(&model, 5, 5);
        podman_append(&model, longer);
        fill(&model, 5, 5);
        taken = taken_start(&scratch);
        tap_eq_str(news(taken), "5 5", "both come");
        podman_rotate(&model);
        fill(&model, 6, 7);
        tap_eq_str(news(taken), "6-7", "and nothing twice after a rotation");
        tap_eq_u64(taken->n_lost, 0, "nothing was lost");
}

static void test_what_is_no_file(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        PodmanModel model = { .path = LOG };
        _cleanup_taken_ Taken *taken = NULL;

        must(mkfifo(LOG, 0600) == 0);
        taken = taken_start(&scratch);
        tap_eq_str(source_state_to_string(taken->source->state), "failed", "a FIFO");
        tap_ok(strstr(taken->source->last_error, LOG), "is told: %s", taken->source->last_error);
        must(unlink(LOG) == 0);
        fill(&model, 1, 2);
        tap_eq_str(news(taken), "1-2", "when there is a file it goes on");
        tap_eq_str(source_state_to_string(taken->source->state), "live", "and is live");
}

/* ---- anything, in any order ---- */

typedef struct Story {
        uint64_t seed;
        PodmanModel model;
        Taken *taken;
        unsigned next;             /* event */
        unsigned expected[20000];  /* numbers that were written whole */
        size_t n_expected, n_seen; /* of them, and how many were taken */
        unsigned n_wrong, n_gaps;
        unsigned rotations_seen; /* when everything was read last */
        bool gap_possible, truncated, no_rubbish;
} Story;

/* Appends an event, or something that is none. */
static void story_write(Story *story)
{
        static const char *const rubbish[] = { "\n", "rubbish\n", "\xff\xfe\xfd\n", "{}\n",
                                               "{\"ID\":\"torn" };
        const char *line = rubbish[random_below(&story->seed, ELEMENTSOF(rubbish))];
        unsigned n_rotations;

        if (!story->no_rubbish && random_below(&story->seed, 12) == 0) {
                podman_append(&story->model, line);
                if (strchr(line, '\n'))
                        return;
                /* A torn line takes the next event with it, or the mark of a rotation before it. */
                n_rotations = story->model.n_rotations;
                podman_event(&story->model, story->next++, 10);
                if (story->model.n_rotations > n_rotations && !story->model.unmarked)
                        story->expected[story->n_expected++] = story->next - 1;
                return;
        }
        story->expected[story->n_expected++] = story->next;
        podman_event(&story->model, story->next++,
                     random_below(&story->seed, 20) ? random_below(&story->seed, 200)
                                                    : random_below(&story->seed, 1500));
}

/* Each event once and in order; those that are missing only where a loss is said. */
static void story_check(Story *story, bool complete)
{
        Taken *taken = story->taken;
        bool said = false;

        for (size_t i = 0; i < taken->n; i++) {
                size_t before = story->n_seen;

                if (taken->numbers[i] == 0) {
                        said = true;
                        if (!story->gap_possible && story->n_wrong++ == 0)
                                printf("# a loss was said that is none\n");
                        continue;
                }
                while (story->n_seen < story->n_expected &&
                       story->expected[story->n_seen] != taken->numbers[i])
                        story->n_seen++;
                if (story->n_seen == story->n_expected || (story->n_seen > before && !said)) {
                        if (story->n_wrong++ == 0)
                                printf("# event %u came after %u\n", taken->numbers[i],
                                       before > 0 ? story->expected[before - 1] : 0);
                        story->n_seen = before;
                        continue;
                }
                story->n_gaps += story->n_seen > before;
                story->n_seen++;
                said = false;
        }
        if (complete && story->n_seen < story->n_expected && !said) {
                if (story->n_wrong++ == 0)
                        printf("# event %u did not come\n", story->expected[story->n_seen]);
        }
        if (complete)
                story->n_seen = story->n_expected;
        taken->n = 0;
}

/*
 * What may be lost is what a rotation drops that nobody saw: of two in a row the first one's, and
 * while nobody listened any one's. A place that was cut off cannot be found again either.
 */
static void story_look(Story *story, bool restarted)
{
        unsigned n_rotations = story->model.n_rotations - story->rotations_seen;

        story->gap_possible |=
                n_rotations > 1 || (restarted && (n_rotations > 0 || story->truncated));
        run(story->taken);
        story->truncated &= story->taken->n == 0;
        story_check(story, true);
        story->rotations_seen = story->model.n_rotations;
        story->gap_possible = false;
}

static void story_write_some(Story *story, unsigned most)
{
        for (unsigned n = random_below(&story->seed, most + 1); n > 0; n--)
                story_write(story);
}

static void story_step(Story *story)
{
        Taken *taken = story->taken;

        story_write_some(story, 7);
        switch (random_below(&story->seed, 8)) {
        case 0:
                stop(taken);
                story_write_some(story, 7);
                start_at(taken, LOG);
                story_look(story, true);
                break;
        case 1: /* the history takes only some, for a while */
                taken->n_room = random_below(&story->seed, 4);
                run(taken);
                story_write_some(story, 3);
                run(taken);
                taken->n_room = UINT32_MAX;
                taken->source->ops->resume(taken->source);
                story_look(story, false);
                break;
        case 2: /* the same, and it never comes back */
                taken->n_room = random_below(&story->seed, 4);
                run(taken);
                stop(taken);
                taken->n_room = UINT32_MAX;
                start_at(taken, LOG);
                story_look(story, true);
                break;
        case 3:
                story_look(story, false);
                must(truncate(LOG, 0) == 0);
                story->truncated = true;
                story_look(story, false);
                break;
        case 4: /* nobody looks */
                break;
        default:
                story_look(story, false);
                break;
        }
}

static void test_whatever_happens_each_event_comes_once(void)
{
        unsigned n_wrong = 0, n_gaps = 0, n_rotations = 0, n_events = 0;

        logging_set_target(LOG_TARGET_NULL);
        for (unsigned seed = 1; seed <= 12; seed++) {
                _scratch_ Scratch scratch = scratch_enter();
                _cleanup_free_ Story *story = calloc(1, sizeof(Story));
                _cleanup_taken_ Taken *taken = NULL;

                must(story);
                story->seed = seed * UINT64_C(0x9e3779b97f4a7c15);
                story->next = 1;
                story->model.path = LOG;
                story->model.limit = seed % 3 ? 2000 + random_below(&story->seed, 8000)
                                              : 300 + random_below(&story->seed, 2000);
                story->no_rubbish = seed % 2;
                story->model.unmarked = random_below(&story->seed, 2);
                /* Before the first event is recorded there is no place to go on from. */
                file_write(LOG, "");
                taken = story->taken = taken_start(&scratch);
                story_write(story);
                story_look(story, false);
                for (int step = 0; step < 60; step++)
                        story_step(story);
                if (story->n_wrong > 0)
                        printf("# seed %u, limit %zu: %u wrong\n", seed, story->model.limit,
                               story->n_wrong);
                n_wrong += story->n_wrong;
                n_gaps += story->n_gaps;
                n_rotations += story->model.n_rotations;
                n_events += (unsigned)story->n_expected;
        }
        logging_set_target(LOG_TARGET_CONSOLE);
        tap_eq_u64(n_wrong, 0, "%u events, %u rotations, %u gaps that were said", n_events,
                   n_rotations, n_gaps);
}

int main(void)
{
        logging_set_target(LOG_TARGET_NULL);
        test_paths_that_cannot_be();
        test_what_is_there_first_is_backlog();
        test_a_file_that_appears_is_no_backlog();
        test_a_line_is_taken_when_it_is_whole();
        test_lines_that_are_no_events();
        test_bytes_that_are_no_text();
        test_a_line_that_is_too_long();
        test_a_long_file_leaves_others_their_turn();
        test_a_restart_goes_on_where_it_was();
        test_a_restart_at_any_event();
        test_rotations_while_nobody_listened();
        test_what_is_lost_is_said();
        test_a_place_of_another_kind();
        test_a_restart_inside_the_backlog();
        test_a_sink_that_refuses_gets_the_same_again();
        test_a_sink_that_refuses_a_loss();
        test_rotations_one_after_another();
        test_truncations();
        test_a_torn_end_that_is_cut_off();
        test_equal_lines();
        test_equal_lines_that_are_no_events();
        test_a_line_that_is_too_long_between_equal_ones();
        test_what_is_no_file();
        test_whatever_happens_each_event_comes_once();
        return tap_done();
}
