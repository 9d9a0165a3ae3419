/* SPDX-License-Identifier: Apache-2.0 */
#include "model/event-scanner.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/utf8.h"
#include "model/timestamp.h"

/* Each label is compared with those before it, for a key must not stand there twice; more than
 * this is not worth it. */
#define ATTRIBUTES_MAX 64

/* NULs behind the line, so that the longest key can be compared with what is left of it. */
#define PADDING 24

/* What is left of the line. Each of the functions below takes something from its start, and returns
 * false for what it does not expect. */
typedef struct Rest {
        char *p;
        char *end; /* where NULs begin */
} Rest;

static bool take_literal(Rest *rest, const char *literal, size_t length)
{
        if ((size_t)(rest->end - rest->p) < length || memcmp(rest->p, literal, length) != 0)
                return false;

        rest->p += length;
        return true;
}

#define TAKE(rest, literal) take_literal((rest), literal, sizeof(literal) - 1)

/* ---- strings ---- */

static bool take_hex4(const char *p, unsigned *ret)
{
        unsigned code = 0;

        for (int i = 0; i < 4; i++) {
                char c = p[i];

                if (c >= '0' && c <= '9')
                        code = code << 4 | (unsigned)(c - '0');
                else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
                        code = code << 4 | (unsigned)((c | 0x20) - 'a' + 10);
                else
                        return false;
        }

        *ret = code;
        return true;
}

/* As UTF-8, which is never longer than the escape was. Engines and we write no pairs of them. */
static size_t put_code(char *out, unsigned code)
{
        char bytes[3] = { (char)code };
        size_t n = 1;

        if (code >= 0x800) {
                bytes[0] = (char)(0xe0 | code >> 12);
                bytes[1] = (char)(0x80 | (code >> 6 & 0x3f));
                bytes[2] = (char)(0x80 | (code & 0x3f));
                n = 3;
        } else if (code >= 0x80) {
                bytes[0] = (char)(0xc0 | code >> 6);
                bytes[1] = (char)(0x80 | (code & 0x3f));
                n = 2;
        }
        if (code == 0 || utf8_character(bytes, n) != n)
                return 0;

        memcpy(out, bytes, n);
        return n;
}

/* An escape, from its backslash on. */
static bool take_escape(Rest *rest, char **out)
{
        static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
        char name = rest->p[1]; /* a NUL at the end */
        const char *found = name != '\0' ? strchr(names, name) : NULL;
        unsigned code;
        size_t n;

        if (found) {
                *(*out)++ = meant[found - names];
                rest->p += 2;
                return true;
        }
        if (name != 'u' || !take_hex4(rest->p + 2, &code))
                return false;
        n = put_code(*out, code);
        *out += n;
        rest->p += 6;
        return n > 0;
}

/* Ends the string where it stands. Quotes, backslashes and controls can only be escaped in it. */
static bool take_string(Rest *rest, const char **ret)
{
        char *start = rest->p + 1, *out;

        if (*rest->p != '"')
                return false;
        rest->p = start + json_plain(start, (size_t)(rest->end - start));
        out = rest->p;
        while (*rest->p != '"') {
                size_t n;

                if (*rest->p == '\\') {
                        if (!take_escape(rest, &out))
                                return false;
                        continue;
                }
                n = utf8_character(rest->p, (size_t)(rest->end - rest->p));
                if (n == 0 || (unsigned char)*rest->p < 0x20)
                        return false;
                memmove(out, rest->p, n);
                out += n;
                rest->p += n;
        }

        rest->p++;
        *out = '\0';
        *ret = start;
        return true;
}

/* ---- other values ---- */

/* Without a superfluous zero. */
static bool take_u64(Rest *rest, uint64_t *ret)
{
        const char *start = rest->p;
        uint64_t number = 0;

        for (; *rest->p >= '0' && *rest->p <= '9'; rest->p++)
                if (__builtin_mul_overflow(number, 10, &number) ||
                    __builtin_add_overflow(number, (uint64_t)(*rest->p - '0'), &number))
                        return false;
        if (rest->p == start || (*start == '0' && rest->p > start + 1))
                return false;

        *ret = number;
        return true;
}

static bool take_exit_code(Rest *rest, EventFields *fields)
{
        bool negative = TAKE(rest, "-");
        uint64_t number;

        if (!take_u64(rest, &number) || number > INT32_MAX || (negative && number == 0))
                return false;

        fields->exit_code = negative ? -(int32_t)number : (int32_t)number;
        fields->has_exit_code = true;
        return true;
}

static bool take_uid(Rest *rest, EventFields *fields)
{
        uint64_t number;

        if (!take_u64(rest, &number) || number > UINT32_MAX)
                return false;

        fields->uid = (uint32_t)number;
        fields->has_uid = true;
        return true;
}

static bool take_flag(Rest *rest, bool *ret)
{
        *ret = TAKE(rest, "true");
        return *ret || TAKE(rest, "false");
}

static bool take_time(Rest *rest, EventFields *fields)
{
        const char *text;

        return take_string(rest, &text) && timestamp_parse(text, &fields->time_nsec) >= 0;
}

/* ---- labels ---- */

/* Most keys differ in this, so only few are compared. */
static uint64_t key_bit(const char *key)
{
        size_t length = strlen(key);
        unsigned last = length > 0 ? (unsigned char)key[length - 1] : 0;

        return UINT64_C(1) << ((length * 7 + last) & 63);
}

static bool is_key_of(const EventAttribute *attributes, size_t n, const char *key)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(attributes[i].key, key) == 0)
                        return true;

        return false;
}

static bool take_attributes(EventScanner *scanner, Rest *rest)
{
        EventFields *fields = &scanner->fields;
        uint64_t bits = 0;
        size_t n = 0;

        /* Podman writes null where there are none. */
        if (TAKE(rest, "null") || TAKE(rest, "{}"))
                return true;
        if (!TAKE(rest, "{"))
                return false;
        do {
                EventAttribute *attribute = scanner->attributes + n;
                uint64_t bit;

                if (n == ATTRIBUTES_MAX || !take_string(rest, &attribute->key) ||
                    !TAKE(rest, ":") || !take_string(rest, &attribute->value))
                        return false;
                bit = key_bit(attribute->key);
                if ((bits & bit) && is_key_of(scanner->attributes, n, attribute->key))
                        return false;
                bits |= bit;
                n++;
        } while (TAKE(rest, ","));

        fields->attributes = scanner->attributes;
        fields->n_attributes = n;
        return TAKE(rest, "}");
}

/* ---- members ---- */

typedef enum Kind {
        KIND_STRING,
        KIND_FLAG,
        KIND_EXIT_CODE,
        KIND_TIME,
        KIND_ATTRIBUTES,
        KIND_SEQ,
        KIND_UID,
        KIND_SKIPPED, /* a string that is not part of the event */
} Kind;

/* In the order in which they are written. */
static const struct Member {
        const char *key; /* as it stands in the line */
        size_t length;
        Kind kind;
        bool ours;
        size_t offset;
} members[] = {
#define MEMBER(key, kind, ours, offset)                                                            \
        {                                                                                          \
                "\"" key "\":", sizeof(key) + 2, kind, ours, offset                                \
        }
#define STRING(key, ours, field) MEMBER(key, KIND_STRING, ours, offsetof(EventFields, field))
#define FLAG(key, ours, field)   MEMBER(key, KIND_FLAG, ours, offsetof(EventFields, field))
        MEMBER("ContainerExitCode", KIND_EXIT_CODE, false, 0),
        FLAG("OOMKilled", false, oom_killed),
        STRING("ID", false, id),
        STRING("Image", false, image),
        STRING("Name", false, name),
        STRING("network", false, network),
        STRING("Status", false, status),
        MEMBER("Time", KIND_TIME, false, 0),
        STRING("Type", false, type),
        STRING("health_status", false, health_status),
        STRING("error", false, error),
        STRING("PodID", false, pod_id),
        MEMBER("Attributes", KIND_ATTRIBUTES, false, 0),
        MEMBER("Seq", KIND_SEQ, true, 0),
        STRING("Engine", true, engine),
        STRING("ExecID", true, exec_id),
        MEMBER("UID", KIND_UID, true, 0),
        FLAG("Synthetic", true, synthetic),
        STRING("Reason", true, reason),
        STRING("Evidence", true, evidence),
        FLAG("Truncated", true, truncated),
        FLAG("Backlog", true, backlog),
        MEMBER("Position", KIND_SKIPPED, true, 0),
        MEMBER("CRC", KIND_SKIPPED, true, 0),
#undef FLAG
#undef STRING
#undef MEMBER
};

static bool take_value(EventScanner *scanner, Rest *rest, const struct Member *member)
{
        char *base = (char *)&scanner->fields;
        const char *skipped;

        switch (member->kind) {
        case KIND_STRING:
                return take_string(rest, (const char **)(base + member->offset));
        case KIND_FLAG:
                return take_flag(rest, (bool *)(base + member->offset));
        case KIND_EXIT_CODE:
                return take_exit_code(rest, &scanner->fields);
        case KIND_TIME:
                return take_time(rest, &scanner->fields);
        case KIND_ATTRIBUTES:
                return take_attributes(scanner, rest);
        case KIND_SEQ:
                return take_u64(rest, &scanner->fields.seq) && scanner->fields.seq > 0;
        case KIND_UID:
                return take_uid(rest, &scanner->fields);
        default:
                return take_string(rest, &skipped);
        }
}

/* The member whose key the line goes on with, from "i" on; ELEMENTSOF(members) if it is none. */
static size_t find_member(const Rest *rest, size_t i)
{
        while (i < ELEMENTSOF(members) && (rest->p[1] != members[i].key[1] ||
                                           memcmp(rest->p, members[i].key, members[i].length) != 0))
                i++;
        return i;
}

static bool take_event(EventScanner *scanner, Rest *rest, EventJsonForm form)
{
        const EventFields *fields = &scanner->fields;
        bool has_time = false;
        size_t i = 0;

        if (!TAKE(rest, "{"))
                return false;
        do {
                i = find_member(rest, i);
                if (i == ELEMENTSOF(members) || (members[i].ours && form == EVENT_JSON_PODMAN))
                        return false;
                rest->p += members[i].length;
                if (!take_value(scanner, rest, members + i))
                        return false;
                has_time |= members[i].kind == KIND_TIME;
                i++;
        } while (TAKE(rest, ","));

        return TAKE(rest, "}") && rest->p == rest->end && has_time && *fields->type &&
               *fields->status && (form == EVENT_JSON_PODMAN || fields->seq > 0);
}

/* ---- scanner ---- */

static int reserve(EventScanner *scanner, size_t length)
{
        size_t size = length + PADDING;

        if (!scanner->attributes) {
                scanner->attributes = reallocarray(NULL, ATTRIBUTES_MAX, sizeof(EventAttribute));
                if (!scanner->attributes)
                        return -ENOMEM;
        }
        if (size > scanner->text_allocated) {
                char *text;

                if (size < scanner->text_allocated * 2)
                        size = scanner->text_allocated * 2;
                text = realloc(scanner->text, size);
                if (!text)
                        return -ENOMEM;
                scanner->text = text;
                scanner->text_allocated = size;
        }
        return 0;
}

int event_scanner_read(EventScanner *scanner, const char *line, size_t length, EventJsonForm form,
                       const EventFields **ret)
{
        Rest rest;
        int r;

        if (length > INT_MAX)
                return 0;
        r = reserve(scanner, length);
        if (r < 0)
                return r;

        memcpy(scanner->text, line, length);
        memset(scanner->text + length, 0, PADDING);
        rest = (Rest){ .p = scanner->text, .end = scanner->text + length };
        scanner->fields = (EventFields){
                .type = "", .status = "", .id = "", .name = "", .image = "", .engine = ""
        };
        if (!take_event(scanner, &rest, form))
                return 0;

        *ret = &scanner->fields;
        return 1;
}

void event_scanner_done(EventScanner *scanner)
{
        free(scanner->text);
        free(scanner->attributes);
        *scanner = (EventScanner){};
}
