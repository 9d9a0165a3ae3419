/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"
#include "text-format.h"
#include "time-span.h"
#include "unit-file.h"

/* Larger is no configuration. */
#define FILE_SIZE_MAX (1024 * 1024)

#define FILE_NAME "autoupdated.conf"

#define USEC_PER_SEC UINT64_C(1000000)

/* A build tags more than once, and a script several images: they are to make one restart. */
#define SETTLE_DEFAULT (2 * USEC_PER_SEC)

/* What dies at once does so within seconds; what dies later is systemd's matter. */
#define STABLE_DEFAULT (30 * USEC_PER_SEC)

/* Podman's first check comes after an interval, by default 30 s, and three may fail. */
#define HEALTH_DEFAULT (180 * USEC_PER_SEC)

#define MIN_INTERVAL_DEFAULT (300 * USEC_PER_SEC)

/* TimeoutStopSec= and TimeoutStartSec= of systemd are 90 s each, and a start may pull an image. */
#define RESTART_DEFAULT (900 * USEC_PER_SEC)

#define WINDOW_DEFAULT (3600 * USEC_PER_SEC)

typedef struct Parsing {
        Settings *settings;
        const char *name;
        SettingsReport report;
        void *userdata;
} Parsing;

int settings_init(Settings *ret)
{
        Settings s = {
                .podman = strdup("podman"),
                .rollback = true,
                .settle_usec = SETTLE_DEFAULT,
                .stable_usec = STABLE_DEFAULT,
                .health_usec = HEALTH_DEFAULT,
                .min_interval_usec = MIN_INTERVAL_DEFAULT,
                .restart_usec = RESTART_DEFAULT,
                .window_usec = WINDOW_DEFAULT,
        };

        if (!s.podman)
                return -ENOMEM;
        *ret = s;
        return 0;
}

void settings_done(Settings *s)
{
        free(s->podman);
        free(s->calendar);
        *s = (Settings){};
}

__attribute__((format(printf, 2, 3))) static int tell(const Parsing *p, const char *format, ...)
{
        _cleanup_free_ char *sentence = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = text_format_list(&sentence, format, ap);
        va_end(ap);
        if (r < 0)
                return r;
        p->report(sentence, p->userdata);
        return 0;
}

/* ---- values: each returns an advice if the value cannot be, or NULL; -ENOMEM in *r ---- */

static const char *set_bool(bool *place, const char *value)
{
        static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (strcasecmp(value, words[i]) == 0) {
                        *place = i % 2 == 1;
                        return NULL;
                }
        return "use yes or no";
}

static const char *set_time(uint64_t *place, const char *value)
{
        return time_span_parse(value, place) < 0 ? TIME_SPAN_ACCEPTED : NULL;
}

static const char *set_text(char **place, const char *value, int *r)
{
        char *copy = *value ? strdup(value) : NULL;

        if (*value && !copy) {
                *r = -ENOMEM;
                return NULL;
        }
        free(*place);
        *place = copy;
        return NULL;
}

static const char *set(Settings *s, const char *key, const char *value, int *r)
{
        if (strcmp(key, "Podman") == 0)
                return *value ? set_text(&s->podman, value, r) : "give a command or a path";
        if (strcmp(key, "DryRun") == 0)
                return set_bool(&s->dry_run, value);
        if (strcmp(key, "Rollback") == 0)
                return set_bool(&s->rollback, value);
        if (strcmp(key, "SettleSec") == 0)
                return set_time(&s->settle_usec, value);
        if (strcmp(key, "StableSec") == 0)
                return set_time(&s->stable_usec, value);
        if (strcmp(key, "HealthTimeoutSec") == 0)
                return set_time(&s->health_usec, value);
        if (strcmp(key, "MinIntervalSec") == 0)
                return set_time(&s->min_interval_usec, value);
        if (strcmp(key, "RestartTimeoutSec") == 0)
                return set_time(&s->restart_usec, value);
        if (strcmp(key, "OnCalendar") == 0)
                return set_text(&s->calendar, value, r); /* systemd-analyze knows what is valid */
        if (strcmp(key, "WindowSec") == 0)
                return set_time(&s->window_usec, value);
        *r = -ENOENT;
        return NULL;
}

static int on_setting(unsigned line, const char *section, const char *key, const char *value,
                      void *userdata)
{
        const Parsing *p = userdata;
        const char *advice = NULL;
        int r = 0;

        if (strcmp(section, "Update") == 0)
                advice = set(p->settings, key, value, &r);
        else
                r = -ENOENT;
        if (r == -ENOENT)
                return tell(p, "%s:%u: there is no key \"%s\" in a section [%s]: it is ignored.",
                            p->name, line, key, section);
        if (advice)
                return tell(p, "%s:%u: the value \"%s\" of %s= is not valid: %s.", p->name, line,
                            value, key, advice);
        return r;
}

static int on_error(unsigned line, const char *text, void *userdata)
{
        const Parsing *p = userdata;

        return tell(p, "%s:%u: %s.", p->name, line, text);
}

int settings_parse(Settings *s, const char *name, const char *text, size_t length,
                   SettingsReport report, void *userdata)
{
        Parsing p = { .settings = s, .name = name, .report = report, .userdata = userdata };
        const UnitFileHandler handler = {
                .setting = on_setting,
                .error = on_error,
                .userdata = &p,
        };

        return unit_file_parse(text, length, &handler);
}

/* ---- files ---- */

static int read_text(const char *path, char **ret, size_t *ret_length)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        _cleanup_free_ char *text = NULL;
        size_t length = 0;
        struct stat st;
        ssize_t n;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (st.st_size > FILE_SIZE_MAX)
                return -EFBIG;
        text = malloc(FILE_SIZE_MAX + 1);
        if (!text)
                return -ENOMEM;
        while ((n = read(fd, text + length, FILE_SIZE_MAX + 1 - length)) > 0)
                length += (size_t)n;
        if (n < 0)
                return -errno;
        if (length > FILE_SIZE_MAX)
                return -EFBIG;

        *ret = TAKE_PTR(text);
        *ret_length = length;
        return 0;
}

static int load_file(Parsing *p, const char *path, bool must_exist)
{
        _cleanup_free_ char *text = NULL;
        size_t length = 0;
        int r = read_text(path, &text, &length);

        p->name = path;
        if (r == -ENOENT && !must_exist)
                return 0;
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return tell(p, "The configuration \"%s\" cannot be read: %s.", path, strerror(-r));
        return settings_parse(p->settings, path, text, length, p->report, p->userdata);
}

static int is_conf(const struct dirent *entry)
{
        size_t length = strlen(entry->d_name);

        return entry->d_name[0] != '.' && length > 5 &&
               strcmp(entry->d_name + length - 5, ".conf") == 0;
}

static int load_drop_in(Parsing *p, const char *file, const char *name)
{
        _cleanup_free_ char *path = NULL;

        if (text_format(&path, "%s.d/%s", file, name) < 0)
                return -ENOMEM;
        return load_file(p, path, true);
}

static int load_drop_ins(Parsing *p, const char *file)
{
        _cleanup_free_ char *folder = NULL;
        struct dirent **entries = NULL;
        int n, r = 0;

        if (text_format(&folder, "%s.d", file) < 0)
                return -ENOMEM;
        n = scandir(folder, &entries, is_conf, alphasort);
        if (n < 0)
                return errno == ENOENT ? 0
                                       : tell(p, "The folder \"%s\" cannot be read: %s.", folder,
                                              strerror(errno));
        for (int i = 0; i < n; i++) {
                if (r >= 0)
                        r = load_drop_in(p, file, entries[i]->d_name);
                free(entries[i]);
        }
        free(entries);
        return r;
}

static int default_file(bool user, char **ret)
{
        const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
        int n;

        if (!user)
                n = asprintf(ret, "%s", CONFIG_DIR "/" FILE_NAME);
        else if (base && *base == '/')
                n = asprintf(ret, "%s/containers-events/" FILE_NAME, base);
        else if (home && *home == '/')
                n = asprintf(ret, "%s/.config/containers-events/" FILE_NAME, home);
        else
                return -ENXIO;
        if (n < 0) {
                *ret = NULL;
                return -ENOMEM;
        }
        return 0;
}

int settings_load(const char *file, bool user, SettingsReport report, void *userdata, Settings *ret)
{
        _cleanup_free_ char *standard = NULL;
        Settings s;
        Parsing p = { .settings = &s, .report = report, .userdata = userdata };
        int r;

        if (!file) {
                r = default_file(user, &standard);
                if (r < 0)
                        return r;
        }
        r = settings_init(&s);
        if (r < 0)
                return r;
        r = load_file(&p, file ? file : standard, file);
        if (r >= 0)
                r = load_drop_ins(&p, file ? file : standard);
        if (r < 0) {
                settings_done(&s);
                return r;
        }

        *ret = s;
        return 0;
}
