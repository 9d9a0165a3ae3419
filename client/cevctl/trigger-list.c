/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bus.h"
#include "cleanup.h"
#include "cursor.h"
#include "escape.h"
#include "event-json.h"
#include "headway.h"
#include "layers.h"
#include "output.h"
#include "state-folder.h"
#include "strv.h"
#include "table.h"
#include "text-format.h"
#include "text-stream.h"
#include "trigger-command.h"

#define COLOR_BAD "\x1b[31m"

/* All, or those that are named. */
static bool is_wanted(const TriggerArguments *a, const TriggerSet *set, const Trigger *t)
{
        for (size_t i = 0; i < a->n_names; i++)
                if (trigger_set_find(set, a->names[i]) == t)
                        return true;
        return a->n_names == 0;
}

static int join(char *const *list, char **ret)
{
        _cleanup_(text_stream_done) TextStream s = {};
        int r = text_stream_open(&s);

        if (r < 0)
                return r;
        for (size_t i = 0; list && list[i]; i++)
                (void)fprintf(s.file, "%s%s", i > 0 ? " " : "", list[i]);
        return text_stream_close(&s, ret);
}

/*
 * The place in the history behind which the trigger has dealt with all that is for it. NULL: it
 * did not run yet, or only others may know.
 */
static int read_place(const char *root, const Trigger *t, char **ret)
{
        _cleanup_free_ char *path = NULL, *text = NULL;
        _cleanup_(headway_freep) Headway *headway = NULL;
        const char *cursor = NULL;
        size_t length;
        int r;

        if (text_format(&path, "%s" STATE_FOLDER "/%s" STATE_SUFFIX, root, t->name) < 0)
                return -ENOMEM;
        r = layered_file_read(path, &text, &length);
        if (r > 0)
                r = headway_from_text(text, &headway);
        if (r >= 0 && headway)
                cursor = headway_get_cursor(headway);
        if (r == -ENOMEM || !cursor)
                return r == -ENOMEM ? r : 0;
        *ret = strdup(cursor);
        return *ret ? 0 : -ENOMEM;
}

/* The number of the event before that place. */
static int add_place(Table *table, const char *root, const Trigger *t)
{
        _cleanup_free_ char *cursor = NULL, *epoch = NULL;
        char text[24] = "";
        uint64_t seq;
        int r = read_place(root, t, &cursor);

        if (r < 0)
                return r;
        if (cursor && cursor_split(cursor, &epoch, &seq) >= 0)
                (void)snprintf(text, sizeof(text), "%" PRIu64, seq);
        return table_add(table, text, NULL);
}

static int add_row(Table *table, const char *root, const Trigger *t)
{
        _cleanup_free_ char *filters = NULL;
        const bool loaded = t->state == TRIGGER_LOADED;
        int r = join(loaded ? t->filters : NULL, &filters);

        if (r >= 0)
                r = table_add(table, t->name, NULL);
        if (r >= 0)
                r = table_add(table, trigger_state_name(t->state),
                              t->state == TRIGGER_BROKEN ? COLOR_BAD : NULL);
        if (r >= 0)
                r = table_add(table, loaded ? t->unit : "", NULL);
        if (r >= 0)
                r = add_place(table, root, t);
        if (r >= 0)
                r = table_add(table, filters, NULL);
        if (r >= 0)
                r = table_add(table, t->path, NULL);
        if (r >= 0)
                r = table_add(table, loaded && t->description ? t->description : "", NULL);
        return r;
}

static int print_table(const TriggerArguments *a, const TriggerSet *set)
{
        static const char *const titles[] = { "TRIGGER", "STATE", "UNIT",       ">SEQ",
                                              "FILTERS", "FILE",  "DESCRIPTION" };
        _cleanup_(table_freep) Table *table = NULL;
        int r = table_new(titles, sizeof(titles) / sizeof(titles[0]), &table);

        for (size_t i = 0; r >= 0 && i < set->n; i++)
                if (is_wanted(a, set, set->triggers[i]))
                        r = add_row(table, a->root, set->triggers[i]);
        if (r < 0)
                return r;
        table_print(table, stdout, output_wants_color(STDOUT_FILENO));
        for (size_t i = 0; i < set->n; i++) {
                if (!is_wanted(a, set, set->triggers[i]) || !set->triggers[i]->problem)
                        continue;
                printf("\n%s is broken: ", set->triggers[i]->name);
                escape_print(stdout, set->triggers[i]->problem);
                puts(".");
        }
        return 0;
}

static int describe_loaded(json_object *o, const Trigger *t)
{
        int r = trigger_json_add(o, "Filters", trigger_json_list(t->filters));

        if (r >= 0)
                r = trigger_json_add(o, "Unit", json_object_new_string(t->unit));
        if (r >= 0 && t->description)
                r = trigger_json_add(o, "Description", json_object_new_string(t->description));
        if (r >= 0 && t->rate_limit_burst > 0)
                r = trigger_json_add(o, "RateLimitIntervalUSec",
                                     json_object_new_uint64(t->rate_limit_interval_usec));
        if (r >= 0 && t->rate_limit_burst > 0)
                r = trigger_json_add(o, "RateLimitBurst",
                                     json_object_new_uint64(t->rate_limit_burst));
        if (r >= 0 && t->coalesce_usec > 0)
                r = trigger_json_add(o, "CoalesceUSec", json_object_new_uint64(t->coalesce_usec));
        if (r >= 0)
                r = trigger_json_add(o, "CatchUp", json_object_new_boolean(t->catch_up));
        return r;
}

static int describe(const char *root, const Trigger *t, json_object **ret)
{
        _cleanup_json_ json_object *o = json_object_new_object();
        _cleanup_free_ char *cursor = NULL;
        int r;

        if (!o)
                return -ENOMEM;
        r = trigger_json_add(o, "Name", json_object_new_string(t->name));
        if (r >= 0)
                r = trigger_json_add(o, "State",
                                     json_object_new_string(trigger_state_name(t->state)));
        if (r >= 0)
                r = trigger_json_add(o, "File", json_object_new_string(t->path));
        if (r >= 0)
                r = trigger_json_add(o, "DropIns", trigger_json_list(t->drop_ins));
        if (r >= 0 && t->problem)
                r = trigger_json_add(o, "Problem", json_object_new_string(t->problem));
        if (r >= 0 && t->state == TRIGGER_LOADED)
                r = describe_loaded(o, t);
        if (r >= 0)
                r = read_place(root, t, &cursor);
        if (r >= 0 && cursor)
                r = trigger_json_add(o, "Cursor", json_object_new_string(cursor));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(o);
        return 0;
}

static int print_json(const TriggerArguments *a, const TriggerSet *set)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < set->n; i++) {
                _cleanup_json_ json_object *o = NULL;

                if (!is_wanted(a, set, set->triggers[i]))
                        continue;
                r = describe(a->root, set->triggers[i], &o);
                if (r >= 0)
                        r = json_print(stdout, o);
        }
        return r;
}

static void tell_daemon(const Context *c, const TriggerArguments *a, const TriggerSet *set)
{
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        bool any = false;

        for (size_t i = 0; i < set->n; i++)
                any = any || set->triggers[i]->state == TRIGGER_LOADED;
        if (any && bus_open(c->user, &bus) >= 0)
                trigger_tell_daemon(c, a, bus);
}

int trigger_list(const Context *c, const TriggerArguments *a)
{
        _cleanup_(trigger_set_done) TriggerSet set = {};
        int status, r;

        status = trigger_load_all(a, &set);
        if (status >= 0)
                return status;
        for (size_t i = 0; i < a->n_names; i++)
                if (!trigger_set_find(&set, a->names[i]))
                        return trigger_unknown(a->names[i]);
        if (c->json)
                r = print_json(a, &set);
        else if (set.n == 0)
                r = puts("No triggers: containers-events.trigger(5) says where they stand.") < 0
                            ? -EIO
                            : 0;
        else
                r = print_table(a, &set);
        if (r < 0)
                return command_error(r, "Cannot print the triggers");
        tell_daemon(c, a, &set);
        return STATUS_OK;
}
