/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reference.h"

static void change_done(Change *c)
{
        free(c->container);
        free(c->container_id);
        free(c->namer_id);
        free(c->image);
        free(c->old_image);
        free(c->new_image);
}

void unit_plan_done(UnitPlan *u)
{
        for (size_t i = 0; i < u->n; i++)
                change_done(&u->changes[i]);
        free(u->changes);
        free(u->unit);
        *u = (UnitPlan){};
}

void plan_done(Plan *p)
{
        for (size_t i = 0; i < p->n; i++)
                unit_plan_done(&p->units[i]);
        free(p->units);
        *p = (Plan){};
}

int unit_plan_add(UnitPlan *u, const Change *change)
{
        Change *grown = reallocarray(u->changes, u->n + 1, sizeof(Change));
        Change copy;

        if (!grown)
                return -ENOMEM;
        u->changes = grown;
        copy = (Change){
                .container = strdup(change->container),
                .container_id = strdup(change->container_id),
                .namer_id = strdup(change->namer_id),
                .image = strdup(change->image),
                .old_image = strdup(change->old_image),
                .new_image = strdup(change->new_image),
                .policy = change->policy,
        };
        if (!copy.container || !copy.container_id || !copy.namer_id || !copy.image ||
            !copy.old_image || !copy.new_image) {
                change_done(&copy);
                return -ENOMEM;
        }
        u->changes[u->n++] = copy;
        return 0;
}

void unit_plan_drop(UnitPlan *u, size_t i)
{
        change_done(&u->changes[i]);
        memmove(&u->changes[i], &u->changes[i + 1], (u->n - i - 1) * sizeof(Change));
        u->n--;
}

static int unit_of(Plan *p, const char *name, UnitPlan **ret)
{
        UnitPlan *grown;

        for (size_t i = 0; i < p->n; i++)
                if (strcmp(p->units[i].unit, name) == 0) {
                        *ret = &p->units[i];
                        return 0;
                }

        grown = reallocarray(p->units, p->n + 1, sizeof(UnitPlan));
        if (!grown)
                return -ENOMEM;
        p->units = grown;
        grown[p->n] = (UnitPlan){ .unit = strdup(name) };
        if (!grown[p->n].unit)
                return -ENOMEM;
        *ret = &grown[p->n++];
        return 0;
}

static int add(Plan *p, const Container *c, const char *new_image)
{
        const Change change = {
                .container = c->name,
                .container_id = c->id,
                .namer_id = c->unit_container_id,
                .image = c->image,
                .old_image = c->image_id,
                .new_image = (char *)new_image,
                .policy = c->policy,
        };
        UnitPlan *unit;
        int r = unit_of(p, c->unit, &unit);

        return r < 0 ? r : unit_plan_add(unit, &change);
}

int plan_make(const Containers *containers, const Images *images, PlanVeto veto, void *userdata,
              Plan *ret)
{
        Plan plan = {};
        int r = 0;

        for (size_t i = 0; r >= 0 && i < containers->n; i++) {
                const Container *c = &containers->list[i];
                const char *now;

                if (c->policy == POLICY_NONE || !reference_can_change(c->image))
                        continue;
                now = images_find(images, c->image);
                if (now && strcmp(now, c->image_id) != 0 &&
                    !veto(c->unit, c->image, c->image_id, now, userdata))
                        r = add(&plan, c, now);
        }
        if (r < 0) {
                plan_done(&plan);
                return r;
        }

        *ret = plan;
        return 0;
}
