/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <containers-events.h>

#include "bus.h"
#include "cleanup.h"
#include "command.h"
#include "detail-value.h"
#include "event-json.h"
#include "time-spec.h"

/* What cev_emit() takes: KEY, VALUE, ..., NULL. */
typedef struct Pairs {
        const char **list; /* owned, or NULL; the strings are of the arguments */
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

static int add_pair(Pairs *pairs, const char *key, const char *value)
{
        const char **grown = reallocarray(pairs->list, pairs->n + 3, sizeof(char *));

        if (!grown)
                return -ENOMEM;
        pairs->list = grown;
        grown[pairs->n++] = key;
        grown[pairs->n++] = value;
        grown[pairs->n] = NULL;
        return 0;
}

/* KEY=VALUE, which is cut in two; -EINVAL without a "=" or a key. */
static int split_pair(Pairs *pairs, char *text)
{
        char *equals = strchr(text, '=');

        if (!equals || equals == text)
                return -EINVAL;
        *equals = '\0';
        return add_pair(pairs, text, equals + 1);
}

/* -1, or the exit status. */
static int check_details(const Context *c, const Pairs *details)
{
        for (size_t i = 0; i < details->n; i += 2)
                if (!detail_is_valid(details->list[i], details->list[i + 1]))
                        return command_usage_error(c, "\"%s\" is no value for %s.",
                                                   details->list[i + 1], details->list[i]);
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
        const char *key = "oom_killed", *value = "true";
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
                break;
        default:
                if (option < OPTION_DETAIL_FIRST)
                        return command_common_option(c, option == 'h' ? OPTION_HELP : option);
                key = named_details[option - OPTION_DETAIL_FIRST];
                value = optarg;
        }
        r = add_pair(&a->details, key, value);
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
        _cleanup_(cev_client_unrefp) cev_client *client = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(arguments_done) Arguments a = { .engine = "cevctl" };
        cev_emission emission;
        uint64_t seq;
        int status, r;

        status = take_options(c, &a, argc, argv);
        if (status < 0)
                status = check_details(c, &a.details);
        if (status >= 0)
                return status;
        emission = (cev_emission){
                .type = argv[optind],
                .status = argv[optind + 1],
                .engine = a.engine,
                .id = a.id,
                .name = a.name,
                .image = a.image,
                .time_nsec = a.time_nsec,
                .details = a.details.list,
                .labels = a.attributes.list,
        };
        r = bus_open_client(c->user, &client);
        if (r < 0)
                return bus_report(c->user, NULL, r);
        r = cev_emit(client, &emission, &seq, &error);
        return r < 0 ? bus_report_emit(c->user, &error, r) : print_seq(c, seq);
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
