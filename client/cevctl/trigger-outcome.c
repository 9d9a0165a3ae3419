/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger-outcome.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "escape.h"
#include "event-json.h"
#include "strv.h"
#include "trigger-command.h"

#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)

void trigger_outcome_done(TriggerOutcome *o)
{
        cev_event_unref(o->event);
        free(o->passes);
        free(o->unit);
        trigger_unit_done(&o->state);
        free(o->file);
        free(o->environment);
        *o = (TriggerOutcome){};
}

static const char *obstacle_of_unit(const TriggerUnit *u)
{
        if (!u->load_state) /* nobody knows, so nothing speaks against it */
                return NULL;
        if (strcmp(u->load_state, "not-found") == 0)
                return "There is no such unit and no such template.";
        if (strcmp(u->load_state, "masked") == 0)
                return "The unit is masked.";
        if (strcmp(u->load_state, "loaded") != 0)
                return "systemd cannot load the unit.";
        return u->can_start ? NULL : "The unit refuses to be started by request.";
}

const char *trigger_outcome_obstacle(const TriggerOutcome *o)
{
        if (o->trigger->state == TRIGGER_MASKED)
                return "The trigger is masked.";
        if (o->trigger->state == TRIGGER_BROKEN)
                return "The trigger is broken.";
        if (o->event && !o->passes_all)
                return "The event does not pass the filters.";
        if (o->event && cev_event_is_backlog(o->event))
                return "The event is older than the service: it stood in the log of the engine "
                       "when that was first read, and triggers do not see it.";
        return obstacle_of_unit(&o->state);
}

/* ---- for people ---- */

/* "": what follows goes on with the line before. */
static void print_label(const char *label)
{
        printf("%11s%c ", label, *label ? ':' : ' ');
}

static void print_field(const char *label, const char *text)
{
        print_label(label);
        escape_print(stdout, text);
        putchar('\n');
}

static void print_event(const cev_event *e)
{
        print_label("Event");
        printf("%" PRIu64 ", ", cev_event_get_seq(e));
        escape_print(stdout, cev_event_get_type(e));
        putchar(' ');
        escape_print(stdout, cev_event_get_status(e));
        if (*cev_event_get_name(e)) {
                fputs(" of ", stdout);
                escape_print(stdout, cev_event_get_name(e));
        }
        putchar('\n');
}

static void print_filters(const TriggerOutcome *o)
{
        for (size_t i = 0; o->trigger->filters[i]; i++) {
                print_label(i == 0 ? "Filters" : "");
                if (o->passes)
                        fputs(o->passes[i] ? "yes  " : "no   ", stdout);
                escape_print(stdout, o->trigger->filters[i]);
                putchar('\n');
        }
}

static void print_span(uint64_t usec)
{
        if (usec % USEC_PER_SEC == 0)
                printf("%" PRIu64 " s\n", usec / USEC_PER_SEC);
        else
                printf("%" PRIu64 ".%03" PRIu64 " ms\n", usec / USEC_PER_MSEC,
                       usec % USEC_PER_MSEC);
}

static void print_limits(const Trigger *t)
{
        if (t->rate_limit_burst > 0) {
                print_label("Limit");
                printf("%u starts in ", t->rate_limit_burst);
                print_span(t->rate_limit_interval_usec);
        }
        if (t->coalesce_usec > 0) {
                print_label("Coalesced");
                fputs("events for one unit within ", stdout);
                print_span(t->coalesce_usec);
        }
        if (!t->catch_up)
                print_field("Catch-up", "no: nothing is started for what it has missed");
}

static void print_unit(const TriggerOutcome *o)
{
        const TriggerUnit *u = &o->state;

        print_field("Unit", o->unit ?: o->trigger->unit);
        if (!o->unit)
                return;
        print_label("");
        escape_print(stdout, u->load_state ?: "unknown");
        if (u->error) {
                fputs(": ", stdout);
                escape_print(stdout, u->error);
        }
        putchar('\n');
        if (o->file && u->load_state && strcmp(u->load_state, "loaded") == 0 && u->is_service &&
            !u->reads_environment)
                print_field("", "it does not read the event: it has no "
                                "EnvironmentFile=/run/containers-events/trigger/%N.env");
}

int trigger_outcome_print(const TriggerOutcome *o)
{
        const Trigger *t = o->trigger;
        const char *obstacle = trigger_outcome_obstacle(o);

        print_label("Trigger");
        escape_print(stdout, t->name);
        printf(" (%s", trigger_state_name(t->state));
        fputs(", ", stdout);
        escape_print(stdout, t->path);
        puts(")");
        if (t->problem)
                print_field("Problem", t->problem);
        if (o->event)
                print_event(o->event);
        if (t->state == TRIGGER_LOADED) {
                print_filters(o);
                print_unit(o);
                print_limits(t);
        }
        print_field("Starts it", obstacle ? "no" : o->event ? "yes" : "when an event passes");
        if (obstacle)
                print_field("", obstacle);
        if (o->environment) {
                fputs("\n# ", stdout);
                escape_print(stdout, o->file);
                putchar('\n');
                trigger_print_text(o->environment, strlen(o->environment));
        }
        return ferror(stdout) ? -EIO : 0;
}

/* ---- as JSON ---- */

static int add_text(json_object *object, const char *key, const char *text)
{
        return text ? trigger_json_add(object, key, json_object_new_string(text)) : 0;
}

static json_object *describe_filters(const TriggerOutcome *o)
{
        json_object *array = json_object_new_array();

        for (size_t i = 0; array && o->trigger->filters && o->trigger->filters[i]; i++) {
                json_object *filter = json_object_new_object();
                int r = filter ? add_text(filter, "Filter", o->trigger->filters[i]) : -ENOMEM;

                if (r >= 0 && o->passes)
                        r = trigger_json_add(filter, "Passes",
                                             json_object_new_boolean(o->passes[i]));
                if (r >= 0 && json_object_array_add(array, filter) >= 0)
                        continue;
                json_object_put(filter);
                json_object_put(array);
                return NULL;
        }
        return array;
}

static int describe_unit(json_object *object, const TriggerOutcome *o)
{
        int r = add_text(object, "Unit", o->unit);

        if (r >= 0)
                r = add_text(object, "UnitLoadState", o->state.load_state);
        if (r >= 0)
                r = add_text(object, "UnitError", o->state.error);
        if (r >= 0 && o->state.is_service)
                r = trigger_json_add(object, "UnitReadsEnvironment",
                                     json_object_new_boolean(o->state.reads_environment));
        if (r >= 0)
                r = add_text(object, "EnvironmentFile", o->file);
        if (r >= 0)
                r = add_text(object, "Environment", o->environment);
        return r;
}

int trigger_outcome_print_json(const TriggerOutcome *o)
{
        _cleanup_json_ json_object *object = json_object_new_object();
        const char *obstacle = trigger_outcome_obstacle(o);
        int r;

        if (!object)
                return -ENOMEM;
        r = add_text(object, "Trigger", o->trigger->name);
        if (r >= 0)
                r = add_text(object, "File", o->trigger->path);
        if (r >= 0)
                r = add_text(object, "State", trigger_state_name(o->trigger->state));
        if (r >= 0)
                r = add_text(object, "Problem", o->trigger->problem);
        if (r >= 0 && o->event)
                r = trigger_json_add(object, "Seq",
                                     json_object_new_uint64(cev_event_get_seq(o->event)));
        if (r >= 0 && o->trigger->state == TRIGGER_LOADED)
                r = trigger_json_add(object, "Filters", describe_filters(o));
        if (r >= 0)
                r = describe_unit(object, o);
        if (r >= 0)
                r = trigger_json_add(object, "Starts", json_object_new_boolean(!obstacle));
        if (r >= 0)
                r = add_text(object, "Obstacle", obstacle);
        return r < 0 ? r : json_print(stdout, object);
}
