/* SPDX-License-Identifier: Apache-2.0 */
#include "event-line.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "cleanup.h"
#include "event-json.h"
#include "rfc3339.h"

/* The deepest that a line goes is Attributes; room for engines that add more. */
#define DEPTH_MAX 16

/* ,"CRC":"01234567"} */
#define CRC_MARK   ",\"CRC\":\""
#define CRC_LENGTH (sizeof(CRC_MARK) - 1 + 8 + 2)

#define SEQ_MARK ",\"Seq\":"

struct EventLines {
        json_tokener *tokener; /* owned */
};

EventLines *event_lines_free(EventLines *lines)
{
        if (!lines)
                return NULL;
        if (lines->tokener)
                json_tokener_free(lines->tokener);
        free(lines);
        return NULL;
}

int event_lines_new(EventLines **ret)
{
        _cleanup_(event_lines_freep) EventLines *lines = calloc(1, sizeof(EventLines));

        if (!lines)
                return -ENOMEM;
        lines->tokener = json_tokener_new_ex(DEPTH_MAX);
        if (!lines->tokener)
                return -ENOMEM;
        json_tokener_set_flags(lines->tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);

        *ret = TAKE_PTR(lines);
        return 0;
}

static unsigned long checksum(const char *bytes, size_t length)
{
        return crc32_z(crc32_z(0, NULL, 0), (const unsigned char *)bytes, length);
}

bool event_line_is_intact(const char *line, size_t length)
{
        char mark[CRC_LENGTH + 1];
        size_t n;

        if (length <= CRC_LENGTH ||
            memcmp(line + length - CRC_LENGTH, CRC_MARK, sizeof(CRC_MARK) - 1) != 0)
                return true;
        n = length - CRC_LENGTH;
        snprintf(mark, sizeof(mark), CRC_MARK "%08lx\"}", checksum(line, n));
        return memcmp(line + n, mark, CRC_LENGTH) == 0;
}

uint64_t event_line_seq(const char *line, size_t length)
{
        const char *end = line + length, *mark = line;
        uint64_t number = 0;

        /* A label may have that name; its value is a string. */
        do {
                mark = memmem(mark, (size_t)(end - mark), SEQ_MARK, sizeof(SEQ_MARK) - 1);
                if (!mark)
                        return 0;
                mark += sizeof(SEQ_MARK) - 1;
        } while (mark < end && *mark == '"');
        for (; mark < end && *mark >= '0' && *mark <= '9'; mark++)
                if (__builtin_mul_overflow(number, 10, &number) ||
                    __builtin_add_overflow(number, (uint64_t)(*mark - '0'), &number))
                        return 0;
        return number;
}

/* ---- reading ---- */

static int read_string(json_object *value, const char **ret)
{
        const char *string;

        if (!json_object_is_type(value, json_type_string))
                return -EBADMSG;
        string = json_object_get_string(value);
        /* An escaped NUL would cut the string short unseen. */
        if (strlen(string) != (size_t)json_object_get_string_len(value))
                return -EBADMSG;
        *ret = string;
        return 0;
}

static int read_number(json_object *value, int64_t least, int64_t most, int64_t *ret)
{
        int64_t number;

        if (!json_object_is_type(value, json_type_int))
                return -EBADMSG;
        number = json_object_get_int64(value);
        if (number < least || number > most)
                return -EBADMSG;
        *ret = number;
        return 0;
}

static int read_exit_code(json_object *value, Event *e)
{
        int64_t number;

        if (read_number(value, INT32_MIN, INT32_MAX, &number) < 0)
                return -EBADMSG;
        e->exit_code = (int32_t)number;
        e->has_exit_code = true;
        return 0;
}

static int read_uid(json_object *value, Event *e)
{
        int64_t number;

        if (read_number(value, 0, UINT32_MAX, &number) < 0)
                return -EBADMSG;
        e->uid = (uint32_t)number;
        e->has_uid = true;
        return 0;
}

static int read_seq(json_object *value, Event *e)
{
        if (!json_object_is_type(value, json_type_int))
                return -EBADMSG;
        e->seq = json_object_get_uint64(value);
        return 0;
}

static int read_time(json_object *value, Event *e)
{
        const char *text;

        if (read_string(value, &text) < 0 || rfc3339_parse(text, &e->time_nsec) < 0)
                return -EBADMSG;
        return 0;
}

static int compare_attributes(const void *a, const void *b)
{
        const EventAttribute *x = a, *y = b;

        return strcmp(x->key, y->key);
}

/* Podman writes null where there are none. */
static int read_attributes(json_object *value, Event *e)
{
        if (!value)
                return 0;
        if (!json_object_is_type(value, json_type_object) || e->attributes)
                return -EBADMSG;
        if (json_object_object_length(value) == 0)
                return 0;
        e->attributes = calloc((size_t)json_object_object_length(value), sizeof(EventAttribute));
        if (!e->attributes)
                return -ENOMEM;
        json_object_object_foreach(value, key, text) {
                EventAttribute *attribute = &e->attributes[e->n_attributes++];

                attribute->key = key;
                if (read_string(text, &attribute->value) < 0)
                        return -EBADMSG;
        }
        qsort(e->attributes, e->n_attributes, sizeof(EventAttribute), compare_attributes);
        return 0;
}

static bool is_scalar(json_object *value)
{
        const char *string;

        return json_object_is_type(value, json_type_boolean) ||
               json_object_is_type(value, json_type_int) ||
               (json_object_is_type(value, json_type_double) &&
                isfinite(json_object_get_double(value))) ||
               read_string(value, &string) >= 0;
}

/* A number is made anew, for json-c would write it with as many digits as it came with. */
static int keep_other(Event *e, const char *key, json_object *value)
{
        json_object *copy;

        if (!e->others)
                e->others = json_object_new_object();
        if (!e->others)
                return -ENOMEM;
        copy = json_object_is_type(value, json_type_double)
                       ? json_object_new_double(json_object_get_double(value))
                       : json_object_get(value);
        if (!copy || json_object_object_add(e->others, key, copy) < 0) {
                json_object_put(copy);
                return -ENOMEM;
        }
        return 0;
}

/* What an engine adds does not pass for what the service says: on the bus it has no place. */
static int read_extra(json_object *value, Event *e)
{
        int r;

        if (!json_object_is_type(value, json_type_object))
                return -EBADMSG;
        json_object_object_foreach(value, key, member) {
                if (event_detail_is_known(key))
                        continue;
                if (!is_scalar(member))
                        return -EBADMSG;
                r = keep_other(e, key, member);
                if (r < 0)
                        return r;
        }
        return 0;
}

static const struct {
        const char *key;
        bool ours; /* not in a line of Podman */
        int (*read)(json_object *value, Event *e);
        size_t string; /* offset of a string */
        size_t flag;   /* offset of a bool */
} readers[] = {
#define STRING(field) .string = offsetof(Event, field)
#define FLAG(field)   .flag = offsetof(Event, field)
        { "ContainerExitCode", false, .read = read_exit_code },
        { "OOMKilled", false, FLAG(oom_killed) },
        { "ID", false, STRING(id) },
        { "Image", false, STRING(image) },
        { "Name", false, STRING(name) },
        { "network", false, STRING(network) },
        { "Status", false, STRING(status) },
        { "Time", false, .read = read_time },
        { "Type", false, STRING(type) },
        { "health_status", false, STRING(health_status) },
        { "error", false, STRING(error) },
        { "PodID", false, STRING(pod_id) },
        { "Attributes", false, .read = read_attributes },
        { "Seq", true, .read = read_seq },
        { "Engine", true, STRING(engine) },
        { "ExecID", true, STRING(exec_id) },
        { "UID", true, .read = read_uid },
        { "Synthetic", true, FLAG(synthetic) },
        { "Reason", true, STRING(reason) },
        { "Evidence", true, STRING(evidence) },
        { "Truncated", true, FLAG(truncated) },
        { "Backlog", true, FLAG(backlog) },
        { "Unrecorded", true, FLAG(unrecorded) },
        { "Extra", true, .read = read_extra },
#undef STRING
#undef FLAG
};

/* Returns 1 if the key has a place, 0 if it has none. */
static int read_member(const char *key, json_object *value, bool podman, Event *e)
{
        for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
                char *base = (char *)e;
                int r = 0;

                if (strcmp(readers[i].key, key) != 0)
                        continue;
                if (readers[i].ours && podman)
                        return 0;
                if (readers[i].read)
                        r = readers[i].read(value, e);
                else if (readers[i].string)
                        r = read_string(value, (const char **)(base + readers[i].string));
                else if (json_object_is_type(value, json_type_boolean))
                        *(bool *)(base + readers[i].flag) = json_object_get_boolean(value);
                else
                        r = -EBADMSG;
                return r < 0 ? r : 1;
        }
        return 0;
}

/* Keys without a place: what an engine adds, where Podman and "cevctl --json" have it. */
static bool is_of_form(const char *key)
{
        static const char *const keys[] = { "time", "timeNano", "Cursor", "Position", "CRC" };

        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
                if (strcmp(keys[i], key) == 0)
                        return true;
        return false;
}

static int read_members(json_object *root, bool podman, Event *e)
{
        bool sealed = json_object_object_get_ex(root, "CRC", NULL);
        int r;

        json_object_object_foreach(root, key, value) {
                r = read_member(key, value, podman, e);
                if (r == 0 && !event_detail_is_known(key) && is_scalar(value) &&
                    (podman || (!sealed && !is_of_form(key))))
                        r = keep_other(e, key, value);
                if (r < 0)
                        return r;
        }
        if (!e->type || !*e->type || !e->status || !*e->status ||
            !json_object_object_get_ex(root, "Time", NULL))
                return -EBADMSG;
        return 0;
}

/*
 * What Podman means and does not write. Up to 4.9 it left an exit code of 0 out, where it always
 * has one; since 5.0 it is always there. Up to 4.2 the ID of an exec session was an attribute.
 */
static void complete(Event *e)
{
        bool exec_died = strcmp(e->status, "exec_died") == 0;

        e->engine = "podman";
        if (strcmp(e->type, "container") != 0)
                return;
        if (exec_died || strcmp(e->status, "died") == 0) {
                e->has_exit_code = true;
                e->evidence = "event";
        }
        if (exec_died)
                e->exec_id = event_attribute(e, "execID");
}

/* "" is what does not apply, but for the strings that every event has. */
static void settle(Event *e)
{
        const char **const always[] = { &e->id, &e->name, &e->image, &e->engine };
        const char **const sometimes[] = { &e->exec_id, &e->pod_id, &e->network, &e->health_status,
                                           &e->error,   &e->reason, &e->evidence };

        for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
                if (!*always[i])
                        *always[i] = "";
        for (size_t i = 0; i < sizeof(sometimes) / sizeof(sometimes[0]); i++)
                if (*sometimes[i] && !**sometimes[i])
                        *sometimes[i] = NULL;
}

static bool has(json_object *root, const char *key)
{
        return json_object_object_get_ex(root, key, NULL);
}

static int parse(EventLines *lines, const char *line, size_t length, json_object **ret)
{
        json_object *root;

        json_tokener_reset(lines->tokener);
        root = json_tokener_parse_ex(lines->tokener, line, (int)length);
        if (!root || json_tokener_get_parse_end(lines->tokener) != length ||
            !json_object_is_type(root, json_type_object)) {
                json_object_put(root);
                return -EBADMSG;
        }
        *ret = root;
        return 0;
}

/* Podman may write an escaped NUL, which neither C strings nor the bus can hold; the service takes
 * U+FFFD for it. */
static char *replace_nul(const char *line, size_t length)
{
        char *copy = strndup(line, length);

        for (char *p = copy; p && *p; p++) {
                if (*p != '\\')
                        continue;
                p++; /* what is escaped, so that the second backslash of two escapes nothing */
                if (strncmp(p, "u0000", 5) == 0)
                        memcpy(p, "ufffd", 5);
                if (!*p)
                        break;
        }
        return copy;
}

static int read_root(EventLines *lines, const char *line, size_t length, json_object **ret_root,
                     bool *ret_podman)
{
        _cleanup_free_ char *copy = NULL;
        int r;

        r = parse(lines, line, length, ret_root);
        if (r < 0)
                return r;
        *ret_podman = !has(*ret_root, "Seq") && !has(*ret_root, "Engine");
        if (!*ret_podman || !memmem(line, length, "\\u0000", 6))
                return 0;

        json_object_put(*ret_root);
        *ret_root = NULL;
        copy = replace_nul(line, length);
        return copy ? parse(lines, copy, length, ret_root) : -ENOMEM;
}

int event_lines_read(EventLines *lines, const char *line, size_t length, Event *ret)
{
        _cleanup_json_ json_object *root = NULL;
        _cleanup_(event_done) Event e = {};
        bool podman;
        int r;

        if (length > EVENT_LINE_MAX)
                return -EBADMSG;
        if (!event_line_is_intact(line, length))
                return -EILSEQ;
        r = read_root(lines, line, length, &root, &podman);
        if (r < 0)
                return r;
        if (podman && has(root, "FirstSeq") && has(root, "Epoch"))
                return 0;
        r = read_members(root, podman, &e);
        if (r < 0)
                return r;
        if (podman) {
                if (strcmp(e.type, "system") == 0 && strcmp(e.status, "log-rotation") == 0)
                        return 0;
                complete(&e);
        }
        settle(&e);

        e.root = TAKE_PTR(root);
        *ret = e;
        e = (Event){};
        return 1;
}

/* ---- writing ---- */

int event_line_print(FILE *f, const Event *e)
{
        _cleanup_json_ json_object *object = NULL;
        const char *text;
        size_t length;
        int r;

        r = event_to_record(e, &object);
        if (r < 0)
                return r;
        text = json_object_to_json_string_length(
                object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);
        if (!text)
                return -ENOMEM;
        length--; /* without its "}" */
        fwrite(text, 1, length, f);
        fprintf(f, CRC_MARK "%08lx\"}\n", checksum(text, length));
        return 0;
}
