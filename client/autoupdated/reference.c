/* SPDX-License-Identifier: Apache-2.0 */
#include "reference.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define DOCKER_HUB      "docker.io/"
#define DOCKER_OFFICIAL "library/"

/* Hex digits of an ID. */
#define ID_LENGTH 64

static bool is_id(const char *word)
{
        if (strncmp(word, "sha256:", 7) == 0)
                word += 7;
        return strlen(word) == ID_LENGTH && strspn(word, "0123456789abcdef") == ID_LENGTH;
}

/* Paths of archives, and what transports other than docker:// are given. */
static bool is_place(const char *word)
{
        static const char *const transports[] = {
                "docker-archive:", "docker-daemon:", "oci:",
                "oci-archive:",    "dir:",           "containers-storage:",
                "ostree:",         "sif:",           "tarball:",
                "http://",         "https://",
        };

        if (*word == '/' || *word == '.' || *word == '-')
                return true;
        for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++)
                if (strncmp(word, transports[i], strlen(transports[i])) == 0)
                        return true;
        return false;
}

/* The first part is a registry if it looks like a host: "localhost", or with a dot or a port. */
static bool has_registry(const char *name)
{
        const char *slash = strchr(name, '/');
        size_t length = slash ? (size_t)(slash - name) : 0;

        if (length == 0)
                return false;
        return memchr(name, '.', length) || memchr(name, ':', length) ||
               (length == 9 && memcmp(name, "localhost", 9) == 0);
}

/* Behind the last ":", if no "/" follows that: before it would be a port. */
static bool has_tag(const char *name, size_t length)
{
        for (; length > 0 && name[length - 1] != '/'; length--)
                if (name[length - 1] == ':')
                        return true;
        return false;
}

int reference_normalize(const char *word, char **ret)
{
        const char *official = "", *hub = "";
        size_t length;
        char *name;

        if (strncmp(word, "docker://", 9) == 0)
                word += 9;
        length = strcspn(word, "@");
        if (length == 0 || is_id(word) || is_place(word))
                return -EINVAL;

        if (strncmp(word, DOCKER_HUB, strlen(DOCKER_HUB)) == 0) {
                const char *path = word + strlen(DOCKER_HUB);

                if (!memchr(path, '/', length - strlen(DOCKER_HUB))) {
                        hub = DOCKER_HUB;
                        official = DOCKER_OFFICIAL;
                        length -= strlen(DOCKER_HUB);
                        word = path;
                }
        }
        if (asprintf(&name, "%s%s%.*s%s", hub, official, (int)length, word,
                     has_tag(word, length) ? "" : ":latest") < 0)
                return -ENOMEM;

        *ret = name;
        return 0;
}

bool reference_can_change(const char *name)
{
        return *name && !strchr(name, '@') && !is_id(name) && !is_place(name);
}

bool reference_may_mean(const char *word, const char *name)
{
        _cleanup_free_ char *given = NULL;
        size_t given_length, name_length;

        /* What cannot be told apart is looked at: that costs a question, and no update. */
        if (reference_normalize(word, &given) < 0 || strcmp(given, name) == 0)
                return true;
        if (has_registry(given))
                return false;

        given_length = strlen(given);
        name_length = strlen(name);
        return name_length > given_length && name[name_length - given_length - 1] == '/' &&
               strcmp(name + name_length - given_length, given) == 0;
}
