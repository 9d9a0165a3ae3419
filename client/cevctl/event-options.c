/* SPDX-License-Identifier: Apache-2.0 */
#include "event-options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cursor-file.h"
#include "escape.h"
#include "template.h"

void event_options_done(EventOptions *o)
{
        selection_done(&o->selection);
        template_free(o->template);
        free(o->cursor);
}

/* What Go takes for a bool, since that is what scripts for Podman have; and yes and no. */
static int parse_bool(const char *text, bool *ret)
{
        static const char *const words[2][7] = {
                { "0", "f", "F", "false", "False", "FALSE", "no" },
                { "1", "t", "T", "true", "True", "TRUE", "yes" },
        };

        for (int value = 0; value < 2; value++)
                for (size_t i = 0; i < 7; i++)
                        if (strcmp(text, words[value][i]) == 0) {
                                *ret = value;
                                return 0;
                        }
        return -EINVAL;
}

int event_options_set_bool(const Context *c, const char *option, const char *text, bool *ret)
{
        if (!text)
                *ret = true;
        else if (parse_bool(text, ret) < 0)
                return command_usage_error(c, "--%s=%s: give true or false.", option, text);
        return -1;
}

int event_options_take(Context *c, EventOptions *o, int option)
{
        bool whole;
        int status;

        switch (option) {
        case OPTION_NO_TRUNC:
                status = event_options_set_bool(c, "no-trunc", optarg, &whole);
                if (status < 0)
                        o->truncate = !whole;
                return status;
        case OPTION_FORMAT:
                o->format = optarg;
                return -1;
        case OPTION_AFTER:
                o->after = optarg;
                return command_check_text(c, optarg);
        case OPTION_CURSOR_FILE:
                o->cursor_file = optarg;
                return -1;
        default:
                return selection_take_option(c, &o->selection, option);
        }
}

static int read_cursor_file(EventOptions *o)
{
        int r;

        r = cursor_file_read(o->cursor_file, &o->cursor);
        if (r == -EINVAL) {
                fputs("cevctl: ", stderr);
                escape_print(stderr, o->cursor_file);
                fputs(" does not hold a cursor.\n", stderr);
                return STATUS_ERROR;
        }
        if (r >= 0 || r == -ENOENT)
                r = cursor_file_check(o->cursor_file);
        return r < 0 ? command_error(r, o->cursor_file) : -1;
}

static int set_cursor(EventOptions *o, FollowOptions *f)
{
        int status = o->cursor_file ? read_cursor_file(o) : -1;

        if (status >= 0)
                return status;
        if (o->cursor || o->after) {
                f->start = FOLLOW_CURSOR;
                f->cursor = o->cursor ?: o->after;
        }
        return -1;
}

static int set_format(const Context *c, EventOptions *o, ShowOptions *show)
{
        _cleanup_free_ char *error = NULL;
        bool json = o->format && strcmp(o->format, "json") == 0;
        int r;

        if (c->json && o->format && !json)
                return command_usage_error(c, "--json and --format exclude each other.");
        if (c->json || json) {
                show->format = SHOW_JSON;
                return -1;
        }
        if (!o->format)
                return -1;
        r = template_parse(o->format, &o->template, &error);
        if (r == -EINVAL)
                return command_usage_error(c, "%s", error);
        if (r < 0)
                return command_error(r, "Cannot read the template");
        show->format = SHOW_TEMPLATE;
        show->template = o->template;
        return -1;
}

int event_options_apply(const Context *c, EventOptions *o, ShowOptions *ret)
{
        int status;

        status = set_format(c, o, ret);
        if (status < 0)
                status = set_cursor(o, &ret->follow);
        if (status >= 0)
                return status;
        ret->follow.filters = o->selection.filters;
        ret->truncate = o->truncate;
        ret->cursor_file = o->cursor_file;
        return -1;
}
