/* SPDX-License-Identifier: Apache-2.0 */
#include "prepared.h"

#include "service.h"

static void *more(void *array, size_t *allocated, size_t n, size_t size)
{
        if (n < *allocated)
                return array;
        *allocated = *allocated ? *allocated * 2 : 16;
        array = reallocarray(array, *allocated, size);
        need(array, "memory");
        return array;
}

/* ---- reading ---- */

static const char **read_pairs(sd_bus_message *message)
{
        const char **pairs = NULL, *key, *value;
        size_t n = 0, allocated = 0;

        try(sd_bus_message_enter_container(message, 'a', "{ss}"), "attributes");
        while (try(sd_bus_message_read(message, "{ss}", &key, &value), "attributes") > 0) {
                pairs = more(pairs, &allocated, n + 2, sizeof(char *));
                pairs[n++] = key;
                pairs[n++] = value;
        }
        try(sd_bus_message_exit_container(message), "attributes");
        pairs = more(pairs, &allocated, n, sizeof(char *));
        pairs[n] = NULL;
        return pairs;
}

static void read_value(sd_bus_message *message, Detail *detail)
{
        const char *contents;
        char type;

        try(sd_bus_message_peek_type(message, &type, &contents), "a detail");
        try(sd_bus_message_enter_container(message, 'v', contents), "a detail");
        detail->type = contents[0];
        if (contents[0] == 'a')
                detail->pairs = read_pairs(message);
        else
                try(sd_bus_message_read_basic(message, contents[0], &detail->number), "a detail");
        try(sd_bus_message_exit_container(message), "a detail");
}

static void read_event(sd_bus_message *message, PreparedEvent *event)
{
        size_t allocated = 0;

        *event = (PreparedEvent){};
        for (unsigned i = 0; i < EVENT_STRINGS; i++)
                try(sd_bus_message_read_basic(message, 's', event->strings + i), "an event");
        try(sd_bus_message_read(message, "tt", &event->time_nsec, &event->seq), "an event");
        try(sd_bus_message_enter_container(message, 'a', "{sv}"), "an event");
        while (try(sd_bus_message_enter_container(message, 'e', "sv"), "a detail") > 0) {
                Detail *detail;

                event->details = more(event->details, &allocated, event->n_details, sizeof(Detail));
                detail = event->details + event->n_details++;
                *detail = (Detail){};
                try(sd_bus_message_read_basic(message, 's', &detail->key), "a detail");
                read_value(message, detail);
                try(sd_bus_message_exit_container(message), "a detail");
        }
        try(sd_bus_message_exit_container(message), "an event");
}

/* Takes the reply; returns whether there is more, and where. */
static bool take_page(Prepared *prepared, sd_bus_message *reply, size_t most,
                      const char **ret_cursor)
{
        int is_more = 0;

        prepared->replies =
                reallocarray(prepared->replies, prepared->n_replies + 1, sizeof(sd_bus_message *));
        need(prepared->replies, "memory");
        prepared->replies[prepared->n_replies++] = reply;

        try(sd_bus_message_enter_container(reply, 'a', CE_EVENT_SIGNATURE), "a page");
        while (try(sd_bus_message_enter_container(reply, 'r', CE_EVENT_CONTENTS), "a page") > 0) {
                prepared->events = more(prepared->events, &prepared->allocated, prepared->n,
                                        sizeof(PreparedEvent));
                read_event(reply, prepared->events + prepared->n++);
                try(sd_bus_message_exit_container(reply), "a page");
                if (prepared->n == most)
                        return false;
        }
        try(sd_bus_message_exit_container(reply), "a page");
        try(sd_bus_message_read(reply, "sb", ret_cursor, &is_more), "a page");
        return is_more;
}

void prepared_fetch(Prepared *prepared, sd_bus *bus, uint64_t since_nsec, uint64_t until_nsec,
                    size_t most)
{
        const char *cursor = NULL;
        uint64_t nsec;

        do {
                sd_bus_message *call = call_new(bus, CE_BUS_NAME, cursor ? "QueryAfter" : "Query");

                if (cursor)
                        try(sd_bus_message_append(call, "stas", cursor, until_nsec, 0), "a query");
                else
                        try(sd_bus_message_append(call, "ttas", since_nsec, until_nsec, 0),
                            "a query");
                if (!take_page(prepared, call_timed(bus, call, &nsec), most, &cursor))
                        return;
        } while (true);
}

void prepared_done(Prepared *prepared)
{
        for (size_t i = 0; i < prepared->n; i++) {
                for (size_t j = 0; j < prepared->events[i].n_details; j++)
                        free(prepared->events[i].details[j].pairs);
                free(prepared->events[i].details);
        }
        for (size_t i = 0; i < prepared->n_replies; i++)
                sd_bus_message_unref(prepared->replies[i]);
        free(prepared->events);
        free(prepared->replies);
        *prepared = (Prepared){};
}

/* ---- writing ---- */

static void append_pairs(sd_bus_message *message, const Detail *detail)
{
        try(sd_bus_message_open_container(message, 'e', "sv"), "a detail");
        try(sd_bus_message_append_basic(message, 's', detail->key), "a detail");
        try(sd_bus_message_open_container(message, 'v', "a{ss}"), "a detail");
        try(sd_bus_message_open_container(message, 'a', "{ss}"), "a detail");
        for (const char **pair = detail->pairs; *pair; pair += 2)
                try(sd_bus_message_append(message, "{ss}", pair[0], pair[1]), "a detail");
        try(sd_bus_message_close_container(message), "a detail");
        try(sd_bus_message_close_container(message), "a detail");
        try(sd_bus_message_close_container(message), "a detail");
}

static void append_detail(sd_bus_message *message, const Detail *detail)
{
        const char signature[] = { detail->type, '\0' };

        switch (detail->type) {
        case 'a':
                append_pairs(message, detail);
                return;
        case 's':
                try(sd_bus_message_append(message, "{sv}", detail->key, "s", detail->string),
                    "a detail");
                return;
        case 'x':
        case 't':
                try(sd_bus_message_append(message, "{sv}", detail->key, signature, detail->number),
                    "a detail");
                return;
        case 'd':
                try(sd_bus_message_append(message, "{sv}", detail->key, "d", detail->real),
                    "a detail");
                return;
        default:
                try(sd_bus_message_append(message, "{sv}", detail->key, signature, detail->word),
                    "a detail");
        }
}

void prepared_append(sd_bus_message *message, const PreparedEvent *event)
{
        try(sd_bus_message_append(message, "sssssstt", event->strings[0], event->strings[1],
                                  event->strings[2], event->strings[3], event->strings[4],
                                  event->strings[5], event->time_nsec, event->seq),
            "an event");
        try(sd_bus_message_open_container(message, 'a', "{sv}"), "an event");
        for (size_t i = 0; i < event->n_details; i++)
                append_detail(message, event->details + i);
        try(sd_bus_message_close_container(message), "an event");
}
