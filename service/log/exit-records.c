/* SPDX-License-Identifier: Apache-2.0 */
#include "log/exit-records.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "log/folder.h"
#include "model/event.h"
#include "model/vocabulary.h"

/* {"ContainerExitCode":0,"ID":"(64)","Status":"exec_died","Time":"...","Type":"container",
 * "Seq":1234567,"Engine":"podman","ExecID":"(64)","UID":1000,"Evidence":"exit-file",
 * "CRC":"01234567"} */
#define EXIT_RECORD_SIZE 340

/* Longer than any status that tells of an end. */
#define STATUS_SIZE 16

#define EXEC_MARK "\"ExecID\":\""
#define CODE_MARK "\"ContainerExitCode\":"

#define SENTENCE_SIZE 512

/* ---- what is kept ---- */

static bool has(const char *line, size_t length, const char *mark)
{
        return memmem(line, length, mark, strlen(mark));
}

/*
 * A death counts also without a code: that nobody said one is an answer, too. Podman's deaths of
 * execs do not name the exec, and then answer nothing.
 */
static RewriteVerdict judge(const char *line, size_t length, RecordHeader *counts)
{
        char copy[STATUS_SIZE];
        const char *status;
        size_t n;

        if (!line || !record_status(line, length, &status, &n) || n >= sizeof(copy) ||
            record_is_health_check_exec(line, length))
                return REWRITE_DROP;
        memcpy(copy, status, n);
        copy[n] = '\0';
        status = event_status_canonical(copy);

        if (strcmp(status, "exec_died") == 0 && has(line, length, EXEC_MARK))
                counts->n_execs++;
        else if (strcmp(status, "died") == 0 ||
                 (strcmp(status, "remove") == 0 && has(line, length, CODE_MARK)))
                counts->n_containers++;
        else
                return REWRITE_DROP;
        return REWRITE_CONVERT;
}

static int convert(const char *line, size_t length, char **ret, size_t *ret_length)
{
        _cleanup_(event_unrefp) Event *event = NULL, *small = NULL;
        const EventFields *fields;
        EventFields kept;
        bool exec;
        int r;

        if (!record_is_intact(line, length))
                return 0;
        r = record_event(line, length, &event);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        fields = event_fields(event);
        exec = strcmp(event_status_canonical(fields->status), "exec_died") == 0;
        if (strcmp(fields->type, "container") != 0)
                return 0;

        kept = (EventFields){
                .type = fields->type,
                .status = fields->status,
                .id = fields->id,
                .engine = fields->engine,
                .exec_id = exec ? fields->exec_id : NULL,
                .time_nsec = fields->time_nsec,
                .evidence = fields->evidence,
                .exit_code = fields->exit_code,
                .has_exit_code = fields->has_exit_code,
                /* Whose word it is; what nobody else said is root's. */
                .uid = fields->uid,
                .has_uid = fields->has_uid && fields->uid != 0,
                .backlog = fields->backlog,
        };
        r = event_new(&kept, &small);
        if (r < 0)
                return r;
        r = record_format(small, fields->seq, NULL, ret, ret_length);
        return r < 0 ? r : 1;
}

const RewriteRules exit_records_rules = {
        .judge = judge,
        .convert = convert,
        .converted_size = EXIT_RECORD_SIZE,
        .exits = true,
};

/* ---- finding them ---- */

typedef struct Listing {
        int directory_fd; /* weak */
        sd_id128_t epoch;
        void (*report)(const char *sentence, void *userdata);
        void *userdata;
        Segment *segments; /* owned */
        size_t n;
} Listing;

static void leave_out(const Listing *listing, const char *name, const char *why)
{
        char sentence[SENTENCE_SIZE];

        if (!listing->report)
                return;
        snprintf(sentence, sizeof(sentence), "\"%s\" %s, and is left out.", name, why);
        listing->report(sentence, listing->userdata);
}

/* Returns 1 if it is one of ours. */
static int look_at(const Listing *listing, const char *name, Segment *segment)
{
        RecordHeader header = {};
        _cleanup_close_ int fd = -1;
        struct stat st;
        int r;

        fd = segment_open(listing->directory_fd, name, false);
        if (fd < 0 || fstat(fd, &st) < 0) {
                leave_out(listing, name, "cannot be read");
                return 0;
        }
        r = segment_read_header(fd, &header);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || header.format != RECORD_FORMAT || !header.exits ||
            header.first_seq != segment->first_seq) {
                record_header_done(&header);
                leave_out(listing, name, "does not begin as it should");
                return 0;
        }
        record_header_done(&header);
        if (!sd_id128_equal(header.epoch, listing->epoch)) {
                leave_out(listing, name, "is of another history");
                return 0;
        }

        segment->size = (uint64_t)st.st_size;
        segment->written_nsec = segment_written(&st);
        segment->thinned = segment->exits = true;
        segment->n_execs = header.n_execs;
        return 1;
}

static int note_name(Listing *listing, const char *name)
{
        Segment segment = {}, *segments;
        int r;

        if (!segment_exits_name_parse(name, &segment.first_seq))
                return 0;
        r = look_at(listing, name, &segment);
        if (r <= 0)
                return r;
        segments = reallocarray(listing->segments, listing->n + 1, sizeof(Segment));
        if (!segments)
                return -ENOMEM;

        listing->segments = segments;
        segments[listing->n++] = segment;
        return 0;
}

static int walk(Listing *listing)
{
        _cleanup_closedir_ DIR *directory = NULL;
        struct dirent *entry;
        int r;

        r = folder_list(listing->directory_fd, &directory);
        if (r < 0)
                return r;
        for (errno = 0; (entry = readdir(directory)); errno = 0) {
                r = note_name(listing, entry->d_name);
                if (r < 0)
                        return r;
        }
        return -errno;
}

int exit_records_list(int directory_fd, sd_id128_t epoch,
                      void (*report)(const char *sentence, void *userdata), void *userdata,
                      Segment **ret, size_t *ret_n)
{
        Listing listing = {
                .directory_fd = directory_fd,
                .epoch = epoch,
                .report = report,
                .userdata = userdata,
        };
        int r;

        r = walk(&listing);
        if (r < 0) {
                free(listing.segments);
                return r;
        }
        if (listing.n > 0)
                qsort(listing.segments, listing.n, sizeof(Segment), segment_compare);

        *ret = listing.segments;
        *ret_n = listing.n;
        return 0;
}
