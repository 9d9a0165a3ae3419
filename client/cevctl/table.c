/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "escape.h"
#include "text-stream.h"

typedef struct Cell {
        char *text;        /* owned; escaped */
        const char *color; /* borrowed, or NULL */
} Cell;

struct Table {
        const char *const *titles;
        size_t n_columns;
        Cell *cells; /* owned */
        size_t n_cells;
};

Table *table_free(Table *t)
{
        if (!t)
                return NULL;
        for (size_t i = 0; i < t->n_cells; i++)
                free(t->cells[i].text);
        free(t->cells);
        free(t);
        return NULL;
}

int table_new(const char *const *titles, size_t n_columns, Table **ret)
{
        Table *t = calloc(1, sizeof(Table));

        if (!t)
                return -ENOMEM;
        t->titles = titles;
        t->n_columns = n_columns;
        *ret = t;
        return 0;
}

int table_add(Table *t, const char *text, const char *color)
{
        _cleanup_(text_stream_done) TextStream s = {};
        char *escaped;
        Cell *grown;
        int r;

        grown = reallocarray(t->cells, t->n_cells + 1, sizeof(Cell));
        if (!grown)
                return -ENOMEM;
        t->cells = grown;

        r = text_stream_open(&s);
        if (r < 0)
                return r;
        escape_print(s.file, *text ? text : "-");
        r = text_stream_close(&s, &escaped);
        if (r < 0)
                return r;
        t->cells[t->n_cells++] = (Cell){ escaped, color };
        return 0;
}

/* Columns on the terminal: characters, not bytes. Wide ones are rare here. */
static size_t width(const char *text)
{
        size_t n = 0;

        for (; *text; text++)
                n += ((unsigned char)*text & 0xc0) != 0x80;
        return n;
}

static bool is_number(const Table *t, size_t column)
{
        return t->titles[column][0] == '>';
}

static const char *title(const Table *t, size_t column)
{
        return t->titles[column] + is_number(t, column);
}

static size_t column_width(const Table *t, size_t column)
{
        size_t widest = width(title(t, column));

        for (size_t i = column; i < t->n_cells; i += t->n_columns) {
                size_t n = width(t->cells[i].text);

                widest = n > widest ? n : widest;
        }
        return widest;
}

static void print_cell(const Table *t, FILE *f, size_t column, const char *text, const char *color)
{
        int padding = (int)(column_width(t, column) - width(text));
        bool last = column + 1 == t->n_columns;

        if (is_number(t, column))
                fprintf(f, "%*s", padding, "");
        fprintf(f, "%s%s%s", color ?: "", text, color ? "\x1b[0m" : "");
        if (!is_number(t, column) && !last)
                fprintf(f, "%*s", padding, "");
        fputs(last ? "\n" : "  ", f);
}

void table_print(const Table *t, FILE *f, bool color)
{
        for (size_t i = 0; i < t->n_columns; i++)
                print_cell(t, f, i, title(t, i), color ? "\x1b[1m" : NULL);
        for (size_t row = 0; row < t->n_cells; row += t->n_columns)
                for (size_t i = 0; i < t->n_columns; i++) {
                        const Cell *cell = &t->cells[row + i];

                        print_cell(t, f, i, cell->text, color ? cell->color : NULL);
                }
}
