/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cursor.h"

void progress_done(Progress *p)
{
        free(p->cursor);
        free(p->epoch);
        *p = (Progress){};
}

/* A cursor in a form that we do not know is still good to ask with; then signals cannot be taken
 * straight, since their events' cursors could not be made. */
static int set_cursor(Progress *p, const char *cursor)
{
        _cleanup_free_ char *copy = NULL, *epoch = NULL;
        uint64_t last = 0;
        int r;

        copy = strdup(cursor);
        if (!copy)
                return -ENOMEM;
        r = cursor_split(cursor, &epoch, &last);
        if (r == -ENOMEM)
                return r;

        free(p->cursor);
        free(p->epoch);
        p->cursor = TAKE_PTR(copy);
        p->epoch = TAKE_PTR(epoch);
        p->last = last;
        return 0;
}

int progress_init(Progress *p, const char *cursor, bool ask_always)
{
        Progress fresh = { .ask_always = ask_always };
        int r;

        if (cursor) {
                r = set_cursor(&fresh, cursor);
                if (r < 0)
                        return r;
        }
        *p = fresh;
        return 0;
}

void progress_new_owner(Progress *p)
{
        p->heard = p->ahead = 0;
}

int progress_start(Progress *p, const char *cursor)
{
        p->heard = p->ahead = 0;
        return set_cursor(p, cursor);
}

bool progress_is_next(const Progress *p, uint64_t seq, uint64_t n_unsignalled)
{
        return seq > p->last && seq - p->last - 1 <= n_unsignalled;
}

static Step step_for(const Progress *p, uint64_t seq, uint64_t n_unsignalled)
{
        if (p->epoch && seq <= p->last)
                return STEP_IGNORE;
        if (p->epoch && !p->ask_always && progress_is_next(p, seq, n_unsignalled))
                return STEP_DELIVER;
        return STEP_ASK;
}

Step progress_heard(Progress *p, uint64_t seq, uint64_t n_unsignalled)
{
        if (seq > p->heard)
                p->heard = seq;
        return step_for(p, seq, n_unsignalled);
}

Step progress_heard_unrecorded(Progress *p, uint64_t seq, uint64_t n_unsignalled)
{
        if (seq > p->ahead)
                p->ahead = seq;
        return step_for(p, seq, n_unsignalled);
}

static int go_to(Progress *p, uint64_t seq)
{
        char *cursor;
        int r;

        r = cursor_format(p->epoch, seq, &cursor);
        if (r < 0)
                return r;
        free(p->cursor);
        p->cursor = cursor;
        p->last = seq;
        return 0;
}

int progress_delivered(Progress *p, uint64_t seq)
{
        return go_to(p, seq);
}

int progress_skip_to(Progress *p, uint64_t seq)
{
        return go_to(p, seq - 1);
}

int progress_page(Progress *p, const char *cursor, bool more, Step *ret_next)
{
        bool moved = !p->cursor || strcmp(p->cursor, cursor) != 0;
        int r;

        r = set_cursor(p, cursor);
        if (r < 0)
                return r;

        /* What was signalled is in the history, so an answer that does not have it, or that says
         * "more" and stays where it is, is not right. Asking again at once could go on forever. */
        if (more || (p->epoch && p->heard > p->last))
                *ret_next = moved ? STEP_ASK : STEP_REST;
        else if (p->epoch && p->ahead > p->last)
                *ret_next = STEP_WAIT;
        else
                *ret_next = STEP_IGNORE;
        return 0;
}
