/* SPDX-License-Identifier: Apache-2.0 */
#include "owner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define DBUS_NAME      "org.freedesktop.DBus"
#define DBUS_PATH      "/org/freedesktop/DBus"
#define DBUS_INTERFACE "org.freedesktop.DBus"

struct Owner {
        sd_bus *bus;      /* shared */
        const char *name; /* borrowed */
        char *unique;     /* owned, or NULL */
        OwnerHandler handler;
        void *userdata;
        sd_bus_slot *match;
        sd_bus_slot *call;
};

Owner *owner_free(Owner *owner)
{
        if (!owner)
                return NULL;
        sd_bus_slot_unref(owner->match);
        sd_bus_slot_unref(owner->call);
        sd_bus_unref(owner->bus);
        free(owner->unique);
        free(owner);
        return NULL;
}

const char *owner_get(const Owner *owner)
{
        return owner ? owner->unique : NULL;
}

bool owner_is(const Owner *owner, const char *sender)
{
        return owner && owner->unique && sender && strcmp(owner->unique, sender) == 0;
}

static int set_unique(Owner *owner, const char *unique)
{
        char *copy = *unique ? strdup(unique) : NULL;

        if (*unique && !copy)
                return -ENOMEM;
        free(owner->unique);
        owner->unique = copy;
        return 0;
}

static void report(Owner *owner, int r)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        if (r < 0)
                sd_bus_error_set_errno(&error, r);
        owner->handler(owner, r < 0 ? &error : NULL, owner->userdata);
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        Owner *owner = userdata;
        const char *name, *before, *after, *sender = sd_bus_message_get_sender(m);

        /* This one, too, anybody may send directly to us. */
        if (!sender || strcmp(sender, DBUS_NAME) != 0)
                return 0;
        if (sd_bus_message_read(m, "sss", &name, &before, &after) <= 0 ||
            strcmp(name, owner->name) != 0)
                return 0;

        report(owner, set_unique(owner, after));
        return 0;
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        Owner *owner = userdata;
        const char *unique = "";
        int r = 0;

        owner->call = sd_bus_slot_unref(owner->call);
        if (sd_bus_message_is_method_error(m, SD_BUS_ERROR_NAME_HAS_NO_OWNER)) {
                unique = "";
        } else if (sd_bus_message_is_method_error(m, NULL)) {
                owner->handler(owner, sd_bus_message_get_error(m), owner->userdata);
                return 0;
        } else {
                r = sd_bus_message_read(m, "s", &unique);
        }

        report(owner, r < 0 ? r : set_unique(owner, unique));
        return 0;
}

/* Only once the match is there: asking earlier could miss a change in between. */
static int on_installed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        Owner *owner = userdata;
        int r;

        if (sd_bus_message_is_method_error(m, NULL)) {
                owner->handler(owner, sd_bus_message_get_error(m), owner->userdata);
                return 0;
        }
        r = sd_bus_call_method_async(owner->bus, &owner->call, DBUS_NAME, DBUS_PATH, DBUS_INTERFACE,
                                     "GetNameOwner", on_answer, owner, "s", owner->name);
        if (r < 0)
                report(owner, r);
        return 0;
}

int owner_new(sd_bus *bus, const char *name, OwnerHandler handler, void *userdata, Owner **ret)
{
        _cleanup_free_ char *rule = NULL;
        Owner *owner;
        int r;

        if (asprintf(&rule,
                     "type='signal',sender='" DBUS_NAME "',path='" DBUS_PATH
                     "',interface='" DBUS_INTERFACE "',member='NameOwnerChanged',arg0='%s'",
                     name) < 0)
                return -ENOMEM;

        owner = calloc(1, sizeof(Owner));
        if (!owner)
                return -ENOMEM;
        *owner = (Owner){
                .bus = sd_bus_ref(bus),
                .name = name,
                .handler = handler,
                .userdata = userdata,
        };
        r = sd_bus_add_match_async(bus, &owner->match, rule, on_changed, on_installed, owner);
        if (r < 0) {
                owner_free(owner);
                return r;
        }

        *ret = owner;
        return 0;
}
