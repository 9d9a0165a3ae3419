/* SPDX-License-Identifier: Apache-2.0 */
#include "log/verify-index.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "log/key-filter.h"
#include "log/mend.h"

static int bad_index(VerifyWork *work, const char *name, const VerifyPlace *place,
                     const char *sentence)
{
        verify_say(work, FINDING_PROBLEM, FINDING_INDEX, name, place, "%s", sentence);
        return work->options->repair ? mend_set_aside(work, name, "the service makes a new one")
                                     : 0;
}

int verify_index_open(VerifyWork *work, const Segment *segment, IndexFile **ret)
{
        _cleanup_(index_file_freep) IndexFile *file = NULL;
        IndexOwner owner = { .epoch = work->epoch, .first_seq = segment->first_seq };
        char name[SEGMENT_NAME_SIZE];
        struct stat st;
        int r;

        *ret = NULL;
        segment_name(segment, name);
        if (fstatat(work->directory_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        owner.size = (uint64_t)st.st_size;
        segment_index_name(segment, name);
        r = index_file_open(work->directory_fd, name, &owner, &file);
        if (r >= 0)
                r = index_file_check(file);
        if (r == -ENOMEM)
                return r;
        if (r != -ENOENT)
                work->result.n_files++;
        if (r == -EBADMSG)
                return bad_index(work, name, NULL, "The index is damaged.");
        if (r == -ENOENT || r == -ESTALE) {
                if (!verify_is_written(work))
                        verify_say(work, FINDING_NOTE, FINDING_INDEX, name, NULL,
                                   r == -ENOENT ? "There is no index; the service makes it."
                                                : "The index is of the file as it was; the "
                                                  "service makes a new one.");
                return 0;
        }
        if (r < 0) {
                verify_say(work, FINDING_PROBLEM, FINDING_UNREADABLE, name, NULL,
                           "The file cannot be read: %s.", strerror(-r));
                return 0;
        }

        *ret = TAKE_PTR(file);
        return 0;
}

/* ---- content ---- */

static bool same_summary(const IndexSummary *a, const IndexSummary *b)
{
        return a->size == b->size && a->first_seq == b->first_seq && a->last_seq == b->last_seq &&
               a->min_nsec == b->min_nsec && a->max_nsec == b->max_nsec &&
               a->first_offset == b->first_offset && a->n_records == b->n_records &&
               a->n_damaged == b->n_damaged;
}

/* The first mark that is wrong goes to *ret_place. Returns 1 if all are right, 0, or an error. */
static int compare_marks(const IndexFile *file, const IndexMemory *memory, VerifyPlace *ret_place)
{
        _cleanup_free_ IndexMark *owned = NULL;
        const IndexMark *got, *want;
        size_t n_got, n_want;
        int r;

        r = index_file_marks(file, &got, &n_got, &owned);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        want = index_memory_marks(memory, &n_want);
        for (size_t i = 0; i < n_got && i < n_want; i++) {
                if (got[i].first_seq == want[i].first_seq && got[i].min_nsec == want[i].min_nsec &&
                    got[i].max_nsec == want[i].max_nsec && got[i].offset == want[i].offset)
                        continue;
                ret_place->seq = want[i].first_seq;
                return 0;
        }
        return n_got == n_want;
}

/* Whether each offset of "want" is in "got". */
static int includes(const IndexPostings *got, const IndexPostings *want)
{
        _cleanup_free_ uint32_t *has = calloc((size_t)got->count + 1, sizeof(uint32_t));
        _cleanup_free_ uint32_t *needs = calloc((size_t)want->count + 1, sizeof(uint32_t));
        uint32_t j = 0;

        if (!has || !needs)
                return -ENOMEM;
        if (index_postings_decode(got, has) < 0 || index_postings_decode(want, needs) < 0)
                return 0;
        for (uint32_t i = 0; i < want->count; i++) {
                while (j < got->count && has[j] < needs[i])
                        j++;
                if (j >= got->count || has[j] != needs[i])
                        return 0;
        }
        return 1;
}

/* Whether what the file says of a key is enough. "Any line may have it" always is. */
static int compare_key(const IndexFile *file, const IndexMemory *memory, size_t i)
{
        IndexPostings got, want;
        uint64_t key;
        int r;

        key = index_memory_key(memory, i, &want);
        r = index_file_find(file, key, &got);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        if (got.dense)
                r = 1;
        else if (want.dense)
                r = 0;
        else if (got.count == want.count && got.size == want.size &&
                 memcmp(got.bytes, want.bytes, want.size) == 0)
                r = 1;
        else
                r = got.count > index_memory_summary(memory)->n_records ? 0 : includes(&got, &want);
        index_postings_done(&got);
        return r;
}

/* ---- filters ---- */

int verify_filters_begin(VerifyWork *work)
{
        for (size_t i = 0; i < work->n_filters; i++) {
                const uint64_t first_seq = work->filters[i].first_seq;
                char name[KEY_FILTER_NAME_SIZE];
                KeyFilter *filter = NULL;
                int r;

                key_filter_name(first_seq, name);
                r = key_filter_open(work->directory_fd, first_seq, work->epoch, &filter);
                if (r >= 0)
                        r = key_filter_check(filter);
                key_filter_free(filter);
                work->result.n_files++;
                if (r == -EBADMSG)
                        r = bad_index(work, name, NULL, "The filter is damaged.");
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        return 0;
}

/* Returns 1 if the filter has all keys of the segment, or does not stand for it. */
static int compare_filter(const KeyFilter *filter, const SegmentCheck *check)
{
        if (check->segment.first_seq < key_filter_first_seq(filter) ||
            check->next_seq > key_filter_end_seq(filter))
                return 1;
        for (size_t i = 0; i < index_memory_n_keys(check->index); i++) {
                IndexPostings ignored;
                int r;

                r = key_filter_may_have(filter, index_memory_key(check->index, i, &ignored));
                if (r <= 0)
                        return r == -EBADMSG ? 1 : r; /* told already */
        }
        return 1;
}

static int check_filters(VerifyWork *work, const SegmentCheck *check)
{
        for (size_t i = 0; i < work->n_filters; i++) {
                const uint64_t first_seq = work->filters[i].first_seq;
                char name[KEY_FILTER_NAME_SIZE];
                KeyFilter *filter;
                int r;

                if (key_filter_open(work->directory_fd, first_seq, work->epoch, &filter) < 0)
                        continue;
                r = compare_filter(filter, check);
                key_filter_free(filter);
                key_filter_name(first_seq, name);
                if (r == 0)
                        r = bad_index(work, name, NULL,
                                      "The filter does not let all through that is in its files.");
                if (r < 0)
                        return r;
        }
        return 0;
}

int verify_index_content(VerifyWork *work, const IndexFile *file, const SegmentCheck *check)
{
        const IndexMemory *memory = check->index;
        char name[SEGMENT_NAME_SIZE];
        VerifyPlace place = {};
        int r;

        /* What does not fit is rewritten, and its index made again. */
        if (!memory || check->bad || index_file_summary(file)->size != check->size)
                return 0;
        r = check_filters(work, check);
        if (r < 0)
                return r;
        segment_index_name(&check->segment, name);
        if (index_file_seed(file) != index_memory_seed(memory))
                return bad_index(work, name, NULL, "The index is not one of this history.");
        if (!same_summary(index_file_summary(file), index_memory_summary(memory)))
                return bad_index(work, name, NULL,
                                 "The index does not say how much is in the file.");
        r = compare_marks(file, memory, &place);
        if (r < 0)
                return r;
        if (r == 0)
                return bad_index(work, name, &place,
                                 "The index does not say when what is in the file happened.");

        for (size_t i = 0; i < index_memory_n_keys(memory); i++) {
                r = compare_key(file, memory, i);
                if (r < 0)
                        return r;
                if (r == 0)
                        return bad_index(work, name, NULL,
                                         "The index does not find all that is in the file.");
        }
        return 0;
}
