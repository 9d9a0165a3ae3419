/* SPDX-License-Identifier: Apache-2.0 */
#include "page.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "cursor.h"
#include "names.h"
#include "properties.h"
#include "variant.h"

#define EVENTS_SIGNATURE "a" CE_EVENT_SIGNATURE

static int append_filters(sd_bus_message *m, const char *const *filters)
{
        int r;

        r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "s");
        for (size_t i = 0; r >= 0 && filters && filters[i]; i++)
                r = sd_bus_message_append_basic(m, SD_BUS_TYPE_STRING, filters[i]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int page_request(sd_bus *bus, const PageRequest *request, sd_bus_message **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, CE_BUS_NAME, CE_OBJECT_PATH, CE_INTERFACE,
                                           request->cursor ? "QueryAfter" : "Query");
        if (r < 0)
                return r;
        if (request->cursor)
                r = sd_bus_message_append(m, "st", request->cursor, request->until_nsec);
        else
                r = sd_bus_message_append(m, "tt", request->since_nsec, request->until_nsec);
        if (r >= 0)
                r = append_filters(m, request->filters);
        if (r >= 0)
                r = sd_bus_message_set_auto_start(m, request->start_service);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(m);
        return 0;
}

/* Reads what stands behind the events, and leaves the message at the first of them: events need the
 * page's cursor for their own. */
static int open_page(sd_bus_message *reply, const char **ret_cursor, bool *ret_more)
{
        const char *cursor;
        int more, r;

        if (!sd_bus_message_has_signature(reply, EVENTS_SIGNATURE "sb"))
                return -EBADMSG;
        r = sd_bus_message_skip(reply, EVENTS_SIGNATURE);
        if (r >= 0)
                r = sd_bus_message_read(reply, "sb", &cursor, &more);
        if (r >= 0)
                r = sd_bus_message_rewind(reply, true);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, CE_EVENT_SIGNATURE);
        if (r < 0)
                return r;

        *ret_cursor = cursor;
        *ret_more = more;
        return 0;
}

/* Returns 0 at the end. */
static int read_event(sd_bus_message *reply, const char *epoch, PageHandler handler, void *userdata)
{
        _cleanup_(event_done) Event e = {};
        _cleanup_free_ char *cursor = NULL;
        int r;

        r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_STRUCT, CE_EVENT_CONTENTS);
        if (r <= 0)
                return r;
        r = event_read(reply, &e);
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(reply);
        if (r < 0)
                return r;
        if (epoch) {
                r = cursor_format(epoch, e.seq, &cursor);
                if (r < 0)
                        return r;
        }
        r = handler(&e, cursor, userdata);
        return r < 0 ? r : 1;
}

int page_read(sd_bus_message *reply, PageHandler handler, void *userdata, const char **ret_cursor,
              bool *ret_more)
{
        _cleanup_free_ char *epoch = NULL;
        const char *cursor;
        uint64_t seq;
        bool more;
        int r;

        r = open_page(reply, &cursor, &more);
        if (r < 0)
                return r;
        r = cursor_split(cursor, &epoch, &seq);
        if (r == -ENOMEM)
                return r;
        do {
                r = read_event(reply, epoch, handler, userdata);
                if (r < 0)
                        return r;
        } while (r > 0);

        *ret_cursor = cursor;
        *ret_more = more;
        return 0;
}

int page_end_request(sd_bus *bus, sd_bus_message **ret)
{
        return properties_request(bus, ret);
}

int page_end_read(sd_bus_message *reply, char **ret_cursor)
{
        _cleanup_json_ json_object *properties = NULL;
        const char *epoch;
        char *cursor;
        int r;

        r = variant_read_dict(reply, &properties);
        if (r < 0)
                return r;
        epoch = properties_string(properties, "Epoch");
        if (*epoch)
                return cursor_format(epoch, properties_number(properties, "NewestSeq"), ret_cursor);
        cursor = strdup("");
        if (!cursor)
                return -ENOMEM;
        *ret_cursor = cursor;
        return 0;
}
