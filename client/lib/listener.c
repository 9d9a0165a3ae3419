/* SPDX-License-Identifier: Apache-2.0 */
#include "listener.h"

#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "names.h"
#include "owner.h"
#include "variant.h"

struct Listener {
        sd_bus *bus; /* shared */
        const ListenerHandler *handler;
        void *userdata;
        Owner *owner;
        sd_bus_slot *signal;
        sd_bus_slot *changes;
        sd_bus_slot *disconnected;
};

Listener *listener_free(Listener *l)
{
        if (!l)
                return NULL;
        sd_bus_slot_unref(l->signal);
        sd_bus_slot_unref(l->changes);
        sd_bus_slot_unref(l->disconnected);
        owner_free(l->owner);
        sd_bus_unref(l->bus);
        free(l);
        return NULL;
}

bool listener_has_owner(const Listener *l)
{
        return l && owner_get(l->owner);
}

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        _cleanup_(event_done) Event e = {};
        Listener *l = userdata;
        int r;

        if (!owner_is(l->owner, sd_bus_message_get_sender(m)))
                return 0;
        r = event_read(m, &e);
        if (r == -ENOMEM)
                l->handler->failed(r, NULL, l->userdata);
        else if (r >= 0)
                l->handler->event(&e, l->userdata);
        /* Any other signal is none that we know; if it had an event, the next one shows a gap. */
        return 0;
}

/* Of all properties only Degraded and its reason are told of. */
static int on_changes(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        _cleanup_(json_object_putp) json_object *properties = NULL;
        json_object *degraded;
        Listener *l = userdata;

        if (!owner_is(l->owner, sd_bus_message_get_sender(m)) || sd_bus_message_skip(m, "s") < 0 ||
            variant_read_dict(m, &properties) < 0)
                return 0;
        if (json_object_object_get_ex(properties, "Degraded", &degraded) &&
            !json_object_get_boolean(degraded))
                l->handler->written(l->userdata);
        return 0;
}

static void on_owner(Owner *owner, const sd_bus_error *error, void *userdata)
{
        Listener *l = userdata;

        if (error)
                l->handler->failed(-sd_bus_error_get_errno(error), error, l->userdata);
        else
                l->handler->owner(owner_get(owner) != NULL, l->userdata);
}

static bool is_refused(Listener *l, sd_bus_message *reply)
{
        const sd_bus_error *error = sd_bus_message_get_error(reply);

        if (!error)
                return false;
        l->handler->failed(-sd_bus_error_get_errno(error), error, l->userdata);
        return true;
}

static int on_changes_installed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        (void)is_refused(userdata, m);
        return 0;
}

static int on_installed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        Listener *l = userdata;
        int r;

        if (is_refused(l, m))
                return 0;
        r = owner_new(l->bus, CE_BUS_NAME, on_owner, l, &l->owner);
        if (r < 0)
                l->handler->failed(r, NULL, l->userdata);
        return 0;
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        Listener *l = userdata;

        l->handler->failed(-ENOTCONN, NULL, l->userdata);
        return 0;
}

int listener_new(sd_bus *bus, const ListenerHandler *handler, void *userdata, Listener **ret)
{
        Listener *l = calloc(1, sizeof(Listener));
        int r;

        if (!l)
                return -ENOMEM;
        l->bus = sd_bus_ref(bus);
        l->handler = handler;
        l->userdata = userdata;

        r = sd_bus_match_signal_async(bus, &l->disconnected, NULL, "/org/freedesktop/DBus/Local",
                                      "org.freedesktop.DBus.Local", "Disconnected", on_disconnected,
                                      NULL, l);
        if (r >= 0)
                r = sd_bus_match_signal_async(bus, &l->changes, CE_BUS_NAME, CE_OBJECT_PATH,
                                              "org.freedesktop.DBus.Properties",
                                              "PropertiesChanged", on_changes, on_changes_installed,
                                              l);
        if (r >= 0)
                r = sd_bus_match_signal_async(bus, &l->signal, CE_BUS_NAME, CE_OBJECT_PATH,
                                              CE_INTERFACE, CE_SIGNAL_EVENT_EMITTED, on_signal,
                                              on_installed, l);
        if (r < 0) {
                listener_free(l);
                return r;
        }

        *ret = l;
        return 0;
}
