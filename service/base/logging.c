/* SPDX-License-Identifier: Apache-2.0 */
#include "base/logging.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

#include "base/cleanup.h"

/* One line; a longer one is cut. */
#define MESSAGE_SIZE 1024

static int level = LOG_INFO;
static LogTarget target = LOG_TARGET_CONSOLE;

static const char *const level_names[] = {
        [LOG_EMERG] = "emerg", [LOG_ALERT] = "alert",     [LOG_CRIT] = "crit",
        [LOG_ERR] = "err",     [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
        [LOG_INFO] = "info",   [LOG_DEBUG] = "debug",
};

static const char *const target_names[] = {
        [LOG_TARGET_CONSOLE] = "console",
        [LOG_TARGET_JOURNAL] = "journal",
        [LOG_TARGET_NULL] = "null",
};

/* The variable may have been inherited by a process whose standard error is something else. */
static bool is_connected_to_journal(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        char ours[64];
        struct stat st;

        if (!stream || fstat(STDERR_FILENO, &st) < 0)
                return false;
        snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
        return strcmp(stream, ours) == 0;
}

void logging_open(void)
{
        target = is_connected_to_journal() ? LOG_TARGET_JOURNAL : LOG_TARGET_CONSOLE;
}

int logging_get_level(void)
{
        return level;
}

void logging_set_level(int new_level)
{
        level = new_level;
}

const char *logging_level_to_string(int value)
{
        return level_names[value];
}

int logging_level_from_string(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(level_names); i++)
                if (strcmp(level_names[i], name) == 0)
                        return (int)i;

        return -EINVAL;
}

LogTarget logging_get_target(void)
{
        return target;
}

void logging_set_target(LogTarget new_target)
{
        target = new_target;
}

const char *logging_target_to_string(LogTarget value)
{
        return target_names[value];
}

int logging_target_from_string(const char *name, LogTarget *ret)
{
        for (size_t i = 0; i < ELEMENTSOF(target_names); i++)
                if (strcmp(target_names[i], name) == 0) {
                        *ret = (LogTarget)i;
                        return 0;
                }

        return -EINVAL;
}

/* Text from outside may stand in a message: one message stays one line, and drives no terminal. */
static void replace_controls(char *text)
{
        for (; *text; text++)
                if ((unsigned char)*text < 0x20 || *text == 0x7f)
                        *text = ' ';
}

void log_message(int priority, const char *format, ...)
{
        char text[MESSAGE_SIZE];
        va_list args;

        if (priority > level || target == LOG_TARGET_NULL)
                return;

        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        replace_controls(text);

        if (target == LOG_TARGET_JOURNAL)
                sd_journal_send("MESSAGE=%s", text, "PRIORITY=%i", priority, "SYSLOG_IDENTIFIER=%s",
                                program_invocation_short_name, NULL);
        else
                fprintf(stderr, "%s\n", text);
}
