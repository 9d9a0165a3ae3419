/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/auth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "names.h"

typedef struct Caller {
        char *name; /* owned: the unique name */
        uid_t uid;
} Caller;

/* A call that waits for the broker to say who made it. */
typedef struct Waiting {
        LIST_ENTRY(Waiting) list;
        Auth *auth;           /* weak */
        sd_bus_message *call; /* owned */
        sd_bus_slot *slot;    /* owned */
        sd_bus_message_handler_t handler;
        void *userdata;
} Waiting;

struct Auth {
        sd_bus *bus; /* weak */
        bool is_user_bus;
        Caller callers[AUTH_CALLERS_MAX]; /* a ring: the oldest gives way */
        unsigned next;
        LIST_HEAD(, Waiting) waiting;
        unsigned n_waiting;
};

int auth_new(sd_bus *bus, bool is_user_bus, Auth **ret)
{
        Auth *auth;

        auth = calloc(1, sizeof(Auth));
        if (!auth)
                return -ENOMEM;
        auth->bus = bus;
        auth->is_user_bus = is_user_bus;
        LIST_INIT(&auth->waiting);

        *ret = auth;
        return 0;
}

static void waiting_free(Waiting *waiting)
{
        LIST_REMOVE(waiting, list);
        waiting->auth->n_waiting--;
        sd_bus_slot_unref(waiting->slot);
        sd_bus_message_unref(waiting->call);
        free(waiting);
}

Auth *auth_free(Auth *auth)
{
        if (!auth)
                return NULL;

        while (!LIST_EMPTY(&auth->waiting))
                waiting_free(LIST_FIRST(&auth->waiting));
        for (unsigned i = 0; i < AUTH_CALLERS_MAX; i++)
                free(auth->callers[i].name);
        free(auth);
        return NULL;
}

static const Caller *find_caller(const Auth *auth, const char *name)
{
        for (unsigned i = 0; i < AUTH_CALLERS_MAX; i++)
                if (auth->callers[i].name && strcmp(auth->callers[i].name, name) == 0)
                        return auth->callers + i;

        return NULL;
}

/* Without memory the caller is asked for again the next time. */
static void remember(Auth *auth, const char *name, uid_t uid)
{
        char *copy = strdup(name);

        if (!copy)
                return;
        free(auth->callers[auth->next].name);
        auth->callers[auth->next] = (Caller){ .name = copy, .uid = uid };
        auth->next = (auth->next + 1) % AUTH_CALLERS_MAX;
}

static int decide(const Auth *auth, uid_t uid, sd_bus_error *error)
{
        if (uid == 0 || (auth->is_user_bus && uid == getuid()))
                return 1;
        return sd_bus_error_setf(error, CE_ERROR_NOT_AUTHORIZED,
                                 "The user with the ID %u may not do that: only %s may.", uid,
                                 auth->is_user_bus ? "root and the owner of this service" : "root");
}

static int on_uid(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        Waiting *waiting = userdata;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        uint32_t uid;
        int r;

        if (sd_bus_message_is_method_error(reply, NULL)) {
                r = sd_bus_error_set(&error, CE_ERROR_NOT_AUTHORIZED,
                                     "The bus does not say who calls: call again.");
        } else {
                r = sd_bus_message_read(reply, "u", &uid);
                if (r >= 0) {
                        remember(waiting->auth, sd_bus_message_get_sender(waiting->call), uid);
                        r = decide(waiting->auth, uid, &error);
                }
        }
        if (r > 0)
                r = waiting->handler(waiting->call, waiting->userdata, &error);
        if (r < 0)
                sd_bus_reply_method_errno(waiting->call, r, &error);

        waiting_free(waiting);
        return 1;
}

int auth_check(Auth *auth, sd_bus_message *call, sd_bus_message_handler_t handler, void *userdata,
               sd_bus_error *error)
{
        const char *sender = sd_bus_message_get_sender(call);
        const Caller *caller;
        Waiting *waiting;
        int r;

        if (!sender)
                return sd_bus_error_set(error, CE_ERROR_NOT_AUTHORIZED,
                                        "The call has no sender: call over the bus.");
        caller = find_caller(auth, sender);
        if (caller) {
                r = decide(auth, caller->uid, error);
                return r < 0 ? r : handler(call, userdata, error);
        }
        if (auth->n_waiting >= AUTH_WAITING_MAX)
                return sd_bus_error_setf(
                        error, CE_ERROR_LIMITS_EXCEEDED,
                        "%d callers are being looked up already: call again later.",
                        AUTH_WAITING_MAX);

        waiting = calloc(1, sizeof(Waiting));
        if (!waiting)
                return -ENOMEM;
        *waiting = (Waiting){
                .auth = auth,
                .call = sd_bus_message_ref(call),
                .handler = handler,
                .userdata = userdata,
        };
        LIST_INSERT_HEAD(&auth->waiting, waiting, list);
        auth->n_waiting++;
        r = sd_bus_call_method_async(auth->bus, &waiting->slot, "org.freedesktop.DBus",
                                     "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                     "GetConnectionUnixUser", on_uid, waiting, "s", sender);
        if (r < 0) {
                waiting_free(waiting);
                return r;
        }

        return 1;
}
