/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/podman-config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/ini.h"
#include "sources/podman-toml.h"

#define ROOT_TMP_DIR "/run/libpod"

typedef struct PodmanConfig {
        char *events_log; /* owned; NULL: not set */
        char *tmp_dir;    /* owned; NULL: not set */
        bool no_memory;
} PodmanConfig;

static void podman_config_done(PodmanConfig *config)
{
        free(config->events_log);
        free(config->tmp_dir);
}

static void on_value(const char *file, unsigned line, const char *section, const char *key,
                     const char *value, void *userdata)
{
        PodmanConfig *config = userdata;
        char **place;

        if (strcmp(section, "engine") != 0)
                return;
        if (strcmp(key, "events_logfile_path") == 0)
                place = &config->events_log;
        else if (strcmp(key, "tmp_dir") == 0)
                place = &config->tmp_dir;
        else
                return;
        if (podman_toml_string(value, place) < 0)
                config->no_memory = true;
}

static void read_file(const char *file, PodmanConfig *config)
{
        const IniReport report = { .value = on_value, .userdata = config };

        /* What is not there, or not for us to read, says nothing. */
        if (ini_read(file, &report) == -ENOMEM)
                config->no_memory = true;
}

/* FOLDER/containers.conf, then FOLDER/containers.conf.d in order of names. */
static int read_folder(const char *folder, PodmanConfig *config)
{
        const IniReport report = { .value = on_value, .userdata = config };
        _cleanup_free_ char *file = NULL;

        if (asprintf(&file, "%s/containers.conf", folder) < 0) {
                file = NULL;
                return -ENOMEM;
        }
        read_file(file, config);
        return ini_read_drop_ins(file, &report) == -ENOMEM ? -ENOMEM : 0;
}

static int read_user_folder(PodmanConfig *config)
{
        const char *config_home = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
        _cleanup_free_ char *folder = NULL;
        int r;

        if (config_home && *config_home)
                r = asprintf(&folder, "%s/containers", config_home);
        else if (home && *home)
                r = asprintf(&folder, "%s/.config/containers", home);
        else
                return 0;
        if (r < 0) {
                folder = NULL;
                return -ENOMEM;
        }

        return read_folder(folder, config);
}

static int read_config(bool rootless, PodmanConfig *config)
{
        const char *only = getenv("CONTAINERS_CONF"), *last = getenv("CONTAINERS_CONF_OVERRIDE");
        int r;

        if (only && *only) {
                read_file(only, config);
        } else {
                if ((r = read_folder("/usr/share/containers", config)) < 0 ||
                    (r = read_folder("/etc/containers", config)) < 0)
                        return r;
                if (rootless) {
                        r = read_user_folder(config);
                        if (r < 0)
                                return r;
                }
        }
        if (last && *last)
                read_file(last, config);
        return 0;
}

static int default_tmp_dir(bool rootless, char **ret)
{
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        char *path;

        if (!rootless) {
                path = strdup(ROOT_TMP_DIR);
        } else {
                if (!runtime || !*runtime)
                        return -ENXIO;
                if (asprintf(&path, "%s/libpod/tmp", runtime) < 0)
                        path = NULL;
        }
        if (!path)
                return -ENOMEM;

        *ret = path;
        return 0;
}

static int load(bool user, PodmanConfig *config)
{
        int r;

        r = read_config(user && geteuid() != 0, config);
        return r < 0 ? r : config->no_memory ? -ENOMEM : 0;
}

static int tmp_dir_of(bool user, PodmanConfig *config, char **ret)
{
        if (!config->tmp_dir)
                return default_tmp_dir(user && geteuid() != 0, ret);
        *ret = TAKE_PTR(config->tmp_dir);
        return 0;
}

int podman_tmp_dir(bool user, char **ret)
{
        _cleanup_(podman_config_done) PodmanConfig config = {};
        int r;

        r = load(user, &config);
        return r < 0 ? r : tmp_dir_of(user, &config, ret);
}

int podman_events_log_path(bool user, char **ret)
{
        _cleanup_(podman_config_done) PodmanConfig config = {};
        _cleanup_free_ char *tmp_dir = NULL;
        char *path;
        int r;

        r = load(user, &config);
        if (r < 0)
                return r;
        if (config.events_log) {
                *ret = TAKE_PTR(config.events_log);
                return 0;
        }
        r = tmp_dir_of(user, &config, &tmp_dir);
        if (r < 0)
                return r;
        if (asprintf(&path, "%s/events/events.log", tmp_dir) < 0)
                return -ENOMEM;

        *ret = path;
        return 0;
}
