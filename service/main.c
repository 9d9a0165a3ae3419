/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/logging.h"
#include "base/mapping.h"
#include "checkup.h"
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
               "  --verify         Check the history, say what is wrong with it, and end\n"
               "  --repair         With --verify: set aside what is bad; the service must not run\n"
               "  --directory=DIR  With --verify: of the history, instead of the configuration's\n"
               "  --json           With --verify: print JSON\n"
               "  --version        Show the version\n"
               "  --help           Show this\n\n"
               "See containers-eventsd(8); cevctl(1) shows events.\n");
}

typedef struct Arguments {
        bool verify;
        CheckupOptions checkup; /* and what both roles have */
} Arguments;

static bool make_sense(const Arguments *arguments)
{
        const CheckupOptions *checkup = &arguments->checkup;

        if (arguments->verify || (!checkup->repair && !checkup->json && !checkup->directory))
                return true;
        fprintf(stderr, "--repair, --directory= and --json go with --verify: see --help.\n");
        return false;
}

/* Returns 1 to go on, 0 when all is done, negative for a wrong command line. */
static int parse_arguments(int argc, char *argv[], Arguments *ret)
{
        enum {
                OPTION_USER = 256,
                OPTION_CONFIG,
                OPTION_VERIFY,
                OPTION_REPAIR,
                OPTION_DIRECTORY,
                OPTION_JSON,
                OPTION_VERSION,
                OPTION_HELP,
        };
        static const struct option options[] = {
                { "user", no_argument, NULL, OPTION_USER },
                { "config", required_argument, NULL, OPTION_CONFIG },
                { "verify", no_argument, NULL, OPTION_VERIFY },
                { "repair", no_argument, NULL, OPTION_REPAIR },
                { "directory", required_argument, NULL, OPTION_DIRECTORY },
                { "json", no_argument, NULL, OPTION_JSON },
                { "version", no_argument, NULL, OPTION_VERSION },
                { "help", no_argument, NULL, OPTION_HELP },
                {},
        };
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                switch (c) {
                case OPTION_USER:
                        ret->checkup.user = true;
                        break;
                case OPTION_CONFIG:
                        ret->checkup.config_file = optarg;
                        break;
                case OPTION_VERIFY:
                        ret->verify = true;
                        break;
                case OPTION_REPAIR:
                        ret->checkup.repair = true;
                        break;
                case OPTION_DIRECTORY:
                        ret->checkup.directory = optarg;
                        break;
                case OPTION_JSON:
                        ret->checkup.json = true;
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

        return make_sense(ret) ? 1 : -1;
}

int main(int argc, char *argv[])
{
        _cleanup_(manager_freep) Manager *manager = NULL;
        Arguments arguments = {};
        ManagerOptions options;
        struct rlimit files;
        int r;

        r = parse_arguments(argc, argv, &arguments);
        if (r < 0)
                return arguments.verify ? CHECKUP_FAILED : EXIT_FAILURE;
        if (r == 0)
                return EXIT_SUCCESS;
        if (arguments.verify)
                return checkup_run(&arguments.checkup);
        options = (ManagerOptions){ .user = arguments.checkup.user,
                                    .config_file = arguments.checkup.config_file };

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
