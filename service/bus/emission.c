/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/emission.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/utf8.h"
#include "bus/detail.h"
#include "model/event-json.h"
#include "model/timestamp.h"
#include "model/vocabulary.h"
#include "names.h"

/* As the interface promises. */
#define WORD_MAX 64

typedef struct Emission {
        STAILQ_ENTRY(Emission) queue;
        sd_bus_message *call; /* owned */
        uint64_t seq;
} Emission;

struct Emissions {
        const BusHost *host;           /* weak */
        STAILQ_HEAD(, Emission) queue; /* in order of seq */
        unsigned n;
};

/* ---- arguments ---- */

static int invalid(sd_bus_error *error, const char *what, const char *value, const char *advice)
{
        return sd_bus_error_setf(error, CE_ERROR_INVALID_ARGS, "The %s \"%.*s\" is not valid: %s.",
                                 what, SHOWN(value), advice);
}

static bool is_word(const char *string, const char *others)
{
        size_t length = strlen(string);

        for (const char *p = string; *p; p++)
                if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                      (*p >= '0' && *p <= '9') || strchr(others, *p)))
                        return false;

        return length > 0 && length <= WORD_MAX;
}

/* An object, so that of a label that is given twice the last one counts. */
static int read_attributes(sd_bus_message *message, struct json_object *attributes)
{
        const char *key, *value;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "{ss}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(message, "{ss}", &key, &value)) > 0) {
                r = json_add(attributes, key, json_object_new_string(value));
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;

        return sd_bus_message_exit_container(message);
}

/* A value of a key that has no place of its own: any basic type but a file descriptor. */
static int read_extra(sd_bus_message *message, const char *key, char type,
                      struct json_object *extra)
{
        union {
                uint8_t y;
                int b;
                int16_t n;
                uint16_t q;
                int32_t i;
                uint32_t u;
                int64_t x;
                uint64_t t;
                double d;
                const char *s;
        } value;
        int r;

        r = sd_bus_message_read_basic(message, type, &value);
        if (r < 0)
                return r;

        switch (type) {
        case 's':
        case 'o':
        case 'g':
                return json_add(extra, key, json_object_new_string(value.s));
        case 'b':
                return json_add(extra, key, json_object_new_boolean(value.b));
        case 'y':
                return json_add(extra, key, json_object_new_int64(value.y));
        case 'n':
                return json_add(extra, key, json_object_new_int64(value.n));
        case 'q':
                return json_add(extra, key, json_object_new_int64(value.q));
        case 'i':
                return json_add(extra, key, json_object_new_int64(value.i));
        case 'u':
                return json_add(extra, key, json_object_new_int64(value.u));
        case 'x':
                return json_add(extra, key, json_object_new_int64(value.x));
        case 't':
                return json_add(extra, key, json_object_new_uint64(value.t));
        default: /* 'd'; JSON has no infinity */
                return isfinite(value.d) ? json_add(extra, key, json_object_new_double(value.d))
                                         : -EDOM;
        }
}

/* What Emit's arguments are gathered into; strings are borrowed from the message. */
typedef struct EmitDetails {
        EventFields *fields;
        struct json_object *attributes; /* owned */
        struct json_object *extra;      /* owned */
} EmitDetails;

static int read_known(sd_bus_message *message, const Detail *detail, EmitDetails *details)
{
        char *base = (char *)details->fields;
        int flag, r;

        switch (detail->signature[0]) {
        case 'a':
                return read_attributes(message, details->attributes);
        case 'b':
                r = sd_bus_message_read_basic(message, 'b', &flag);
                if (r >= 0)
                        *(bool *)(base + detail->value) = flag;
                return r;
        case 's':
                return sd_bus_message_read_basic(message, 's', base + detail->value);
        default:
                *(bool *)(base + detail->has) = true;
                return sd_bus_message_read_basic(message, detail->signature[0],
                                                 base + detail->value);
        }
}

/* What is wrong with the detail's key or type, if anything is. */
static int check_detail(const char *key, const Detail *known, const char *signature,
                        sd_bus_error *error)
{
        if (*key == '\0')
                return invalid(error, "detail", key, "a detail needs a key");
        if (known && !known->engine)
                return invalid(error, "detail", key, "only the service itself says that");
        if (known && strcmp(signature, known->signature) != 0)
                return sd_bus_error_setf(error, CE_ERROR_INVALID_ARGS,
                                         "The detail \"%s\" has the type \"%.32s\": it must be "
                                         "\"%s\".",
                                         key, signature, known->signature);
        if (!known && (strlen(signature) != 1 || !strchr("sogbynqiuxtd", signature[0])))
                return sd_bus_error_setf(error, CE_ERROR_INVALID_ARGS,
                                         "The detail \"%.*s\" has the type \"%.32s\": it must be "
                                         "a basic type.",
                                         SHOWN(key), signature);
        return 0;
}

static int read_detail(sd_bus_message *message, const char *key, EmitDetails *details,
                       sd_bus_error *error)
{
        const Detail *known = detail_find(key);
        const char *signature;
        int r;

        r = sd_bus_message_peek_type(message, NULL, &signature);
        if (r < 0)
                return r;
        r = check_detail(key, known, signature, error);
        if (r < 0)
                return r;

        r = sd_bus_message_enter_container(message, 'v', signature);
        if (r < 0)
                return r;
        r = known ? read_known(message, known, details)
                  : read_extra(message, key, signature[0], details->extra);
        if (r == -EDOM)
                return invalid(error, "detail", key, "its number is not finite");
        if (r < 0)
                return r;
        return sd_bus_message_exit_container(message);
}

static int read_details(sd_bus_message *message, EmitDetails *details, sd_bus_error *error)
{
        const char *key;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                if ((r = sd_bus_message_read(message, "s", &key)) < 0 ||
                    (r = read_detail(message, key, details, error)) < 0 ||
                    (r = sd_bus_message_exit_container(message)) < 0)
                        return r;
        }
        if (r < 0)
                return r;

        return sd_bus_message_exit_container(message);
}

static int check_exit_code(const EventFields *fields, sd_bus_error *error)
{
        if (!fields->has_exit_code || (fields->exit_code >= -1 && fields->exit_code <= 255))
                return 0;
        return sd_bus_error_setf(error, CE_ERROR_INVALID_ARGS,
                                 "The exit_code \"%d\" is not valid: use a number from -1 to 255.",
                                 fields->exit_code);
}

/* What is new is said in our words. */
static int check_new(const EventFields *fields, sd_bus_error *error)
{
        if (!event_type_is_known(fields->type))
                return invalid(error, "type", fields->type, event_types_text());
        if (!is_word(fields->status, "-_.:"))
                return invalid(error, "status", fields->status,
                               "use 1 to 64 letters, digits, \"-\", \"_\", \".\" or \":\"");
        return check_exit_code(fields, error);
}

static bool is_short(const char *string)
{
        size_t length = strlen(string);

        return length > 0 && length <= WORD_MAX;
}

/* What an engine said once is taken in its words: another history has it that way. */
static int check_backlog(const EventFields *fields, sd_bus_error *error)
{
        if (!is_short(fields->type))
                return invalid(error, "type", fields->type, "use 1 to 64 bytes");
        if (!is_short(fields->status))
                return invalid(error, "status", fields->status, "use 1 to 64 bytes");
        return 0;
}

static int check_fields(const EventFields *fields, sd_bus_error *error)
{
        if (!is_word(fields->engine, "-_."))
                return invalid(error, "engine", fields->engine,
                               "use 1 to 64 letters, digits, \"-\", \"_\" or \".\"");
        return fields->backlog ? check_backlog(fields, error) : check_new(fields, error);
}

static int read_event(sd_bus_message *message, Event **ret, sd_bus_error *error)
{
        _cleanup_json_ struct json_object *attributes = json_object_new_object();
        _cleanup_json_ struct json_object *extra = json_object_new_object();
        EventFields fields = {};
        EmitDetails details = { .fields = &fields, .attributes = attributes, .extra = extra };
        int r;

        if (!attributes || !extra)
                return -ENOMEM;
        r = sd_bus_message_read(message, "sssssst", &fields.type, &fields.status, &fields.id,
                                &fields.name, &fields.image, &fields.engine, &fields.time_nsec);
        if (r < 0)
                return r;
        r = read_details(message, &details, error);
        if (r < 0)
                return r;
        r = check_fields(&fields, error);
        if (r < 0)
                return r;

        /* Of what is past nothing is now; one who brings a history must find it as it was. */
        if (fields.time_nsec == 0 && !fields.backlog)
                fields.time_nsec = timestamp_now();
        r = event_json_attributes(attributes, &fields.attributes, &fields.n_attributes);
        if (r < 0)
                return r;
        if (json_object_object_length(extra) > 0)
                fields.extra = extra;
        return event_new(&fields, ret);
}

/* ---- calls ---- */

int emissions_new(const BusHost *host, Emissions **ret)
{
        Emissions *emissions;

        emissions = calloc(1, sizeof(Emissions));
        if (!emissions)
                return -ENOMEM;
        emissions->host = host;
        STAILQ_INIT(&emissions->queue);

        *ret = emissions;
        return 0;
}

static void emission_free(Emission *emission)
{
        sd_bus_message_unref(emission->call);
        free(emission);
}

static void pop(Emissions *emissions)
{
        Emission *emission = STAILQ_FIRST(&emissions->queue);

        STAILQ_REMOVE_HEAD(&emissions->queue, queue);
        emissions->n--;
        emission_free(emission);
}

Emissions *emissions_free(Emissions *emissions)
{
        if (!emissions)
                return NULL;

        while (!STAILQ_EMPTY(&emissions->queue))
                pop(emissions);
        free(emissions);
        return NULL;
}

int emissions_add(Emissions *emissions, sd_bus_message *call, sd_bus_error *error)
{
        const BusHost *host = emissions->host;
        _cleanup_(event_unrefp) Event *event = NULL;
        Emission *emission;
        int r;

        if (emissions->n >= EMISSIONS_MAX)
                return sd_bus_error_setf(
                        error, CE_ERROR_LIMITS_EXCEEDED,
                        "%d events wait for their commit already: call again later.",
                        EMISSIONS_MAX);
        r = read_event(call, &event, error);
        if (r < 0)
                return r;
        emission = calloc(1, sizeof(Emission));
        if (!emission)
                return -ENOMEM;
        r = host->emit(event, &emission->seq, host->userdata);
        if (r < 0) {
                free(emission);
                return r == -ENOMEM ? r
                                    : sd_bus_error_set(error, CE_ERROR_LOG_UNAVAILABLE,
                                                       eventlog_failure(host->log));
        }

        emission->call = sd_bus_message_ref(call);
        STAILQ_INSERT_TAIL(&emissions->queue, emission, queue);
        emissions->n++;
        return 1;
}

void emissions_committed(Emissions *emissions)
{
        uint64_t newest = eventlog_newest_seq(emissions->host->log);
        uint64_t dropped = eventlog_dropped_seq(emissions->host->log);
        Emission *first;

        while ((first = STAILQ_FIRST(&emissions->queue)) &&
               (first->seq <= newest || first->seq <= dropped)) {
                if (first->seq <= newest)
                        sd_bus_reply_method_return(first->call, "t", first->seq);
                else
                        sd_bus_reply_method_errorf(first->call, CE_ERROR_LOG_UNAVAILABLE,
                                                   "Event %" PRIu64 " had to be dropped while the "
                                                   "history could not be written.",
                                                   first->seq);
                pop(emissions);
        }
}
