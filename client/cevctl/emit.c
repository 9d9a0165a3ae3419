/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-bus.h>

#include "bus.h"
#include "cleanup.h"
#include "command.h"
#include "event-json.h"
#include "names.h"
#include "time-spec.h"

typedef struct Pair {
        const char *key; /* ends at the "=" of the argument, or is a whole name */
        size_t key_length;
        const char *value;
} Pair;

typedef struct Pairs {
        Pair *list; /* owned */
        size_t n;
} Pairs;

typedef struct Arguments {
        const char *id;
        const char *name;
        const char *image;
        const char *engine;
        uint64_t time_nsec;
        Pairs details;
        Pairs attributes;
} Arguments;

static void arguments_done(Arguments *a)
{
        free(a->details.list);
        free(a->attributes.list);
}

static int add_pair(Pairs *pairs, Pair pair)
{
        Pair *grown = reallocarray(pairs->list, pairs->n + 1, sizeof(Pair));

        if (!grown)
                return -ENOMEM;
        pairs->list = grown;
        pairs->list[pairs->n++] = pair;
        return 0;
}

/* KEY=VALUE; -EINVAL without a "=" or a key. */
static int split_pair(Pairs *pairs, const char *text)
{
        const char *equals = strchr(text, '=');

        if (!equals || equals == text)
                return -EINVAL;
        return add_pair(pairs, (Pair){ text, (size_t)(equals - text), equals + 1 });
}

/* ---- details on the bus ---- */

/* The types of the details that the service knows; all others are strings. */
static char detail_type(const char *key)
{
        static const struct {
                const char *key;
                char type;
        } types[] = {
                { "exit_code", 'i' },       { "uid", 'u' },
                { "oom_killed", 'b' },      { "synthetic", 'b' },
                { "lost_since_nsec", 't' }, { "lost_until_nsec", 't' },
        };

        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
                if (strcmp(key, types[i].key) == 0)
                        return types[i].type;
        return 's';
}

static int parse_integer(const char *text, int64_t least, uint64_t most, int64_t *ret)
{
        char *end;

        errno = 0;
        if (least < 0 && *text == '-') {
                long long value = strtoll(text, &end, 10);

                if (errno != 0 || end == text + 1 || *end || value < least)
                        return -EINVAL;
                *ret = value;
                return 0;
        }
        if (*text < '0' || *text > '9')
                return -EINVAL;
        unsigned long long value = strtoull(text, &end, 10);
        if (errno != 0 || *end || value > most)
                return -EINVAL;
        *ret = (int64_t)value;
        return 0;
}

/* -EINVAL: the text is no value of that type. */
static int append_variant(sd_bus_message *m, char type, const char *text)
{
        int64_t number = 0;

        switch (type) {
        case 'i':
                if (parse_integer(text, INT32_MIN, INT32_MAX, &number) < 0)
                        return -EINVAL;
                return sd_bus_message_append(m, "v", "i", (int32_t)number);
        case 'u':
                if (parse_integer(text, 0, UINT32_MAX, &number) < 0)
                        return -EINVAL;
                return sd_bus_message_append(m, "v", "u", (uint32_t)number);
        case 't':
                if (parse_integer(text, 0, UINT64_MAX, &number) < 0)
                        return -EINVAL;
                return sd_bus_message_append(m, "v", "t", (uint64_t)number);
        case 'b':
                if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
                        return -EINVAL;
                return sd_bus_message_append(m, "v", "b", strcmp(text, "true") == 0);
        default:
                return sd_bus_message_append(m, "v", "s", text);
        }
}

static int append_detail(const Context *c, sd_bus_message *m, const Pair *pair)
{
        _cleanup_free_ char *key = strndup(pair->key, pair->key_length);
        int r;

        if (!key)
                return command_error(-ENOMEM, "Cannot make the event");
        r = sd_bus_message_open_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", key);
        if (r < 0)
                return command_usage_error(c, "\"%s\" is no name for a detail.", key);
        r = append_variant(m, detail_type(key), pair->value);
        if (r < 0)
                return command_usage_error(c, "\"%s\" is no value for %s.", pair->value, key);
        r = sd_bus_message_close_container(m);
        return r < 0 ? command_error(r, "Cannot make the event") : -1;
}

static int append_attributes(sd_bus_message *m, const Pairs *attributes)
{
        int r;

        r = sd_bus_message_open_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "attributes");
        if (r >= 0)
                r = sd_bus_message_open_container(m, SD_BUS_TYPE_VARIANT, "a{ss}");
        if (r >= 0)
                r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{ss}");
        for (size_t i = 0; r >= 0 && i < attributes->n; i++) {
                const Pair *pair = &attributes->list[i];
                _cleanup_free_ char *key = strndup(pair->key, pair->key_length);

                if (!key)
                        return -ENOMEM;
                r = sd_bus_message_append(m, "{ss}", key, pair->value);
        }
        for (int i = 0; r >= 0 && i < 3; i++) /* the array, the variant, the entry */
                r = sd_bus_message_close_container(m);
        return r;
}

/* -1, or the exit status. */
static int make_call(const Context *c, sd_bus *bus, const Arguments *a, char *words[],
                     sd_bus_message **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r, status;

        r = sd_bus_message_new_method_call(bus, &m, CE_BUS_NAME, CE_OBJECT_PATH, CE_INTERFACE,
                                           "Emit");
        if (r < 0)
                return command_error(r, "Cannot make the event");
        r = sd_bus_message_append(m, "sssssst", words[0], words[1], a->id, a->name, a->image,
                                  a->engine, a->time_nsec);
        if (r >= 0)
                r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r < 0)
                return command_error(r, "Cannot make the event");

        for (size_t i = 0; i < a->details.n; i++) {
                status = append_detail(c, m, &a->details.list[i]);
                if (status >= 0)
                        return status;
        }
        if (a->attributes.n > 0)
                r = append_attributes(m, &a->attributes);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r < 0)
                return command_error(r, "Cannot make the event");

        *ret = TAKE_PTR(m);
        return -1;
}

/* ---- options ---- */

enum {
        OPTION_ID = OPTION_FIRST_OWN,
        OPTION_NAME,
        OPTION_IMAGE,
        OPTION_ENGINE,
        OPTION_TIME,
        OPTION_ATTRIBUTE,
        OPTION_DETAIL,
        OPTION_OOM_KILLED,
        OPTION_DETAIL_FIRST, /* with the offset into named_details */
};

/* Options that give one detail each. */
static const char *const named_details[] = {
        "exit_code", "exec_id", "pod_id", "network",  "health_status",
        "error",     "reason",  "uid",    "evidence",
};

static int take_time(Context *c, Arguments *a)
{
        int64_t nsec;
        int r = time_spec_parse(optarg, TIME_BACK, (int64_t)time_now_nsec(), &nsec);

        if (r < 0 || nsec <= 0)
                return command_usage_error(
                        c, "--time: \"%s\" is not a time since 1970: " TIME_SPEC_ACCEPTED ".",
                        optarg);
        a->time_nsec = (uint64_t)nsec;
        return -1;
}

static int take_pair(Context *c, Pairs *pairs, const char *option)
{
        int r = split_pair(pairs, optarg);

        if (r == -EINVAL)
                return command_usage_error(c, "--%s: \"%s\" is not KEY=VALUE.", option, optarg);
        return r < 0 ? command_error(r, "Cannot read the options") : -1;
}

/* -1, or the exit status. */
static int take_option(Context *c, Arguments *a, int option)
{
        Pair detail;
        int r;

        switch (option) {
        case OPTION_ID:
                a->id = optarg;
                return -1;
        case OPTION_NAME:
                a->name = optarg;
                return -1;
        case OPTION_IMAGE:
                a->image = optarg;
                return -1;
        case OPTION_ENGINE:
                a->engine = optarg;
                return -1;
        case OPTION_TIME:
                return take_time(c, a);
        case OPTION_ATTRIBUTE:
                return take_pair(c, &a->attributes, "attribute");
        case OPTION_DETAIL:
                return take_pair(c, &a->details, "detail");
        case OPTION_OOM_KILLED:
                detail = (Pair){ "oom_killed", strlen("oom_killed"), "true" };
                break;
        default:
                if (option < OPTION_DETAIL_FIRST)
                        return command_common_option(c, option == 'h' ? OPTION_HELP : option);
                detail.key = named_details[option - OPTION_DETAIL_FIRST];
                detail.key_length = strlen(detail.key);
                detail.value = optarg;
        }
        r = add_pair(&a->details, detail);
        return r < 0 ? command_error(r, "Cannot read the options") : -1;
}

static int take_options(Context *c, Arguments *a, int argc, char *argv[])
{
        static const struct option options[] = {
                { "id", required_argument, NULL, OPTION_ID },
                { "name", required_argument, NULL, OPTION_NAME },
                { "image", required_argument, NULL, OPTION_IMAGE },
                { "engine", required_argument, NULL, OPTION_ENGINE },
                { "time", required_argument, NULL, OPTION_TIME },
                { "attribute", required_argument, NULL, OPTION_ATTRIBUTE },
                { "detail", required_argument, NULL, OPTION_DETAIL },
                { "oom-killed", no_argument, NULL, OPTION_OOM_KILLED },
                { "exit-code", required_argument, NULL, OPTION_DETAIL_FIRST },
                { "exec-id", required_argument, NULL, OPTION_DETAIL_FIRST + 1 },
                { "pod-id", required_argument, NULL, OPTION_DETAIL_FIRST + 2 },
                { "network", required_argument, NULL, OPTION_DETAIL_FIRST + 3 },
                { "health-status", required_argument, NULL, OPTION_DETAIL_FIRST + 4 },
                { "error", required_argument, NULL, OPTION_DETAIL_FIRST + 5 },
                { "reason", required_argument, NULL, OPTION_DETAIL_FIRST + 6 },
                { "uid", required_argument, NULL, OPTION_DETAIL_FIRST + 7 },
                { "evidence", required_argument, NULL, OPTION_DETAIL_FIRST + 8 },
                COMMON_OPTIONS,
                {},
        };
        int option, status;

        for (int i = 1; i < argc; i++) {
                status = command_check_text(c, argv[i]);
                if (status >= 0)
                        return status;
        }
        while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                status = take_option(c, a, option);
                if (status >= 0)
                        return status;
        }
        if (argc - optind != 2)
                return command_usage_error(c, "Give a type and a status.");
        return -1;
}

static int print_seq(const Context *c, uint64_t seq)
{
        _cleanup_json_ json_object *object = NULL;

        if (!c->json) {
                printf("%" PRIu64 "\n", seq);
                return STATUS_OK;
        }
        object = json_object_new_object();
        if (!object || json_object_object_add(object, "Seq", json_object_new_uint64(seq)) < 0)
                return command_error(-ENOMEM, "Cannot print the number");
        return json_print(stdout, object) < 0 ? STATUS_ERROR : STATUS_OK;
}

static int run(Context *c, int argc, char *argv[])
{
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(arguments_done) Arguments a = {
                .id = "",
                .name = "",
                .image = "",
                .engine = "cevctl",
        };
        uint64_t seq;
        int status, r;

        status = take_options(c, &a, argc, argv);
        if (status >= 0)
                return status;
        r = bus_open(c->user, &bus);
        if (r < 0)
                return bus_report(c->user, NULL, r);
        status = make_call(c, bus, &a, argv + optind, &m);
        if (status >= 0)
                return status;

        r = sd_bus_call(bus, m, 0, &error, &reply);
        if (r >= 0)
                r = sd_bus_message_read(reply, "t", &seq);
        if (r < 0)
                return bus_report_emit(c->user, &error, r);
        return print_seq(c, seq);
}

const Command command_emit = {
        .name = "emit",
        .purpose = "Record an event that no engine tells of",
        .run = run,
        .help = "Usage: cevctl emit [OPTION...] TYPE STATUS\n"
                "\n"
                "Records an event in the history, publishes it and prints its number; for engines\n"
                "and hooks that containers-eventsd does not listen to. Only root may do that, or on\n"
                "the user bus the user. TYPE is container, pod, image, volume, network, secret,\n"
                "artifact, machine or system; STATUS is a word as start or died.\n"
                "\n"
                "      --id ID               full ID of the object\n"
                "      --name NAME           its name\n"
                "      --image IMAGE         its image\n"
                "      --engine ENGINE       who tells it (cevctl)\n"
                "      --time TIME           when it happened (now); 10m is ten minutes ago\n"
                "      --attribute KEY=VALUE  a label; may be given again\n"
                "      --exit-code N         the exit code\n"
                "      --exec-id ID          full ID of the exec session\n"
                "      --pod-id ID           full ID of the pod\n"
                "      --network NAME        the network\n"
                "      --health-status TEXT  the health\n"
                "      --error TEXT          what went wrong\n"
                "      --reason TEXT         why it happened\n"
                "      --uid UID             the owner, where an engine is a user's\n"
                "      --evidence WORD       where the exit code is known from\n"
                "      --oom-killed          there was no memory left\n"
                "      --detail KEY=VALUE    any other detail; may be given again\n" COMMON_HELP,
};
