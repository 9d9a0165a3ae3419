/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <json-c/json.h>

#include "tap.h"
#include "updates.h"

static Updates *fresh(void)
{
        Updates *u = NULL;

        if (updates_new(0, &u) < 0)
                abort();
        return u;
}

static void container(Updates *u, const char *status, const char *id, const char *name,
                      const char *policy, const char *unit, uint32_t uid)
{
        EventAttribute labels[2] = { { "PODMAN_SYSTEMD_UNIT", unit },
                                     { "io.containers.autoupdate", policy } };
        const Event e = {
                .type = "container",
                .status = status,
                .id = id,
                .name = name,
                .image = "localhost/web:latest",
                .engine = "podman",
                .uid = uid,
                .has_uid = true,
                .attributes = unit ? labels : labels + 1,
                .n_attributes = unit ? 2 : 1,
        };

        if (updates_add_container(u, &e) < 0)
                abort();
}

static void outcome(Updates *u, const char *id, const char *result, uint64_t nsec)
{
        json_object *others = json_object_new_object();
        const Event e = {
                .type = "system",
                .status = "auto-update",
                .id = "",
                .name = "web.service",
                .image = "localhost/web:latest",
                .engine = "podman",
                .time_nsec = nsec,
                .error = strcmp(result, "failed") == 0 ? "it is no good" : NULL,
                .others = others,
        };

        json_object_object_add(others, "unit", json_object_new_string("web.service"));
        json_object_object_add(others, "container", json_object_new_string("web"));
        json_object_object_add(others, "container_id", json_object_new_string(id));
        json_object_object_add(others, "policy", json_object_new_string("local"));
        json_object_object_add(others, "new_image", json_object_new_string("cafe"));
        json_object_object_add(others, "result", json_object_new_string(result));
        if (updates_add_outcome(u, &e) < 0)
                abort();
        json_object_put(others);
}

static void test_who_is_shown(void)
{
        Updates *u = fresh();
        const UpdateRow *rows;
        size_t n;

        container(u, "start", "1", "web", "local", "web.service", 0);
        container(u, "start", "2", "ended", "local", "ended.service", 0);
        container(u, "died", "2", "ended", "local", "ended.service", 0);
        container(u, "start", "3", "off", "disabled", "off.service", 0);
        container(u, "start", "4", "alone", "local", NULL, 0);
        container(u, "start", "5", "hers", "local", "hers.service", 1000);
        container(u, "start", "6", "db", "registry", "db.service", 0);
        container(u, "start", "6", "db", "registry", "db.service", 0);
        updates_list(u, &rows, &n);
        if (tap_eq_int((int64_t)n, 2, "those that are up, want it, and are ours")) {
                tap_eq_str(rows[0].unit, "db.service", "by unit");
                tap_eq_str(rows[0].policy, "registry", "the policy");
                tap_eq_str(rows[1].image, "localhost/web:latest", "the image");
                tap_eq_str(rows[1].result, "", "nothing became of it yet");
        }
        updates_free(u);
}

static void test_what_became_of_it(void)
{
        static const struct {
                const char *label;
                const char *results[3];
                const char *ids[3];
                uint64_t pending;
        } rows[] = {
                { "nothing", {}, {}, 0 },
                { "it waits", { "pending" }, { "1" }, 10 },
                { "it still waits", { "pending", "pending" }, { "1", "1" }, 10 },
                { "it was done", { "pending", "updated" }, { "0", "1" }, 0 },
                { "it waits again", { "updated", "pending" }, { "1", "1" }, 20 },
                { "the one before it waited", { "pending" }, { "0" }, 0 },
                { "it failed", { "pending", "failed" }, { "1", "1" }, 0 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                Updates *u = fresh();
                const UpdateRow *list;
                const char *last = "";
                size_t n;

                container(u, "start", "1", "web", "local", "web.service", 0);
                for (size_t j = 0; j < 3 && rows[i].results[j]; j++) {
                        last = rows[i].results[j];
                        outcome(u, rows[i].ids[j], last, 10 * (j + 1));
                }
                updates_list(u, &list, &n);
                if (tap_eq_int((int64_t)n, 1, "%s: one container", rows[i].label)) {
                        tap_eq_str(list[0].result, last, "%s: the last", rows[i].label);
                        tap_eq_u64(list[0].pending_nsec, rows[i].pending, "%s: since when",
                                   rows[i].label);
                }
                updates_free(u);
        }
}

static void test_who_is_not_up(void)
{
        const Event podmans = { .type = "system", .status = "auto-update", .name = "" };
        Updates *u = fresh();
        const UpdateRow *rows;
        size_t n;

        tap_eq_int(updates_add_outcome(u, &podmans), 0, "Podman's own event says nothing");
        outcome(u, "1", "failed", 10);
        updates_list(u, &rows, &n);
        if (tap_eq_int((int64_t)n, 1, "who is down because of a failure is shown")) {
                tap_ok(!rows[0].running, "as down");
                tap_eq_str(rows[0].error, "it is no good", "with the reason");
        }
        updates_free(u);

        u = fresh();
        outcome(u, "1", "failed", 10);
        outcome(u, "2", "updated", 20);
        updates_list(u, &rows, &n);
        tap_eq_int((int64_t)n, 0, "who was stopped later is not");
        updates_free(u);
}

int main(void)
{
        test_who_is_shown();
        test_what_became_of_it();
        test_who_is_not_up();
        return tap_done();
}
