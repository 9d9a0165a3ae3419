/* SPDX-License-Identifier: Apache-2.0 */

/*
 * containers-events-autoupdated: restarts what runs an image that has changed. Options, and what
 * they come to.
 */

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "config.h"
#include "daemon.h"
#include "report.h"

#define PROGRAM "containers-events-autoupdated"

typedef struct Arguments {
        bool user;
        bool dry_run;
        const char *config; /* NULL: the default */
        const char *state;  /* NULL: what systemd says */
} Arguments;

static void print_help(void)
{
        printf(PROGRAM
               " [OPTION...]\n\n"
               "Restarts the units whose containers have a new image, the moment it is there, and\n"
               "puts the old one back if the new one is no good. For containers with the label\n"
               "io.containers.autoupdate=registry or local that run in a unit.\n\n"
               "  --user         On the user's bus, for the user's containers and units\n"
               "  --dry-run      Restart nothing, and say what would be\n"
               "  --config=FILE  Read FILE and FILE.d/*.conf instead of\n"
               "                 " CONFIG_DIR "/autoupdated.conf, or the user's own\n"
               "  --state=DIR    Keep the state there (default: $STATE_DIRECTORY)\n"
               "  --version      Show the version\n"
               "  --help         Show this\n\n"
               "See " PROGRAM "(8); \"cevctl auto-update\" shows what it did.\n");
}

/* Returns 1 to go on, 0 when all is done, negative for a wrong command line. */
static int parse_arguments(int argc, char *argv[], Arguments *ret)
{
        enum {
                OPTION_USER = 256,
                OPTION_DRY_RUN,
                OPTION_CONFIG,
                OPTION_STATE,
                OPTION_VERSION,
                OPTION_HELP,
        };
        static const struct option options[] = {
                { "user", no_argument, NULL, OPTION_USER },
                { "dry-run", no_argument, NULL, OPTION_DRY_RUN },
                { "config", required_argument, NULL, OPTION_CONFIG },
                { "state", required_argument, NULL, OPTION_STATE },
                { "version", no_argument, NULL, OPTION_VERSION },
                { "help", no_argument, NULL, OPTION_HELP },
                {},
        };
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                switch (c) {
                case OPTION_USER:
                        ret->user = true;
                        break;
                case OPTION_DRY_RUN:
                        ret->dry_run = true;
                        break;
                case OPTION_CONFIG:
                        ret->config = optarg;
                        break;
                case OPTION_STATE:
                        ret->state = optarg;
                        break;
                case OPTION_VERSION:
                        printf(PROGRAM " " PROJECT_VERSION "\n");
                        return 0;
                case OPTION_HELP:
                        print_help();
                        return 0;
                default: /* getopt has named it */
                        return -1;
                }
        }
        if (optind < argc) {
                fprintf(stderr, "%s: \"%s\" is no option: see --help.\n", argv[0], argv[optind]);
                return -1;
        }
        return 1;
}

static void on_report(const char *sentence, void *userdata)
{
        report_warning("%s", sentence);
}

static int run(const Arguments *arguments, Settings *settings)
{
        _cleanup_(daemon_freep) Daemon *daemon = NULL;
        DaemonOptions options = {
                .settings = settings,
                .state_folder = arguments->state ? arguments->state : getenv("STATE_DIRECTORY"),
                .user = arguments->user,
        };

        if (!options.state_folder) {
                report_error("Nobody said where the state is kept: use --state=DIR.");
                return EXIT_FAILURE;
        }
        settings->dry_run = settings->dry_run || arguments->dry_run;
        if (daemon_new(&options, &daemon) < 0)
                return EXIT_FAILURE;
        return daemon_run(daemon) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
        _cleanup_(settings_done) Settings settings = {};
        Arguments arguments = {};
        int r = parse_arguments(argc, argv, &arguments);

        if (r <= 0)
                return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;

        signal(SIGPIPE, SIG_IGN);
        /* What the programs print that we run is read by us, and shown to no one. */
        if (setenv("LC_ALL", "C", true) < 0 || setenv("SYSTEMD_COLORS", "0", true) < 0)
                return EXIT_FAILURE;

        r = settings_load(arguments.config, arguments.user, on_report, NULL, &settings);
        if (r < 0) {
                report_error("The configuration cannot be read: %s.", strerror(-r));
                return EXIT_FAILURE;
        }
        return run(&arguments, &settings);
}
