/* SPDX-License-Identifier: Apache-2.0 */
#include "log/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/number.h"
#include "model/event-json.h"
#include "model/timestamp.h"
#include "model/vocabulary.h"
#include "names.h"

/*
 * Inside a JSON string a quote is escaped, so these can stand in a record only where we put them,
 * or as the name of a label or of something that an engine added.
 */
#define SEQ_MARK      ",\"Seq\":"
#define POSITION_MARK ",\"Position\":\""

/* What stands before Time has quotes only around its strings, so the first one is it. */
#define TIME_MARK "\"Time\":\""

/* At the end of a position: the record's own time. */
#define TIME_SIGN '@'

/* At its start, where there was a word before it: the record's own engine, which follows Seq. */
#define ENGINE_SIGN ' '
#define ENGINE_MARK ",\"Engine\":\""

/* ,"CRC":"01234567"} */
#define CRC_MARK   ",\"CRC\":\""
#define CRC_DIGITS 8
#define CRC_END    "\"}"
#define CRC_LENGTH (sizeof(CRC_MARK) - 1 + CRC_DIGITS + sizeof(CRC_END) - 1)

/* The digits that the text starts with; 0 if there are none, or too many. */
static uint64_t parse_leading_u64(const char *text, size_t length)
{
        uint64_t number = 0;

        for (size_t i = 0; i < length && text[i] >= '0' && text[i] <= '9'; i++)
                if (__builtin_mul_overflow(number, 10, &number) ||
                    __builtin_add_overflow(number, (uint64_t)(text[i] - '0'), &number))
                        return 0;

        return number;
}

static void checksum_digits(const char *bytes, size_t length, char digits[static CRC_DIGITS])
{
        unsigned long sum = crc32_z(0, (const unsigned char *)bytes, length);

        for (size_t i = CRC_DIGITS; i-- > 0; sum >>= 4)
                digits[i] = "0123456789abcdef"[sum & 15];
}

static bool position_is_plain(const char *position)
{
        size_t length = strnlen(position, POSITION_SIZE);

        if (length == 0 || length >= POSITION_SIZE)
                return false;
        for (const char *p = position; *p; p++)
                if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f || *p == '"' ||
                    *p == '\\')
                        return false;

        return position[0] != ENGINE_SIGN && position[length - 1] != TIME_SIGN;
}

/* How much of the position there is before the space behind the event's own engine; 0 if another
 * word comes first. */
static size_t length_of_engine(const char *position, const char *engine)
{
        size_t length = strlen(engine);

        return strncmp(position, engine, length) == 0 && position[length] == ENGINE_SIGN ? length
                                                                                         : 0;
}

/* How much of the position there is before the event's own time, which ends it; 0 if another word
 * does. */
static size_t length_before_time(const char *position, uint64_t time_nsec)
{
        const char *space = strrchr(position, ' ');
        uint64_t number;

        if (!space || parse_u64(space + 1, &number) < 0 || number != time_nsec ||
            (space[1] == '0' && space[2] != '\0'))
                return 0;
        return (size_t)(space - position);
}

static void put_position(Buffer *buffer, const char *position, const EventFields *event)
{
        size_t start = length_of_engine(position, event->engine),
               length = length_before_time(position, event->time_nsec);

        /* The time is a word of its own, behind the one space that there may be. */
        if (start == length)
                start = 0;
        buffer_put_literal(buffer, POSITION_MARK);
        buffer_put(buffer, position + start, (length > 0 ? length : strlen(position)) - start);
        if (length > 0)
                buffer_put(buffer, &(char){ TIME_SIGN }, 1);
        buffer_put_literal(buffer, "\"");
}

/* Opens the end of the object that starts there again, and adds position, checksum and end of line.
 */
static int seal_line(Buffer *buffer, size_t start, const char *position, const EventFields *event)
{
        char digits[CRC_DIGITS];

        buffer->size--; /* "}" */
        if (position)
                put_position(buffer, position, event);
        if (!buffer->failed)
                checksum_digits(buffer->data + start, buffer->size - start, digits);
        buffer_put_literal(buffer, CRC_MARK);
        buffer_put(buffer, digits, sizeof(digits));
        buffer_put_literal(buffer, CRC_END "\n");
        return buffer_end(buffer, start);
}

int record_put(Buffer *buffer, const Event *event, uint64_t seq, const char *position)
{
        size_t start = buffer->size;
        int r;

        if (position && !position_is_plain(position))
                return -EINVAL;
        r = event_json_put(buffer, event_fields(event), seq);
        if (r < 0)
                return r;

        return seal_line(buffer, start, position, event_fields(event));
}

/* Hands the buffer over as a string. */
static int take_line(Buffer *buffer, char **ret, size_t *ret_length)
{
        size_t length = buffer->size;
        int r;

        buffer_put(buffer, "", 1);
        r = buffer_end(buffer, length);
        if (r < 0)
                return r;

        *ret_length = length;
        *ret = TAKE_PTR(buffer->data);
        return 0;
}

int record_format(const Event *event, uint64_t seq, const char *position, char **ret,
                  size_t *ret_length)
{
        _cleanup_(buffer_done) Buffer buffer = {};
        int r;

        r = record_put(&buffer, event, seq, position);
        if (r < 0)
                return r;

        return take_line(&buffer, ret, ret_length);
}

bool record_is_intact(const char *line, size_t length)
{
        char digits[CRC_DIGITS];
        const char *mark;

        if (length <= CRC_LENGTH || length >= RECORD_SIZE_MAX || line[0] != '{')
                return false;
        mark = line + length - CRC_LENGTH;
        if (memcmp(mark, CRC_MARK, sizeof(CRC_MARK) - 1) != 0 ||
            memcmp(line + length - (sizeof(CRC_END) - 1), CRC_END, sizeof(CRC_END) - 1) != 0)
                return false;

        checksum_digits(line, length - CRC_LENGTH, digits);
        return memcmp(mark + sizeof(CRC_MARK) - 1, digits, sizeof(digits)) == 0;
}

/* The number behind the first mark in [text, end) that has one; *ret_next is where to look on. */
static uint64_t find_seq(const char *text, const char *end, const char **ret_next)
{
        const char *mark = text;

        /* A label may have that name; its value is a string. */
        do {
                mark = memmem(mark, (size_t)(end - mark), SEQ_MARK, sizeof(SEQ_MARK) - 1);
                if (!mark) {
                        *ret_next = end;
                        return 0;
                }
                mark += sizeof(SEQ_MARK) - 1;
        } while (mark < end && *mark == '"');

        *ret_next = mark;
        return parse_leading_u64(mark, (size_t)(end - mark));
}

uint64_t record_seq(const char *line, size_t length)
{
        const char *next;

        return find_seq(line, line + length, &next);
}

uint64_t record_greatest_seq(const char *text, size_t length, uint64_t limit)
{
        const char *end = text + length;
        uint64_t greatest = 0;

        while (text < end) {
                uint64_t seq = find_seq(text, end, &text);

                if (seq > greatest && seq <= limit)
                        greatest = seq;
        }

        return greatest;
}

bool record_has_checksum(const char *text, size_t length)
{
        return memmem(text, length, CRC_MARK, sizeof(CRC_MARK) - 1);
}

static bool own_time(const char *line, size_t length, uint64_t *ret)
{
        const char *start = memmem(line, length, TIME_MARK, sizeof(TIME_MARK) - 1), *end;
        char text[TIMESTAMP_SIZE];

        if (!start)
                return false;
        start += sizeof(TIME_MARK) - 1;
        end = memchr(start, '"', (size_t)(line + length - start));
        if (!end || (size_t)(end - start) >= sizeof(text))
                return false;

        memcpy(text, start, (size_t)(end - start));
        text[end - start] = '\0';
        return timestamp_parse(text, ret) >= 0;
}

/* Puts the engine before its sign. */
static bool prefix_engine(const char *line, size_t length, char position[static POSITION_SIZE])
{
        const char *end = line + length, *start, *quote;
        size_t n;

        if (position[0] != ENGINE_SIGN)
                return true;
        if (find_seq(line, end, &start) == 0)
                return false;
        while (start < end && *start >= '0' && *start <= '9')
                start++;
        if ((size_t)(end - start) < sizeof(ENGINE_MARK) - 1 ||
            memcmp(start, ENGINE_MARK, sizeof(ENGINE_MARK) - 1) != 0)
                return false;
        start += sizeof(ENGINE_MARK) - 1;
        quote = memchr(start, '"', (size_t)(end - start));
        n = quote ? (size_t)(quote - start) : 0;
        if (n == 0 || n + strlen(position) >= POSITION_SIZE)
                return false;

        memmove(position + n, position, strlen(position) + 1);
        memcpy(position, start, n);
        return true;
}

/* Puts the time in the place of its sign. */
static bool complete_position(const char *line, size_t length, char position[static POSITION_SIZE])
{
        size_t n = strlen(position);
        uint64_t nsec;

        if (n == 0 || position[n - 1] != TIME_SIGN)
                return true;
        n--;
        return own_time(line, length, &nsec) &&
               (size_t)snprintf(position + n, POSITION_SIZE - n, " %" PRIu64, nsec) <
                       POSITION_SIZE - n;
}

/* Before it stand only strings, in which a quote is escaped: the first mark is the record's own. */
#define STATUS_MARK "\"Status\":\""

bool record_status(const char *line, size_t length, const char **ret, size_t *ret_length)
{
        const char *end = line + length, *status, *quote;

        status = memmem(line, length, STATUS_MARK, sizeof(STATUS_MARK) - 1);
        if (!status)
                return false;
        status += sizeof(STATUS_MARK) - 1;
        quote = memchr(status, '"', (size_t)(end - status));
        if (!quote)
                return false;

        *ret = status;
        *ret_length = (size_t)(quote - status);
        return true;
}

/* Longer than any status that counts. */
#define STATUS_SIZE 16

/* Before the number the event's strings stand where the engine has them, and the first mark is its
 * own; behind it only what we say, up to what an engine added. */
#define TYPE_MARK   ",\"Type\":\""
#define REASON_MARK ",\"Reason\":\"" CE_REASON_HEALTH_CHECK "\""
#define EXTRA_MARK  ",\"Extra\":{"

static bool is_exec_died(const char *line, size_t length)
{
        const char *status;
        char copy[STATUS_SIZE];
        size_t n;

        if (!record_status(line, length, &status, &n) || n >= sizeof(copy))
                return false;
        memcpy(copy, status, n);
        copy[n] = '\0';
        return strcmp(event_status_canonical(copy), "exec_died") == 0;
}

static bool is_container(const char *line, size_t length)
{
        static const char type[] = TYPE_MARK "container\"";
        const char *mark = memmem(line, length, TYPE_MARK, sizeof(TYPE_MARK) - 1);

        return mark && (size_t)(line + length - mark) >= sizeof(type) - 1 &&
               memcmp(mark, type, sizeof(type) - 1) == 0;
}

bool record_is_health_check_exec(const char *line, size_t length)
{
        const char *end = line + length, *ours, *extra;

        /* Most records are none. */
        if (!memmem(line, length, REASON_MARK, sizeof(REASON_MARK) - 1) ||
            !is_exec_died(line, length) || !is_container(line, length) ||
            find_seq(line, end, &ours) == 0)
                return false;

        extra = memmem(ours, (size_t)(end - ours), EXTRA_MARK, sizeof(EXTRA_MARK) - 1);
        return memmem(ours, (size_t)((extra ? extra : end) - ours), REASON_MARK,
                      sizeof(REASON_MARK) - 1);
}

bool record_position(const char *line, size_t length, char position[static POSITION_SIZE])
{
        const size_t mark_length = sizeof(POSITION_MARK) - 1;
        char found[POSITION_SIZE];
        const char *start, *end;

        /* It stands right before the checksum, and has no quote in it: from the end, nothing that
         * an engine or a caller of Emit can write passes for it. */
        if (length <= CRC_LENGTH || line[length - CRC_LENGTH - 1] != '"')
                return false;
        end = line + length - CRC_LENGTH - 1;
        start = memrchr(line, '"', (size_t)(end - line));
        if (!start || end - start > POSITION_SIZE)
                return false;
        start++;
        if ((size_t)(start - line) < mark_length ||
            memcmp(start - mark_length, POSITION_MARK, mark_length) != 0)
                return false;

        memcpy(found, start, (size_t)(end - start));
        found[end - start] = '\0';
        if (!complete_position(line, (size_t)(start - line), found) ||
            !prefix_engine(line, (size_t)(start - line), found))
                return false;

        memcpy(position, found, sizeof(found));
        return true;
}

int record_event(const char *line, size_t length, Event **ret)
{
        _cleanup_json_ struct json_object *root = NULL;
        EventFields fields;
        int r;

        r = event_json_tokenize(line, length, &root);
        if (r < 0)
                return r;
        r = event_json_read(root, EVENT_JSON_RECORD, &fields);
        if (r < 0)
                return r;

        return event_new(&fields, ret);
}

/* ---- header ---- */

#define KEY_THINNED    "Thinned"
#define KEY_EXITS      "Exits"
#define KEY_EXECS      "exec"
#define KEY_CONTAINERS "container"

/* Adds an object of numbers to the header. */
static int add_counts(struct json_object *root, const char *key, const char *first,
                      uint64_t n_first, const char *second, uint64_t n_second)
{
        _cleanup_json_ struct json_object *counts = json_object_new_object();
        int r;

        if (!counts)
                return -ENOMEM;
        r = json_add(counts, first, json_object_new_uint64(n_first));
        if (r >= 0 && second)
                r = json_add(counts, second, json_object_new_uint64(n_second));
        return r < 0 ? r : json_add(root, key, TAKE_PTR(counts));
}

static int add_what_is_kept(struct json_object *root, const RecordHeader *header)
{
        int r = 0;

        if (header->thinned)
                r = add_counts(root, KEY_THINNED, RECORD_STATUS_THINNED, header->n_thinned,
                               header->n_thinned_execs > 0 ? RECORD_STATUS_THINNED_EXEC : NULL,
                               header->n_thinned_execs);
        if (r >= 0 && header->exits)
                r = add_counts(root, KEY_EXITS, KEY_EXECS, header->n_execs, KEY_CONTAINERS,
                               header->n_containers);
        return r;
}

int record_format_header(const RecordHeader *header, char **ret, size_t *ret_length)
{
        _cleanup_json_ struct json_object *root = NULL;
        _cleanup_(buffer_done) Buffer buffer = {};
        char time[TIMESTAMP_SIZE], epoch[SD_ID128_STRING_MAX];
        const char *text;
        size_t length;
        int r;

        timestamp_format(header->time_nsec > 0 ? header->time_nsec : timestamp_now(), time);
        root = json_object_new_object();
        if (!root)
                return -ENOMEM;
        if ((r = json_add(root, "Status", json_object_new_string("segment"))) < 0 ||
            (r = json_add(root, "Time", json_object_new_string(time))) < 0 ||
            (r = json_add(root, "Type", json_object_new_string("system"))) < 0 ||
            (r = json_add(root, "Format", json_object_new_int64(header->format))) < 0 ||
            (r = json_add(root, "Epoch",
                          json_object_new_string(sd_id128_to_string(header->epoch, epoch)))) < 0 ||
            (r = json_add(root, "FirstSeq", json_object_new_uint64(header->first_seq))) < 0 ||
            (r = json_add(root, "Positions", json_object_get(header->positions))) < 0 ||
            (r = add_what_is_kept(root, header)) < 0)
                return r;

        text = event_json_text(root, &length);
        if (!text)
                return -ENOMEM;

        buffer_put(&buffer, text, length);
        r = buffer_end(&buffer, 0);
        if (r < 0 || (r = seal_line(&buffer, 0, NULL, NULL)) < 0)
                return r;
        return take_line(&buffer, ret, ret_length);
}

static bool member_is(struct json_object *root, const char *key, enum json_type type,
                      struct json_object **ret)
{
        return json_object_object_get_ex(root, key, ret) && json_object_is_type(*ret, type);
}

static bool positions_are_strings(struct json_object *positions)
{
        struct json_object_iter member;

        json_object_object_foreachC(positions, member)
        {
                if (!json_object_is_type(member.val, json_type_string))
                        return false;
        }
        return true;
}

static uint64_t count_of(struct json_object *counts, const char *key)
{
        struct json_object *count;

        return member_is(counts, key, json_type_int, &count) ? json_object_get_uint64(count) : 0;
}

/* What may be missing, or may be nonsense. */
static void read_what_is_kept(struct json_object *root, RecordHeader *header)
{
        struct json_object *member;

        if (!member_is(root, "Time", json_type_string, &member) ||
            timestamp_parse(json_object_get_string(member), &header->time_nsec) < 0)
                header->time_nsec = 0;
        header->thinned = member_is(root, KEY_THINNED, json_type_object, &member);
        if (header->thinned) {
                header->n_thinned = count_of(member, RECORD_STATUS_THINNED);
                header->n_thinned_execs = count_of(member, RECORD_STATUS_THINNED_EXEC);
        }
        header->exits = member_is(root, KEY_EXITS, json_type_object, &member);
        if (header->exits) {
                header->n_execs = count_of(member, KEY_EXECS);
                header->n_containers = count_of(member, KEY_CONTAINERS);
        }
}

int record_parse_header(const char *line, size_t length, RecordHeader *ret)
{
        _cleanup_json_ struct json_object *root = NULL;
        struct json_object *format, *epoch, *first_seq, *positions;
        RecordHeader header = {};
        int r;

        if (!record_is_intact(line, length))
                return -EBADMSG;
        r = event_json_tokenize(line, length, &root);
        if (r < 0)
                return r;
        if (!member_is(root, "Format", json_type_int, &format) ||
            !member_is(root, "Epoch", json_type_string, &epoch) ||
            !member_is(root, "FirstSeq", json_type_int, &first_seq) ||
            !member_is(root, "Positions", json_type_object, &positions) ||
            !positions_are_strings(positions) ||
            sd_id128_from_string(json_object_get_string(epoch), &header.epoch) < 0)
                return -EBADMSG;

        header.format = json_object_get_int64(format);
        header.first_seq = json_object_get_uint64(first_seq);
        if (header.first_seq == 0)
                return -EBADMSG;
        read_what_is_kept(root, &header);
        header.positions = json_object_get(positions);
        *ret = header;
        return 0;
}

void record_header_done(RecordHeader *header)
{
        json_object_put(header->positions);
        header->positions = NULL;
}
