/* SPDX-License-Identifier: Apache-2.0 */
#include "configuration.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/ini.h"
#include "base/logging.h"
#include "base/number.h"
#include "base/utf8.h"
#include "config.h"

#define SYSTEM_DIRECTORY "/var/log/containers-events"

#define SEGMENT_SIZE_DEFAULT (UINT64_C(32) * 1024 * 1024)
#define MAX_SIZE_DEFAULT     (UINT64_C(256) * 1024 * 1024)

#define KEEP_FREE_PERCENT_DEFAULT 5

/* Below this a segment would be hardly more than its header. */
#define SIZE_MIN (4 * 1024)

/* More is no limit but a mistake: no history would be left. */
#define KEEP_FREE_PERCENT_MAX 95

/* So that sums of sizes stay far from the end of the number. */
#define SIZE_MAX_BYTES (UINT64_C(1) << 60)

typedef struct Loading {
        Configuration configuration;
        bool no_memory;
} Loading;

__attribute__((format(printf, 2, 3))) static void problem(Loading *loading, const char *format, ...)
{
        char *sentence;
        va_list args;
        int n;

        va_start(args, format);
        n = vasprintf(&sentence, format, args);
        va_end(args);
        if (n < 0) {
                loading->no_memory = true;
                return;
        }

        utf8_mend(sentence);
        log_warning("%s", sentence);
        if (loading->configuration.problem)
                free(sentence);
        else
                loading->configuration.problem = sentence;
}

/* ---- values: each returns an advice if the value cannot be, or NULL ---- */

static const char *set_backend(const char *value, Loading *loading)
{
        return log_backend_from_string(value, &loading->configuration.backend) < 0
                       ? "use \"logfile\", \"journald\" or \"none\""
                       : NULL;
}

static const char *set_path(char **place, const char *value, Loading *loading)
{
        char *copy = NULL;

        if (*value && *value != '/')
                return "use an absolute path";
        if (*value) {
                copy = strdup(value);
                if (!copy) {
                        loading->no_memory = true;
                        return NULL;
                }
        }
        free(*place);
        *place = copy;
        return NULL;
}

static const char *set_directory(const char *value, Loading *loading)
{
        return set_path(&loading->configuration.directory, value, loading);
}

static const char *set_events_log(const char *value, Loading *loading)
{
        size_t length = strlen(value);

        if (length > 0 && value[length - 1] == '/')
                return "use the path of a file";
        return set_path(&loading->configuration.podman_events_log, value, loading);
}

static const char *set_graph_root(const char *value, Loading *loading)
{
        if (strcmp(value, "/") == 0)
                return "use the path of Podman's storage";
        return set_path(&loading->configuration.podman_graph_root, value, loading);
}

static const char *set_tmp_dir(const char *value, Loading *loading)
{
        return set_path(&loading->configuration.podman_tmp_dir, value, loading);
}

/* A number of bytes, or one with K, M, G or T (powers of 1024), as systemd has it. */
static const char *set_size(uint64_t *place, const char *value, Loading *loading)
{
        uint64_t size;

        switch (parse_size(value, &size)) {
        case 0:
                break;
        case -ERANGE:
                return "use at most 1048576T";
        default:
                return "use a size like \"32M\"";
        }
        if (size < SIZE_MIN || size > SIZE_MAX_BYTES)
                return "use at least 4K and at most 1048576T";

        *place = size;
        return NULL;
}

static const char *set_segment_size(const char *value, Loading *loading)
{
        return set_size(&loading->configuration.segment_size, value, loading);
}

static const char *set_max_size(const char *value, Loading *loading)
{
        return set_size(&loading->configuration.max_size, value, loading);
}

/* "90d", "5min", "1w 2d"; 0 or nothing is no limit. */
static const char *set_max_age(const char *value, Loading *loading)
{
        uint64_t usec = 0;

        if (*value && parse_timespan(value, &usec) < 0)
                return "use a time like \"90d\" or \"12h\"";
        if (usec > UINT64_MAX / 1000)
                return "use at most 500y";

        loading->configuration.max_age_nsec = usec * 1000;
        return NULL;
}

static const char *set_keep_free(const char *value, Loading *loading)
{
        Configuration *configuration = &loading->configuration;
        size_t length = strlen(value);
        char digits[4] = "";
        uint64_t size;

        if (length > 0 && value[length - 1] == '%') {
                if (length <= sizeof(digits))
                        memcpy(digits, value, length - 1);
                if (parse_u64(digits, &size) < 0 || size > KEEP_FREE_PERCENT_MAX)
                        return "use at most \"95%\"";
                configuration->keep_free = 0;
                configuration->keep_free_percent = (unsigned)size;
                return NULL;
        }
        if (parse_size(value, &size) < 0 || size > SIZE_MAX_BYTES)
                return "use a size like \"1G\", a part like \"5%\", or 0 for no limit";

        configuration->keep_free = size;
        configuration->keep_free_percent = 0;
        return NULL;
}

/* "auto" waits for what there is to listen to, as "yes" does; that costs nothing while there is
 * nothing. */
static const char *set_listening(bool *place, const char *value)
{
        bool no = strcmp(value, "no") == 0;

        if (!no && strcmp(value, "yes") != 0 && strcmp(value, "auto") != 0)
                return "use \"auto\", \"yes\" or \"no\"";

        *place = !no;
        return NULL;
}

static const char *set_podman_enabled(const char *value, Loading *loading)
{
        return set_listening(&loading->configuration.podman_enabled, value);
}

static const char *set_podman_journal(const char *value, Loading *loading)
{
        return set_listening(&loading->configuration.podman_journal, value);
}

static const char *set_health_check_execs(const char *value, Loading *loading)
{
        bool yes = strcmp(value, "yes") == 0;

        if (!yes && strcmp(value, "no") != 0)
                return "use \"yes\" or \"no\"";

        loading->configuration.podman_health_check_execs = yes;
        return NULL;
}

static const struct {
        const char *section;
        const char *key;
        const char *(*set)(const char *value, Loading *loading);
} keys[] = {
        { "Log", "Backend", set_backend },
        { "Log", "Directory", set_directory },
        { "Log", "SegmentSize", set_segment_size },
        { "Log", "MaxSize", set_max_size },
        { "Log", "MaxAge", set_max_age },
        { "Log", "KeepFree", set_keep_free },
        { "Podman", "Enabled", set_podman_enabled },
        { "Podman", "EventsLog", set_events_log },
        { "Podman", "GraphRoot", set_graph_root },
        { "Podman", "TmpDir", set_tmp_dir },
        { "Podman", "HealthCheckExecs", set_health_check_execs },
        { "Podman", "Journal", set_podman_journal },
};

/* ---- files ---- */

static void on_value(const char *file, unsigned line, const char *section, const char *key,
                     const char *value, void *userdata)
{
        Loading *loading = userdata;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                const char *advice;

                if (strcmp(keys[i].section, section) != 0 || strcmp(keys[i].key, key) != 0)
                        continue;
                advice = keys[i].set(value, loading);
                if (advice)
                        problem(loading, "%s:%u: the value \"%s\" of %s= is not valid: %s.", file,
                                line, value, key, advice);
                return;
        }

        log_warning("%s:%u: there is no key \"%s\" in a section [%s]: it is ignored.", file, line,
                    key, section);
}

static void on_error(const char *file, unsigned line, const char *what, void *userdata)
{
        problem(userdata, "%s:%u: %s.", file, line, what);
}

static void on_unreadable(const char *file, int error, void *userdata)
{
        problem(userdata, "The configuration \"%s\" cannot be read: %s.", file, strerror(-error));
}

static int load(Loading *loading, const char *file, bool must_exist)
{
        const IniReport report = {
                .value = on_value,
                .error = on_error,
                .unreadable = on_unreadable,
                .userdata = loading,
        };
        int r;

        r = ini_read(file, &report);
        if (r == -ENOMEM)
                return r;
        if (r < 0 && (must_exist || r != -ENOENT))
                on_unreadable(file, r, loading);
        return ini_read_drop_ins(file, &report);
}

/* $VARIABLE/containers-events/NAME, or what stands for the variable below the home. */
static int user_path(const char *variable, const char *below_home, const char *name, char **ret)
{
        const char *base = getenv(variable), *home = getenv("HOME");
        char *path;
        int n;

        if (base && *base == '/')
                n = asprintf(&path, "%s/containers-events%s", base, name);
        else if (home && *home == '/')
                n = asprintf(&path, "%s/%s/containers-events%s", home, below_home, name);
        else
                return -ENXIO;
        if (n < 0)
                return -ENOMEM;

        *ret = path;
        return 0;
}

static int load_files(Loading *loading, const char *file, bool user)
{
        _cleanup_free_ char *standard = NULL;
        int r;

        if (!file) {
                if (user)
                        r = user_path("XDG_CONFIG_HOME", ".config", "/eventsd.conf", &standard);
                else
                        r = (standard = strdup(CONFIG_DIR "/eventsd.conf")) ? 0 : -ENOMEM;
                if (r < 0)
                        return r;
        }

        return load(loading, file ? file : standard, file);
}

static int set_default_directory(Configuration *configuration, bool user)
{
        if (configuration->directory)
                return 0;
        if (user)
                return user_path("XDG_STATE_HOME", ".local/state", "", &configuration->directory);

        configuration->directory = strdup(SYSTEM_DIRECTORY);
        return configuration->directory ? 0 : -ENOMEM;
}

int configuration_load(const char *file, bool user, Configuration *ret)
{
        Loading loading = {
                .configuration = {
                        .segment_size = SEGMENT_SIZE_DEFAULT,
                        .max_size = MAX_SIZE_DEFAULT,
                        .keep_free_percent = KEEP_FREE_PERCENT_DEFAULT,
                        .podman_enabled = true,
                        .podman_journal = true,
                },
        };
        int r;

        r = load_files(&loading, file, user);
        if (r >= 0)
                r = loading.no_memory ? -ENOMEM
                                      : set_default_directory(&loading.configuration, user);
        if (r < 0) {
                configuration_done(&loading.configuration);
                return r;
        }

        *ret = loading.configuration;
        return 0;
}

void configuration_done(Configuration *configuration)
{
        free(configuration->directory);
        free(configuration->podman_events_log);
        free(configuration->podman_graph_root);
        free(configuration->podman_tmp_dir);
        free(configuration->problem);
        *configuration = (Configuration){};
}
