/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Rewrite: a new file out of some lines of a sealed segment, made in slices. It can go on from a
 * "base": a small segment whose lines come first, so that what is left of many large segments does
 * not become as many small ones.
 *
 * The file is made under the name SEGMENT_REWRITE_NAME and synced; only rewrite_install() gives it
 * its name. Whatever happens before, the folder is as it was, but for that file, which recovery
 * removes. Who has an old file open goes on reading it.
 *
 * Installing comes before the removal of what is not needed any more. After a crash between the two
 * the lines are there twice, and the next time those of the base that stand in the segment, too,
 * are left out.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-id128.h>

#include "log/segment.h"

typedef enum RewriteVerdict {
        REWRITE_DROP,
        REWRITE_KEEP,    /* as it is, intact or not */
        REWRITE_CONVERT, /* something is made of it */
} RewriteVerdict;

typedef struct RewriteRules {
        /* What becomes of a line; "counts" has what was counted so far. The line need not be
         * intact, and may be NULL: too long to look at. */
        RewriteVerdict (*judge)(const char *line, size_t length, RecordHeader *counts);

        /* Makes the new line, with its "\n", which the caller owns. Returns 0 if there is none. */
        int (*convert)(const char *line, size_t length, char **ret, size_t *ret_length);
        size_t converted_size; /* about what a converted line takes */

        bool exits; /* the new file is one of exit codes; else it takes the segment's place */
        bool needs_header; /* a segment without a header is left as it is: -EBADMSG */
} RewriteRules;

typedef struct RewriteOptions {
        int directory_fd; /* weak */
        sd_id128_t epoch;
        Segment source;
        Segment base;       /* its id is 0 if there is none */
        uint64_t merge_max; /* the base is not used if more than this comes of it */
        bool first;         /* nothing comes before the segment: it may go without a trace */
} RewriteOptions;

typedef struct Rewrite Rewrite;

/* The rules must outlive it. Returns negative errno. */
int rewrite_new(const RewriteRules *rules, const RewriteOptions *options, Rewrite **ret);

/* Takes NULL; returns NULL. A file that was not installed is removed. */
Rewrite *rewrite_free(Rewrite *rewrite);

static inline void rewrite_freep(Rewrite **rewrite)
{
        rewrite_free(*rewrite);
}

/* One slice: some milliseconds. Returns 1 when all is done, 0 when there is more to do. */
int rewrite_run(Rewrite *rewrite);

/* When all is done: how many lines of the segment go into the new file; and whether there is one.
 */
uint64_t rewrite_n_kept(const Rewrite *rewrite);
bool rewrite_makes_file(const Rewrite *rewrite);

/* Whether the new file takes the place of the base, too. */
bool rewrite_is_merged(const Rewrite *rewrite);

/*
 * Puts the file in its place, and says what it is; the id is left to the caller, and so is to sync
 * the folder before anything else is removed. "foreign"
 * is called for a file that is in the way and is none of ours. Returns -ESTALE if somebody else
 * changed the segment meanwhile.
 */
int rewrite_install(Rewrite *rewrite, int (*foreign)(const char *name, void *userdata),
                    void *userdata, Segment *ret);
