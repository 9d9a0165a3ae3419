/* SPDX-License-Identifier: Apache-2.0 */

/*
 * cevctl: asks containers-eventsd what happened to containers. Here are the options that come
 * before the command, and the table of commands.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "config.h"

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const Command *const commands[] = {
        &command_events,   &command_query,       &command_show,      &command_wait,
        &command_timeline, &command_auto_update, &command_exit_code, &command_emit,
        &command_export,   &command_import,      &command_cursor,    &command_trigger,
        &command_status,   &command_verify,      &command_version,
};

static const Command *find_command(const char *name)
{
        for (size_t i = 0; i < N_COMMANDS; i++)
                if (strcmp(commands[i]->name, name) == 0)
                        return commands[i];
        return NULL;
}

static void print_help(FILE *f)
{
        fputs("Usage: cevctl [OPTION...] COMMAND [OPTION...]\n"
              "\n"
              "Asks containers-eventsd what happens to containers.\n"
              "\n"
              "Commands:\n",
              f);
        for (size_t i = 0; i < N_COMMANDS; i++)
                fprintf(f, "  %-12s %s\n", commands[i]->name, commands[i]->purpose);
        fputs("  help         Show this text, or that of a command\n"
              "\n"
              "Options:\n" COMMON_HELP "      --version             print the version\n",
              f);
}

static int unknown_command(const char *name)
{
        fprintf(stderr, "cevctl: There is no command \"%s\".\nTry \"cevctl --help\".\n", name);
        return STATUS_USAGE;
}

static int run_help(const char *name)
{
        const Command *command;

        if (!name) {
                print_help(stdout);
                return STATUS_OK;
        }
        command = find_command(name);
        if (!command)
                return unknown_command(name);
        fputs(command->help, stdout);
        return STATUS_OK;
}

static int run_command(Context *c, int argc, char *argv[])
{
        if (argc == 0) {
                print_help(stderr);
                return STATUS_USAGE;
        }
        if (strcmp(argv[0], "help") == 0)
                return run_help(argc > 1 ? argv[1] : NULL);
        c->command = find_command(argv[0]);
        if (!c->command)
                return unknown_command(argv[0]);
        optind = 0;                 /* anew, for the command's own options */
        argv[0] = (char *)"cevctl"; /* who complains about them */
        return c->command->run(c, argc, argv);
}

/* What is still buffered may not get out: a full disk must not look like success. A reader that has
 * gone has had enough. */
static int finish(int status)
{
        if (fflush(stdout) == 0 || errno == EPIPE || status != STATUS_OK)
                return status;
        return command_error(-errno, "Cannot write");
}

/* Who calls us with a closed standard output must not make the bus's socket take its number, and
 * get the events. */
static void fill_standard_fds(void)
{
        int fd;

        do
                fd = open("/dev/null", O_RDWR);
        while (fd >= 0 && fd <= STDERR_FILENO);
        if (fd >= 0)
                (void)close(fd);
}

int main(int argc, char *argv[])
{
        enum { OPTION_VERSION = OPTION_FIRST_OWN };
        static const struct option options[] = {
                { "version", no_argument, NULL, OPTION_VERSION },
                COMMON_OPTIONS,
                {},
        };
        Context c = {};
        int option;

        fill_standard_fds();
        while ((option = getopt_long(argc, argv, "+h", options, NULL)) >= 0) {
                if (option == OPTION_USER || option == OPTION_SYSTEM || option == OPTION_JSON) {
                        (void)command_common_option(&c, option);
                } else if (option == OPTION_VERSION) {
                        puts("cevctl " PROJECT_VERSION);
                        return finish(STATUS_OK);
                } else if (option == OPTION_HELP || option == 'h') {
                        print_help(stdout);
                        return finish(STATUS_OK);
                } else {
                        fputs("Try \"cevctl --help\".\n", stderr);
                        return STATUS_USAGE;
                }
        }
        return finish(run_command(&c, argc - optind, argv + optind));
}
