/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reference.h"

/* More than a host runs, and few enough to be searched one by one. Beyond that each image may be
 * one that is used. */
#define MEMBERS_MAX 4096

typedef struct Member {
        char *id;    /* owned */
        char *image; /* owned */
        bool added;  /* since fleet_begin() */
} Member;

struct Fleet {
        Member *members; /* owned */
        size_t n;
        size_t allocated;
        bool unknown; /* there are more, or nobody has said yet who is there */
};

int fleet_new(Fleet **ret)
{
        Fleet *f = calloc(1, sizeof(Fleet));

        if (!f)
                return -ENOMEM;
        f->unknown = true;
        *ret = f;
        return 0;
}

static void drop(Fleet *f, size_t i)
{
        free(f->members[i].id);
        free(f->members[i].image);
        f->members[i] = f->members[--f->n];
}

Fleet *fleet_free(Fleet *f)
{
        if (!f)
                return NULL;
        while (f->n > 0)
                drop(f, f->n - 1);
        free(f->members);
        free(f);
        return NULL;
}

static Member *find(const Fleet *f, const char *id)
{
        for (size_t i = 0; i < f->n; i++)
                if (strcmp(f->members[i].id, id) == 0)
                        return &f->members[i];
        return NULL;
}

static int make_room(Fleet *f)
{
        size_t wanted = f->allocated > 0 ? f->allocated * 2 : 16;
        Member *grown;

        if (f->n < f->allocated)
                return 0;
        grown = reallocarray(f->members, wanted, sizeof(Member));
        if (!grown)
                return -ENOMEM;
        f->members = grown;
        f->allocated = wanted;
        return 0;
}

int fleet_add(Fleet *f, const char *id, const char *image)
{
        Member *known = find(f, id), new;

        if (known) {
                known->added = true;
                return 0;
        }
        if (!reference_can_change(image))
                return 0;
        if (f->n == MEMBERS_MAX) {
                f->unknown = true;
                return 0;
        }
        if (make_room(f) < 0)
                return -ENOMEM;
        new = (Member){ .id = strdup(id), .added = true };
        if (!new.id || reference_normalize(image, &new.image) < 0) {
                free(new.id);
                return -ENOMEM;
        }
        f->members[f->n++] = new;
        return 0;
}

void fleet_remove(Fleet *f, const char *id)
{
        Member *known = find(f, id);

        if (known)
                drop(f, (size_t)(known - f->members));
}

void fleet_begin(Fleet *f)
{
        for (size_t i = 0; i < f->n; i++)
                f->members[i].added = false;
        f->unknown = false;
}

void fleet_keep_added(Fleet *f)
{
        for (size_t i = f->n; i > 0; i--)
                if (!f->members[i - 1].added)
                        drop(f, i - 1);
}

size_t fleet_count(const Fleet *f)
{
        return f->n;
}

bool fleet_uses(const Fleet *f, const char *word)
{
        for (size_t i = 0; i < f->n; i++)
                if (reference_may_mean(word, f->members[i].image))
                        return true;
        return f->unknown;
}
