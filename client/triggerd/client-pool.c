/* SPDX-License-Identifier: Apache-2.0 */
#include "client-pool.h"

#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"

/* Each asks for two rules at once when it begins, and dbus-daemon lets a connection wait for no
 * more than 128 answers: what is beyond is refused, and has to be asked for again. */
#define PLACES_MAX 60

typedef struct Place {
        cev_client *client; /* counted */
        unsigned n;         /* taken */
} Place;

struct ClientPool {
        sd_event *loop; /* shared */
        Place *places;  /* owned */
        size_t n;
};

static int add(ClientPool *pool)
{
        _cleanup_(cev_client_unrefp) cev_client *client = NULL;
        Place *grown;
        int r;

        r = cev_client_open_system(&client);
        if (r >= 0)
                r = cev_client_attach_event(client, pool->loop);
        if (r < 0)
                return r;
        grown = reallocarray(pool->places, pool->n + 1, sizeof(Place));
        if (!grown)
                return -ENOMEM;
        pool->places = grown;
        pool->places[pool->n++] = (Place){ .client = TAKE_PTR(client) };
        return 0;
}

static Place *emptiest(const ClientPool *pool)
{
        Place *place = pool->places;

        for (size_t i = 1; i < pool->n; i++)
                if (pool->places[i].n < place->n)
                        place = &pool->places[i];
        return place;
}

cev_client *client_pool_enter(ClientPool *pool)
{
        Place *place = emptiest(pool);

        /* Without another one it becomes narrow. */
        if (place->n >= PLACES_MAX && add(pool) >= 0)
                place = emptiest(pool);
        place->n++;
        return place->client;
}

void client_pool_leave(ClientPool *pool, cev_client *client)
{
        for (size_t i = 0; i < pool->n; i++)
                if (pool->places[i].client == client)
                        pool->places[i].n--;
}

ClientPool *client_pool_free(ClientPool *pool)
{
        if (!pool)
                return NULL;
        for (size_t i = 0; i < pool->n; i++)
                cev_client_unref(pool->places[i].client);
        free(pool->places);
        sd_event_unref(pool->loop);
        free(pool);
        return NULL;
}

int client_pool_new(sd_event *loop, ClientPool **ret)
{
        ClientPool *pool = calloc(1, sizeof(ClientPool));
        int r;

        if (!pool)
                return -ENOMEM;
        pool->loop = sd_event_ref(loop);
        r = add(pool);
        if (r < 0) {
                client_pool_free(pool);
                return r;
        }
        *ret = pool;
        return 0;
}
