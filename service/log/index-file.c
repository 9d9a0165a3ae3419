/* SPDX-License-Identifier: Apache-2.0 */
#include "log/index-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "log/index-file-layout.h"

/* Postings of up to so many blocks come with the first read. */
#define POSTINGS_READ 2

/* ---- numbers ---- */

/* Returns -EBADMSG for what does not end before "end" or has more than 32 bits. */
static int get_leb128(const uint8_t **at, const uint8_t *end, uint32_t *ret)
{
        uint64_t number = 0;

        for (unsigned shift = 0; shift <= 28; shift += 7) {
                if (*at >= end)
                        return -EBADMSG;
                number |= (uint64_t)(**at & 0x7f) << shift;
                if (!(*(*at)++ & 0x80)) {
                        if (number > UINT32_MAX)
                                return -EBADMSG;
                        *ret = (uint32_t)number;
                        return 0;
                }
        }
        return -EBADMSG;
}

static int decode_header(const uint8_t block[static BLOCK_CONTENT], const IndexOwner *owner,
                         IndexFile *file)
{
        const uint8_t *at = block + sizeof(INDEX_FILE_MAGIC);
        bool same;

        if (memcmp(block, INDEX_FILE_MAGIC, sizeof(INDEX_FILE_MAGIC)) != 0 ||
            take32(&at) != INDEX_FILE_FORMAT)
                return -EBADMSG;
        same = memcmp(at, owner->epoch.bytes, sizeof(owner->epoch.bytes)) == 0;
        at += sizeof(owner->epoch.bytes);
        same = take64(&at) == owner->first_seq && same;
        file->summary.size = take64(&at);
        if (!same || file->summary.size != owner->size)
                return -ESTALE;

        file->seed = take64(&at);
        file->summary.first_seq = take64(&at);
        file->summary.last_seq = take64(&at);
        file->summary.min_nsec = take64(&at);
        file->summary.max_nsec = take64(&at);
        file->summary.first_offset = take32(&at);
        file->summary.n_records = take32(&at);
        file->summary.n_damaged = take32(&at);
        file->n_marks = take32(&at);
        file->n_buckets = take32(&at);
        file->n_posting_blocks = take32(&at);
        return file->n_buckets > 0 ? 0 : -EBADMSG;
}

/* ---- opening ---- */

int index_file_open(int directory_fd, const char *name, const IndexOwner *owner, IndexFile **ret)
{
        _cleanup_(index_file_freep) IndexFile *file = NULL;
        uint8_t block[BLOCK_CONTENT];
        struct stat st;
        int r;

        file = calloc(1, sizeof(IndexFile));
        if (!file)
                return -ENOMEM;
        file->fd = openat(directory_fd, name,
                          O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (file->fd < 0)
                return -errno;
        if (fstat(file->fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADMSG;
        r = blocks_read(file->fd, 0, 1, block);
        if (r < 0)
                return r;
        r = decode_header(block, owner, file);
        if (r < 0)
                return r;
        if ((uint64_t)st.st_size != index_file_size(file))
                return -EBADMSG;

        *ret = TAKE_PTR(file);
        return 0;
}

IndexFile *index_file_free(IndexFile *file)
{
        if (!file)
                return NULL;

        if (file->fd >= 0)
                close(file->fd);
        free(file);
        return NULL;
}

const IndexSummary *index_file_summary(const IndexFile *file)
{
        return &file->summary;
}

uint64_t index_file_seed(const IndexFile *file)
{
        return file->seed;
}

uint64_t index_file_size(const IndexFile *file)
{
        return (first_posting_block(file) + file->n_posting_blocks) * BLOCK_SIZE;
}

/* ---- asking ---- */

/* Reads the postings that start at a place. */
static int read_postings(const IndexFile *file, uint32_t place, IndexPostings *ret)
{
        uint8_t first[POSTINGS_READ * BLOCK_CONTENT];
        const uint32_t number = place / BLOCK_CONTENT;
        const uint8_t *at = first + place % BLOCK_CONTENT, *end;
        size_t n = POSTINGS_READ, skipped, needed;
        IndexPostings postings = {};
        uint32_t size;
        int r;

        if (number >= file->n_posting_blocks)
                return -EBADMSG;
        if (n > file->n_posting_blocks - number)
                n = file->n_posting_blocks - number;
        r = blocks_read(file->fd, first_posting_block(file) + number, n, first);
        if (r < 0)
                return r;
        end = first + n * BLOCK_CONTENT;
        if (get_leb128(&at, end, &postings.count) < 0 || get_leb128(&at, end, &size) < 0)
                return -EBADMSG;

        skipped = (size_t)(at - first);
        needed = blocks_for((uint64_t)skipped + size);
        if (needed > file->n_posting_blocks - number)
                return -EBADMSG;
        postings.owned = malloc(needed * BLOCK_CONTENT);
        if (!postings.owned)
                return -ENOMEM;
        memcpy(postings.owned, first, (n < needed ? n : needed) * BLOCK_CONTENT);
        if (needed > n) {
                r = blocks_read(file->fd, first_posting_block(file) + number + n, needed - n,
                                postings.owned + n * BLOCK_CONTENT);
                if (r < 0) {
                        free(postings.owned);
                        return r;
                }
        }

        postings.bytes = postings.owned + skipped;
        postings.size = size;
        *ret = postings;
        return 0;
}

/* Returns 1 if the bucket has the key, 0 if no bucket has it, -EAGAIN if the next one may. */
static int look_in_bucket(const uint8_t bucket[static BLOCK_CONTENT], uint64_t key,
                          uint32_t *ret_place)
{
        const uint8_t *at = bucket;
        uint32_t head = take32(&at);
        unsigned n = head & 0xffff;

        if (n > BUCKET_SLOTS)
                return -EBADMSG;
        for (unsigned i = 0; i < n; i++) {
                uint32_t low = take32(&at), place = take32(&at);

                if (low == (uint32_t)key) {
                        *ret_place = place;
                        return 1;
                }
        }
        return head >> 16 ? -EAGAIN : 0;
}

int index_file_find(const IndexFile *file, uint64_t key, IndexPostings *ret)
{
        uint32_t i = bucket_of((uint32_t)key, file->n_buckets), place;
        int r = -EAGAIN;

        for (uint32_t n = 0; n < file->n_buckets && r == -EAGAIN; n++) {
                uint8_t bucket[BLOCK_CONTENT];

                r = blocks_read(file->fd, first_bucket(file) + i, 1, bucket);
                if (r < 0)
                        return r;
                r = look_in_bucket(bucket, key, &place);
                i = (i + 1) % file->n_buckets;
        }
        if (r == -EAGAIN)
                return -EBADMSG;
        if (r < 0)
                return r;

        if (r > 0 && place != PLACE_DENSE)
                return read_postings(file, place, ret);
        *ret = (IndexPostings){
                .dense = r > 0,
                .count = r > 0 ? file->summary.n_records : 0,
        };
        return 0;
}

uint64_t index_file_n_keys(const IndexFile *file)
{
        return (uint64_t)file->n_buckets * BUCKET_FILL;
}

uint32_t index_file_n_buckets(const IndexFile *file)
{
        return file->n_buckets;
}

int index_file_bucket(const IndexFile *file, uint32_t i,
                      uint32_t keys[static INDEX_FILE_BUCKET_KEYS], size_t *ret_n)
{
        uint8_t bucket[BLOCK_CONTENT];
        const uint8_t *at = bucket;
        unsigned n;
        int r;

        r = blocks_read(file->fd, first_bucket(file) + i, 1, bucket);
        if (r < 0)
                return r;
        n = take32(&at) & 0xffff;
        if (n > BUCKET_SLOTS)
                return -EBADMSG;
        for (unsigned j = 0; j < n; j++) {
                keys[j] = take32(&at);
                at += SLOT_SIZE - 4;
        }
        *ret_n = n;
        return 0;
}

int index_file_marks(const IndexFile *file, const IndexMark **ret, size_t *ret_n,
                     IndexMark **ret_owned)
{
        const size_t n_blocks = blocks_for((uint64_t)file->n_marks * INDEX_FILE_MARK_SIZE);
        _cleanup_free_ IndexMark *marks = NULL;
        _cleanup_free_ uint8_t *content = NULL;
        const uint8_t *at;
        int r;

        content = malloc(n_blocks * BLOCK_CONTENT + 1);
        marks = calloc((size_t)file->n_marks + 1, sizeof(IndexMark));
        if (!content || !marks)
                return -ENOMEM;
        r = blocks_read(file->fd, 1, n_blocks, content);
        if (r < 0)
                return r;

        at = content;
        for (uint32_t i = 0; i < file->n_marks; i++) {
                marks[i].first_seq = take64(&at);
                marks[i].min_nsec = take64(&at);
                marks[i].max_nsec = take64(&at);
                marks[i].offset = take32(&at);
        }
        *ret_n = file->n_marks;
        *ret = *ret_owned = TAKE_PTR(marks);
        return 0;
}

int index_file_check(const IndexFile *file)
{
        uint64_t n = first_posting_block(file) + file->n_posting_blocks;

        for (uint64_t i = 0; i < n; i++) {
                uint8_t block[BLOCK_CONTENT];
                int r;

                r = blocks_read(file->fd, i, 1, block);
                if (r < 0)
                        return r;
        }
        return 0;
}
