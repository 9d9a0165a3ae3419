/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>

#include "bus/auth.h"
#include "names.h"
#include "peers.h"
#include "tap.h"

#define CALLS_MAX 4096

/* A service that asks who calls, and a client that is all callers, and the broker. */
typedef struct Scene {
        Peers peers;
        Auth *auth;
        bool checks; /* auth_check(), not auth_identify() */

        /* The broker: a name ":1.NUMBER" has the uid NUMBER. */
        bool silent, refuses;
        sd_bus_message *questions[CALLS_MAX];
        unsigned n_questions;

        /* What came of the calls. */
        unsigned n_handled, n_answered;
        char handled[128]; /* "uid:number ", in order, as far as there is room */
        char error[256];   /* of the last that was refused */
} Scene;

static void answer(Scene *scene, sd_bus_message *question)
{
        const char *name;
        unsigned uid;

        if (scene->refuses) {
                must(sd_bus_reply_method_errorf(question, SD_BUS_ERROR_NAME_HAS_NO_OWNER, "x") >=
                     0);
                return;
        }
        must(sd_bus_message_read(question, "s", &name) > 0);
        must(sscanf(name, ":1.%u", &uid) == 1);
        must(sd_bus_reply_method_return(question, "u", uid) >= 0);
}

static int on_question(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Scene *scene = userdata;

        if (!sd_bus_message_is_method_call(message, "org.freedesktop.DBus",
                                           "GetConnectionUnixUser"))
                return 0;
        must(scene->n_questions < CALLS_MAX);
        scene->questions[scene->n_questions++] = scene->silent ? sd_bus_message_ref(message) : NULL;
        if (!scene->silent)
                answer(scene, message);
        return 1;
}

/* The broker answers what it kept. */
static void answer_all(Scene *scene)
{
        for (unsigned i = 0; i < scene->n_questions; i++) {
                if (scene->questions[i])
                        answer(scene, scene->questions[i]);
                scene->questions[i] = sd_bus_message_unref(scene->questions[i]);
        }
        scene->silent = false;
        peers_run(&scene->peers);
}

static int handle(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        Scene *scene = userdata;
        size_t n = strlen(scene->handled);
        uint32_t number;
        uid_t uid;

        must(sd_bus_message_read(call, "u", &number) > 0);
        must(auth_uid(scene->auth, call, &uid) == 0);
        scene->n_handled++;
        snprintf(scene->handled + n, sizeof(scene->handled) - n, "%u:%u ", uid, number);
        return sd_bus_reply_method_return(call, NULL);
}

static int on_call(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        Scene *scene = userdata;

        if (!sd_bus_message_is_method_call(call, "a.b", "C"))
                return 0;
        return scene->checks ? auth_check(scene->auth, call, handle, scene, error)
                             : auth_identify(scene->auth, call, handle, scene, error);
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        Scene *scene = userdata;

        scene->n_answered++;
        if (error)
                snprintf(scene->error, sizeof(scene->error), "%s", error->name);
        return 0;
}

static Scene *scene_new(void)
{
        Scene *scene = calloc(1, sizeof(Scene));

        must(scene);
        scene->peers = peers_new();
        must(sd_bus_add_filter(scene->peers.service, NULL, on_call, scene) >= 0 &&
             sd_bus_add_filter(scene->peers.client, NULL, on_question, scene) >= 0 &&
             auth_new(scene->peers.service, false, &scene->auth) == 0);
        return scene;
}

static void scene_free(Scene *scene)
{
        auth_free(scene->auth);
        for (unsigned i = 0; i < scene->n_questions; i++)
                sd_bus_message_unref(scene->questions[i]);
        peers_done(&scene->peers);
        free(scene);
}

DEFINE_CLEANUP(Scene *, scene_free)

/* Somebody calls: the connection ":1.UID". */
static void call(Scene *scene, unsigned uid, unsigned number)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        char name[32];

        snprintf(name, sizeof(name), ":1.%u", uid);
        must(sd_bus_message_new_method_call(scene->peers.client, &message, NULL, "/", "a.b", "C") >=
                     0 &&
             sd_bus_message_set_sender(message, name) >= 0 &&
             sd_bus_message_append(message, "u", number) >= 0 &&
             sd_bus_call_async(scene->peers.client, NULL, message, on_answer, scene, 0) >= 0);
        peers_run(&scene->peers);
}

static void test_a_connection_is_asked_for_once(void)
{
        _cleanup_(scene_freep) Scene *scene = scene_new();

        scene->silent = true;
        for (unsigned number = 1; number <= 3; number++)
                call(scene, 7, number);
        call(scene, 8, 1);
        tap_eq_int(scene->n_questions, 2, "one question for each");
        tap_eq_int(scene->n_handled, 0, "meanwhile they wait");
        answer_all(scene);
        tap_eq_str(scene->handled, "7:1 7:2 7:3 8:1 ", "then each has its turn, in order");
        call(scene, 7, 4);
        call(scene, 8, 2);
        tap_eq_str(scene->handled, "7:1 7:2 7:3 8:1 7:4 8:2 ", "and later at once");
        tap_eq_int(scene->n_questions, 2, "without another question");
        tap_eq_int(scene->n_answered, 6, "all were answered");
}

static void test_only_root_is_trusted(void)
{
        _cleanup_(scene_freep) Scene *scene = scene_new();

        scene->checks = true;
        call(scene, 7, 1);
        tap_eq_str(scene->error, CE_ERROR_NOT_AUTHORIZED, "another is refused");
        scene->error[0] = '\0';
        call(scene, 7, 2);
        tap_eq_str(scene->error, CE_ERROR_NOT_AUTHORIZED, "again");
        call(scene, 0, 3);
        tap_eq_str(scene->handled, "0:3 ", "root is not");
}

static void test_a_broker_that_does_not_know(void)
{
        _cleanup_(scene_freep) Scene *scene = scene_new();

        scene->refuses = true;
        call(scene, 7, 1);
        tap_eq_str(scene->error, CE_ERROR_NOT_AUTHORIZED, "the call is refused");
        scene->refuses = false;
        call(scene, 7, 2);
        tap_eq_str(scene->handled, "7:2 ", "the next asks anew");
}

static void test_one_who_calls_too_much(void)
{
        _cleanup_(scene_freep) Scene *scene = scene_new();
        unsigned room = AUTH_WAITING_OF_CALLER + AUTH_WAITING_MAX;

        scene->silent = true;
        for (unsigned number = 0; number < room + 10; number++)
                call(scene, 7, number);
        tap_eq_int(scene->n_answered, 10, "is refused from some point on");
        tap_eq_str(scene->error, CE_ERROR_LIMITS_EXCEEDED, "for that reason");
        for (unsigned number = 0; number < AUTH_WAITING_OF_CALLER; number++)
                call(scene, 8, number);
        tap_eq_int(scene->n_answered, 10, "and takes nobody's place");
        answer_all(scene);
        tap_eq_int(scene->n_handled, room + AUTH_WAITING_OF_CALLER, "all that waited are handled");
        scene->silent = true;
        call(scene, 9, 1);
        for (unsigned number = 0; number < room - 1; number++)
                call(scene, 9, number);
        tap_eq_int(scene->n_answered, room + AUTH_WAITING_OF_CALLER + 10, "there is room again");
}

static void test_more_callers_than_are_remembered(void)
{
        _cleanup_(scene_freep) Scene *scene = scene_new();

        scene->silent = true;
        for (unsigned uid = 1; uid <= AUTH_CALLERS_MAX + 5; uid++)
                call(scene, uid, 1);
        tap_eq_int(scene->n_questions, AUTH_CALLERS_MAX, "so many wait at a time");
        tap_eq_int(scene->n_answered, 5, "the others are refused");
        tap_eq_str(scene->error, CE_ERROR_LIMITS_EXCEEDED, "for that reason");
        answer_all(scene);
        tap_eq_int(scene->n_handled, AUTH_CALLERS_MAX, "those who waited are handled");

        scene->n_questions = 0;
        call(scene, 1, 2);
        tap_eq_int(scene->n_questions, 0, "all of them are known");
        call(scene, AUTH_CALLERS_MAX + 1, 1);
        call(scene, 1, 3);
        tap_eq_int(scene->n_questions, 1, "a new one does not push out who called just now");
        call(scene, 2, 2);
        tap_eq_int(scene->n_questions, 2, "but who did not call for longest");
}

int main(void)
{
        test_a_connection_is_asked_for_once();
        test_only_root_is_trusted();
        test_a_broker_that_does_not_know();
        test_one_who_calls_too_much();
        test_more_callers_than_are_remembered();
        return tap_done();
}
