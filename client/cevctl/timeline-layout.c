/* SPDX-License-Identifier: Apache-2.0 */
#include "timeline-layout.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

/* What happened in one cell. */
typedef struct Place {
        uint32_t n_deaths;
        uint32_t n_restarts;
        int code; /* of the last death */
        bool ends_dead;
} Place;

typedef struct Layout {
        const Scale *scale;
        Cell *cells;   /* the caller's */
        Place *places; /* owned */
} Layout;

size_t scale_column(const Scale *scale, uint64_t time_nsec)
{
        /* Nanoseconds times columns may need more than 64 bits. */
        unsigned __int128 offset = time_nsec - scale->since_nsec;

        return (size_t)(offset * scale->n_columns / (scale->until_nsec - scale->since_nsec));
}

/* The more remarkable state of a cell wins. */
static int rank(LifeState state)
{
        static const int ranks[] = {
                [LIFE_NONE] = 0,   [LIFE_STOPPED] = 1,   [LIFE_UP] = 2,
                [LIFE_PAUSED] = 3, [LIFE_UNHEALTHY] = 4,
        };

        return ranks[state];
}

static void on_span(LifeState state, uint64_t from_nsec, uint64_t to_nsec, void *userdata)
{
        Layout *l = userdata;
        const Scale *s = l->scale;

        if (to_nsec <= s->since_nsec || from_nsec >= s->until_nsec)
                return;
        if (from_nsec < s->since_nsec)
                from_nsec = s->since_nsec;
        if (to_nsec > s->until_nsec)
                to_nsec = s->until_nsec;
        for (size_t i = scale_column(s, from_nsec); i <= scale_column(s, to_nsec - 1); i++)
                if (rank(state) > rank(l->cells[i].state))
                        l->cells[i].state = (uint8_t)state;
}

static void on_mark(LifeMark mark, int code, uint64_t time_nsec, void *userdata)
{
        Layout *l = userdata;
        Place *place;

        if (time_nsec < l->scale->since_nsec || time_nsec >= l->scale->until_nsec)
                return;
        place = &l->places[scale_column(l->scale, time_nsec)];
        if (mark == LIFE_DIED) {
                place->n_deaths++;
                place->code = code;
                place->ends_dead = true;
                return;
        }
        /* A start that comes a while after the death shows by itself: the bar goes on. */
        if (mark == LIFE_STARTED_TWICE || place->ends_dead)
                place->n_restarts++;
        place->ends_dead = false;
}

/* What the cell shows, and what stands behind it. */
static CellMark place_mark(const Place *place, char text[static 16])
{
        text[0] = '\0';
        if (place->ends_dead) {
                if (place->code == 0)
                        return CELL_ENDED;
                if (place->code == LIFE_CODE_OOM)
                        strcpy(text, "oom");
                else if (place->code == LIFE_CODE_UNKNOWN)
                        strcpy(text, "?");
                else
                        snprintf(text, 16, "%d", place->code);
                return CELL_DIED;
        }
        if (place->n_restarts == 0)
                return CELL_PLAIN;
        if (place->n_restarts > 1)
                snprintf(text, 16, "%u", place->n_restarts);
        return CELL_RESTARTED;
}

static size_t free_after(const Layout *l, size_t column)
{
        size_t n = 0;

        while (column + 1 + n < l->scale->n_columns &&
               l->places[column + 1 + n].n_deaths + l->places[column + 1 + n].n_restarts == 0)
                n++;
        return n;
}

static bool is_free(const Layout *l, size_t first, size_t end)
{
        for (size_t i = first; i < end; i++)
                if (l->cells[i].mark != CELL_PLAIN)
                        return false;
        return true;
}

static void put_mark(Layout *l, size_t column)
{
        char text[16] = "";
        CellMark mark = place_mark(&l->places[column], text);
        size_t length = strlen(text), room, shift = 0;

        if (mark == CELL_PLAIN)
                return;
        room = free_after(l, column);
        if (length > room) {
                /* At the right edge it may stand a little to the left of its place. */
                shift = length - room;
                if (column + 1 + room < l->scale->n_columns || column < shift ||
                    !is_free(l, column - shift, column))
                        shift = length = 0;
        }
        l->cells[column - shift].mark = (uint8_t)mark;
        for (size_t i = 0; i < length; i++) {
                l->cells[column - shift + 1 + i].mark = CELL_TEXT;
                l->cells[column - shift + 1 + i].text = text[i];
        }
}

int timeline_layout(const Life *life, const Scale *scale, Cell *cells)
{
        static const LifeVisitor visitor = { .span = on_span, .mark = on_mark };
        _cleanup_free_ Place *places = calloc(scale->n_columns, sizeof(Place));
        Layout l = { .scale = scale, .cells = cells, .places = places };
        uint64_t end = scale->until_nsec < scale->now_nsec ? scale->until_nsec : scale->now_nsec;

        if (!places)
                return -ENOMEM;
        memset(cells, 0, scale->n_columns * sizeof(Cell));
        life_visit(life, end, &visitor, &l);
        for (size_t i = 0; i < scale->n_columns; i++)
                put_mark(&l, i);
        return 0;
}
