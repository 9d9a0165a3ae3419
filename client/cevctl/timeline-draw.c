/* SPDX-License-Identifier: Apache-2.0 */
#include "timeline-draw.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "columns.h"
#include "event-json.h"
#include "ticks.h"

#define NSEC_PER_SEC UINT64_C(1000000000)

#define TITLE "CONTAINER"

/* Names get a quarter of the width, but not more than anybody needs; bars at least this much. */
#define NAMES_MAX 40
#define BARS_MIN  10
#define NAMES_GAP 2

/* A range below an hour is told to the second. */
#define SECONDS_SHOWN (3600 * NSEC_PER_SEC)

/* A screen's height: with more rows the axis stands below them, too. */
#define ROWS_PER_SCREEN 24

#define COLOR_END  "\x1b[0m"
#define COLOR_DIM  "\x1b[2m"
#define COLOR_BOLD "\x1b[1m"

typedef struct Look {
        const char *utf8;
        const char *ascii;
        const char *color;
        const char *meaning;
} Look;

static const Look state_looks[] = {
        [LIFE_NONE] = { " ", " ", "", NULL },
        [LIFE_STOPPED] = { "\xe2\x94\x80", "-", COLOR_DIM, "stopped" },
        [LIFE_UP] = { "\xe2\x96\x87", "#", "\x1b[32m", "up" },
        [LIFE_PAUSED] = { "\xe2\x96\x91", ":", "\x1b[36m", "paused" },
        [LIFE_UNHEALTHY] = { "\xe2\x96\x9e", "!", "\x1b[33m", "unhealthy" },
};

static const Look mark_looks[] = {
        [CELL_DIED] = { "\xe2\x9c\x97", "x", "\x1b[1;31m", "died, with its exit code" },
        [CELL_ENDED] = { "\xe2\x9c\x93", "0", "\x1b[1m", "ended with 0" },
        [CELL_RESTARTED] = { "\xe2\x86\xbb", "R", "\x1b[1;35m", "restarted, how often" },
};

#define N_STATES (sizeof(state_looks) / sizeof(state_looks[0]))
#define N_MARKS  (sizeof(mark_looks) / sizeof(mark_looks[0]))

typedef struct Drawing {
        FILE *f;
        const DrawOptions *options;
        Scale scale;
        size_t names;          /* width */
        Cell *cells;           /* owned: of a row */
        const char *color;     /* that is on */
        bool states[N_STATES]; /* which were drawn */
        bool marks[N_MARKS];
} Drawing;

static void put(Drawing *d, const char *color, const char *text)
{
        if (d->options->color && strcmp(color, d->color) != 0) {
                fputs(*d->color ? COLOR_END : "", d->f);
                fputs(color, d->f);
                d->color = color;
        }
        fputs(text, d->f);
}

static void end_line(Drawing *d)
{
        put(d, "", "\n");
}

static void put_look(Drawing *d, const Look *look)
{
        put(d, look->color, d->options->utf8 ? look->utf8 : look->ascii);
}

/* ---- the axis ---- */

/* Seconds where they matter. */
static void format_time(const Drawing *d, char *text, size_t size, uint64_t nsec)
{
        bool seconds = d->scale.until_nsec - d->scale.since_nsec < SECONDS_SHOWN;
        time_t sec = (time_t)(nsec / NSEC_PER_SEC);
        struct tm tm;

        text[0] = '\0';
        if (!localtime_r(&sec, &tm))
                return;
        if (seconds)
                strftime(text, size, "%Y-%m-%d %H:%M:%S", &tm);
        else
                strftime(text, size, "%Y-%m-%d %H:%M", &tm);
}

static void format_zone(char *text, size_t size, uint64_t nsec)
{
        time_t sec = (time_t)(nsec / NSEC_PER_SEC);
        struct tm tm;

        text[0] = '\0';
        if (localtime_r(&sec, &tm))
                strftime(text, size, " %Z", &tm);
}

/* As much of it as fits. */
static void draw_range(Drawing *d)
{
        char since[32], until[32], zone[32], column[TICK_SIZE];
        size_t length;

        format_time(d, since, sizeof(since), d->scale.since_nsec);
        format_time(d, until, sizeof(until), d->scale.until_nsec);
        format_zone(zone, sizeof(zone), d->scale.until_nsec);
        scale_describe_column(&d->scale, column);
        length = strlen(since) + strlen(" to ") + strlen(until);
        put(d, COLOR_BOLD, since);
        put(d, COLOR_BOLD, length <= d->options->width ? " to " : "\n");
        put(d, COLOR_BOLD, until);
        if (length + strlen(zone) <= d->options->width)
                put(d, COLOR_BOLD, zone);
        if (length + strlen(zone) + strlen(", one column is ") + strlen(column) <=
            d->options->width) {
                put(d, "", ", one column is ");
                put(d, "", column);
        }
        end_line(d);
}

static void draw_axis(Drawing *d, const Tick *ticks, size_t n)
{
        size_t column = 0;

        fprintf(d->f, "%-*s", (int)(d->names + NAMES_GAP), TITLE);
        for (size_t i = 0; i < n; i++) {
                size_t length = strlen(ticks[i].label);

                /* The last one may have no room. */
                if (ticks[i].column + 1 + length > d->scale.n_columns)
                        break;
                fprintf(d->f, "%*s", (int)(ticks[i].column - column), "");
                put(d, COLOR_DIM, d->options->utf8 ? "\xe2\x94\x82" : "|");
                put(d, "", ticks[i].label);
                column = ticks[i].column + 1 + length;
        }
        end_line(d);
}

/* ---- the rows ---- */

static void draw_cell(Drawing *d, const Cell *cell, const char **text_color)
{
        const Look *look = &state_looks[cell->state];

        if (cell->mark == CELL_TEXT) {
                put(d, *text_color, (char[]){ cell->text, '\0' });
                return;
        }
        if (cell->mark != CELL_PLAIN) {
                look = &mark_looks[cell->mark];
                d->marks[cell->mark] = true;
        } else {
                d->states[cell->state] = true;
        }
        *text_color = look->color;
        put_look(d, look);
}

/* Without what is blank at its end. */
static size_t row_length(const Drawing *d)
{
        size_t n = d->scale.n_columns;

        while (n > 0 && d->cells[n - 1].mark == CELL_PLAIN && d->cells[n - 1].state == LIFE_NONE)
                n--;
        return n;
}

static int draw_row(Drawing *d, const Life *life)
{
        _cleanup_free_ char *name = NULL;
        const char *text_color = "";
        int r;

        r = columns_fit(life_name(life), d->names, d->options->utf8, &name);
        if (r >= 0)
                r = timeline_layout(life, &d->scale, d->cells);
        if (r < 0)
                return r;
        fprintf(d->f, "%s%*s", name, (int)(d->names - columns_width(name) + NAMES_GAP), "");
        for (size_t i = 0; i < row_length(d); i++)
                draw_cell(d, &d->cells[i], &text_color);
        end_line(d);
        return 0;
}

/* ---- what the characters mean ---- */

static void draw_meaning(Drawing *d, const Look *look, size_t *column)
{
        size_t length = strlen(look->meaning) + 2; /* the character and a blank */

        if (*column > 0 && *column + 3 + length > d->options->width) {
                end_line(d);
                *column = 0;
        }
        if (*column > 0) {
                put(d, "", "   ");
                *column += 3;
        }
        put_look(d, look);
        put(d, "", " ");
        put(d, "", look->meaning);
        *column += length;
}

static void draw_legend(Drawing *d)
{
        static const LifeState order[] = { LIFE_UP, LIFE_UNHEALTHY, LIFE_PAUSED, LIFE_STOPPED };
        size_t column = 0;

        end_line(d);
        for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
                if (d->states[order[i]])
                        draw_meaning(d, &state_looks[order[i]], &column);
        for (size_t i = CELL_DIED; i < N_MARKS; i++)
                if (d->marks[i])
                        draw_meaning(d, &mark_looks[i], &column);
        end_line(d);
}

/* ---- all of it ---- */

static int set_widths(Drawing *d, const Life *const *lives, size_t n)
{
        size_t most = d->options->width / 4, widest = strlen(TITLE);

        if (most > NAMES_MAX)
                most = NAMES_MAX;
        for (size_t i = 0; i < n && widest < most; i++) {
                _cleanup_free_ char *name = NULL;
                int r = columns_fit(life_name(lives[i]), most, d->options->utf8, &name);

                if (r < 0)
                        return r;
                if (columns_width(name) > widest)
                        widest = columns_width(name);
        }
        d->names = widest;
        d->scale.n_columns = BARS_MIN;
        if (d->options->width > widest + NAMES_GAP + BARS_MIN)
                d->scale.n_columns = d->options->width - widest - NAMES_GAP;
        d->cells = calloc(d->scale.n_columns, sizeof(Cell));
        return d->cells ? 0 : -ENOMEM;
}

int timeline_draw(FILE *f, const Life *const *lives, size_t n, Scale scale,
                  const DrawOptions *options)
{
        Drawing d = { .f = f, .options = options, .scale = scale, .color = "" };
        _cleanup_free_ Tick *ticks = NULL;
        size_t n_ticks;
        int r;

        r = set_widths(&d, lives, n);
        if (r >= 0)
                r = ticks_new(&d.scale, &ticks, &n_ticks);
        if (r >= 0) {
                draw_range(&d);
                draw_axis(&d, ticks, n_ticks);
        }
        for (size_t i = 0; r >= 0 && i < n && !ferror(f); i++)
                r = draw_row(&d, lives[i]);
        if (r >= 0) {
                if (n > ROWS_PER_SCREEN)
                        draw_axis(&d, ticks, n_ticks);
                draw_legend(&d);
        }
        free(d.cells);
        return r;
}

/* ---- JSON ---- */

typedef struct Story {
        const Scale *scale;
        json_object *spans;  /* owned by the life's object */
        json_object *deaths; /* owned by the life's object */
        int error;
} Story;

static void tell_member(Story *s, json_object *object, const char *key, json_object *value)
{
        if (!value || json_object_object_add(object, key, value) < 0) {
                json_object_put(value);
                s->error = -ENOMEM;
        }
}

static json_object *tell(Story *s, json_object *array)
{
        json_object *object = json_object_new_object();

        if (object && json_object_array_add(array, object) == 0)
                return object;
        json_object_put(object);
        s->error = -ENOMEM;
        return NULL;
}

static void tell_span(LifeState state, uint64_t from_nsec, uint64_t to_nsec, void *userdata)
{
        Story *s = userdata;
        json_object *span;

        if (to_nsec <= s->scale->since_nsec)
                return;
        if (from_nsec < s->scale->since_nsec)
                from_nsec = s->scale->since_nsec;
        span = tell(s, s->spans);
        if (!span)
                return;
        tell_member(s, span, "State", json_object_new_string(state_looks[state].meaning));
        tell_member(s, span, "SinceNano", json_object_new_uint64(from_nsec));
        tell_member(s, span, "UntilNano", json_object_new_uint64(to_nsec));
}

static void tell_mark(LifeMark mark, int code, uint64_t time_nsec, void *userdata)
{
        Story *s = userdata;
        json_object *death;

        if (mark != LIFE_DIED || time_nsec < s->scale->since_nsec)
                return;
        death = tell(s, s->deaths);
        if (!death)
                return;
        tell_member(s, death, "TimeNano", json_object_new_uint64(time_nsec));
        if (code >= 0)
                tell_member(s, death, "ContainerExitCode", json_object_new_int(code));
        if (code == LIFE_CODE_OOM)
                tell_member(s, death, "OOMKilled", json_object_new_boolean(true));
}

int timeline_print_json(FILE *f, const Life *const *lives, const Scale *scale)
{
        static const LifeVisitor visitor = { .span = tell_span, .mark = tell_mark };
        uint64_t end = scale->until_nsec < scale->now_nsec ? scale->until_nsec : scale->now_nsec;
        int r = 0;

        for (; *lives && r >= 0 && !ferror(f); lives++) {
                _cleanup_json_ json_object *object = json_object_new_object();
                Story s = { .scale = scale };

                if (!object)
                        return -ENOMEM;
                s.spans = json_object_new_array();
                s.deaths = json_object_new_array();
                tell_member(&s, object, "ID", json_object_new_string(life_id(*lives)));
                tell_member(&s, object, "Name", json_object_new_string(life_name(*lives)));
                tell_member(&s, object, "Spans", s.spans);
                tell_member(&s, object, "Deaths", s.deaths);
                if (s.error == 0)
                        life_visit(*lives, end, &visitor, &s);
                r = s.error < 0 ? s.error : json_print(f, object);
        }
        return r;
}
