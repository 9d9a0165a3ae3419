/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* clang-format off */
/*
 * Record: one line of a segment, a JSON object that ends in its checksum. An event's record is the
 * event (model/event-json.h), then
 *
 *   Position   where in its source the event was: "SOURCE PLACE", so that the log alone says where
 *              each source resumes. Where its last word is the event's own time, in
 *              nanoseconds, "@" stands for that word and the space before it; where its first
 *              word is the event's own engine, that word is not there
 *   CRC        CRC-32 (zlib's, of RFC 1952) over all bytes of the line before ,"CRC" as 8 hex digits
 *
 * The first line of a segment is its header. It has a Type, a Status and a Time, so that Podman can
 * read our files as its own, then
 *
 *   Format     1
 *   Epoch      ID of the history
 *   FirstSeq   number of the first event that the segment may hold
 *   Positions  of all sources, when the segment was started
 *   Thinned    where lines were taken out again (log/thinning.h): how many, by their status; of
 *              exec_died only the ends of health checks' exec sessions
 *   Exits      where only exit codes are kept (log/exit-records.h): how many, by what ended. Their records
 *              have no more than it takes to answer with which code a container or an exec ended,
 *              and are of events whose own segment is gone.
 */
/* clang-format on */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-id128.h>

#include "base/buffer.h"
#include "model/event.h"

#define RECORD_FORMAT 1

/* "SOURCE PLACE", its NUL included. */
#define POSITION_SIZE 256

/* The longest line that we write, its "\n" included: an event, our keys, and room to spare. */
#define RECORD_SIZE_MAX (EVENT_SIZE_MAX + 4096)

/* The shortest: {"Status":"x","Time":"1970-01-01T00:00:00Z","Type":"x","Seq":1,"CRC":"01234567"} */
#define RECORD_SIZE_MIN 81

struct json_object;

/*
 * Puts the line, with its "\n", behind what is in the buffer. "position" may be NULL. Returns
 * -EINVAL for a position that is too long, would need escaping, starts with a space or ends in "@",
 * -ENOMEM; then nothing was put.
 */
int record_put(Buffer *buffer, const Event *event, uint64_t seq, const char *position);

/* The line alone; the caller owns it. */
int record_format(const Event *event, uint64_t seq, const char *position, char **ret,
                  size_t *ret_length);

/* Whether the line, without "\n", is as it was written. */
bool record_is_intact(const char *line, size_t length);

/* The number in an intact record; 0 for a header. */
uint64_t record_seq(const char *line, size_t length);

/*
 * The greatest number up to "limit" that a record in a piece of text may have had; 0 if there is
 * none. The text need not be intact, and may hold several records.
 */
uint64_t record_greatest_seq(const char *text, size_t length, uint64_t limit);

/* Whether a piece of text goes as far as a record's checksum. */
bool record_has_checksum(const char *text, size_t length);

/* The status in an intact record as it stands there, that is with what JSON escapes; false if there
 * is none. */
bool record_status(const char *line, size_t length, const char **ret, size_t *ret_length);

/* As event_is_health_check_exec() of its event; the record is one that we wrote. */
bool record_is_health_check_exec(const char *line, size_t length);

/* Copies the position out of an intact record; false if it has none. */
bool record_position(const char *line, size_t length, char position[static POSITION_SIZE]);

/* The event of an intact record. Returns -EBADMSG or -ENOMEM. */
int record_event(const char *line, size_t length, Event **ret);

/* The statuses of what a header counts as taken out. */
#define RECORD_STATUS_THINNED      "health_status"
#define RECORD_STATUS_THINNED_EXEC "exec_died"

typedef struct RecordHeader {
        int64_t format;
        sd_id128_t epoch;
        uint64_t first_seq;
        struct json_object *positions; /* owned: source -> place; never NULL when read */

        uint64_t time_nsec; /* when the segment was started; 0 in one to be written: now */
        bool thinned;
        uint64_t n_thinned;       /* "health_status" lines that were taken out */
        uint64_t n_thinned_execs; /* ends of health checks' exec sessions that were */
        bool exits;
        uint64_t n_execs, n_containers; /* that ended */
} RecordHeader;

int record_format_header(const RecordHeader *header, char **ret, size_t *ret_length);

/* Returns -EBADMSG for what is no header of a format that we know how to tell. */
int record_parse_header(const char *line, size_t length, RecordHeader *ret);

void record_header_done(RecordHeader *header);
