/* SPDX-License-Identifier: Apache-2.0 */
#include "lives.h"

#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

typedef enum Change {
        CREATED,
        STARTED,
        STARTED_AGAIN, /* told beside a start, so that it is none by itself */
        DIED,
        STOPPED, /* told beside a death */
        PAUSED,
        UNPAUSED,
        HEALTHY,
        UNHEALTHY,
        REMOVED,
        RENAMED, /* changes nothing but the name */
} Change;

typedef struct Step {
        uint64_t time_nsec;
        uint32_t order; /* in which the events were recorded, for equal times */
        int16_t code;   /* of a death */
        uint8_t change;
} Step;

struct Life {
        char *key;   /* owned; what tells it from the others */
        char *id;    /* owned */
        char *name;  /* owned */
        Step *steps; /* owned; sorted by time once they are listed */
        size_t n_steps;
        size_t n_allocated;
        uint64_t first; /* time of the first start, or of the first event */
        bool started;
};

struct Lives {
        uint64_t since_nsec;
        bool by_name;
        void *tree; /* of tsearch(): the lives, by key */
        size_t n;   /* lives in the tree */
        uint64_t least_nsec;
        bool any;
};

static const struct {
        const char *status;
        Change change;
} changes[] = {
        { "create", CREATED },
        { "start", STARTED },
        { "restart", STARTED_AGAIN },
        { "restore", STARTED_AGAIN },
        { "died", DIED },
        { "die", DIED },
        { "stop", STOPPED },
        { "pause", PAUSED },
        { "unpause", UNPAUSED },
        { "remove", REMOVED },
        { "destroy", REMOVED },
        { "delete", REMOVED },
        { "rm", REMOVED },
        { "health_status", HEALTHY },
        { "rename", RENAMED },
};

/* The service takes die for died, and so on. */
const char *const lives_statuses[] = { "create", "start",         "restart", "restore",
                                       "died",   "stop",          "pause",   "unpause",
                                       "remove", "health_status", "rename",  NULL };

/* ---- taking events ---- */

static void life_free(void *p)
{
        Life *life = p;

        if (!life)
                return;
        free(life->key);
        free(life->id);
        free(life->name);
        free(life->steps);
        free(life);
}

static int compare_keys(const void *a, const void *b)
{
        const Life *x = a, *y = b;

        return strcmp(x->key, y->key);
}

int lives_new(uint64_t since_nsec, bool by_name, Lives **ret)
{
        Lives *l = calloc(1, sizeof(Lives));

        if (!l)
                return -ENOMEM;
        l->since_nsec = since_nsec;
        l->by_name = by_name;
        *ret = l;
        return 0;
}

Lives *lives_free(Lives *l)
{
        if (!l)
                return NULL;
        tdestroy(l->tree, life_free);
        free(l);
        return NULL;
}

/* Returns 0 if the event tells nothing of a life. */
static int read_step(const Event *e, Step *ret)
{
        Step step = { .time_nsec = e->time_nsec, .code = LIFE_CODE_UNKNOWN };
        size_t i = 0, n = sizeof(changes) / sizeof(changes[0]);

        if (strcmp(e->type, "container") != 0 || (!*e->id && !*e->name))
                return 0;
        while (i < n && strcmp(changes[i].status, e->status) != 0)
                i++;
        if (i == n)
                return 0;
        step.change = (uint8_t)changes[i].change;
        if (step.change == DIED && e->oom_killed)
                step.code = LIFE_CODE_OOM;
        else if (step.change == DIED && e->has_exit_code && e->exit_code >= 0)
                step.code = (int16_t)(e->exit_code <= 255 ? e->exit_code : LIFE_CODE_UNKNOWN);
        if (step.change == HEALTHY && e->health_status &&
            strcmp(e->health_status, "unhealthy") == 0)
                step.change = UNHEALTHY;
        *ret = step;
        return 1;
}

static char *make_key(const Lives *l, const Event *e)
{
        const char *object = (l->by_name && *e->name) || !*e->id ? e->name : e->id;
        char *key;

        if (asprintf(&key, "%s/%" PRIu32 "/%d/%s", e->engine, e->uid, e->has_uid, object) < 0)
                return NULL;
        return key;
}

/* The event's life; a new one if there is none. */
static int find_life(Lives *l, const Event *e, Life **ret)
{
        Life *life = calloc(1, sizeof(Life)), **found;

        if (!life)
                return -ENOMEM;
        life->key = make_key(l, e);
        found = life->key ? tsearch(life, &l->tree, compare_keys) : NULL;
        if (!found) {
                life_free(life);
                return -ENOMEM;
        }
        if (*found == life) {
                life->first = e->time_nsec;
                l->n++;
        } else {
                life_free(life);
        }
        *ret = *found;
        return 0;
}

static int replace(char **text, const char *value)
{
        char *copy;

        if (*text && strcmp(*text, value) == 0)
                return 0;
        copy = strdup(value);
        if (!copy)
                return -ENOMEM;
        free(*text);
        *text = copy;
        return 0;
}

static bool is_health(uint8_t change)
{
        return change == HEALTHY || change == UNHEALTHY;
}

/* Whether the second step leaves nothing of the first: of two that lie before the range only the
 * later one says in which state the container enters it. Health says that of one that is up. */
static bool supersedes(const Life *life, const Step *step, uint64_t since_nsec)
{
        const Step *last;

        if (life->n_steps == 0 || step->time_nsec >= since_nsec)
                return false;
        last = &life->steps[life->n_steps - 1];
        return last->time_nsec <= step->time_nsec &&
               (!is_health(step->change) || is_health(last->change));
}

static int add_step(Lives *l, Life *life, const Step *step)
{
        size_t n;
        Step *grown;

        if (supersedes(life, step, l->since_nsec)) {
                life->steps[life->n_steps - 1] = *step;
                return 0;
        }
        if (life->n_steps == life->n_allocated) {
                n = life->n_allocated ? life->n_allocated * 2 : 4;
                grown = reallocarray(life->steps, n, sizeof(Step));
                if (!grown)
                        return -ENOMEM;
                life->steps = grown;
                life->n_allocated = n;
        }
        life->steps[life->n_steps] = *step;
        life->steps[life->n_steps].order = (uint32_t)life->n_steps;
        life->n_steps++;
        return 0;
}

static void forget(Lives *l, Life *life)
{
        (void)tdelete(life, &l->tree, compare_keys);
        life_free(life);
        l->n--;
}

int lives_add(Lives *l, const Event *e)
{
        Life *life;
        Step step;
        int r;

        if (read_step(e, &step) == 0)
                return 0;
        if (!l->any || step.time_nsec < l->least_nsec)
                l->least_nsec = step.time_nsec;
        l->any = true;

        r = find_life(l, e, &life);
        if (r >= 0)
                r = replace(&life->id, e->id);
        if (r >= 0 && (*e->name || !life->name))
                r = replace(&life->name, e->name);
        if (r < 0)
                return r;
        if (step.change == STARTED && (!life->started || step.time_nsec < life->first)) {
                life->first = step.time_nsec;
                life->started = true;
        }
        if (step.change == RENAMED)
                return 0;
        /* Gone before the range: nothing of it will be seen. */
        if (step.change == REMOVED && step.time_nsec < l->since_nsec) {
                forget(l, life);
                return 0;
        }
        return add_step(l, life, &step);
}

bool lives_least_time(const Lives *l, uint64_t *ret)
{
        if (l->any)
                *ret = l->least_nsec;
        return l->any;
}

/* ---- what they tell ---- */

const char *life_name(const Life *life)
{
        return *life->name ? life->name : life->id;
}

const char *life_id(const Life *life)
{
        return life->id;
}

/* What the first step that is known says about the time before it. */
static LifeState state_before(Change first)
{
        switch (first) {
        case DIED:
        case STOPPED:
        case PAUSED:
        case HEALTHY:
        case UNHEALTHY:
                return LIFE_UP;
        case UNPAUSED:
                return LIFE_PAUSED;
        case REMOVED:
                return LIFE_STOPPED;
        default:
                return LIFE_NONE;
        }
}

static bool is_alive(LifeState state)
{
        return state == LIFE_UP || state == LIFE_PAUSED || state == LIFE_UNHEALTHY;
}

static LifeState state_after(LifeState state, Change change)
{
        switch (change) {
        case CREATED:
                return is_alive(state) ? state : LIFE_STOPPED;
        case STARTED:
        case UNPAUSED:
                return LIFE_UP;
        case STARTED_AGAIN:
                return is_alive(state) ? state : LIFE_UP;
        case DIED:
        case STOPPED:
                return LIFE_STOPPED;
        case PAUSED:
                return LIFE_PAUSED;
        /* A check that was under way when the container died. */
        case HEALTHY:
                return is_alive(state) ? LIFE_UP : state;
        case UNHEALTHY:
                return is_alive(state) ? LIFE_UNHEALTHY : state;
        default:
                return LIFE_NONE;
        }
}

void life_visit(const Life *life, uint64_t end_nsec, const LifeVisitor *visitor, void *userdata)
{
        LifeState state = life->n_steps > 0 ? state_before(life->steps[0].change) : LIFE_NONE, next;
        uint64_t from = 0;
        bool died = false;

        for (size_t i = 0; i < life->n_steps; i++) {
                const Step *step = &life->steps[i];

                if (step->time_nsec >= end_nsec)
                        break;
                next = state_after(state, step->change);
                if (next != state) {
                        if (state != LIFE_NONE && step->time_nsec > from)
                                visitor->span(state, from, step->time_nsec, userdata);
                        from = step->time_nsec;
                }
                if (step->change == DIED)
                        visitor->mark(LIFE_DIED, step->code, step->time_nsec, userdata);
                if (step->change == STARTED && is_alive(state))
                        visitor->mark(LIFE_STARTED_TWICE, 0, step->time_nsec, userdata);
                else if (died && next == LIFE_UP)
                        visitor->mark(LIFE_RESTARTED, 0, step->time_nsec, userdata);
                if (step->change == DIED || is_alive(next))
                        died = step->change == DIED;
                state = next;
        }
        if (state != LIFE_NONE && from < end_nsec)
                visitor->span(state, from, end_nsec, userdata);
}

/* ---- the list ---- */

typedef struct Listing {
        const Life **list; /* owned by the caller */
        size_t n;
        uint64_t since_nsec;
        bool seen; /* the life at hand */
} Listing;

static int compare_steps(const void *a, const void *b)
{
        const Step *x = a, *y = b;

        if (x->time_nsec != y->time_nsec)
                return x->time_nsec < y->time_nsec ? -1 : 1;
        return x->order < y->order ? -1 : x->order > y->order;
}

static int compare_lives(const void *a, const void *b)
{
        const Life *x = *(const Life *const *)a, *y = *(const Life *const *)b;
        int names;

        if (x->first != y->first)
                return x->first < y->first ? -1 : 1;
        names = strcmp(life_name(x), life_name(y));
        return names != 0 ? names : strcmp(x->key, y->key);
}

static void see_span(LifeState state, uint64_t from_nsec, uint64_t to_nsec, void *userdata)
{
        Listing *listing = userdata;

        if (to_nsec > listing->since_nsec && is_alive(state))
                listing->seen = true;
}

static void see_mark(LifeMark mark, int code, uint64_t time_nsec, void *userdata)
{
        Listing *listing = userdata;

        if (time_nsec >= listing->since_nsec)
                listing->seen = true;
}

static bool is_seen(Listing *listing, const Life *life, uint64_t until_nsec)
{
        static const LifeVisitor visitor = { .span = see_span, .mark = see_mark };

        for (size_t i = 0; i < life->n_steps; i++)
                if (life->steps[i].time_nsec >= listing->since_nsec &&
                    life->steps[i].time_nsec < until_nsec)
                        return true;
        listing->seen = false;
        life_visit(life, until_nsec, &visitor, listing);
        return listing->seen;
}

static void collect(const void *node, VISIT which, void *closure)
{
        Life *life = *(Life *const *)node;
        Listing *listing = closure;

        if (which != postorder && which != leaf)
                return;
        listing->list[listing->n++] = life;
}

/* Mostly the steps are in order already. One that was up before all that is known of it stands
 * before those whose start is known. */
static void put_in_order(Life *life)
{
        for (size_t i = 1; i < life->n_steps; i++)
                if (compare_steps(&life->steps[i - 1], &life->steps[i]) > 0) {
                        qsort(life->steps, life->n_steps, sizeof(Step), compare_steps);
                        break;
                }
        if (life->n_steps > 0 && is_alive(state_before(life->steps[0].change)))
                life->first = 0;
}

int lives_list(Lives *l, uint64_t since_nsec, uint64_t until_nsec, const Life ***ret, size_t *ret_n)
{
        _cleanup_free_ const Life **list = calloc(l->n + 1, sizeof(Life *));
        Listing listing = { .list = list, .since_nsec = since_nsec };
        size_t n = 0;

        if (!list)
                return -ENOMEM;
        twalk_r(l->tree, collect, &listing);
        for (size_t i = 0; i < listing.n; i++) {
                put_in_order((Life *)list[i]);
                if (is_seen(&listing, list[i], until_nsec))
                        list[n++] = list[i];
        }
        list[n] = NULL;
        qsort(list, n, sizeof(Life *), compare_lives);

        *ret = TAKE_PTR(list);
        *ret_n = n;
        return 0;
}
