/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Checks one segment, line by line.
 */

#include "log/verify-work.h"

typedef struct SegmentCheck {
        Segment segment;
        uint64_t next_seq;  /* with which the next segment starts; UINT64_MAX: there is none */
        IndexMemory *index; /* owned; NULL: none is to be made */
        bool make_index;

        bool gone;         /* retention was faster */
        bool bad;          /* is to be rewritten */
        bool foreign;      /* does not belong to the history: nobody reads it */
        bool not_readable; /* nor to be mended */
        bool has_header;
        RecordHeader header; /* owned */
        uint64_t last_seq;   /* of the last good line; 0: there is none */
        uint64_t size;       /* up to where it was looked at */
} SegmentCheck;

/* Reads it, and reports. Returns negative errno for what is not the segment's fault. */
int verify_segment(VerifyWork *work, SegmentCheck *check);

void segment_check_done(SegmentCheck *check);
