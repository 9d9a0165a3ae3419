/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "call.h"
#include "cleanup.h"
#include "detail-value.h"
#include "names.h"
#include "public.h"

static int append_details(sd_bus_message *m, const char *const *pairs)
{
        int r;

        for (size_t i = 0; pairs && pairs[i]; i += 2) {
                if (!pairs[i + 1])
                        return -EINVAL;
                r = detail_append(m, pairs[i], pairs[i + 1]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int append_labels(sd_bus_message *m, const char *const *pairs)
{
        int r;

        if (!pairs || !pairs[0])
                return 0;
        if ((r = sd_bus_message_open_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv")) < 0 ||
            (r = sd_bus_message_append(m, "s", "attributes")) < 0 ||
            (r = sd_bus_message_open_container(m, SD_BUS_TYPE_VARIANT, "a{ss}")) < 0 ||
            (r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{ss}")) < 0)
                return r;
        for (size_t i = 0; pairs[i]; i += 2) {
                if (!pairs[i + 1])
                        return -EINVAL;
                r = sd_bus_message_append(m, "{ss}", pairs[i], pairs[i + 1]);
                if (r < 0)
                        return r;
        }
        for (int i = 0; i < 3; i++) { /* the array, the variant, the entry */
                r = sd_bus_message_close_container(m);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int make(sd_bus *bus, const void *userdata, sd_bus_message **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const cev_emission *e = userdata;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, CE_BUS_NAME, CE_OBJECT_PATH, CE_INTERFACE,
                                           "Emit");
        if (r >= 0)
                r = sd_bus_message_append(m, "sssssst", e->type, e->status, e->id ?: "",
                                          e->name ?: "", e->image ?: "", e->engine ?: "",
                                          e->time_nsec);
        if (r >= 0)
                r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r >= 0 && e->exit_code)
                r = sd_bus_message_append(m, "{sv}", "exit_code", "i", *e->exit_code);
        if (r >= 0)
                r = append_details(m, e->details);
        if (r >= 0)
                r = append_labels(m, e->labels);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(m);
        return 0;
}

_public_ int cev_emit(cev_client *c, const cev_emission *emission, uint64_t *ret_seq,
                      sd_bus_error *ret_error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        uint64_t seq;
        int r;

        if (!c || !emission || !emission->type || !emission->status)
                return -EINVAL;
        r = call_once(c, make, emission, ret_error, &reply);
        if (r >= 0)
                r = sd_bus_message_read(reply, "t", &seq);
        if (r < 0)
                return r;

        if (ret_seq)
                *ret_seq = seq;
        return 0;
}
