/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "log/index-file-layout.h"
#include "log/index-key.h"

/* Two LEB128 numbers of 32 bits. */
#define POSTINGS_HEADER_MAX 10

static uint8_t *put_leb128(uint8_t *at, uint32_t number)
{
        for (; number >= 0x80; number >>= 7)
                *at++ = (uint8_t)(number | 0x80);
        *at++ = (uint8_t)number;
        return at;
}

static void encode_header(const IndexFile *file, const IndexOwner *owner,
                          uint8_t block[static BLOCK_CONTENT])
{
        uint8_t *at = block;

        memcpy(at, INDEX_FILE_MAGIC, sizeof(INDEX_FILE_MAGIC));
        at = put32(at + sizeof(INDEX_FILE_MAGIC), INDEX_FILE_FORMAT);
        memcpy(at, owner->epoch.bytes, sizeof(owner->epoch.bytes));
        at = put64(at + sizeof(owner->epoch.bytes), owner->first_seq);
        at = put64(at, owner->size);
        at = put64(at, file->seed);
        at = put64(at, file->summary.first_seq);
        at = put64(at, file->summary.last_seq);
        at = put64(at, file->summary.min_nsec);
        at = put64(at, file->summary.max_nsec);
        at = put32(at, file->summary.first_offset);
        at = put32(at, file->summary.n_records);
        at = put32(at, file->summary.n_damaged);
        at = put32(at, file->n_marks);
        at = put32(at, file->n_buckets);
        put32(at, file->n_posting_blocks);
}

static int write_marks(BlockWriter *writer, const IndexMemory *memory)
{
        const IndexMark *marks;
        size_t n;

        marks = index_memory_marks(memory, &n);
        for (size_t i = 0; i < n; i++) {
                uint8_t encoded[INDEX_FILE_MARK_SIZE], *at = encoded;
                int r;

                at = put64(at, marks[i].first_seq);
                at = put64(at, marks[i].min_nsec);
                at = put64(at, marks[i].max_nsec);
                put32(at, marks[i].offset);
                r = block_writer_put(writer, encoded, sizeof(encoded));
                if (r < 0)
                        return r;
        }

        return block_writer_end_block(writer);
}

static uint16_t *bucket_header(uint8_t *bucket)
{
        return (uint16_t *)(void *)bucket;
}

/* A key whose low half is there already shares its slot, which then tells nothing. */
static void put_slot(uint8_t *buckets, uint32_t n_buckets, uint32_t key, uint32_t place)
{
        for (uint32_t i = bucket_of(key, n_buckets);; i = (i + 1) % n_buckets) {
                uint8_t *bucket = buckets + (size_t)i * BLOCK_CONTENT;
                uint16_t n = le16toh(bucket_header(bucket)[0]);
                uint8_t *slot = bucket + BUCKET_HEADER;

                for (unsigned j = 0; j < n; j++, slot += SLOT_SIZE) {
                        const uint8_t *at = slot;

                        if (take32(&at) == key) {
                                put32(slot + 4, PLACE_DENSE);
                                return;
                        }
                }
                if (n < BUCKET_SLOTS) {
                        put32(put32(slot, key), place);
                        bucket_header(bucket)[0] = htole16((uint16_t)(n + 1));
                        return;
                }
                bucket_header(bucket)[1] = htole16(1);
        }
}

/*
 * Where the postings of each key come to stand. A container's ID, its name and labels that it alone
 * has are in the same lines: postings that are equal are written once.
 */
typedef struct Places {
        uint32_t *of_key;  /* owned: for each key a place, or PLACE_DENSE */
        bool *is_shared;   /* owned: written with an earlier key */
        uint32_t *table;   /* owned: open addressing; key number + 1 by what its postings are */
        size_t table_size; /* a power of two */
        uint64_t size;     /* of all postings, with their headers */
} Places;

static void places_done(Places *places)
{
        free(places->of_key);
        free(places->is_shared);
        free(places->table);
}

static int places_init(Places *places, size_t n_keys)
{
        *places = (Places){ .table_size = 1024 };
        while (places->table_size < n_keys * 2)
                places->table_size *= 2;
        places->of_key = calloc(n_keys + 1, sizeof(uint32_t));
        places->is_shared = calloc(n_keys + 1, sizeof(bool));
        places->table = calloc(places->table_size, sizeof(uint32_t));
        if (places->of_key && places->is_shared && places->table)
                return 0;

        places_done(places);
        return -ENOMEM;
}

/* The number of an earlier key with equal postings, and 1; or the free place for this one. */
static uint32_t *find_equal(const Places *places, const IndexMemory *memory,
                            const IndexPostings *postings)
{
        size_t i = index_key(0, INDEX_TYPE, (const char *)postings->bytes, postings->size);

        for (;; i++) {
                uint32_t *number = places->table + (i & (places->table_size - 1));
                IndexPostings other;

                if (*number == 0)
                        return number;
                index_memory_key(memory, *number - 1, &other);
                if (other.size == postings->size && other.count == postings->count &&
                    memcmp(other.bytes, postings->bytes, other.size) == 0)
                        return number;
        }
}

static size_t encode_postings_header(const IndexPostings *postings,
                                     uint8_t header[static POSTINGS_HEADER_MAX])
{
        return (size_t)(put_leb128(put_leb128(header, postings->count), (uint32_t)postings->size) -
                        header);
}

static int find_places(Places *places, const IndexMemory *memory)
{
        for (size_t i = 0; i < index_memory_n_keys(memory); i++) {
                uint8_t header[POSTINGS_HEADER_MAX];
                IndexPostings postings;
                uint32_t *number;

                index_memory_key(memory, i, &postings);
                if (postings.dense) {
                        places->of_key[i] = PLACE_DENSE;
                        continue;
                }
                number = find_equal(places, memory, &postings);
                if (*number > 0) {
                        places->of_key[i] = places->of_key[*number - 1];
                        places->is_shared[i] = true;
                        continue;
                }
                if (places->size >= PLACE_DENSE)
                        return -EFBIG;
                *number = (uint32_t)i + 1;
                places->of_key[i] = (uint32_t)places->size;
                places->size += encode_postings_header(&postings, header) + postings.size;
        }

        return 0;
}

static void fill_buckets(const Places *places, const IndexMemory *memory, uint32_t n_buckets,
                         uint8_t *buckets)
{
        for (size_t i = 0; i < index_memory_n_keys(memory); i++) {
                IndexPostings postings;

                put_slot(buckets, n_buckets, index_memory_key(memory, i, &postings),
                         places->of_key[i]);
        }
}

static int write_postings(BlockWriter *writer, const Places *places, const IndexMemory *memory)
{
        for (size_t i = 0; i < index_memory_n_keys(memory); i++) {
                uint8_t header[POSTINGS_HEADER_MAX];
                IndexPostings postings;
                int r;

                if (places->of_key[i] == PLACE_DENSE || places->is_shared[i])
                        continue;
                index_memory_key(memory, i, &postings);
                r = block_writer_put(writer, header, encode_postings_header(&postings, header));
                if (r < 0)
                        return r;
                r = block_writer_put(writer, postings.bytes, postings.size);
                if (r < 0)
                        return r;
        }

        return block_writer_flush(writer);
}

static int write_parts(BlockWriter *writer, const IndexMemory *memory, const Places *places,
                       const IndexOwner *owner)
{
        _cleanup_free_ uint8_t *buckets = NULL;
        uint8_t header[BLOCK_CONTENT] = {};
        IndexFile file = {
                .summary = *index_memory_summary(memory),
                .seed = index_memory_seed(memory),
                .n_buckets = (uint32_t)(index_memory_n_keys(memory) / BUCKET_FILL) + 1,
                .n_posting_blocks = (uint32_t)blocks_for(places->size),
        };
        size_t n_marks;
        int r;

        index_memory_marks(memory, &n_marks);
        file.n_marks = (uint32_t)n_marks;
        buckets = calloc(file.n_buckets, BLOCK_CONTENT);
        if (!buckets)
                return -ENOMEM;
        fill_buckets(places, memory, file.n_buckets, buckets);
        encode_header(&file, owner, header);

        if ((r = block_writer_put(writer, header, sizeof(header))) < 0 ||
            (r = write_marks(writer, memory)) < 0 ||
            (r = block_writer_put(writer, buckets, (size_t)file.n_buckets * BLOCK_CONTENT)) < 0)
                return r;
        return write_postings(writer, places, memory);
}

static int write_all(BlockWriter *writer, const IndexMemory *memory, const IndexOwner *owner)
{
        Places places;
        int r;

        r = places_init(&places, index_memory_n_keys(memory));
        if (r < 0)
                return r;
        r = find_places(&places, memory);
        if (r >= 0)
                r = write_parts(writer, memory, &places, owner);
        places_done(&places);
        return r;
}

int index_file_write(int directory_fd, const char *name, const IndexMemory *memory,
                     const IndexOwner *owner)
{
        _cleanup_close_ int fd = -1;
        BlockWriter writer;
        int r;

        if (unlinkat(directory_fd, INDEX_FILE_NEW_NAME, 0) < 0 && errno != ENOENT)
                return -errno;
        fd = openat(directory_fd, INDEX_FILE_NEW_NAME,
                    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (fd < 0)
                return -errno;

        r = block_writer_init(&writer, fd);
        if (r >= 0) {
                r = write_all(&writer, memory, owner);
                block_writer_done(&writer);
        }
        if (r >= 0 && renameat(directory_fd, INDEX_FILE_NEW_NAME, directory_fd, name) < 0)
                r = -errno;
        if (r < 0)
                unlinkat(directory_fd, INDEX_FILE_NEW_NAME, 0);
        return r;
}
