/* SPDX-License-Identifier: Apache-2.0 */
#include "template.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "escape.h"
#include "text-stream.h"

/* What a field prints when the event does not have it: Go's zero values, except that an absent
 * number prints nothing. Absent is not 0. */
typedef enum FieldKind {
        FIELD_STRING,
        FIELD_NUMBER,
        FIELD_BOOL,
        FIELD_MAP,
} FieldKind;

typedef struct Field {
        const char *name; /* as in Podman's templates */
        const char *key;  /* in JSON */
        FieldKind kind;
} Field;

static const Field fields[] = {
        { "Attributes", "Attributes", FIELD_MAP },
        { "ContainerExitCode", "ContainerExitCode", FIELD_NUMBER },
        { "Cursor", "Cursor", FIELD_STRING },
        { "Engine", "Engine", FIELD_STRING },
        { "Error", "error", FIELD_STRING },
        { "Evidence", "Evidence", FIELD_STRING },
        { "ExecID", "ExecID", FIELD_STRING },
        { "HealthStatus", "health_status", FIELD_STRING },
        { "ID", "ID", FIELD_STRING },
        { "Image", "Image", FIELD_STRING },
        { "Name", "Name", FIELD_STRING },
        { "Network", "network", FIELD_STRING },
        { "OOMKilled", "OOMKilled", FIELD_BOOL },
        { "PodID", "PodID", FIELD_STRING },
        { "Reason", "Reason", FIELD_STRING },
        { "Seq", "Seq", FIELD_NUMBER },
        { "Status", "Status", FIELD_STRING },
        { "Synthetic", "Synthetic", FIELD_BOOL },
        { "Time", "Time", FIELD_STRING },
        { "TimeNano", "timeNano", FIELD_NUMBER },
        { "Type", "Type", FIELD_STRING },
        { "UID", "UID", FIELD_NUMBER },
};

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

/* A piece of text, or an action: field is NULL for all of the event, and label chooses one of the
 * attributes. */
typedef struct Piece {
        char *text;         /* owned; NULL for an action */
        const Field *field; /* NULL: the event itself */
        char *label;        /* owned, or NULL */
        bool json;
} Piece;

struct Template {
        Piece *pieces;
        size_t n_pieces;
};

Template *template_free(Template *t)
{
        if (!t)
                return NULL;
        for (size_t i = 0; i < t->n_pieces; i++) {
                free(t->pieces[i].text);
                free(t->pieces[i].label);
        }
        free(t->pieces);
        free(t);
        return NULL;
}

/* Takes what the piece owns, also on failure. */
static int add_piece(Template *t, Piece piece)
{
        Piece *grown = reallocarray(t->pieces, t->n_pieces + 1, sizeof(Piece));

        if (!grown) {
                free(piece.text);
                free(piece.label);
                return -ENOMEM;
        }
        t->pieces = grown;
        t->pieces[t->n_pieces++] = piece;
        return 0;
}

/* The user's text, with \t, \n and \\ resolved as Podman does for --format. */
static int add_text(Template *t, const char *text, size_t length)
{
        char *copy, *out;

        if (length == 0)
                return 0;
        copy = out = malloc(length + 1);
        if (!copy)
                return -ENOMEM;
        for (size_t i = 0; i < length; i++) {
                char next = text[i] == '\\' && i + 1 < length ? text[i + 1] : '\0';

                if (next == 't' || next == 'n' || next == '\\') {
                        *out++ = next == 't' ? '\t' : next == 'n' ? '\n' : '\\';
                        i++;
                } else {
                        *out++ = text[i];
                }
        }
        *out = '\0';
        return add_piece(t, (Piece){ .text = copy });
}

/* ---- one action ---- */

/* Makes the sentence and returns -EINVAL, or -ENOMEM. */
static int refuse(char **ret_error, const char *action, size_t length, const char *why)
{
        char *sentence;

        if (asprintf(&sentence, "The template has {{%.*s}}, %s.", (int)length, action, why) < 0)
                return -ENOMEM;
        *ret_error = sentence;
        return -EINVAL;
}

static int refuse_field(char **ret_error, const char *name, size_t length)
{
        _cleanup_(text_stream_done) TextStream s = {};
        FILE *f;
        int r;

        r = text_stream_open(&s);
        if (r < 0)
                return r;
        f = s.file;
        fprintf(f, "Events have no field \"%.*s\"; they have", (int)length, name);
        for (size_t i = 0; i < N_FIELDS; i++)
                fprintf(f, "%s %s", i == 0 ? "" : i + 1 == N_FIELDS ? " and" : ",", fields[i].name);
        fputc('.', f);
        r = text_stream_close(&s, ret_error);
        return r < 0 ? r : -EINVAL;
}

static void skip_space(const char **p, const char *end)
{
        while (*p < end && isspace((unsigned char)**p))
                (*p)++;
}

/* Takes the word if it comes next and ends there. */
static bool take_word(const char **p, const char *end, const char *word)
{
        size_t n = strlen(word);

        if ((size_t)(end - *p) < n || memcmp(*p, word, n) != 0 ||
            (*p + n < end && !isspace((unsigned char)(*p)[n])))
                return false;
        *p += n;
        skip_space(p, end);
        return true;
}

static size_t name_length(const char *p, const char *end)
{
        size_t n = 0;

        while (p + n < end && (isalnum((unsigned char)p[n]) || p[n] == '_'))
                n++;
        return n;
}

/* .Field, .Attributes.KEY or a lone point; a KEY may have points of its own. */
static int take_field(const char **p, const char *end, Piece *piece, char **ret_error)
{
        const char *name = *p + 1, *rest;
        size_t n = name_length(name, end);

        *p = name + n;
        if (n == 0)
                return 0; /* a lone point: the event itself */
        for (size_t i = 0; i < N_FIELDS; i++)
                if (strlen(fields[i].name) == n && memcmp(fields[i].name, name, n) == 0)
                        piece->field = &fields[i];
        if (!piece->field)
                return refuse_field(ret_error, name, n);
        if (piece->field->kind != FIELD_MAP || *p == end || **p != '.')
                return 0;

        rest = ++*p;
        while (*p < end && (**p == '.' || name_length(*p, end) > 0))
                (*p)++;
        if (*p == rest)
                return 0;
        piece->label = strndup(rest, (size_t)(*p - rest));
        return piece->label ? 0 : -ENOMEM;
}

/* "KEY" or `KEY`; no escapes, since no label needs them. */
static int take_quoted(const char **p, const char *end, char **ret)
{
        char quote = *p < end ? **p : '\0';
        const char *close;

        if (quote != '"' && quote != '`')
                return -EINVAL;
        close = memchr(*p + 1, quote, (size_t)(end - *p - 1));
        if (!close)
                return -EINVAL;
        *ret = strndup(*p + 1, (size_t)(close - *p - 1));
        *p = close + 1;
        return *ret ? 0 : -ENOMEM;
}

static int parse_action(const char *action, const char *end, Piece *piece, char **ret_error)
{
        static const char *const refused[] = { "if",    "else",     "end",    "range", "with",
                                               "block", "template", "define", "break", "continue" };
        const char *p = action;
        size_t length = (size_t)(end - action);
        bool index;
        int r;

        skip_space(&p, end);
        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
                if (take_word(&p, end, refused[i]))
                        return refuse(ret_error, action, length,
                                      "but conditions, loops and blocks are not supported");

        piece->json = take_word(&p, end, "json");
        index = take_word(&p, end, "index");
        if (p < end && *p == '.') {
                r = take_field(&p, end, piece, ret_error);
                if (r < 0)
                        return r;
                skip_space(&p, end);
                if (index && piece->field && piece->field->kind == FIELD_MAP && !piece->label) {
                        r = take_quoted(&p, end, &piece->label);
                        if (r == -ENOMEM)
                                return r;
                        index = r < 0;
                        skip_space(&p, end);
                }
                /* A lone point without "json" would print Go's inner form of an event. */
                if (p == end && !index && (piece->field || piece->json))
                        return 0;
        }
        return refuse(ret_error, action, length,
                      "but only .FIELD, .Attributes.KEY, index .Attributes \"KEY\", json . and "
                      "json .FIELD are supported");
}

int template_parse(const char *text, Template **ret, char **ret_error)
{
        _cleanup_(template_freep) Template *t = calloc(1, sizeof(Template));
        const char *p = text;
        int r;

        if (!t)
                return -ENOMEM;
        for (;;) {
                const char *open = strstr(p, "{{"), *close;
                Piece piece = {};

                r = add_text(t, p, open ? (size_t)(open - p) : strlen(p));
                if (r < 0)
                        return r;
                if (!open)
                        break;
                close = strstr(open, "}}");
                if (!close)
                        return refuse(ret_error, open + 2, strlen(open + 2),
                                      "which is not closed with }}");

                r = parse_action(open + 2, close, &piece, ret_error);
                if (r < 0) {
                        free(piece.label);
                        return r;
                }
                r = add_piece(t, piece);
                if (r < 0)
                        return r;
                p = close + 2;
        }

        *ret = TAKE_PTR(t);
        return 0;
}

/* ---- printing ---- */

static void print_text(FILE *f, const char *text, bool escape)
{
        if (escape)
                escape_print(f, text);
        else
                fputs(text, f);
}

/* Go's form of a map: map[a:1 b:2] */
static void print_map(FILE *f, json_object *map, bool escape)
{
        const char *before = "";

        fputs("map[", f);
        if (map) {
                json_object_object_foreach(map, key, value) {
                        fputs(before, f);
                        print_text(f, key, escape);
                        fputc(':', f);
                        print_text(f, json_object_get_string(value) ?: "", escape);
                        before = " ";
                }
        }
        fputc(']', f);
}

static void print_value(FILE *f, const Field *field, json_object *value, bool escape)
{
        if (field->kind == FIELD_MAP)
                print_map(f, value, escape);
        else if (value)
                print_text(f, json_object_get_string(value), escape);
        else if (field->kind == FIELD_BOOL)
                fputs("false", f);
}

static int print_as_json(FILE *f, const Field *field, json_object *value)
{
        const char *text;

        if (!value && field && field->kind == FIELD_STRING)
                text = "\"\"";
        else if (!value && field && field->kind == FIELD_BOOL)
                text = "false";
        else
                text = json_object_to_json_string_ext(
                        value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        if (!text)
                return -ENOMEM;
        escape_print_json(f, text);
        return 0;
}

static int print_piece(const Piece *piece, FILE *f, json_object *event, bool escape)
{
        static const Field label = { "", "", FIELD_STRING };
        const Field *field = piece->label ? &label : piece->field;
        json_object *value = event;

        if (piece->text) {
                fputs(piece->text, f);
                return 0;
        }
        if (piece->field && !json_object_object_get_ex(event, piece->field->key, &value))
                value = NULL;
        if (piece->label && value && !json_object_object_get_ex(value, piece->label, &value))
                value = NULL;
        if (piece->json)
                return print_as_json(f, field, value);
        print_value(f, field, value, escape);
        return 0;
}

int template_print(const Template *t, FILE *f, json_object *event, bool escape)
{
        for (size_t i = 0; i < t->n_pieces; i++) {
                int r = print_piece(&t->pieces[i], f, event, escape);

                if (r < 0)
                        return r;
        }
        fputc('\n', f);
        return 0;
}
