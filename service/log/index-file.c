/* SPDX-License-Identifier: Apache-2.0 */
#include "log/index-file.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "log/block-file.h"
#include "log/index-key.h"

static const char MAGIC[8] = { 'C', 'E', 'V', 'I', 'N', 'D', 'E', 'X' };

#define INDEX_FILE_MARK_SIZE 28

/* { slots, overflowed } of 16 bits, and the slots, fill a block. */
#define BUCKET_HEADER 4
#define SLOT_SIZE     8
#define BUCKET_SLOTS  INDEX_FILE_BUCKET_KEYS
_Static_assert(BUCKET_HEADER + BUCKET_SLOTS * SLOT_SIZE <= BLOCK_CONTENT, "a bucket is a block");

/* On average, of 63: then one bucket in some ten is full and goes on in the next. */
#define BUCKET_FILL 52

/* Place of postings that are not there: any line may have the key. */
#define PLACE_DENSE UINT32_MAX

/* Postings of up to so many blocks come with the first read. */
#define POSTINGS_READ 2

/* Two LEB128 numbers of 32 bits. */
#define POSTINGS_HEADER_MAX 10

struct IndexFile {
        int fd; /* owned */
        IndexSummary summary;
        uint64_t seed;
        uint32_t n_marks, n_buckets, n_posting_blocks;
};

/* ---- numbers ---- */

static uint8_t *put32(uint8_t *at, uint32_t number)
{
        number = htole32(number);
        memcpy(at, &number, sizeof(number));
        return at + sizeof(number);
}

static uint8_t *put64(uint8_t *at, uint64_t number)
{
        number = htole64(number);
        memcpy(at, &number, sizeof(number));
        return at + sizeof(number);
}

static uint32_t get32(const uint8_t **at)
{
        uint32_t number;

        memcpy(&number, *at, sizeof(number));
        *at += sizeof(number);
        return le32toh(number);
}

static uint64_t get64(const uint8_t **at)
{
        uint64_t number;

        memcpy(&number, *at, sizeof(number));
        *at += sizeof(number);
        return le64toh(number);
}

static uint8_t *put_leb128(uint8_t *at, uint32_t number)
{
        for (; number >= 0x80; number >>= 7)
                *at++ = (uint8_t)(number | 0x80);
        *at++ = (uint8_t)number;
        return at;
}

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

static uint64_t blocks_for(uint64_t size)
{
        return (size + BLOCK_CONTENT - 1) / BLOCK_CONTENT;
}

/* ---- layout ---- */

static uint64_t first_bucket(const IndexFile *file)
{
        return 1 + blocks_for((uint64_t)file->n_marks * INDEX_FILE_MARK_SIZE);
}

static uint64_t first_posting_block(const IndexFile *file)
{
        return first_bucket(file) + file->n_buckets;
}

static uint32_t bucket_of(uint32_t key, uint32_t n_buckets)
{
        return (uint32_t)((uint64_t)key * n_buckets >> 32);
}

static void encode_header(const IndexFile *file, const IndexOwner *owner,
                          uint8_t block[static BLOCK_CONTENT])
{
        uint8_t *at = block;

        memcpy(at, MAGIC, sizeof(MAGIC));
        at = put32(at + sizeof(MAGIC), INDEX_FILE_FORMAT);
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

static int decode_header(const uint8_t block[static BLOCK_CONTENT], const IndexOwner *owner,
                         IndexFile *file)
{
        const uint8_t *at = block + sizeof(MAGIC);
        bool same;

        if (memcmp(block, MAGIC, sizeof(MAGIC)) != 0 || get32(&at) != INDEX_FILE_FORMAT)
                return -EBADMSG;
        same = memcmp(at, owner->epoch.bytes, sizeof(owner->epoch.bytes)) == 0;
        at += sizeof(owner->epoch.bytes);
        same = get64(&at) == owner->first_seq && same;
        file->summary.size = get64(&at);
        if (!same || file->summary.size != owner->size)
                return -ESTALE;

        file->seed = get64(&at);
        file->summary.first_seq = get64(&at);
        file->summary.last_seq = get64(&at);
        file->summary.min_nsec = get64(&at);
        file->summary.max_nsec = get64(&at);
        file->summary.first_offset = get32(&at);
        file->summary.n_records = get32(&at);
        file->summary.n_damaged = get32(&at);
        file->n_marks = get32(&at);
        file->n_buckets = get32(&at);
        file->n_posting_blocks = get32(&at);
        return file->n_buckets > 0 ? 0 : -EBADMSG;
}

/* ---- writing ---- */

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

                        if (get32(&at) == key) {
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
        uint32_t head = get32(&at);
        unsigned n = head & 0xffff;

        if (n > BUCKET_SLOTS)
                return -EBADMSG;
        for (unsigned i = 0; i < n; i++) {
                uint32_t low = get32(&at), place = get32(&at);

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
        n = get32(&at) & 0xffff;
        if (n > BUCKET_SLOTS)
                return -EBADMSG;
        for (unsigned j = 0; j < n; j++) {
                keys[j] = get32(&at);
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
                marks[i].first_seq = get64(&at);
                marks[i].min_nsec = get64(&at);
                marks[i].max_nsec = get64(&at);
                marks[i].offset = get32(&at);
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
