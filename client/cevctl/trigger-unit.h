/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What systemd knows of a unit that a trigger would start. It is only asked, which anybody may.
 */

#include <stdbool.h>

#include <systemd/sd-bus.h>

typedef struct TriggerUnit {
        char *load_state; /* owned; systemd's word: "loaded", "not-found", ...; NULL: unknown */
        char *error;      /* owned; why it could not be loaded, or could not be asked; or NULL */
        bool can_start;   /* with load_state "loaded"; no RefuseManualStart= and the like */
        bool is_service;  /* what an environment file is for */
        bool reads_environment; /* it has the EnvironmentFile= that the event is in */
} TriggerUnit;

/* Returns -ENOMEM; anything else that fails is in the answer. */
int trigger_unit_ask(sd_bus *bus, const char *unit, TriggerUnit *ret);
void trigger_unit_done(TriggerUnit *u);

/* Whether the daemon that starts triggers' units was stopped, or never started. */
bool trigger_daemon_is_stopped(sd_bus *bus);
