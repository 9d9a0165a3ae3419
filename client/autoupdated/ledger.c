/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cleanup.h"
#include "state-file.h"
#include "values.h"

/* Each list keeps its newest entries: more units than that run no containers, and a service that
 * could not publish for so long has told enough. */
#define ENTRIES_MAX 1024

#define KEY_UPDATE    "update"
#define KEY_REFUSED   "refused"
#define KEY_RESTARTED "restarted"
#define KEY_TOLD      "told"
#define KEY_UNSENT    "unsent"

struct Ledger {
        int folder;        /* owned */
        json_object *root; /* owned: an object; "update" may be missing, the lists are there */
        bool changed;
};

static const char *const lists[] = { KEY_REFUSED, KEY_RESTARTED, KEY_TOLD, KEY_UNSENT };

static const char *const phases[] = {
        [PHASE_RESTART] = "restart",       [PHASE_WATCH] = "watch",
        [PHASE_BACK_TAG] = "back-tag",     [PHASE_BACK_RESTART] = "back-restart",
        [PHASE_BACK_WATCH] = "back-watch",
};

static json_object *list_of(const Ledger *l, const char *key)
{
        json_object *list = NULL;

        (void)json_object_object_get_ex(l->root, key, &list);
        return list;
}

typedef struct Pair {
        const char *key, *value;
} Pair;

/* The entry with all of the values; -1: there is none. */
static ssize_t find(json_object *list, const Pair *pairs, size_t n_pairs)
{
        size_t n = json_object_array_length(list);

        for (size_t i = 0; i < n; i++) {
                json_object *entry = json_object_array_get_idx(list, i);
                size_t same = 0;

                while (same < n_pairs &&
                       strcmp(value_text(entry, pairs[same].key), pairs[same].value) == 0)
                        same++;
                if (same == n_pairs)
                        return (ssize_t)i;
        }
        return -1;
}

/* The list takes a reference of its own. */
static int append(Ledger *l, const char *key, json_object *entry)
{
        json_object *list = list_of(l, key);

        if (json_object_array_length(list) >= ENTRIES_MAX)
                (void)json_object_array_del_idx(list, 0, 1);
        if (value_append(list, entry) < 0)
                return -ENOMEM;
        l->changed = true;
        return 0;
}

/* Adds an entry with the values, in place of one that has the first n_key of them. */
static int replace(Ledger *l, const char *key, const Pair *pairs, size_t n_key, size_t n_pairs,
                   uint64_t usec)
{
        _cleanup_json_ json_object *entry = json_object_new_object();
        json_object *list = list_of(l, key);
        ssize_t old;
        int r = entry ? 0 : -ENOMEM;

        for (size_t i = 0; r >= 0 && i < n_pairs; i++)
                r = value_put_text(entry, pairs[i].key, pairs[i].value);
        if (r >= 0 && usec > 0)
                r = value_put(entry, "usec", json_object_new_uint64(usec));
        if (r < 0)
                return r;
        old = find(list, pairs, n_key);
        r = append(l, key, entry);
        if (r >= 0 && old >= 0)
                (void)json_object_array_del_idx(list, (size_t)old, 1);
        return r;
}

/* ---- the whole ---- */

static int check_lists(json_object *root)
{
        for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
                json_object *list;

                if (json_object_object_get_ex(root, lists[i], &list)) {
                        if (!json_object_is_type(list, json_type_array))
                                return -EBADMSG;
                } else if (value_put(root, lists[i], json_object_new_array()) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

int ledger_open(const char *folder, Ledger **ret, bool *ret_broken)
{
        _cleanup_(ledger_freep) Ledger *l = calloc(1, sizeof(Ledger));
        bool broken = false;
        int r;

        if (!l)
                return -ENOMEM;
        l->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (l->folder < 0 || flock(l->folder, LOCK_EX | LOCK_NB) < 0)
                return -errno;

        r = state_file_read(l->folder, &l->root);
        if (r >= 0)
                r = check_lists(l->root);
        if (r == -EBADMSG || r == -ENOENT) {
                broken = r == -EBADMSG;
                r = broken ? state_file_set_aside(l->folder) : 0;
                json_object_put(l->root);
                l->root = json_object_new_object();
                if (r >= 0)
                        r = l->root ? check_lists(l->root) : -ENOMEM;
        }
        if (r < 0)
                return r;

        *ret = TAKE_PTR(l);
        *ret_broken = broken;
        return 0;
}

Ledger *ledger_free(Ledger *l)
{
        if (!l)
                return NULL;
        if (l->folder >= 0)
                close(l->folder);
        json_object_put(l->root);
        free(l);
        return NULL;
}

int ledger_save(Ledger *l)
{
        int r = l->changed ? state_file_write(l->folder, l->root) : 0;

        if (r >= 0)
                l->changed = false;
        return r;
}

/* ---- the update under way ---- */

static int change_to_json(const Change *c, json_object **ret)
{
        _cleanup_json_ json_object *object = json_object_new_object();

        if (!object || value_put_text(object, "container", c->container) < 0 ||
            value_put_text(object, "container_id", c->container_id) < 0 ||
            value_put_text(object, "namer_id", c->namer_id) < 0 ||
            value_put_text(object, "image", c->image) < 0 ||
            value_put_text(object, "old_image", c->old_image) < 0 ||
            value_put_text(object, "new_image", c->new_image) < 0 ||
            value_put_text(object, "policy", policy_to_string(c->policy)) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(object);
        return 0;
}

static int changes_to_json(const UnitPlan *plan, json_object **ret)
{
        _cleanup_json_ json_object *array = json_object_new_array();

        if (!array)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n; i++) {
                _cleanup_json_ json_object *change = NULL;

                if (change_to_json(&plan->changes[i], &change) < 0 ||
                    value_append(array, change) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(array);
        return 0;
}

int ledger_set_update(Ledger *l, const UpdateRecord *u)
{
        _cleanup_json_ json_object *update = json_object_new_object();
        json_object *changes = NULL;
        int r;

        if (!update || value_put_text(update, "unit", u->plan.unit) < 0 ||
            value_put_text(update, "phase", phases[u->phase]) < 0 ||
            value_put_text(update, "cursor", u->cursor) < 0 ||
            value_put(update, "since_nsec", json_object_new_uint64(u->since_nsec)) < 0 ||
            (u->error && value_put_text(update, "error", u->error) < 0))
                return -ENOMEM;
        r = changes_to_json(&u->plan, &changes);
        if (r >= 0)
                r = value_put(update, "changes", changes);
        if (r >= 0)
                r = value_put(l->root, KEY_UPDATE, json_object_get(update));
        if (r < 0)
                return r;
        l->changed = true;
        return 0;
}

void ledger_clear_update(Ledger *l)
{
        json_object_object_del(l->root, KEY_UPDATE);
        l->changed = true;
}

static int phase_from_string(const char *word, UpdatePhase *ret)
{
        for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
                if (strcmp(phases[i], word) == 0) {
                        *ret = (UpdatePhase)i;
                        return 0;
                }
        return -EINVAL;
}

static int get_plan(json_object *update, UnitPlan *ret)
{
        UnitPlan plan = { .unit = strdup(value_text(update, "unit")) };
        json_object *changes;
        size_t n;
        int r = 0;

        if (!plan.unit)
                return -ENOMEM;
        if (!json_object_object_get_ex(update, "changes", &changes) ||
            !json_object_is_type(changes, json_type_array))
                r = -ENODATA;
        n = r >= 0 ? json_object_array_length(changes) : 0;
        for (size_t i = 0; r >= 0 && i < n; i++) {
                json_object *entry = json_object_array_get_idx(changes, i);
                const Change change = {
                        .container = (char *)value_text(entry, "container"),
                        .container_id = (char *)value_text(entry, "container_id"),
                        .namer_id = (char *)value_text(entry, "namer_id"),
                        .image = (char *)value_text(entry, "image"),
                        .old_image = (char *)value_text(entry, "old_image"),
                        .new_image = (char *)value_text(entry, "new_image"),
                        .policy = policy_from_string(value_text(entry, "policy")),
                };

                r = unit_plan_add(&plan, &change);
        }
        if (r >= 0 && (plan.n == 0 || !unit_is_service(plan.unit)))
                r = -ENODATA;
        if (r < 0) {
                unit_plan_done(&plan);
                return r;
        }
        *ret = plan;
        return 0;
}

void update_record_done(UpdateRecord *u)
{
        unit_plan_done(&u->plan);
        free(u->cursor);
        free(u->error);
        *u = (UpdateRecord){};
}

int ledger_get_update(const Ledger *l, UpdateRecord *ret)
{
        json_object *update = value_object(l->root, KEY_UPDATE);
        const char *error = value_text(update, "error");
        UpdateRecord u = { .since_nsec = value_number(update, "since_nsec") };
        int r;

        if (!update || phase_from_string(value_text(update, "phase"), &u.phase) < 0)
                return -ENODATA;
        r = get_plan(update, &u.plan);
        if (r < 0)
                return r;
        u.cursor = strdup(value_text(update, "cursor"));
        u.error = *error ? strdup(error) : NULL;
        if (!u.cursor || (*error && !u.error)) {
                update_record_done(&u);
                return -ENOMEM;
        }

        *ret = u;
        return 0;
}

/* ---- the lists ---- */

int ledger_refuse(Ledger *l, const char *unit, const char *name, const char *bad, const char *good)
{
        const Pair pairs[] = {
                { "unit", unit }, { "image", name }, { "bad", bad }, { "good", good }
        };

        return replace(l, KEY_REFUSED, pairs, 2, 4, 0);
}

/* Of another unit the image may have stood the test, and be run still. That the name was given back
 * to the old image is no update of that. */
static bool is_taken_back(json_object *list, const char *name, const char *bad, const char *good)
{
        const Pair pairs[] = { { "image", name }, { "bad", bad }, { "good", good } };

        return find(list, pairs, 3) >= 0;
}

bool ledger_refuses(const Ledger *l, const char *unit, const char *name, const char *old_image,
                    const char *new_image)
{
        json_object *list = list_of(l, KEY_REFUSED);
        const Pair pairs[] = { { "unit", unit }, { "image", name }, { "bad", new_image } };

        return find(list, pairs, 3) >= 0 || is_taken_back(list, name, old_image, new_image);
}

int ledger_set_restarted(Ledger *l, const char *unit, uint64_t now_usec, uint64_t keep_usec)
{
        json_object *list = list_of(l, KEY_RESTARTED);
        const Pair pair = { "unit", unit };

        for (size_t i = json_object_array_length(list); i > 0; i--) {
                uint64_t usec = value_number(json_object_array_get_idx(list, i - 1), "usec");

                if (usec > now_usec || now_usec - usec > keep_usec)
                        (void)json_object_array_del_idx(list, i - 1, 1);
        }
        return replace(l, KEY_RESTARTED, &pair, 1, 1, now_usec);
}

uint64_t ledger_get_restarted(const Ledger *l, const char *unit)
{
        json_object *list = list_of(l, KEY_RESTARTED);
        const Pair pair = { "unit", unit };
        ssize_t i = find(list, &pair, 1);

        return i >= 0 ? value_number(json_object_array_get_idx(list, (size_t)i), "usec") : 0;
}

bool ledger_was_told(const Ledger *l, const char *container_id, const char *new_image,
                     const char *what)
{
        const Pair pairs[] = { { "container_id", container_id },
                               { "new_image", new_image },
                               { "what", what } };

        return find(list_of(l, KEY_TOLD), pairs, 3) >= 0;
}

int ledger_set_told(Ledger *l, const char *container_id, const char *new_image, const char *what)
{
        const Pair pairs[] = { { "container_id", container_id },
                               { "new_image", new_image },
                               { "what", what } };

        return replace(l, KEY_TOLD, pairs, 3, 3, 0);
}

/* ---- what is to be published ---- */

int ledger_push(Ledger *l, json_object *outcome)
{
        return append(l, KEY_UNSENT, outcome);
}

json_object *ledger_first(const Ledger *l)
{
        json_object *list = list_of(l, KEY_UNSENT);

        return json_object_array_length(list) > 0 ? json_object_array_get_idx(list, 0) : NULL;
}

void ledger_pop(Ledger *l)
{
        (void)json_object_array_del_idx(list_of(l, KEY_UNSENT), 0, 1);
        l->changed = true;
}
