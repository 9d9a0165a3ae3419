/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "call.h"
#include "cleanup.h"
#include "cursor.h"
#include "event-object.h"
#include "names.h"
#include "page.h"
#include "public.h"

/* ---- the end of the history ---- */

static int make_end(sd_bus *bus, const void *userdata, sd_bus_message **ret)
{
        return page_end_request(bus, ret);
}

_public_ int cev_get_cursor(cev_client *c, char **ret, sd_bus_error *ret_error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        if (!c || !ret)
                return -EINVAL;
        r = call_read(c, make_end, NULL, ret_error, &reply);
        return r < 0 ? r : page_end_read(reply, ret);
}

/* ---- one event ---- */

typedef struct Search {
        uint64_t seq;
        cev_event *found; /* owned, or NULL */
} Search;

static void search_done(Search *s)
{
        cev_event_unref(s->found);
}

/* It is the first of the page, or not there: the page need not be read through. */
static int look_at(const Event *e, const char *cursor, void *userdata)
{
        Search *s = userdata;
        int r = 0;

        if (e->seq == s->seq)
                r = event_object_new(e, cursor, &s->found);
        return r < 0 ? r : -ECANCELED;
}

static int make_page(sd_bus *bus, const void *userdata, sd_bus_message **ret)
{
        PageRequest request = { .cursor = userdata, .start_service = true };

        return page_request(bus, &request, ret);
}

_public_ int cev_get_event(cev_client *c, uint64_t seq, cev_event **ret, sd_bus_error *ret_error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(search_done) Search search = { .seq = seq };
        _cleanup_free_ char *end = NULL, *epoch = NULL, *before = NULL;
        const char *cursor;
        uint64_t newest;
        bool more;
        int r;

        if (!c || !ret)
                return -EINVAL;
        r = cev_get_cursor(c, &end, ret_error);
        if (r >= 0 && *end)
                r = cursor_split(end, &epoch, &newest);
        if (r < 0)
                return r;
        if (epoch && (seq == 0 || seq > newest))
                return -ENOENT;
        if (epoch)
                r = cursor_format(epoch, seq - 1, &before);
        /* Without a history the page is refused, with the reason. */
        if (r >= 0)
                r = call_read(c, make_page, before ?: "", ret_error, &reply);
        if (r >= 0)
                r = page_read(reply, look_at, &search, &cursor, &more);
        if (r == -ESTALE) {
                sd_bus_error_free(ret_error);
                return -ENOENT;
        }
        if (r < 0 && r != -ECANCELED)
                return r;
        if (!search.found)
                return -ENOENT;

        *ret = TAKE_PTR(search.found);
        return 0;
}

/* ---- exit codes ---- */

typedef struct ExitQuestion {
        const char *method;
        const char *id;
} ExitQuestion;

static int make_exit(sd_bus *bus, const void *userdata, sd_bus_message **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const ExitQuestion *question = userdata;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, CE_BUS_NAME, CE_OBJECT_PATH, CE_INTERFACE,
                                           question->method);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", question->id);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(m);
        return 0;
}

static int ask_exit_code(cev_client *c, const char *method, const char *id, int *ret,
                         sd_bus_error *ret_error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        ExitQuestion question = { .method = method, .id = id };
        int32_t code;
        int r;

        if (!c || !id || !ret)
                return -EINVAL;
        r = call_read(c, make_exit, &question, ret_error, &reply);
        if (r >= 0)
                r = sd_bus_message_read(reply, "i", &code);
        if (r < 0)
                return r;

        *ret = code;
        return 0;
}

_public_ int cev_exec_exit_code(cev_client *c, const char *id, int *ret, sd_bus_error *ret_error)
{
        return ask_exit_code(c, "ExecExitCode", id, ret, ret_error);
}

_public_ int cev_container_exit_code(cev_client *c, const char *id, int *ret,
                                     sd_bus_error *ret_error)
{
        return ask_exit_code(c, "ContainerExitCode", id, ret, ret_error);
}
