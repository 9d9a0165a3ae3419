/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/logging.h"
#include "base/mapping.h"
#include "config.h"
#include "manager.h"

static void print_help(void)
{
        printf("containers-eventsd [OPTION...]\n\n"
               "Records what happens to containers, and publishes it on D-Bus as\n"
               "org.containers.Events.\n\n"
               "  --user           On the user's bus, for the user's Podman\n"
               "  --config=FILE    Read FILE and FILE.d/*.conf instead of\n"
               "                   " CONFIG_DIR "/eventsd.conf, or the user's own\n"
               "  --version        Show the version\n"
               "  --help           Show this\n\n"
               "See containers-eventsd(8); cevctl(1) shows events.\n");
}

/* Returns 1 to go on, 0 when all is done, negative for a wrong command line. */
static int parse_arguments(int argc, char *argv[], ManagerOptions *ret)
{
        enum {
                OPTION_USER = 256,
                OPTION_CONFIG,
                OPTION_VERSION,
                OPTION_HELP,
        };
        static const struct option options[] = {
                { "user", no_argument, NULL, OPTION_USER },
                { "config", required_argument, NULL, OPTION_CONFIG },
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
                case OPTION_CONFIG:
                        ret->config_file = optarg;
                        break;
                case OPTION_VERSION:
                        printf("containers-eventsd " PROJECT_VERSION "\n");
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

int main(int argc, char *argv[])
{
        _cleanup_(manager_freep) Manager *manager = NULL;
        ManagerOptions options = {};
        struct rlimit files;
        int r;

        r = parse_arguments(argc, argv, &options);
        if (r <= 0)
                return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;

        logging_open();
        /* A file size limit and a reader that left are errors, told where they happen. */
        signal(SIGXFSZ, SIG_IGN);
        signal(SIGPIPE, SIG_IGN);
        /* There is nothing to be read again, and a recorder must not die of a rotation script. */
        signal(SIGHUP, SIG_IGN);

        /* Each sealed segment has its index open. */
        if (getrlimit(RLIMIT_NOFILE, &files) >= 0) {
                files.rlim_cur = files.rlim_max;
                setrlimit(RLIMIT_NOFILE, &files);
        }

        /* The journal's files, where they keep the history, are cut by others. */
        mapping_guard();

        r = manager_new(&options, &manager);
        if (r < 0)
                return EXIT_FAILURE;
        r = manager_run(manager);
        return r < 0 ? EXIT_FAILURE : r;
}
