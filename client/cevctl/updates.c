/* SPDX-License-Identifier: Apache-2.0 */
#include "updates.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define LABEL_POLICY "io.containers.autoupdate"
#define LABEL_UNIT   "PODMAN_SYSTEMD_UNIT"

struct Updates {
        uint32_t uid;
        UpdateRow *rows; /* owned */
        size_t n;
        size_t allocated;
};

int updates_new(uint32_t uid, Updates **ret)
{
        Updates *u = calloc(1, sizeof(Updates));

        if (!u)
                return -ENOMEM;
        u->uid = uid;
        *ret = u;
        return 0;
}

static void row_done(UpdateRow *row)
{
        free(row->unit);
        free(row->container);
        free(row->id);
        free(row->policy);
        free(row->image);
        free(row->result);
        free(row->error);
        free(row->old_image);
        free(row->new_image);
}

Updates *updates_free(Updates *u)
{
        if (!u)
                return NULL;
        for (size_t i = 0; i < u->n; i++)
                row_done(&u->rows[i]);
        free(u->rows);
        free(u);
        return NULL;
}

static int set(char **place, const char *text)
{
        char *copy = strdup(text ? text : "");

        if (!copy)
                return -ENOMEM;
        free(*place);
        *place = copy;
        return 0;
}

/* The strings are all there, or the row is not. */
static int add_row(Updates *u, const char *unit, const char *container, const char *id,
                   UpdateRow **ret)
{
        UpdateRow row = {};

        if (u->n == u->allocated) {
                size_t wanted = u->allocated > 0 ? u->allocated * 2 : 16;
                UpdateRow *grown = reallocarray(u->rows, wanted, sizeof(UpdateRow));

                if (!grown)
                        return -ENOMEM;
                u->rows = grown;
                u->allocated = wanted;
        }
        if (set(&row.unit, unit) < 0 || set(&row.container, container) < 0 ||
            set(&row.id, id) < 0 || set(&row.policy, NULL) < 0 || set(&row.image, NULL) < 0 ||
            set(&row.result, NULL) < 0 || set(&row.error, NULL) < 0 ||
            set(&row.old_image, NULL) < 0 || set(&row.new_image, NULL) < 0) {
                row_done(&row);
                return -ENOMEM;
        }
        u->rows[u->n] = row;
        *ret = &u->rows[u->n++];
        return 0;
}

/* Newer ones are near the end. */
static UpdateRow *find_id(const Updates *u, const char *id)
{
        for (size_t i = u->n; i > 0; i--)
                if (strcmp(u->rows[i - 1].id, id) == 0)
                        return &u->rows[i - 1];
        return NULL;
}

static UpdateRow *find_name(const Updates *u, const char *unit, const char *container)
{
        for (size_t i = u->n; i > 0; i--)
                if (strcmp(u->rows[i - 1].unit, unit) == 0 &&
                    strcmp(u->rows[i - 1].container, container) == 0)
                        return &u->rows[i - 1];
        return NULL;
}

static void remove_row(Updates *u, UpdateRow *row)
{
        size_t i = (size_t)(row - u->rows);

        row_done(row);
        memmove(row, row + 1, (u->n - i - 1) * sizeof(UpdateRow));
        u->n--;
}

static bool is_ours(const Updates *u, const Event *e)
{
        return !e->has_uid || e->uid == u->uid;
}

static bool wants_updates(const char *policy)
{
        return policy && (strcmp(policy, "registry") == 0 || strcmp(policy, "image") == 0 ||
                          strcmp(policy, "local") == 0);
}

int updates_add_container(Updates *u, const Event *e)
{
        const char *policy = event_attribute(e, LABEL_POLICY);
        const char *unit = event_attribute(e, LABEL_UNIT);
        UpdateRow *row = find_id(u, e->id);
        int r;

        if (!is_ours(u, e))
                return 0;
        if (strcmp(e->status, "start") != 0) {
                if (row)
                        remove_row(u, row);
                return 0;
        }
        if (row || !unit || !wants_updates(policy))
                return 0;
        r = add_row(u, unit, e->name, e->id, &row);
        if (r >= 0)
                r = set(&row->policy, policy);
        if (r >= 0)
                r = set(&row->image, e->image);
        if (r >= 0)
                row->running = true;
        return r;
}

static const char *detail(const Event *e, const char *key)
{
        json_object *value;

        if (!e->others || !json_object_object_get_ex(e->others, key, &value) ||
            !json_object_is_type(value, json_type_string))
                return "";
        return json_object_get_string(value);
}

static int take_outcome(UpdateRow *row, const Event *e)
{
        bool pending = strcmp(detail(e, "result"), "pending") == 0;

        if (set(&row->result, detail(e, "result")) < 0 || set(&row->error, e->error) < 0 ||
            set(&row->old_image, detail(e, "old_image")) < 0 ||
            set(&row->new_image, detail(e, "new_image")) < 0 ||
            (!row->running && set(&row->policy, detail(e, "policy")) < 0) ||
            (!row->running && set(&row->image, e->image) < 0))
                return -ENOMEM;
        row->time_nsec = e->time_nsec;
        if (!pending || (row->running && strcmp(row->id, detail(e, "container_id")) != 0))
                row->pending_nsec = 0; /* of a container before it, or done */
        else if (row->pending_nsec == 0)
                row->pending_nsec = e->time_nsec;
        return 0;
}

int updates_add_outcome(Updates *u, const Event *e)
{
        const char *unit = detail(e, "unit"), *container = detail(e, "container");
        UpdateRow *row = find_name(u, unit, container);
        int r = 0;

        if (!is_ours(u, e) || !*unit || !*detail(e, "result"))
                return 0; /* Podman's own says nothing of all that */
        if (!row)
                row = find_id(u, detail(e, "container_id"));
        if (!row)
                r = add_row(u, unit, container, detail(e, "container_id"), &row);
        return r < 0 ? r : take_outcome(row, e);
}

static int compare(const void *a, const void *b)
{
        const UpdateRow *one = a, *other = b;
        int r = strcmp(one->unit, other->unit);

        return r != 0 ? r : strcmp(one->container, other->container);
}

void updates_list(Updates *u, const UpdateRow **ret, size_t *ret_n)
{
        for (size_t i = u->n; i > 0; i--)
                if (!u->rows[i - 1].running && strcmp(u->rows[i - 1].result, "failed") != 0)
                        remove_row(u, &u->rows[i - 1]);
        if (u->n > 0)
                qsort(u->rows, u->n, sizeof(UpdateRow), compare);
        *ret = u->rows;
        *ret_n = u->n;
}
