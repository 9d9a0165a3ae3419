/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ini.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

DEFINE_CLEANUP(FILE *, fclose)

typedef struct Reading {
        FILE *stream; /* weak */
        const char *file;
        unsigned line;
        const IniReport *report;
        bool no_memory;
} Reading;

/* inih reads a line that is too long in pieces, and would take each for a line. */
static void skip_rest(Reading *reading, char *line)
{
        int c;

        do
                c = fgetc(reading->stream);
        while (c != '\n' && c != EOF);

        strcpy(line, "#");
        if (reading->report->error)
                reading->report->error(reading->file, reading->line, "the line is too long",
                                       reading->report->userdata);
}

/* inih's reader. Leading white space goes, or inih would take the line for more of the last value.
 */
static char *read_line(char *line, int size, void *userdata)
{
        Reading *reading = userdata;
        size_t length, blank;

        if (!fgets(line, size, reading->stream))
                return NULL;
        reading->line++;

        length = strlen(line);
        if (length == (size_t)size - 1 && line[length - 1] != '\n') {
                skip_rest(reading, line);
                return line;
        }
        blank = strspn(line, " \t");
        memmove(line, line + blank, length - blank + 1);
        return line;
}

/* inih knows comments behind " ;" only. */
static void cut_comment(char *value)
{
        for (char *p = value; *p; p++)
                if (*p == '#' && (p == value || isspace((unsigned char)p[-1]))) {
                        while (p > value && isspace((unsigned char)p[-1]))
                                p--;
                        *p = '\0';
                        return;
                }
}

static int on_value(void *userdata, const char *section, const char *key, const char *value)
{
        Reading *reading = userdata;
        _cleanup_free_ char *copy = strdup(value);

        if (!copy) {
                reading->no_memory = true;
                return 1; /* 0 would mean that the line is wrong */
        }
        cut_comment(copy);
        reading->report->value(reading->file, reading->line, section, key, copy,
                               reading->report->userdata);
        return 1;
}

int ini_read(const char *file, const IniReport *report)
{
        _cleanup_(fclosep) FILE *stream = fopen(file, "re");
        Reading reading = { .stream = stream, .file = file, .report = report };
        struct stat st;
        int line;

        if (!stream || fstat(fileno(stream), &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;

        /* inih goes on behind an error and returns the first one's line. */
        line = ini_parse_stream(read_line, &reading, on_value, &reading);
        if (reading.no_memory)
                return -ENOMEM;
        if (line > 0 && report->error)
                report->error(file, (unsigned)line, "the line is no [SECTION] and no KEY=VALUE",
                              report->userdata);
        return ferror(stream) ? -EIO : 0;
}

static int is_conf(const struct dirent *entry)
{
        size_t length = strlen(entry->d_name);

        return entry->d_name[0] != '.' && length > 5 &&
               strcmp(entry->d_name + length - 5, ".conf") == 0;
}

/* Returns -ENOMEM; anything else that fails is told. */
static int tell(const IniReport *report, const char *file, int error)
{
        if (error < 0 && error != -ENOMEM && report->unreadable)
                report->unreadable(file, error, report->userdata);
        return error == -ENOMEM ? -ENOMEM : 0;
}

static int read_drop_in(const char *folder, const char *name, const IniReport *report)
{
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/%s", folder, name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        return tell(report, path, ini_read(path, report));
}

int ini_read_drop_ins(const char *file, const IniReport *report)
{
        _cleanup_free_ char *folder = NULL;
        struct dirent **entries = NULL;
        int n, r = 0;

        if (asprintf(&folder, "%s.d", file) < 0) {
                folder = NULL;
                return -ENOMEM;
        }
        n = scandir(folder, &entries, is_conf, alphasort);
        if (n < 0)
                return errno == ENOENT ? 0 : tell(report, folder, -errno);

        for (int i = 0; i < n; i++) {
                if (r >= 0)
                        r = read_drop_in(folder, entries[i]->d_name, report);
                free(entries[i]);
        }
        free(entries);
        return r;
}
