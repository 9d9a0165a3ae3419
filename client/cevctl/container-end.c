/* SPDX-License-Identifier: Apache-2.0 */
#include "container-end.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef enum Change {
        BEGINS, /* it runs, or will: it has not ended */
        DIES,
        GOES,
} Change;

static const struct {
        const char *status;
        Change change;
} changes[] = {
        { "create", BEGINS }, { "start", BEGINS }, { "restart", BEGINS }, { "restore", BEGINS },
        { "died", DIES },     { "die", DIES },     { "remove", GOES },    { "destroy", GOES },
        { "delete", GOES },   { "rm", GOES },
};

#define N_CHANGES (sizeof(changes) / sizeof(changes[0]))

void container_end_done(ContainerEnd *end)
{
        free(end->full_id);
}

/* Whether the event is about the container that was asked for. */
static int concerns(ContainerEnd *end, const Event *e)
{
        bool whole = strcmp(e->id, end->id) == 0;
        char *copy;

        if (strcmp(e->type, "container") != 0 || strncmp(e->id, end->id, strlen(end->id)) != 0)
                return 0;
        if (end->full_id && strcmp(e->id, end->full_id) == 0)
                return 1;
        if (end->full_id && !whole)
                return strcmp(end->full_id, end->id) == 0 ? 0 : -ENOTUNIQ;

        copy = strdup(e->id);
        if (!copy)
                return -ENOMEM;
        /* Of one whose ID only begins like the whole one nothing holds. */
        if (end->full_id)
                end->ended = end->known = false;
        free(end->full_id);
        end->full_id = copy;
        return 1;
}

static void set(ContainerEnd *end, bool ended, const Event *e)
{
        end->ended = ended;
        end->known = ended && e->has_exit_code;
        end->code = end->known ? e->exit_code : 0;
}

int container_end_look_at(ContainerEnd *end, const Event *e)
{
        bool was_ended = end->ended;
        size_t i = 0;
        int r;

        while (i < N_CHANGES && strcmp(changes[i].status, e->status) != 0)
                i++;
        if (i == N_CHANGES)
                return 0;
        r = concerns(end, e);
        if (r <= 0)
                return r;
        /* What came from another history came late: it may have happened before what is known. */
        if (e->backlog && e->time_nsec < end->time_nsec)
                return 0;
        end->time_nsec = e->time_nsec;

        if (changes[i].change == BEGINS)
                set(end, false, e);
        else if (changes[i].change == DIES || !was_ended || (!end->known && e->has_exit_code))
                set(end, true, e); /* Podman says it again when it removes the container */
        return changes[i].change == DIES || (end->ended && !was_ended);
}
