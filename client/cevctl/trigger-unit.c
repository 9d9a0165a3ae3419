/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger-unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "environment-file.h"
#include "unit-name.h"

#define SYSTEMD    "org.freedesktop.systemd1"
#define MANAGER    SYSTEMD ".Manager"
#define UNIT       SYSTEMD ".Unit"
#define SERVICE    SYSTEMD ".Service"
#define SYSTEMD_AT "/org/freedesktop/systemd1"

#define DAEMON "containers-events-triggerd.service"

void trigger_unit_done(TriggerUnit *u)
{
        free(u->load_state);
        free(u->error);
        *u = (TriggerUnit){};
}

/* Loads it, as a start would, and gives its object's path. systemd is not started for that. */
static int load(sd_bus *bus, const char *unit, sd_bus_error *error, sd_bus_message **ret,
                const char **ret_path)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, SYSTEMD, SYSTEMD_AT, MANAGER, "LoadUnit");
        if (r >= 0)
                r = sd_bus_message_set_auto_start(m, false);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", unit);
        if (r >= 0)
                r = sd_bus_call(bus, m, 0, error, &reply);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", ret_path);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(reply);
        return 0;
}

/* Whether the path is that of the unit's environment file, as "%N.env" has it. */
static bool is_environment_file(const char *path, const char *unit)
{
        const char *type = unit_name_type(unit);
        size_t length = (size_t)(type - unit);

        return strncmp(path, ENVIRONMENT_FOLDER "/", strlen(ENVIRONMENT_FOLDER "/")) == 0 &&
               strncmp(path + strlen(ENVIRONMENT_FOLDER "/"), unit, length) == 0 &&
               strcmp(path + strlen(ENVIRONMENT_FOLDER "/") + length, ".env") == 0;
}

static int look_for_environment(sd_bus *bus, const char *path, const char *unit,
                                sd_bus_error *error, bool *ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *file;
        bool found = false;
        int optional, r;

        r = sd_bus_get_property(bus, SYSTEMD, path, SERVICE, "EnvironmentFiles", error, &reply,
                                "a(sb)");
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "(sb)");
        while (r >= 0) {
                r = sd_bus_message_read(reply, "(sb)", &file, &optional);
                if (r == 0)
                        break;
                if (r > 0)
                        found = found || is_environment_file(file, unit);
        }
        if (r < 0)
                return r;
        *ret = found;
        return 0;
}

static int look_at_error(sd_bus *bus, const char *path, sd_bus_error *error, char **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *name, *text;
        char *copy;
        int r;

        r = sd_bus_get_property(bus, SYSTEMD, path, UNIT, "LoadError", error, &reply, "(ss)");
        if (r >= 0)
                r = sd_bus_message_read(reply, "(ss)", &name, &text);
        if (r < 0)
                return r;
        if (*text == '\0')
                return 0;
        copy = strdup(text);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

static int look_at(sd_bus *bus, const char *unit, sd_bus_error *error, TriggerUnit *u)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *path;
        int can_start = 0, r;

        r = load(bus, unit, error, &reply, &path);
        if (r < 0)
                return r;
        r = sd_bus_get_property_string(bus, SYSTEMD, path, UNIT, "LoadState", error,
                                       &u->load_state);
        if (r >= 0)
                r = look_at_error(bus, path, error, &u->error);
        if (r >= 0)
                r = sd_bus_get_property_trivial(bus, SYSTEMD, path, UNIT, "CanStart", error, 'b',
                                                &can_start);
        u->can_start = can_start;
        u->is_service = strcmp(unit_name_type(unit), ".service") == 0;
        if (r >= 0 && u->is_service)
                r = look_for_environment(bus, path, unit, error, &u->reads_environment);
        return r;
}

int trigger_unit_ask(sd_bus *bus, const char *unit, TriggerUnit *ret)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(trigger_unit_done) TriggerUnit u = {};
        int r = look_at(bus, unit, &error, &u);

        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                trigger_unit_done(&u);
                u.error = strdup(error.message ?: strerror(-r));
                if (!u.error)
                        return -ENOMEM;
        }
        *ret = u;
        u = (TriggerUnit){};
        return 0;
}

bool trigger_daemon_is_stopped(sd_bus *bus)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ char *state = NULL;
        const char *path;

        if (load(bus, DAEMON, &error, &reply, &path) < 0 ||
            sd_bus_get_property_string(bus, SYSTEMD, path, UNIT, "ActiveState", &error, &state) < 0)
                return false;
        return strcmp(state, "inactive") == 0 || strcmp(state, "failed") == 0;
}
