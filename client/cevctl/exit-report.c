/* SPDX-License-Identifier: Apache-2.0 */
#include "exit-report.h"

#include <stdio.h>

#include "command.h"
#include "escape.h"

static int report(const char *before, const char *id, const char *behind, int status)
{
        fprintf(stderr, "cevctl: %s \"", before);
        escape_print(stderr, id);
        fprintf(stderr, "\"%s\n", behind);
        return status;
}

int exit_report_no_such(const char *id)
{
        return report("The history knows neither an exec session nor a container with the ID", id,
                      ": give its full ID, or at least 12 characters of it.", STATUS_NO_SUCH);
}

int exit_report_ambiguous(const char *id)
{
        return report("The ID", id, " is the start of more than one: give more of it.",
                      STATUS_USAGE);
}

int exit_report_running(const char *id)
{
        return report("The exec session", id, " has not ended yet; --wait waits for it.",
                      STATUS_RUNNING);
}

int exit_report_unknown(const char *container)
{
        return report("The container", container, " ended, and nobody said with which exit code.",
                      STATUS_CODE_UNKNOWN);
}
