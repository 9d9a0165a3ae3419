/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/auth.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "names.h"

#define BUCKETS 256

/* A call that waits for the broker to say who made it. */
typedef struct Waiting {
        STAILQ_ENTRY(Waiting) queue;
        sd_bus_message *call; /* owned */
        bool trusted_only;
        sd_bus_message_handler_t handler;
        void *userdata;
} Waiting;

/* A connection to the bus that called us. */
typedef struct Caller {
        LIST_ENTRY(Caller) bucket;
        TAILQ_ENTRY(Caller) age; /* once it is known */
        Auth *auth;              /* weak */
        char *name;              /* owned: the unique name */
        bool known;
        uid_t uid;                      /* once it is known */
        sd_bus_slot *slot;              /* owned: the question to the broker, until then */
        STAILQ_HEAD(, Waiting) waiting; /* until then */
        unsigned n_waiting;
} Caller;

struct Auth {
        sd_bus *bus; /* weak */
        bool is_user_bus;
        LIST_HEAD(, Caller) buckets[BUCKETS];
        TAILQ_HEAD(CallersByAge, Caller) by_age; /* those that are known; the one to forget first */
        unsigned n_callers;
        unsigned n_waiting; /* in the shared limit */
};

int auth_new(sd_bus *bus, bool is_user_bus, Auth **ret)
{
        Auth *auth;

        auth = calloc(1, sizeof(Auth));
        if (!auth)
                return -ENOMEM;
        auth->bus = bus;
        auth->is_user_bus = is_user_bus;
        TAILQ_INIT(&auth->by_age);

        *ret = auth;
        return 0;
}

/* ---- callers ---- */

/* FNV-1a. Names are the broker's, numbers that grow: nobody chooses them. */
static unsigned bucket_of(const char *name)
{
        uint32_t hash = UINT32_C(2166136261);

        for (; *name; name++)
                hash = (hash ^ (uint8_t)*name) * UINT32_C(16777619);
        return hash % BUCKETS;
}

static Caller *find_caller(const Auth *auth, const char *name)
{
        Caller *caller;

        LIST_FOREACH(caller, auth->buckets + bucket_of(name), bucket)
        {
                if (strcmp(caller->name, name) == 0)
                        return caller;
        }
        return NULL;
}

static Waiting *pop(Caller *caller)
{
        Waiting *waiting = STAILQ_FIRST(&caller->waiting);

        if (!waiting)
                return NULL;
        STAILQ_REMOVE_HEAD(&caller->waiting, queue);
        if (caller->n_waiting-- > AUTH_WAITING_OF_CALLER)
                caller->auth->n_waiting--;
        return waiting;
}

static Waiting *waiting_free(Waiting *waiting)
{
        if (!waiting)
                return NULL;

        sd_bus_message_unref(waiting->call);
        free(waiting);
        return NULL;
}

DEFINE_CLEANUP(Waiting *, waiting_free)

static void caller_free(Caller *caller)
{
        Waiting *waiting;

        while ((waiting = pop(caller)))
                waiting_free(waiting);
        sd_bus_slot_unref(caller->slot);
        LIST_REMOVE(caller, bucket);
        if (caller->known)
                TAILQ_REMOVE(&caller->auth->by_age, caller, age);
        caller->auth->n_callers--;
        free(caller->name);
        free(caller);
}

/* One of whom nothing is known but the name, in the place of the one that was known for longest. */
static int caller_new(Auth *auth, const char *name, Caller **ret, sd_bus_error *error)
{
        _cleanup_free_ char *copy = NULL;
        Caller *caller;

        if (auth->n_callers >= AUTH_CALLERS_MAX) {
                if (TAILQ_EMPTY(&auth->by_age))
                        return sd_bus_error_setf(
                                error, CE_ERROR_LIMITS_EXCEEDED,
                                "%d callers are being looked up already: call again later.",
                                AUTH_CALLERS_MAX);
                caller_free(TAILQ_FIRST(&auth->by_age));
        }
        copy = strdup(name);
        caller = calloc(1, sizeof(Caller));
        if (!copy || !caller) {
                free(caller);
                return -ENOMEM;
        }

        caller->auth = auth;
        caller->name = TAKE_PTR(copy);
        STAILQ_INIT(&caller->waiting);
        LIST_INSERT_HEAD(auth->buckets + bucket_of(name), caller, bucket);
        auth->n_callers++;
        *ret = caller;
        return 0;
}

Auth *auth_free(Auth *auth)
{
        if (!auth)
                return NULL;

        for (unsigned i = 0; i < BUCKETS; i++)
                while (!LIST_EMPTY(auth->buckets + i))
                        caller_free(LIST_FIRST(auth->buckets + i));
        free(auth);
        return NULL;
}

/* ---- calls ---- */

static int check_trusted(const Auth *auth, uid_t uid, sd_bus_error *error)
{
        if (uid == 0 || (auth->is_user_bus && uid == getuid()))
                return 0;
        return sd_bus_error_setf(error, CE_ERROR_NOT_AUTHORIZED,
                                 "The user with the ID %u may not do that: only %s may.", uid,
                                 auth->is_user_bus ? "root and the owner of this service" : "root");
}

static int run(const Caller *caller, const Waiting *waiting, sd_bus_error *error)
{
        int r;

        if (!caller->known)
                return sd_bus_error_set(error, CE_ERROR_NOT_AUTHORIZED,
                                        "The bus does not say who calls: call again.");
        if (waiting->trusted_only) {
                r = check_trusted(caller->auth, caller->uid, error);
                if (r < 0)
                        return r;
        }
        return waiting->handler(waiting->call, waiting->userdata, error);
}

/* Runs what waited, in order. */
static void run_all(Caller *caller)
{
        Waiting *next;

        while ((next = pop(caller))) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
                _cleanup_(waiting_freep) Waiting *waiting = next;
                int r;

                r = run(caller, waiting, &error);
                if (r < 0)
                        sd_bus_reply_method_errno(waiting->call, r, &error);
        }
}

static int on_uid(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        Caller *caller = userdata;
        uint32_t uid;

        if (!sd_bus_message_is_method_error(reply, NULL) &&
            sd_bus_message_read(reply, "u", &uid) >= 0) {
                caller->known = true;
                caller->uid = uid;
                TAILQ_INSERT_TAIL(&caller->auth->by_age, caller, age);
        }
        caller->slot = sd_bus_slot_unref(caller->slot);
        run_all(caller);
        if (!caller->known)
                caller_free(caller);
        return 1;
}

static int ask(Auth *auth, Caller *caller)
{
        return sd_bus_call_method_async(auth->bus, &caller->slot, "org.freedesktop.DBus",
                                        "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                        "GetConnectionUnixUser", on_uid, caller, "s", caller->name);
}

static int wait_for_uid(Auth *auth, Caller *caller, const Waiting *call, sd_bus_error *error)
{
        bool shares = caller->n_waiting >= AUTH_WAITING_OF_CALLER;
        Waiting *waiting;

        if (shares && auth->n_waiting >= AUTH_WAITING_MAX)
                return sd_bus_error_setf(error, CE_ERROR_LIMITS_EXCEEDED,
                                         "%d calls wait to be looked up already: call again later.",
                                         AUTH_WAITING_MAX);
        waiting = malloc(sizeof(Waiting));
        if (!waiting)
                return -ENOMEM;

        *waiting = *call;
        sd_bus_message_ref(waiting->call);
        STAILQ_INSERT_TAIL(&caller->waiting, waiting, queue);
        caller->n_waiting++;
        auth->n_waiting += shares;
        return 1;
}

static int take(Auth *auth, const Waiting *call, sd_bus_error *error)
{
        const char *sender = sd_bus_message_get_sender(call->call);
        Caller *caller;
        int r;

        if (!sender)
                return sd_bus_error_set(error, CE_ERROR_NOT_AUTHORIZED,
                                        "The call has no sender: call over the bus.");
        caller = find_caller(auth, sender);
        if (caller && caller->known) {
                TAILQ_REMOVE(&auth->by_age, caller, age);
                TAILQ_INSERT_TAIL(&auth->by_age, caller, age);
                return run(caller, call, error);
        }
        if (caller)
                return wait_for_uid(auth, caller, call, error);

        r = caller_new(auth, sender, &caller, error);
        if (r < 0)
                return r;
        if ((r = ask(auth, caller)) < 0 || (r = wait_for_uid(auth, caller, call, error)) < 0) {
                caller_free(caller);
                return r;
        }
        return 1;
}

int auth_identify(Auth *auth, sd_bus_message *call, sd_bus_message_handler_t handler,
                  void *userdata, sd_bus_error *error)
{
        Waiting waiting = { .call = call, .handler = handler, .userdata = userdata };

        return take(auth, &waiting, error);
}

int auth_check(Auth *auth, sd_bus_message *call, sd_bus_message_handler_t handler, void *userdata,
               sd_bus_error *error)
{
        Waiting waiting = {
                .call = call, .trusted_only = true, .handler = handler, .userdata = userdata
        };

        return take(auth, &waiting, error);
}

int auth_uid(const Auth *auth, sd_bus_message *call, uid_t *ret)
{
        const char *sender = sd_bus_message_get_sender(call);
        const Caller *caller = sender ? find_caller(auth, sender) : NULL;

        if (!caller || !caller->known)
                return -ENODATA;
        *ret = caller->uid;
        return 0;
}
