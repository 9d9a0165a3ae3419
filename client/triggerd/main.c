/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "trigger-folder.h"
#include "triggerd.h"

/* --may-start: not a word is printed for a unit that no trigger names, for polkit would log it. */
#define STATUS_MAY_NOT 1

/* As in sysexits.h; systemd does not start it again after that. */
#define STATUS_CONFIGURATION 78

static void print_help(void)
{
        printf("containers-events-triggerd [OPTION...]\n\n"
               "Starts systemd's units when something happens to containers, as *.trigger files\n"
               "say. It reads them again on SIGHUP.\n\n"
               "  --may-start=UNIT  Say by the exit status whether some trigger may start UNIT:\n"
               "                    0 or 1. polkit's rule asks that\n"
               "  --version         Show the version\n"
               "  --help            Show this\n\n"
               "See containers-events-triggerd(8), and containers-events.trigger(5) for the files.\n");
}

static int may_start(const char *unit)
{
        TriggerSet set = {};
        bool may;
        int r;

        r = trigger_set_load("", NULL, &set);
        if (r < 0) {
                fprintf(stderr, "containers-events-triggerd: The triggers cannot be read: %s.\n",
                        strerror(-r));
                return STATUS_MAY_NOT;
        }
        may = trigger_may_start(&set, unit);
        trigger_set_done(&set);
        return may ? EXIT_SUCCESS : STATUS_MAY_NOT;
}

int main(int argc, char *argv[])
{
        static const struct option options[] = {
                { "may-start", required_argument, NULL, 'm' },
                { "version", no_argument, NULL, 'v' },
                { "help", no_argument, NULL, 'h' },
                {},
        };
        int c = getopt_long(argc, argv, "", options, NULL), r;

        switch (c) {
        case 'm':
                return may_start(optarg);
        case 'v':
                printf("containers-events-triggerd " PROJECT_VERSION "\n");
                return EXIT_SUCCESS;
        case 'h':
                print_help();
                return EXIT_SUCCESS;
        case -1:
                break;
        default: /* getopt has named it */
                return EXIT_FAILURE;
        }
        if (optind < argc) {
                fprintf(stderr, "%s: \"%s\" is no option: see --help.\n", argv[0], argv[optind]);
                return EXIT_FAILURE;
        }
        /* A reader of standard error that left is no reason to end. */
        signal(SIGPIPE, SIG_IGN);
        r = triggerd_run();
        if (r == -ENOTRECOVERABLE)
                return STATUS_CONFIGURATION;
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
