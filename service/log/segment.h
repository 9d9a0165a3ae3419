/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Segment: one file of the history. "events.log" is the active one, which is appended to; the
 * sealed ones are "events-FIRSTSEQ.log" and never change: one that is thinned is a new file of that
 * name (log/thinning.h). What is kept of removed ones is in "exits-FIRSTSEQ.log"
 * (log/exit-records.h). Here is what concerns one file: its name, its creation, and what stands in
 * it. What concerns them together is in log/store.h.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "log/record.h"

#define SEGMENT_ACTIVE_NAME "events.log"

/* A segment that is being made; one that is found was left by a crash, and holds nothing yet. */
#define SEGMENT_NEW_NAME "events.log.new"

/* The index of a sealed segment has its name, but for the end of it. */
#define SEGMENT_INDEX_SUFFIX ".index"
/* A segment that is being rewritten; one that is found was left by a crash, and is not needed. */
#define SEGMENT_REWRITE_NAME "events.log.rewrite"

/* What was found broken at the end of a segment is moved to NAME.quarantine-TIME. */
#define SEGMENT_QUARANTINE_MARK ".quarantine-"

/* "events-18446744073709551615.log" and its NUL, with room for the quarantine's suffix. */
#define SEGMENT_NAME_SIZE 96

struct IndexMemory;
struct SegmentIndex;

typedef struct Segment {
        uint64_t id;        /* never used twice by one log: a number may start two files */
        uint64_t first_seq; /* no event in it has a smaller number */
        uint64_t size;      /* bytes that are committed */
        bool active;
        struct SegmentIndex *index; /* the store's; whoever copies the rest does not use it */
        bool damage_reported;       /* said once, not at every reading */

        /* Of a sealed one, when its newest event was recorded; of the active one, when it was
         * started. 0: nobody knows. */
        uint64_t written_nsec, started_nsec;

        bool thinned;     /* nothing that could be taken out of it is in it any more */
        bool exits;       /* only exit codes, of segments that are gone */
        uint64_t n_execs; /* in one of those */
} Segment;

void segment_name(const Segment *segment, char name[static SEGMENT_NAME_SIZE]);

/* The name of its index, as of a sealed segment. */
void segment_index_name(const Segment *segment, char name[static SEGMENT_NAME_SIZE]);

/* The number in the name of an index; false if it is no such name. */
bool segment_index_name_parse(const char *name, uint64_t *ret_first_seq);

/* The number in the name of a sealed segment; false if it is no such name. */
bool segment_name_parse(const char *name, uint64_t *ret_first_seq);

/* The same, of a segment of exit codes. */
bool segment_exits_name_parse(const char *name, uint64_t *ret_first_seq);

/* For qsort(): by first_seq. */
int segment_compare(const void *a, const void *b);

/* When a sealed segment was written to last, by its file: what age is counted from. */
uint64_t segment_written(const struct stat *st);

/* Opens a segment for reading, or an active one for appending. Returns the descriptor, or negative
 * errno; -ELOOP or -EISDIR for what is no regular file. */
int segment_open(int directory_fd, const char *name, bool append);

/*
 * Makes the file SEGMENT_NEW_NAME with a header, durably. Returns its descriptor; its size is
 * *ret_size.
 */
int segment_create(int directory_fd, const RecordHeader *header, uint64_t *ret_size);

/* What a walk over a whole segment finds. */
typedef struct SegmentScan {
        bool has_header;
        RecordHeader header;     /* owned */
        uint64_t first_seq;      /* of the first intact record; 0 if there is none */
        uint64_t last_seq;       /* of the last */
        uint64_t good_size;      /* up to the end of the last intact line */
        uint64_t n_damaged;      /* lines before that which are not intact */
        uint64_t damaged_offset; /* of the first of them */
        uint64_t n_tail_lines;   /* whole lines behind good_size */
        uint64_t tail_size;      /* bytes behind good_size */

        /* The greatest number that a record of the tail may have had: whole lines that are damaged
         * may have been published, and a number is not given twice. 0 if there is none. */
        uint64_t tail_seq;
} SegmentScan;

/*
 * Positions of sources, as they stand at the end of the segment, are put into "positions", which
 * starts as a copy of the header's. If "index" is not NULL its records are added to it; if that
 * fails it is freed, and the segment has no index.
 */
int segment_scan(int fd, SegmentScan *ret, struct json_object **ret_positions,
                 struct IndexMemory **index);

void segment_scan_done(SegmentScan *scan);

/* Reads just the header. Returns -EBADMSG if there is none that is intact. */
int segment_read_header(int fd, RecordHeader *ret);

/* "SOURCE PLACE" into the object of places. */
int positions_set(struct json_object *positions, const char *position);
