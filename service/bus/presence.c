/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/presence.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/cleanup.h"
#include "base/logging.h"

/* Connections that wait for something are some hundred: dbus-daemon lets a user have 256. */
#define BUCKETS 64

/* Who leaves has no new owner. */
#define RULE                                                                                       \
        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"                \
        "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg2=''"

struct Present {
        LIST_ENTRY(Present) bucket;
        Presence *presence; /* weak */
        char *name;         /* owned: the unique name */
        void *of_connection;
        bool heard;        /* the broker had the rule when this one came */
        sd_bus_slot *slot; /* owned: the question whether it is still there; or NULL */
};

struct Presence {
        sd_bus *bus; /* weak */
        PresenceHandler left;
        void *userdata;
        LIST_HEAD(, Present) buckets[BUCKETS];
        unsigned n;
        sd_bus_slot *slot; /* owned: the rule; NULL: nobody is watched */
        bool installed;    /* the broker has it */
};

/* FNV-1a. Names are the broker's, numbers that grow: nobody chooses them. */
static unsigned bucket_of(const char *name)
{
        uint32_t hash = UINT32_C(2166136261);

        for (; *name; name++)
                hash = (hash ^ (uint8_t)*name) * UINT32_C(16777619);
        return hash % BUCKETS;
}

static Present *find(const Presence *presence, const char *name)
{
        Present *present;

        LIST_FOREACH(present, presence->buckets + bucket_of(name), bucket)
        {
                if (strcmp(present->name, name) == 0)
                        return present;
        }
        return NULL;
}

static void tell(Present *present)
{
        Presence *presence = present->presence;
        void *of_connection = present->of_connection;

        presence_remove(present);
        presence->left(of_connection, presence->userdata);
}

/* ---- what the broker says ---- */

static int on_owner_changed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *name, *before, *after;
        Presence *presence = userdata;
        Present *present;

        if (sd_bus_message_read(message, "sss", &name, &before, &after) < 0 || *after != '\0')
                return 0;
        present = find(presence, name);
        if (present)
                tell(present);
        return 0;
}

static int on_has_owner(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Present *present = userdata;
        int has = true;

        present->slot = sd_bus_slot_unref(present->slot);
        if (sd_bus_message_is_method_error(reply, NULL) ||
            sd_bus_message_read(reply, "b", &has) < 0 || has)
                return 0;
        tell(present);
        return 0;
}

/* One that nobody can be asked about is taken to be there: what it waits for has an end. */
static void ask(Present *present)
{
        present->heard = true;
        (void)sd_bus_call_method_async(present->presence->bus, &present->slot,
                                       "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                       "org.freedesktop.DBus", "NameHasOwner", on_has_owner,
                                       present, "s", present->name);
}

static int on_installed(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Presence *presence = userdata;
        Present *present;

        if (sd_bus_message_is_method_error(reply, NULL)) {
                log_warning("The bus does not tell who leaves it: %s.",
                            sd_bus_message_get_error(reply)->message);
                return 0;
        }
        presence->installed = true;
        for (unsigned i = 0; i < BUCKETS; i++)
                LIST_FOREACH(present, presence->buckets + i, bucket)
                {
                        if (!present->heard)
                                ask(present);
                }
        return 0;
}

/* ---- who is watched ---- */

int presence_new(sd_bus *bus, PresenceHandler left, void *userdata, Presence **ret)
{
        Presence *presence;

        presence = calloc(1, sizeof(Presence));
        if (!presence)
                return -ENOMEM;
        presence->bus = bus;
        presence->left = left;
        presence->userdata = userdata;

        *ret = presence;
        return 0;
}

Presence *presence_free(Presence *presence)
{
        if (!presence)
                return NULL;

        for (unsigned i = 0; i < BUCKETS; i++)
                while (!LIST_EMPTY(presence->buckets + i))
                        presence_remove(LIST_FIRST(presence->buckets + i));
        free(presence);
        return NULL;
}

void *presence_find(const Presence *presence, const char *name)
{
        const Present *present = find(presence, name);

        return present ? present->of_connection : NULL;
}

static int install(Presence *presence)
{
        if (presence->slot)
                return 0;
        presence->installed = false;
        return sd_bus_add_match_async(presence->bus, &presence->slot, RULE, on_owner_changed,
                                      on_installed, presence);
}

int presence_add(Presence *presence, const char *name, void *of_connection, Present **ret)
{
        _cleanup_free_ char *copy = NULL;
        Present *present;
        int r;

        r = install(presence);
        if (r < 0)
                return r;
        copy = strdup(name);
        present = calloc(1, sizeof(Present));
        if (!copy || !present) {
                free(present);
                if (presence->n == 0)
                        presence->slot = sd_bus_slot_unref(presence->slot);
                return -ENOMEM;
        }

        present->presence = presence;
        present->name = TAKE_PTR(copy);
        present->of_connection = of_connection;
        present->heard = presence->installed;
        LIST_INSERT_HEAD(presence->buckets + bucket_of(name), present, bucket);
        presence->n++;
        *ret = present;
        return 0;
}

Present *presence_remove(Present *present)
{
        Presence *presence;

        if (!present)
                return NULL;

        presence = present->presence;
        LIST_REMOVE(present, bucket);
        sd_bus_slot_unref(present->slot);
        free(present->name);
        free(present);
        if (--presence->n == 0)
                presence->slot = sd_bus_slot_unref(presence->slot);
        return NULL;
}
