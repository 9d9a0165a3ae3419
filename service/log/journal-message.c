/* SPDX-License-Identifier: Apache-2.0 */
#include "log/journal-message.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "model/vocabulary.h"

/* As much of an ID as engines show. */
#define ID_SHOWN 12

static const struct {
        const char *status;
        const char *verb;
} verbs[] = {
        { "build", "was built" },
        { "cleanup", "was cleaned up" },
        { "create", "was created" },
        { "connect", "was connected" },
        { "died", "died" },
        { "disconnect", "was disconnected" },
        { "init", "was initialized" },
        { "kill", "was killed" },
        { "mount", "was mounted" },
        { "pause", "was paused" },
        { "pull", "was pulled" },
        { "push", "was pushed" },
        { "remove", "was removed" },
        { "rename", "was renamed" },
        { "restart", "was restarted" },
        { "start", "was started" },
        { "stop", "was stopped" },
        { "sync", "was synchronized" },
        { "tag", "was tagged" },
        { "unmount", "was unmounted" },
        { "unpause", "was unpaused" },
        { "untag", "was untagged" },
        { "update", "was updated" },
        { "oom", "ran out of memory" },
};

static const char *verb_of(const char *status)
{
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (strcmp(verbs[i].status, status) == 0)
                        return verbs[i].verb;

        return NULL;
}

bool journal_is_lost(const EventFields *event)
{
        return strcmp(event->type, "system") == 0 && strcmp(event->status, "lost") == 0;
}

/* " web": the name, or the start of the ID, or nothing. */
static void subject(const EventFields *event, char *text, size_t size)
{
        if (*event->name)
                snprintf(text, size, " %.*s", SHOWN(event->name));
        else
                snprintf(text, size, "%s%.*s", *event->id ? " " : "",
                         (int)utf8_cut(event->id, ID_SHOWN), event->id);
}

/* What happened, behind the subject. */
static void predicate(const EventFields *event, char *text, size_t size)
{
        const char *status = event_status_canonical(event->status), *verb = verb_of(status);

        if (strcmp(status, "exec") == 0)
                snprintf(text, size, " runs an exec session");
        else if (strcmp(status, "exec_died") == 0)
                snprintf(text, size, ": an exec session ended");
        else if (event->health_status)
                snprintf(text, size, " is %.*s", SHOWN(event->health_status));
        else if (verb)
                snprintf(text, size, " %s", verb);
        else
                snprintf(text, size, ": %.*s", SHOWN(event->status));
}

void journal_message(const EventFields *event, char text[static JOURNAL_MESSAGE_SIZE])
{
        char who[SHOWN_MAX + 2], what[SHOWN_MAX + 8], code[32] = "";
        const char *why = event->error ? event->error : event->reason;

        if (journal_is_lost(event)) {
                snprintf(text, JOURNAL_MESSAGE_SIZE, "Events of %.*s were lost%s%.*s.",
                         SHOWN(event->engine), why ? ": " : "", SHOWN(why ? why : ""));
                return;
        }

        subject(event, who, sizeof(who));
        predicate(event, what, sizeof(what));
        if (event->has_exit_code)
                snprintf(code, sizeof(code), " with exit code %d", event->exit_code);
        snprintf(text, JOURNAL_MESSAGE_SIZE, "%.*s%s%s%s%s%s%.*s.", SHOWN(event->type), who, what,
                 code, event->oom_killed ? ", out of memory" : "", why ? ": " : "",
                 SHOWN(why ? why : ""));
        text[0] = (char)toupper((unsigned char)text[0]);
}

int journal_priority(const EventFields *event)
{
        if (journal_is_lost(event) || event->oom_killed || strcmp(event->status, "oom") == 0)
                return LOG_WARNING;
        if ((event->has_exit_code && event->exit_code != 0) || event->error ||
            (event->health_status && strcmp(event->health_status, "unhealthy") == 0))
                return LOG_NOTICE;
        return LOG_INFO;
}
