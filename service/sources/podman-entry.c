/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/podman-entry.h"

#include <errno.h>
#include <string.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/number.h"
#include "base/utf8.h"
#include "model/event-json.h"
#include "model/timestamp.h"
#include "sources/podman-fields.h"
#include "sources/podman-place.h"

typedef enum Name {
        PODMAN_EVENT,
        PODMAN_TYPE,
        PODMAN_TIME,
        PODMAN_NAME,
        PODMAN_ID,
        PODMAN_IMAGE,
        PODMAN_EXIT_CODE,
        PODMAN_OOM_KILLED,
        PODMAN_POD_ID,
        PODMAN_LABELS,
        PODMAN_NETWORK_NAME,
        PODMAN_HEALTH_STATUS,
        PODMAN_HEALTH_LOG,
        PODMAN_HEALTH_FAILING_STREAK,
        PODMAN_CONTAINER_INSPECT_DATA,
        ERROR,
        /* By journald: */
        UID,
        PID,
        TRANSPORT,
        COMM,
        EXE,
        CMDLINE,
        NAME_MAX_,
} Name;

static const char *const names[] = {
        [PODMAN_EVENT] = "PODMAN_EVENT",
        [PODMAN_TYPE] = "PODMAN_TYPE",
        [PODMAN_TIME] = "PODMAN_TIME",
        [PODMAN_NAME] = "PODMAN_NAME",
        [PODMAN_ID] = "PODMAN_ID",
        [PODMAN_IMAGE] = "PODMAN_IMAGE",
        [PODMAN_EXIT_CODE] = "PODMAN_EXIT_CODE",
        [PODMAN_OOM_KILLED] = "PODMAN_OOM_KILLED",
        [PODMAN_POD_ID] = "PODMAN_POD_ID",
        [PODMAN_LABELS] = "PODMAN_LABELS",
        [PODMAN_NETWORK_NAME] = "PODMAN_NETWORK_NAME",
        [PODMAN_HEALTH_STATUS] = "PODMAN_HEALTH_STATUS",
        [PODMAN_HEALTH_LOG] = "PODMAN_HEALTH_LOG",
        [PODMAN_HEALTH_FAILING_STREAK] = "PODMAN_HEALTH_FAILING_STREAK",
        [PODMAN_CONTAINER_INSPECT_DATA] = "PODMAN_CONTAINER_INSPECT_DATA",
        [ERROR] = "ERROR",
        [UID] = "_UID",
        [PID] = "_PID",
        [TRANSPORT] = "_TRANSPORT",
        [COMM] = "_COMM",
        [EXE] = "_EXE",
        [CMDLINE] = "_CMDLINE",
};

_Static_assert(ELEMENTSOF(names) == NAME_MAX_ && NAME_MAX_ == PODMAN_ENTRY_VALUES,
               "a place for every value");

static int refuse(PodmanEntry *entry, const char *problem)
{
        entry->problem = problem;
        return -EBADMSG;
}

/* ---- taking fields ---- */

void podman_entry_begin(PodmanEntry *entry)
{
        json_object_put(entry->labels);
        json_object_put(entry->extra);
        *entry = (PodmanEntry){ .text = entry->text };
        entry->text.size = 0;
        entry->text.failed = false;
}

void podman_entry_done(PodmanEntry *entry)
{
        podman_entry_begin(entry);
        buffer_done(&entry->text);
}

static Name find_name(const char *field, size_t length)
{
        const char *end = memchr(field, '=', length);
        size_t i = 0;

        if (!end)
                return NAME_MAX_;
        length = (size_t)(end - field);
        while (i < NAME_MAX_ &&
               (strlen(names[i]) != length || memcmp(names[i], field, length) != 0))
                i++;
        return (Name)i;
}

bool podman_entry_wants(const char *field, size_t length)
{
        return find_name(field, length) != NAME_MAX_;
}

/* A NUL, which a string cannot have, becomes what Podman's file makes of it. Other bytes that are
 * no characters are left to the event. */
static int put_value(PodmanEntry *entry, const char *value, size_t length)
{
        _cleanup_free_ char *clean = NULL;
        size_t start = entry->text.size;
        int r;

        if (memchr(value, '\0', length)) {
                r = utf8_sanitize(value, length, &clean, &length);
                if (r < 0)
                        return r;
                value = clean;
        }
        buffer_put(&entry->text, value, length);
        buffer_put(&entry->text, "", 1);
        return buffer_end(&entry->text, start);
}

int podman_entry_put(PodmanEntry *entry, const char *field, size_t length)
{
        Name name = find_name(field, length);
        size_t skip;

        if (++entry->n_fields > PODMAN_ENTRY_FIELDS_MAX)
                return refuse(entry, "it has more fields than Podman writes");
        if (name == NAME_MAX_)
                return 0;
        if (entry->values[name].is_set)
                return refuse(entry, "it has a field twice");
        skip = strlen(names[name]) + 1;
        if (length - skip >= PODMAN_LINE_MAX - entry->text.size)
                return refuse(entry, "it is too long");

        entry->values[name] = (PodmanValue){ .is_set = true, .offset = entry->text.size };
        return put_value(entry, field + skip, length - skip);
}

/* ---- reading them ---- */

/* Podman leaves some fields empty instead of out, which means the same. */
static const char *value(const PodmanEntry *entry, Name name)
{
        const char *text;

        if (!entry->values[name].is_set)
                return NULL;
        text = entry->text.data + entry->values[name].offset;
        return *text ? text : NULL;
}

const char *podman_entry_uid(const PodmanEntry *entry)
{
        return value(entry, UID);
}

/* Who wrote it, by journald. Only what is sent to it by its own protocol has Podman's fields. */
static int read_trusted(PodmanEntry *entry)
{
        const char *uid = value(entry, UID), *transport = value(entry, TRANSPORT);

        if (!uid || parse_u32(uid, &entry->fields.uid) < 0)
                return refuse(entry, "journald does not say whose it is");
        if (!transport || strcmp(transport, "journal") != 0)
                return refuse(entry, "it did not come by the protocol of the journal");

        entry->fields.has_uid = true;
        return 0;
}

static int read_strings(PodmanEntry *entry)
{
        EventFields *fields = &entry->fields;
        const char *time = value(entry, PODMAN_TIME);

        fields->type = value(entry, PODMAN_TYPE);
        fields->status = value(entry, PODMAN_EVENT);
        fields->id = value(entry, PODMAN_ID);
        fields->name = value(entry, PODMAN_NAME);
        fields->image = value(entry, PODMAN_IMAGE);
        fields->pod_id = value(entry, PODMAN_POD_ID);
        fields->network = value(entry, PODMAN_NETWORK_NAME);
        fields->health_status = value(entry, PODMAN_HEALTH_STATUS);
        fields->error = value(entry, ERROR);
        if (!fields->status)
                return refuse(entry, "it has no PODMAN_EVENT=");
        if (!time || timestamp_parse(time, &fields->time_nsec) < 0)
                return refuse(entry, "its PODMAN_TIME= is no time");
        return 0;
}

static int read_exit(PodmanEntry *entry)
{
        const char *code = value(entry, PODMAN_EXIT_CODE);
        const char *oom = value(entry, PODMAN_OOM_KILLED);

        if (code && parse_i32(code, &entry->fields.exit_code) < 0)
                return refuse(entry, "its PODMAN_EXIT_CODE= is no number");
        if (oom && strcmp(oom, "true") != 0 && strcmp(oom, "false") != 0)
                return refuse(entry, "its PODMAN_OOM_KILLED= is neither true nor false");

        entry->fields.has_exit_code = code;
        entry->fields.oom_killed = oom && *oom == 't';
        return 0;
}

static int read_labels(PodmanEntry *entry)
{
        const char *labels = value(entry, PODMAN_LABELS), *text;
        _cleanup_free_ char *clean = NULL;
        size_t length;
        int r;

        if (!labels)
                return 0;
        r = podman_json_clean(labels, strlen(labels), &clean, &length);
        text = clean ? clean : labels;
        if (r >= 0)
                r = event_json_tokenize(text, length, &entry->labels);
        if (r >= 0)
                r = event_json_attributes(entry->labels, &entry->fields.attributes,
                                          &entry->fields.n_attributes);
        return r == -EBADMSG ? refuse(entry, "its PODMAN_LABELS= are no labels") : r;
}

static int add_extra(PodmanEntry *entry, const char *key, struct json_object *object)
{
        if (!entry->extra)
                entry->extra = json_object_new_object();
        if (!entry->extra) {
                json_object_put(object);
                return -ENOMEM;
        }
        return json_add(entry->extra, key, object);
}

static int add_extra_string(PodmanEntry *entry, const char *key, Name name)
{
        const char *text = value(entry, name);
        _cleanup_free_ char *clean = NULL;
        size_t length;
        int r;

        if (!text)
                return 0;
        r = utf8_sanitize(text, strlen(text), &clean, &length);
        return r < 0 ? r : add_extra(entry, key, json_object_new_string(clean));
}

/* What is none of ours, with the keys and in the order of Podman's file. */
static int read_extra(PodmanEntry *entry)
{
        const char *text = value(entry, PODMAN_HEALTH_FAILING_STREAK);
        int32_t streak = 0;
        int r;

        if (text && parse_i32(text, &streak) < 0)
                return refuse(entry, "its PODMAN_HEALTH_FAILING_STREAK= is no number");
        r = add_extra_string(entry, "health_log", PODMAN_HEALTH_LOG);
        if (r >= 0 && streak != 0)
                r = add_extra(entry, "health_failing_streak", json_object_new_int64(streak));
        if (r >= 0)
                r = add_extra_string(entry, "ContainerInspectData", PODMAN_CONTAINER_INSPECT_DATA);
        if (r < 0)
                return r;

        entry->fields.extra = entry->extra;
        return 0;
}

static bool is_podman(const PodmanEntry *entry)
{
        const char *exe = value(entry, EXE), *comm = value(entry, COMM);

        if (exe) {
                const char *slash = strrchr(exe, '/');

                return strcmp(slash ? slash + 1 : exe, "podman") == 0;
        }
        return comm && strcmp(comm, "podman") == 0;
}

static void read_writer(PodmanEntry *entry)
{
        const char *cmdline = value(entry, CMDLINE), *pid = value(entry, PID);

        entry->session[0] = '\0';
        entry->pid = 0;
        if (pid)
                (void)parse_u32(pid, &entry->pid);
        if (cmdline && entry->fields.id && is_podman(entry))
                entry->writer = podman_cmdline_parse(cmdline, entry->fields.id, entry->session);
}

int podman_entry_read(PodmanEntry *entry)
{
        int r;

        if (!value(entry, PODMAN_TYPE))
                return 0;
        if ((r = read_trusted(entry)) < 0 || (r = read_strings(entry)) < 0 ||
            (r = read_exit(entry)) < 0 || (r = read_labels(entry)) < 0 ||
            (r = read_extra(entry)) < 0)
                return r;

        podman_fields_complete(&entry->fields);
        read_writer(entry);
        return 1;
}
