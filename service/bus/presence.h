/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Presence: connections whose leaving the bus somebody has to know of.
 *
 * One match rule is enough for all of them (dbus-daemon lets a connection have 512), and it is
 * there only while somebody is watched: without, nobody's leaving wakes us. Until the broker has
 * it one may leave unheard, so the broker is asked for those who came before that.
 */

#include <systemd/sd-bus.h>

typedef struct Presence Presence;

/* What is known of a connection that is watched; the owner's struct embeds nothing and is given
 * back by presence_find(). */
typedef struct Present Present;

/* Called once, and the connection is not watched any more. */
typedef void (*PresenceHandler)(void *of_connection, void *userdata);

/* The bus must outlive it. */
int presence_new(sd_bus *bus, PresenceHandler left, void *userdata, Presence **ret);

/* Takes NULL; returns NULL. Nobody is told anything. */
Presence *presence_free(Presence *presence);

static inline void presence_freep(Presence **presence)
{
        presence_free(*presence);
}

/* What belongs to a connection that is watched; NULL: it is not. */
void *presence_find(const Presence *presence, const char *name);

/* Watches a connection, by its unique name, which is not watched yet; the handler gets what belongs
 * to it. */
int presence_add(Presence *presence, const char *name, void *of_connection, Present **ret);

/* Takes NULL; returns NULL. The connection is watched no longer. */
Present *presence_remove(Present *present);
