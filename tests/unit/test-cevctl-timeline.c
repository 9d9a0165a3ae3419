/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From events to cells: each row gives a story, as "TIME STATUS [CODE]" with times in columns, and
 * how it must look in 20 columns.
 */

#include <stdlib.h>

#include "lives.h"
#include "tap.h"
#include "timeline-layout.h"

#define COLUMNS 20
#define SINCE   10000
#define COLUMN  100 /* ns */

static const Scale scale = {
        .since_nsec = SINCE,
        .until_nsec = SINCE + COLUMNS * COLUMN,
        .now_nsec = UINT64_MAX,
        .n_columns = COLUMNS,
};

typedef struct Happening {
        double column; /* negative: before the range */
        const char *status;
        int code; /* -1: none; -2: out of memory */
        const char *name;
        const char *id;
} Happening;

static void add(Lives *l, const Happening *h)
{
        bool health = strcmp(h->status, "healthy") == 0 || strcmp(h->status, "unhealthy") == 0;
        Event e = {
                .type = "container",
                .status = health ? "health_status" : h->status,
                .health_status = health ? h->status : NULL,
                .id = h->id ?: "cafe",
                .name = h->name ?: "web",
                .image = "",
                .engine = "podman",
                .time_nsec = (uint64_t)(SINCE + h->column * COLUMN),
                .exit_code = h->code,
                .has_exit_code = h->code >= 0,
                .oom_killed = h->code == -2,
        };

        if (lives_add(l, &e) < 0)
                abort();
}

static char *looks(const Life *life, const Scale *s, char text[static COLUMNS + 1])
{
        Cell cells[COLUMNS];

        if (timeline_layout(life, s, cells) < 0)
                abort();
        for (size_t i = 0; i < COLUMNS; i++)
                text[i] = cells[i].mark == CELL_TEXT ? cells[i].text
                          : cells[i].mark            ? " XOR"[cells[i].mark]
                                                     : " -#:!"[cells[i].state];
        text[COLUMNS] = '\0';
        return text;
}

#define N(array) (sizeof(array) / sizeof((array)[0]))

static void check_scale(const Happening *story, size_t n, const Scale *s, const char *want,
                        const char *what)
{
        char text[COLUMNS + 1] = "nothing";
        const Life **list;
        Lives *l;
        size_t found;

        if (lives_new(s->since_nsec, false, &l) < 0)
                abort();
        for (size_t i = 0; i < n; i++)
                add(l, &story[i]);
        if (lives_list(l, s->since_nsec, s->until_nsec, &list, &found) < 0)
                abort();
        if (found > 0)
                looks(list[0], s, text);
        tap_eq_str(text, want, "%s", what);
        free(list);
        lives_free(l);
}

#define STORY(what, want, ...)                                                                     \
        do {                                                                                       \
                const Happening story[] = { __VA_ARGS__ };                                         \
                check_scale(story, N(story), &scale, want, what);                                  \
        } while (false)

static void test_bars(void)
{
        STORY("up to the right edge", "     ###############", { 5, "start", -1 });
        STORY("created, started, ended with 0, removed", "  --#####O---       ",
              { 2, "create", -1 }, { 4, "start", -1 }, { 9.5, "died", 0 }, { 13, "remove", -1 });
        STORY("up before the range", "####################", { -5, "start", -1 });
        STORY("a start long before, a stop long before that", "####################",
              { -50, "start", -1 }, { -40, "died", 1 }, { -30, "start", -1 });
        STORY("what is known first is its death", "#####X7-------------", { 5, "died", 7 });
        STORY("what is known first is its health", "####################", { 5, "healthy", -1 });
        STORY("paused", "###:::::############", { -1, "start", -1 }, { 3, "pause", -1 },
              { 8, "unpause", -1 });
        STORY("paused as far as we know", "::::::::############", { 8, "unpause", -1 });
        STORY("paused before the range", "::::::::############", { -9, "start", -1 },
              { -3, "pause", -1 }, { 8, "unpause", -1 });
        STORY("unhealthy", "####!!!!!!##########", { -1, "start", -1 }, { 4, "unhealthy", -1 },
              { 5, "unhealthy", -1 }, { 10, "healthy", -1 });
        STORY("a health check that comes late does not wake the dead", "#####X1-------------",
              { -1, "start", -1 }, { 5, "died", 1 }, { 6, "unhealthy", -1 }, { 7, "healthy", -1 });
        STORY("nor one before the range", "               #####", { -5, "start", -1 },
              { -4, "died", 1 }, { -3, "healthy", -1 }, { -2, "remove", -1 }, { 15, "start", -1 });
        STORY("nor if it was not removed", "---------------#####", { -5, "start", -1 },
              { -4, "died", 1 }, { -3, "healthy", -1 }, { 15, "start", -1 });
        STORY("stop and cleanup tell what died told", "#####X9-------------", { -1, "start", -1 },
              { 5, "died", 9 }, { 5.1, "stop", -1 }, { 5.2, "cleanup", -1 });
        STORY("what was told out of order", "  ####X3------------", { 6, "died", 3 },
              { 2, "start", -1 });
        STORY("too short to be seen is seen", "          X1--------", { 10.1, "start", -1 },
              { 10.2, "died", 1 });
        STORY("a pause too short to be seen is seen", "#####:##############", { -1, "start", -1 },
              { 5.1, "pause", -1 }, { 5.2, "unpause", -1 });
}

static void test_marks(void)
{
        STORY("a code stands over what comes after", "#####X137###########", { -1, "start", -1 },
              { 5, "died", 137 }, { 7, "start", -1 });
        STORY("a code that does not fit is left out", "#####X#X1-----------", { -1, "start", -1 },
              { 5, "died", 137 }, { 6.9, "start", -1 }, { 7, "died", 1 });
        STORY("at the right edge it moves to the left", "################X137", { -1, "start", -1 },
              { 19, "died", 137 });
        STORY("but not over another mark", "################X1#X", { -1, "start", -1 },
              { 16, "died", 1 }, { 17.5, "start", -1 }, { 19, "died", 137 });
        STORY("restarted", "#####R##############", { -1, "start", -1 }, { 5.1, "died", 1 },
              { 5.2, "start", -1 });
        STORY("told by restart, too", "#####R##############", { -1, "start", -1 },
              { 5.1, "died", 1 }, { 5.2, "start", -1 }, { 5.3, "restart", -1 });
        STORY("restarted by a word of its own", "#####R##############", { -1, "start", -1 },
              { 5.1, "died", 1 }, { 5.3, "restart", -1 });
        STORY("restarted three times", "#####R3#############", { -1, "start", -1 },
              { 5.1, "died", 1 }, { 5.2, "start", -1 }, { 5.3, "died", 1 }, { 5.4, "start", -1 },
              { 5.5, "died", 1 }, { 5.6, "start", -1 });
        STORY("a start of what is up was a restart", "#####R##############", { -1, "start", -1 },
              { 5, "start", -1 });
        STORY("no code", "#####X?-------------", { -1, "start", -1 }, { 5, "died", -1 });
        STORY("no memory", "#####Xoom-----------", { -1, "start", -1 }, { 5, "died", -2 });
        STORY("died in another range", "--##################", { -1, "died", 1 },
              { 2, "start", -1 }, { 20, "died", 2 });
}

static void test_the_range(void)
{
        Scale wide = { .since_nsec = 1, .until_nsec = UINT64_MAX, .n_columns = COLUMNS };
        Scale short_of_now = scale;

        tap_eq_u64(scale_column(&scale, SINCE), 0, "the first nanosecond");
        tap_eq_u64(scale_column(&scale, SINCE + COLUMNS * COLUMN - 1), COLUMNS - 1, "the last one");
        tap_eq_u64(scale_column(&wide, UINT64_MAX - 1), COLUMNS - 1, "the last one of all time");

        short_of_now.now_nsec = SINCE + 10 * COLUMN;
        check_scale(&(Happening){ 5, "start", -1 }, 1, &short_of_now, "     #####          ",
                    "nothing is drawn behind now");
}

static void test_the_list(bool by_name)
{
        static const Happening story[] = {
                { -9, "start", -1, "gone", "1" },     { -8, "died", 0, "gone", "1" },
                { -7, "start", -1, "removed", "2" },  { -6, "remove", -1, "removed", "2" },
                { 5, "start", -1, "later", "3" },     { -5, "start", -1, "first", "4" },
                { 3, "start", -1, "before", "5" },    { 1, "died", 1, "unknown", "6" },
                { 6, "start", -1, "again", "7" },     { 7, "died", 0, "again", "7" },
                { 7.5, "remove", -1, "again", "7" },  { 8, "start", -1, "again", "8" },
                { 9, "rename", -1, "before-2", "5" }, { 25, "start", -1, "future", "9" },
        };
        char names[200] = "";
        const Life **list;
        Lives *l;
        size_t n;

        if (lives_new(SINCE, by_name, &l) < 0)
                abort();
        for (size_t i = 0; i < N(story); i++)
                if (story[i].id[0] != (by_name ? '5' : 0))
                        add(l, &story[i]);
        if (lives_list(l, SINCE, SINCE + COLUMNS * COLUMN, &list, &n) < 0)
                abort();
        for (size_t i = 0; i < n; i++)
                sprintf(names + strlen(names), "%s ", life_name(list[i]));
        tap_eq_str(names,
                   by_name ? "unknown first later again "
                           : "unknown first before-2 later again again ",
                   "who was there, by first start%s", by_name ? ", by name" : "");
        free(list);
        lives_free(l);
}

int main(void)
{
        test_bars();
        test_marks();
        test_the_range();
        test_the_list(false);
        test_the_list(true);
        return tap_done();
}
