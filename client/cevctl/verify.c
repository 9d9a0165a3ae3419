/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The daemon's own program checks the history: it knows how one looks, and this one need not. It is
 * executed, so that what it prints and how it ends is what this command prints and how it ends.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "command.h"
#include "config.h"
#include "text-format.h"

/* As the program that is executed has it. */
#define STATUS_NOT_CHECKED 2

/* For tests: the program, which is not installed there. */
#define DAEMON_VARIABLE "CE_DAEMON"

typedef struct Wish {
        bool repair;
        const char *directory, *config;
} Wish;

static int execute(const Context *c, const Wish *wish)
{
        const char *path = getenv(DAEMON_VARIABLE) ?: DAEMON_PATH;
        _cleanup_free_ char *directory = NULL, *config = NULL;
        const char *arguments[8] = { path, "--verify" };
        size_t n = 2;

        if ((wish->directory && text_format(&directory, "--directory=%s", wish->directory) < 0) ||
            (wish->config && text_format(&config, "--config=%s", wish->config) < 0))
                return STATUS_NOT_CHECKED;
        if (wish->repair)
                arguments[n++] = "--repair";
        if (c->user)
                arguments[n++] = "--user";
        if (c->json)
                arguments[n++] = "--json";
        if (directory)
                arguments[n++] = directory;
        if (config)
                arguments[n++] = config;

        (void)execv(path, (char *const *)arguments);
        (void)fprintf(stderr, "cevctl: Cannot execute %s: %s.\n", path, strerror(errno));
        return STATUS_NOT_CHECKED;
}

static int run(Context *c, int argc, char *argv[])
{
        enum { OPTION_REPAIR = OPTION_FIRST_OWN, OPTION_DIRECTORY, OPTION_CONFIG };
        static const struct option options[] = {
                { "repair", no_argument, NULL, OPTION_REPAIR },
                { "directory", required_argument, NULL, OPTION_DIRECTORY },
                { "config", required_argument, NULL, OPTION_CONFIG },
                COMMON_OPTIONS,
                {},
        };
        Wish wish = {};
        int option, status;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                if (option == OPTION_REPAIR) {
                        wish.repair = true;
                } else if (option == OPTION_DIRECTORY) {
                        wish.directory = optarg;
                } else if (option == OPTION_CONFIG) {
                        wish.config = optarg;
                } else {
                        status = command_common_option(c, option == 'h' ? OPTION_HELP : option);
                        if (status >= 0)
                                return status;
                }
        }
        if (optind < argc)
                return command_usage_error(c, "\"%s\" is too much.", argv[optind]);
        return execute(c, &wish);
}

const Command command_verify = {
        .name = "verify",
        .purpose = "Check the files of the history, and repair them",
        .run = run,
        .help = "Usage: cevctl verify [OPTION...]\n"
                "\n"
                "Reads the whole history on the disk and says what is wrong with it, and where: each\n"
                "line, checksum and number, each index, the table of exit codes. The service may\n"
                "run. Exits with 0 if all is good, 1 if there are problems, and 2 if it could not\n"
                "be checked.\n"
                "\n"
                "      --repair              set aside what is bad, so that all that is good can be\n"
                "                            read; nothing is deleted. Stop the service before\n"
                "      --directory=DIR       of the history; else what the configuration says\n"
                "      --config=FILE         the configuration file of the service\n" COMMON_HELP,
};
