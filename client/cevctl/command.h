/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What all subcommands share: how the program was called, the options that every one of them takes,
 * and the exit statuses. main.c has the table; each subcommand is a file of its own that ends in a
 * Command.
 */

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum ExitStatus {
        STATUS_OK = 0,
        STATUS_ERROR = 1, /* the service or the environment */
        STATUS_USAGE = 2, /* what was asked for cannot be */
        STATUS_RUNNING = 3,
        STATUS_CODE_UNKNOWN = 4,
        STATUS_NO_SUCH = 5,
        STATUS_NO_START = 6,      /* a trigger that was tried would not start its unit */
        STATUS_TIMED_OUT = 124,   /* as timeout(1) has it */
        STATUS_NO_CODE = 125,     /* with --propagate: any failure of ours, as podman(1) has it */
        STATUS_INTERRUPTED = 130, /* as a shell has it after SIGINT */
} ExitStatus;

typedef struct Command Command;

typedef struct Context {
        const Command *command;
        bool user; /* the user's bus, not the system's */
        bool json;
} Context;

struct Command {
        const char *name;
        const char *purpose; /* half a line, for the list of commands */
        const char *help;
        int (*run)(Context *c, int argc, char *argv[]); /* argv[0] is the program */
};

/* At the end of each command's long options, before the terminating zeros. Their values do not
 * meet those of short options. */
enum {
        OPTION_USER = 0x100,
        OPTION_SYSTEM,
        OPTION_JSON,
        OPTION_HELP,
        OPTION_FIRST_OWN, /* where a command's own begin */
};

#define COMMON_OPTIONS                                                                             \
        { "user", no_argument, NULL, OPTION_USER },                                                \
                { "system", no_argument, NULL, OPTION_SYSTEM },                                    \
                { "json", no_argument, NULL, OPTION_JSON },                                        \
        {                                                                                          \
                "help", no_argument, NULL, OPTION_HELP                                             \
        }

/* What the last lines of each help have. */
#define COMMON_HELP                                                                                \
        "      --user                the user's own service instead of the system's\n"             \
        "      --system              the system's service (the default)\n"                         \
        "      --json                print JSON\n"                                                 \
        "  -h, --help                this text\n"

/* Takes what getopt_long() gave if it is a common option, or one that it did not know. Returns -1
 * if the command's work is to go on, else the exit status. */
int command_common_option(Context *c, int option);

/* All options of a command that takes none but these. As above. */
int command_take_common_options(Context *c, int argc, char *argv[]);

/* Whether the option is among the arguments, before they are taken: what they are taken for may
 * hang on it. */
bool command_has_option(int argc, char *argv[], const char *short_options,
                        const struct option *options, int option);

/* Prints the sentence and where help is on standard error; returns STATUS_USAGE. */
int command_usage_error(const Context *c, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

/* What is no UTF-8 the bus does not take, and says so in its own words. -1, or the exit status
 * after a sentence. */
int command_check_text(const Context *c, const char *text);

/* With which status --propagate exits for an exit code: what is none of a process is no code. */
int command_propagate(int exit_code);

/* And for a failure of ours, so that it is not taken for a code. */
int command_propagate_failure(int status);

/* Reads how long to wait, of an option. -1, or the exit status after a sentence. */
int command_take_duration(const Context *c, const char *option, const char *text,
                          uint64_t *ret_usec);

/* Prints what went wrong in this program itself; returns STATUS_ERROR. */
int command_error(int r, const char *what);

extern const Command command_events;
extern const Command command_query;
extern const Command command_wait;
extern const Command command_cursor;
extern const Command command_show;
extern const Command command_exit_code;
extern const Command command_emit;
extern const Command command_timeline;
extern const Command command_auto_update;
extern const Command command_export;
extern const Command command_import;
extern const Command command_trigger;
extern const Command command_status;
extern const Command command_verify;
extern const Command command_version;
