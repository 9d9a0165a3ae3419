/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "escape.h"
#include "text-format.h"
#include "time-spec.h"
#include "utf8.h"

int command_common_option(Context *c, int option)
{
        switch (option) {
        case OPTION_USER:
                c->user = true;
                return -1;
        case OPTION_SYSTEM:
                c->user = false;
                return -1;
        case OPTION_JSON:
                c->json = true;
                return -1;
        case OPTION_HELP:
                fputs(c->command->help, stdout);
                return STATUS_OK;
        default:
                /* getopt_long() has said what is wrong. */
                fprintf(stderr, "Try \"cevctl %s --help\".\n", c->command->name);
                return STATUS_USAGE;
        }
}

int command_take_common_options(Context *c, int argc, char *argv[])
{
        static const struct option options[] = { COMMON_OPTIONS, {} };
        int option, status = -1;

        while (status < 0 && (option = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                status = command_common_option(c, option == 'h' ? OPTION_HELP : option);
        return status;
}

bool command_has_option(int argc, char *argv[], const char *short_options,
                        const struct option *options, int option)
{
        bool found = false;
        int given;

        opterr = 0;
        while ((given = getopt_long(argc, argv, short_options, options, NULL)) >= 0)
                found = found || given == option;
        opterr = 1;
        optind = 0; /* and from the beginning */
        return found;
}

int command_usage_error(const Context *c, const char *format, ...)
{
        _cleanup_free_ char *sentence = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = text_format_list(&sentence, format, ap);
        va_end(ap);
        if (r < 0)
                return command_error(r, "Cannot say what is wrong");

        fputs("cevctl: ", stderr);
        escape_print(stderr, sentence);
        fprintf(stderr, "\nTry \"cevctl %s --help\".\n", c->command->name);
        return STATUS_USAGE;
}

int command_check_text(const Context *c, const char *text)
{
        if (utf8_is_valid(text))
                return -1;
        return command_usage_error(c, "\"%s\" is not UTF-8.", text);
}

int command_propagate(int exit_code)
{
        return exit_code >= 0 && exit_code <= UINT8_MAX ? exit_code : STATUS_NO_CODE;
}

int command_propagate_failure(int status)
{
        return status == STATUS_OK || status == STATUS_TIMED_OUT ? status : STATUS_NO_CODE;
}

int command_take_duration(const Context *c, const char *option, const char *text,
                          uint64_t *ret_usec)
{
        int r = duration_parse(text, ret_usec);

        if (r == -ERANGE)
                return command_usage_error(c, "--%s: \"%s\" is too long.", option, text);
        if (r < 0)
                return command_usage_error(
                        c, "--%s: \"%s\" is not a duration: " DURATION_ACCEPTED ".", option, text);
        return -1;
}

int command_error(int r, const char *what)
{
        fputs("cevctl: ", stderr);
        escape_print(stderr, what);
        fprintf(stderr, ": %s.\n", strerror(-r));
        return STATUS_ERROR;
}
