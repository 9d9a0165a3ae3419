/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Finding: something that a check of the history (log/verify.h) has to say, and where it is.
 */

#include <stdbool.h>
#include <stdint.h>

typedef enum FindingLevel {
        FINDING_NOTE,    /* worth knowing; nothing is wrong, or nothing that can be mended */
        FINDING_PROBLEM, /* not as it was written */
        FINDING_REPAIR,  /* what was done about a problem */
} FindingLevel;

typedef enum FindingKind {
        FINDING_FOREIGN,     /* a file that is none of ours */
        FINDING_LEFTOVER,    /* a file that nobody needs, such as a crash leaves */
        FINDING_QUARANTINE,  /* a file that was set aside */
        FINDING_ACCESS,      /* others may read it, or write it */
        FINDING_UNREADABLE,  /* a file that cannot be read */
        FINDING_HEADER,      /* of a segment: missing, damaged or of something else */
        FINDING_FORMAT,      /* a segment that a newer version wrote */
        FINDING_LINE,        /* its checksum does not fit */
        FINDING_RECORD,      /* its checksum fits, and it is no event all the same */
        FINDING_ORDER,       /* its number does not belong there */
        FINDING_TAIL,        /* the end of a segment is torn */
        FINDING_HOLE,        /* numbers are missing */
        FINDING_INDEX,       /* the index of a segment does not say what is in it */
        FINDING_EXITS,       /* nor the table of exit codes what is in the history */
        FINDING_RESERVATION, /* the file of reserved numbers */
        FINDING_N_KINDS
} FindingKind;

/* File names and a strerror(), with words around them. */
#define FINDING_TEXT_SIZE 512

typedef struct Finding {
        FindingLevel level;
        FindingKind kind;
        const char *file;             /* weak: its name in the folder; "." for the folder */
        uint64_t offset, line, seq;   /* of the file's line, and of the event; lines start
                                       * with 1. Line 0: it concerns the whole file; seq 0: no
                                       * event, or nobody knows which */
        char text[FINDING_TEXT_SIZE]; /* a sentence */
} Finding;

/* "line", "hole" and so on. */
const char *finding_kind_word(FindingKind kind);
const char *finding_level_word(FindingLevel level);
