/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "strv.h"

int trigger_new(const char *name, Trigger **ret)
{
        _cleanup_(trigger_freep) Trigger *t = calloc(1, sizeof(Trigger));

        if (!t)
                return -ENOMEM;
        t->name = strdup(name);
        if (!t->name)
                return -ENOMEM;
        t->catch_up = true;
        *ret = TAKE_PTR(t);
        return 0;
}

Trigger *trigger_free(Trigger *t)
{
        if (!t)
                return NULL;
        free(t->name);
        free(t->path);
        strv_free(t->drop_ins);
        free(t->problem);
        free(t->description);
        strv_free(t->filters);
        free(t->unit);
        free(t);
        return NULL;
}
