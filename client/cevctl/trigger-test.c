/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus.h"
#include "cleanup.h"
#include "environment-file.h"
#include "escape.h"
#include "event-lookup.h"
#include "event-view.h"
#include "specifier.h"
#include "strv.h"
#include "text-format.h"
#include "trigger-command.h"
#include "trigger-filters.h"
#include "trigger-outcome.h"

typedef struct Test {
        const Context *context;
        TriggerSet set;     /* owned */
        Trigger *alone;     /* owned; the trigger, if it is a file of its own */
        sd_bus *bus;        /* owned; NULL: there is none, which only matters with an event */
        cev_client *client; /* owned; on that */
        TriggerOutcome outcome;
} Test;

static void test_done(Test *t)
{
        trigger_outcome_done(&t->outcome);
        cev_client_unref(t->client);
        sd_bus_flush_close_unref(t->bus);
        trigger_free(t->alone);
        trigger_set_done(&t->set);
}

/* What has a "/" is a file, and so is what is one here. -1, or the exit status. */
static int find_trigger(Test *t, const TriggerArguments *a)
{
        const char *name = a->names[0];
        int status, r;

        if (strchr(name, '/') || access(name, F_OK) >= 0) {
                if (access(name, F_OK) < 0) {
                        (void)command_error(-errno, name);
                        return STATUS_NO_SUCH;
                }
                r = trigger_load_file(name, &trigger_report, &t->alone);
                if (r < 0)
                        return command_error(r, "Cannot load the trigger");
                t->outcome.trigger = t->alone;
                return -1;
        }
        status = trigger_load_all(a, &t->set);
        if (status >= 0)
                return status;
        t->outcome.trigger = trigger_set_find(&t->set, name);
        return t->outcome.trigger ? -1 : trigger_unknown(name);
}

/* As above. */
static int find_event(Test *t, const char *seq)
{
        int r;

        if (t->bus) {
                r = cev_client_new(t->bus, &t->client);
                if (r < 0)
                        return bus_report(t->context->user, NULL, r);
        }
        return !seq ? -1 : event_lookup(t->context, t->client, seq, &t->outcome.event);
}

static int try_filter(Test *t, const char *const *filters, bool *ret)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = trigger_filters_pass(t->client, t->outcome.event, filters, ret, &error);
        return r < 0 ? bus_report(t->context->user, &error, r) : -1;
}

/* As above. */
static int try_filters(Test *t)
{
        char *const *filters = t->outcome.trigger->filters;
        int status = -1;

        t->outcome.passes = calloc(strv_length(filters), sizeof(bool));
        if (!t->outcome.passes)
                return command_error(-ENOMEM, "Cannot try the filters");
        for (size_t i = 0; status < 0 && filters[i]; i++)
                status = try_filter(t, (const char *const[]){ filters[i], NULL },
                                    &t->outcome.passes[i]);
        if (status < 0)
                status = try_filter(t, (const char *const *)filters, &t->outcome.passes_all);
        return status;
}

/* Without an event: whether they are filters, if the service can be asked. As above. */
static int check_filters(const Test *t)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        const char *const *filters = (const char *const *)t->outcome.trigger->filters;

        if (!t->client || trigger_filters_check(t->client, filters, &error) != -EINVAL)
                return -1;
        return bus_report(t->context->user, &error, -EINVAL);
}

static int expand(TriggerOutcome *o)
{
        _cleanup_free_ char *name = NULL;
        const TriggerEvent event = event_view(o->event);
        int r;

        r = unit_pattern_expand(o->trigger->unit, &event, &o->unit);
        if (r >= 0)
                r = environment_file_name(o->unit, &name);
        if (r >= 0)
                r = environment_file_text(&event, o->trigger->name, 1, &o->environment);
        if (r >= 0)
                r = text_format(&o->file, ENVIRONMENT_FOLDER "/%s", name);
        return r;
}

/* Without an event the unit is known if none of its name comes from one. */
static int name_unit(TriggerOutcome *o)
{
        if (o->event)
                return expand(o);
        if (strchr(o->trigger->unit, '%'))
                return 0;
        o->unit = strdup(o->trigger->unit);
        return o->unit ? 0 : -ENOMEM;
}

static int ask_systemd(Test *t)
{
        TriggerUnit *state = &t->outcome.state;

        if (!t->outcome.unit)
                return 0;
        if (t->bus)
                return trigger_unit_ask(t->bus, t->outcome.unit, state);
        state->error = strdup("there is no bus to ask systemd");
        return state->error ? 0 : -ENOMEM;
}

/* As above. */
static int find_out(Test *t, const TriggerArguments *a)
{
        int r, status = find_event(t, a->event);

        if (status >= 0 || t->outcome.trigger->state != TRIGGER_LOADED)
                return status;
        status = t->outcome.event ? try_filters(t) : check_filters(t);
        if (status >= 0)
                return status;
        r = name_unit(&t->outcome);
        if (r >= 0)
                r = ask_systemd(t);
        return r < 0 ? command_error(r, "Cannot find out about the unit") : -1;
}

int trigger_test(const Context *c, const TriggerArguments *a)
{
        _cleanup_(test_done) Test t = { .context = c };
        int status, r;

        status = find_trigger(&t, a);
        if (status >= 0)
                return status;
        r = bus_open(c->user, &t.bus);
        if (r < 0 && a->event)
                return bus_report(c->user, NULL, r);
        status = find_out(&t, a);
        if (status >= 0)
                return status;
        r = c->json ? trigger_outcome_print_json(&t.outcome) : trigger_outcome_print(&t.outcome);
        if (r < 0)
                return command_error(r, "Cannot print the outcome");
        if (trigger_outcome_obstacle(&t.outcome))
                return STATUS_NO_START;
        trigger_tell_daemon(c, a, t.bus);
        return STATUS_OK;
}
