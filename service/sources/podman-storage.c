/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/podman-storage.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/ini.h"
#include "sources/podman-toml.h"

#define ROOT_STORAGE "/var/lib/containers/storage"

typedef struct StorageConfig {
        char *graph_root;    /* owned; NULL: not set */
        char *rootless_path; /* owned; NULL: not set */
        bool no_memory;
} StorageConfig;

static void storage_config_done(StorageConfig *config)
{
        free(config->graph_root);
        free(config->rootless_path);
}

static void on_value(const char *file, unsigned line, const char *section, const char *key,
                     const char *value, void *userdata)
{
        StorageConfig *config = userdata;
        char **place;

        if (strcmp(section, "storage") != 0)
                return;
        if (strcmp(key, "graphroot") == 0)
                place = &config->graph_root;
        else if (strcmp(key, "rootless_storage_path") == 0)
                place = &config->rootless_path;
        else
                return;
        if (podman_toml_string(value, place) < 0)
                config->no_memory = true;
}

/* Returns 1 if the file is there, readable or not. */
static int read_file(const char *file, StorageConfig *config)
{
        const IniReport report = { .value = on_value, .userdata = config };
        int r;

        r = ini_read(file, &report);
        if (r == -ENOMEM || config->no_memory)
                return -ENOMEM;
        return r != -ENOENT;
}

static int read_system_files(StorageConfig *config)
{
        const char *only = getenv("CONTAINERS_STORAGE_CONF");
        int r;

        if (only && *only)
                return read_file(only, config);
        r = read_file("/etc/containers/storage.conf", config);
        return r != 0 ? r : read_file("/usr/share/containers/storage.conf", config);
}

/* VARIABLE/BELOW, or HOME/BELOW_HOME/BELOW. */
static int path_of_user(const char *variable, const char *below_home, const char *below, char **ret)
{
        const char *base = getenv(variable), *home = getenv("HOME");
        char *path;
        int n;

        if (base && *base)
                n = asprintf(&path, "%s/%s", base, below);
        else if (home && *home)
                n = asprintf(&path, "%s/%s/%s", home, below_home, below);
        else
                return -ENXIO;
        if (n < 0)
                return -ENOMEM;

        *ret = path;
        return 0;
}

static int read_user_file(StorageConfig *config)
{
        const char *only = getenv("CONTAINERS_STORAGE_CONF");
        _cleanup_free_ char *file = NULL;
        int r;

        if (only && *only)
                return read_file(only, config);
        r = path_of_user("XDG_CONFIG_HOME", ".config", "containers/storage.conf", &file);
        return r < 0 ? r : read_file(file, config);
}

/* Root's Podman does not have our environment. */
static const char *value_of(const char *name, bool user, const char *uid)
{
        if (strcmp(name, "UID") == 0)
                return user ? uid : "0";
        if (user)
                return getenv(name);
        return strcmp(name, "HOME") == 0 ? "/root" : strcmp(name, "USER") == 0 ? "root" : NULL;
}

/* Puts what the variable at "p", behind its "$", stands for. Returns what is behind it. */
static const char *put_variable(Buffer *buffer, const char *p, bool user)
{
        char name[64], uid[3 * sizeof(uid_t) + 1];
        bool braces = *p == '{';
        const char *value;
        size_t length = 0;

        p += braces;
        while (isalnum((unsigned char)p[length]) || p[length] == '_')
                length++;
        snprintf(name, sizeof(name), "%.*s", (int)(length < sizeof(name) ? length : 0), p);
        snprintf(uid, sizeof(uid), "%u", geteuid());
        value = value_of(name, user, uid);
        if (value)
                buffer_put(buffer, value, strlen(value));
        p += length;
        return p + (braces && *p == '}');
}

/* $NAME and ${NAME}; one that is not set is nothing. */
static int expand(const char *path, bool user, char **ret)
{
        _cleanup_(buffer_done) Buffer buffer = {};
        int r;

        while (*path) {
                size_t plain = strcspn(path, "$");

                buffer_put(&buffer, path, plain);
                path += plain;
                if (*path == '$')
                        path = put_variable(&buffer, path + 1, user);
        }
        buffer_put(&buffer, "", 1);
        r = buffer_end(&buffer, 0);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(buffer.data);
        return 0;
}

/* What the system's files say of all users, else below his home. */
static int default_of_user(char **ret)
{
        _cleanup_(storage_config_done) StorageConfig config = {};
        int r;

        r = read_system_files(&config);
        if (r < 0)
                return r;
        if (config.rootless_path)
                return expand(config.rootless_path, true, ret);
        return path_of_user("XDG_DATA_HOME", ".local/share", "containers/storage", ret);
}

int podman_graph_root(bool user, char **ret)
{
        _cleanup_(storage_config_done) StorageConfig config = {};
        bool rootless = user && geteuid() != 0;
        const char *path;
        char *copy;
        int r;

        r = rootless ? read_user_file(&config) : read_system_files(&config);
        if (r < 0 && (!rootless || r != -ENXIO))
                return r;
        path = config.graph_root || !rootless ? config.graph_root : config.rootless_path;
        if (path)
                return expand(path, user, ret);
        if (rootless)
                return default_of_user(ret);
        copy = strdup(ROOT_STORAGE);
        if (!copy)
                return -ENOMEM;

        *ret = copy;
        return 0;
}
