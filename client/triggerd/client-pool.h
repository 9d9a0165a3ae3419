/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Connections for many subscriptions, as many as it takes. dbus-daemon lets one have 512 match
 * rules, of which a subscription takes two, and wait for 128 answers. Worse than being refused is
 * what comes after it: sd-bus takes back a rule that was refused, and of equal rules that is
 * another subscription's.
 */

#include <containers-events.h>

typedef struct ClientPool ClientPool;

/* With a first connection to the system bus. */
int client_pool_new(sd_event *loop, ClientPool **ret);
ClientPool *client_pool_free(ClientPool *pool);

/* A place for one subscription, to be left when that is gone. The client is borrowed: it lives as
 * long as the pool. */
cev_client *client_pool_enter(ClientPool *pool);
void client_pool_leave(ClientPool *pool, cev_client *client);
