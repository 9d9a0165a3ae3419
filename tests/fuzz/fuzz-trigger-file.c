/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "cleanup.h"
#include "fuzz.h"
#include "specifier.h"
#include "strv.h"
#include "trigger-file.h"
#include "unit-name.h"

static void on_warning(const char *place, const char *text, void *userdata)
{
        fuzz_assert(*place && *text);
}

/* What is taken can be run: its unit is a valid name for any event. */
static void check_loaded(const Trigger *t)
{
        const TriggerEvent e = { .name = "a/-\xff", .seq = 1 };
        _cleanup_free_ char *unit = NULL, *problem = NULL;
        size_t n = strv_length(t->filters);

        fuzz_assert(t->unit && n > 0 && n <= TRIGGER_FILTERS_MAX);
        fuzz_assert((t->rate_limit_burst == 0) == (t->rate_limit_interval_usec == 0));
        fuzz_assert(unit_pattern_check(t->unit, &problem) == 0);
        fuzz_assert(unit_pattern_expand(t->unit, &e, &unit) == 0);
        fuzz_assert(unit_name_kind(unit) == UNIT_NAME_PLAIN ||
                    unit_name_kind(unit) == UNIT_NAME_INSTANCE);
        fuzz_assert(unit_pattern_matches(t->unit, unit));
}

/* A trigger's file, and the same as its drop-in. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const TriggerReport report = { .warning = on_warning };
        _cleanup_(trigger_freep) Trigger *t = NULL;
        _cleanup_free_ char *problem = NULL;
        int r;

        fuzz_assert(trigger_new("t", &t) == 0);
        t->path = strdup("f");
        fuzz_assert(t->path);
        r = trigger_file_read(t, "f", (const char *)data, size, &report, &problem);
        if (r == 0)
                r = trigger_file_read(t, "d", (const char *)data, size, &report, &problem);
        if (r == 0)
                r = trigger_file_check(t, &report, &problem);
        fuzz_assert(r == 0 || r == -EINVAL);
        fuzz_assert((r == 0) == (problem == NULL));
        if (r == 0)
                check_loaded(t);
        return 0;
}
