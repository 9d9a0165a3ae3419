/* SPDX-License-Identifier: Apache-2.0 */
#include "log/losses.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "model/timestamp.h"

/* The source in a record's position; "" without one. */
static void read_source(const char *line, size_t length, char source[static POSITION_SIZE])
{
        char *space;

        if (!record_position(line, length, source)) {
                source[0] = '\0';
                return;
        }
        space = strchr(source, ' ');
        if (space)
                *space = '\0';
}

/* The one for a source; the last takes in what there is no other for, and is then of no source. */
static Loss *find(Losses *losses, const char *source)
{
        Loss *loss;

        for (size_t i = 0; i < losses->n; i++)
                if (losses->losses[i].n_events > 0 && strcmp(losses->losses[i].source, source) == 0)
                        return losses->losses + i;
        if (losses->n < LOSSES_MAX) {
                loss = losses->losses + losses->n++;
                *loss = (Loss){};
                snprintf(loss->source, sizeof(loss->source), "%s", source);
                return loss;
        }

        loss = losses->losses + LOSSES_MAX - 1;
        loss->source[0] = '\0';
        return loss;
}

static void add_time(Loss *loss, uint64_t since_nsec, uint64_t until_nsec)
{
        if (since_nsec > 0 && (loss->since_nsec == 0 || since_nsec < loss->since_nsec))
                loss->since_nsec = since_nsec;
        if (until_nsec > loss->until_nsec)
                loss->until_nsec = until_nsec;
}

static uint64_t number_of(const EventFields *event, const char *key)
{
        struct json_object *value;

        if (!event->extra || !json_object_object_get_ex(event->extra, key, &value) ||
            !json_object_is_type(value, json_type_int))
                return 0;
        return json_object_get_uint64(value);
}

static bool is_loss(const EventFields *event)
{
        return strcmp(event->type, "system") == 0 && strcmp(event->status, "lost") == 0;
}

bool loss_event_range(const EventFields *event, uint64_t *ret_first_seq, uint64_t *ret_last_seq)
{
        uint64_t first_seq, last_seq;

        if (!is_loss(event))
                return false;
        first_seq = number_of(event, "lost_first_seq");
        last_seq = number_of(event, "lost_last_seq");
        if (first_seq == 0 || last_seq < first_seq)
                return false;

        *ret_first_seq = first_seq;
        *ret_last_seq = last_seq;
        return true;
}

/* What was said to be lost is lost with what says it. */
static void add_event(Loss *loss, const EventFields *event)
{
        uint64_t first_seq;

        add_time(loss, event->time_nsec, event->time_nsec + 1);
        if (!is_loss(event))
                return;
        add_time(loss, number_of(event, "lost_since_nsec"), number_of(event, "lost_until_nsec"));
        first_seq = number_of(event, "lost_first_seq");
        if (first_seq > 0 && first_seq < loss->first_seq)
                loss->first_seq = first_seq;
        loss->n_events += number_of(event, "lost_events");
}

void losses_add(Losses *losses, int error, uint64_t seq, const char *line, size_t length,
                const EventFields *event)
{
        char source[POSITION_SIZE];
        Loss *loss;

        read_source(line, length, source);
        loss = find(losses, source);
        if (loss->first_seq == 0) {
                loss->first_seq = seq;
                if (event)
                        snprintf(loss->engine, sizeof(loss->engine), "%s", event->engine);
        }
        loss->reason = "The history could not be written, and more happened than could wait";
        loss->error = error;
        loss->last_seq = seq;
        loss->n_events++;
        if (!event || strcmp(loss->engine, event->engine) != 0)
                loss->engine[0] = '\0';
        if (event)
                add_event(loss, event);
}

void losses_add_unknown(Losses *losses, uint64_t first_seq, uint64_t last_seq, uint64_t since_nsec,
                        uint64_t until_nsec)
{
        if (losses->n >= LOSSES_MAX)
                return;
        losses->losses[losses->n++] = (Loss){
                .reason = "The service ended while the history could not be written: what it "
                          "published with these numbers is recorded only as far as the history "
                          "has it, or its engine could tell it again",
                .first_seq = first_seq,
                .last_seq = last_seq,
                .since_nsec = since_nsec,
                .until_nsec = until_nsec,
        };
}

static int add_number(struct json_object *extra, const char *key, uint64_t number)
{
        return number > 0 ? json_add(extra, key, json_object_new_uint64(number)) : 0;
}

int loss_event_new(const Loss *loss, Event **ret)
{
        _cleanup_json_ struct json_object *extra = json_object_new_object();
        char reason[512];
        const EventFields fields = {
                .type = "system",
                .status = "lost",
                .engine = loss->engine,
                .time_nsec = timestamp_now(),
                .extra = extra,
                .reason = reason,
        };

        if (!extra || add_number(extra, "lost_since_nsec", loss->since_nsec) < 0 ||
            add_number(extra, "lost_until_nsec", loss->until_nsec) < 0 ||
            add_number(extra, "lost_first_seq", loss->first_seq) < 0 ||
            add_number(extra, "lost_last_seq", loss->last_seq) < 0 ||
            add_number(extra, "lost_events", loss->n_events) < 0)
                return -ENOMEM;

        if (loss->error != 0)
                snprintf(reason, sizeof(reason), "%s: %s", loss->reason, strerror(-loss->error));
        else
                snprintf(reason, sizeof(reason), "%s", loss->reason);
        return event_new(&fields, ret);
}
