/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/source.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/logging.h"
#include "base/utf8.h"

static const char *const state_names[] = {
        [SOURCE_CONNECTING] = "connecting",
        [SOURCE_SYNCING] = "syncing",
        [SOURCE_LIVE] = "live",
        [SOURCE_GAP] = "gap",
        [SOURCE_ABSENT] = "absent",
        [SOURCE_FAILED] = "failed",
};

const char *source_state_to_string(SourceState state)
{
        return state_names[state];
}

void source_set_state(Source *source, SourceState state)
{
        if (source->state == state)
                return;

        log_info("Source %s (%s) is %s.", source->name, source->id, state_names[state]);
        source->state = state;
        source->sink.changed(source, source->sink.userdata);
}

void source_set_error(Source *source, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(source->last_error, sizeof(source->last_error), format, args);
        va_end(args);
        utf8_mend(source->last_error);

        log_warning("Source %s: %s", source->name, source->last_error);
        source->sink.changed(source, source->sink.userdata);
}
