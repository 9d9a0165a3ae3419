/* SPDX-License-Identifier: Apache-2.0 */
#include "log/key-filter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/little-endian.h"
#include "base/number.h"
#include "log/block-file.h"

static const char MAGIC[8] = { 'C', 'E', 'V', 'F', 'I', 'L', 'T', 'R' };

#define FORMAT 1

#define NAME_PREFIX "events-"
#define NAME_SUFFIX ".filter"

/* Ten bits for each key, of which seven are set: of what is not there about one in 80 seems to be,
 * blocks being filled unevenly. */
#define BITS_PER_KEY 10
#define BITS_SET     7
#define BLOCK_BITS   (BLOCK_CONTENT * 8)

struct KeyFilter {
        int fd; /* owned */
        uint64_t first_seq, end_seq;
        uint64_t seed;
        uint32_t n_blocks;
};

struct KeyFilterBuilder {
        uint64_t first_seq;
        uint64_t seed; /* of all indexes that were added; 0: there is none yet */
        uint32_t n_blocks;
        uint8_t *bits; /* owned */
};

void key_filter_name(uint64_t first_seq, char name[static KEY_FILTER_NAME_SIZE])
{
        snprintf(name, KEY_FILTER_NAME_SIZE, NAME_PREFIX "%020" PRIu64 NAME_SUFFIX, first_seq);
}

bool key_filter_name_parse(const char *name, uint64_t *ret_first_seq)
{
        char digits[21], expected[KEY_FILTER_NAME_SIZE];
        uint64_t first_seq;

        if (strlen(name) != sizeof(NAME_PREFIX) - 1 + 20 + sizeof(NAME_SUFFIX) - 1)
                return false;
        memcpy(digits, name + sizeof(NAME_PREFIX) - 1, 20);
        digits[20] = '\0';
        if (parse_u64(digits, &first_seq) < 0 || first_seq == 0)
                return false;
        key_filter_name(first_seq, expected);
        if (strcmp(name, expected) != 0)
                return false;

        *ret_first_seq = first_seq;
        return true;
}

/* ---- bits ---- */

/* Where the bits of a key are. */
typedef struct Bits {
        uint32_t block;
        uint16_t at[BITS_SET];
} Bits;

static Bits bits_of(uint32_t key, uint32_t n_blocks)
{
        uint64_t mixed = (key + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15), step;
        Bits bits;

        mixed ^= mixed >> 32;
        mixed *= UINT64_C(0xd6e8feb86659fd93);
        bits.block = (uint32_t)(((mixed >> 32) * n_blocks) >> 32);
        step = (mixed >> 12 | 1) % BLOCK_BITS;
        mixed &= 0xffffff;
        for (unsigned i = 0; i < BITS_SET; i++)
                bits.at[i] = (uint16_t)((mixed + i * step) % BLOCK_BITS);
        return bits;
}

/* ---- making one ---- */

int key_filter_builder_new(uint64_t first_seq, uint64_t n_keys, KeyFilterBuilder **ret)
{
        KeyFilterBuilder *builder;

        if (n_keys > UINT32_MAX)
                return -EFBIG;
        builder = calloc(1, sizeof(KeyFilterBuilder));
        if (!builder)
                return -ENOMEM;
        builder->first_seq = first_seq;
        builder->n_blocks = (uint32_t)(n_keys * BITS_PER_KEY / BLOCK_BITS) + 1;
        builder->bits = calloc(builder->n_blocks, BLOCK_CONTENT);
        if (!builder->bits) {
                free(builder);
                return -ENOMEM;
        }

        *ret = builder;
        return 0;
}

KeyFilterBuilder *key_filter_builder_free(KeyFilterBuilder *builder)
{
        if (!builder)
                return NULL;

        free(builder->bits);
        free(builder);
        return NULL;
}

int key_filter_builder_add(KeyFilterBuilder *builder, const IndexFile *index)
{
        uint64_t seed = index_file_seed(index);

        if (builder->seed != 0 && builder->seed != seed)
                return -ESTALE;
        builder->seed = seed;
        for (uint32_t i = 0; i < index_file_n_buckets(index); i++) {
                uint32_t keys[INDEX_FILE_BUCKET_KEYS];
                size_t n;
                int r;

                r = index_file_bucket(index, i, keys, &n);
                if (r < 0)
                        return r;
                while (n > 0) {
                        Bits bits = bits_of(keys[--n], builder->n_blocks);
                        uint8_t *block = builder->bits + (size_t)bits.block * BLOCK_CONTENT;

                        for (unsigned j = 0; j < BITS_SET; j++)
                                block[bits.at[j] / 8] |= (uint8_t)(1 << bits.at[j] % 8);
                }
        }

        return 0;
}

static int write_file(const KeyFilterBuilder *builder, int fd, uint64_t end_seq, sd_id128_t epoch)
{
        uint8_t header[BLOCK_CONTENT] = {};
        BlockWriter writer;
        int r;

        memcpy(header, MAGIC, sizeof(MAGIC));
        put64(header + 8, FORMAT);
        memcpy(header + 16, epoch.bytes, sizeof(epoch.bytes));
        put64(header + 32, builder->first_seq);
        put64(header + 40, end_seq);
        put64(header + 48, builder->seed);
        put64(header + 56, builder->n_blocks);

        r = block_writer_init(&writer, fd);
        if (r < 0)
                return r;
        if ((r = block_writer_put(&writer, header, sizeof(header))) >= 0 &&
            (r = block_writer_put(&writer, builder->bits,
                                  (size_t)builder->n_blocks * BLOCK_CONTENT)) >= 0)
                r = block_writer_flush(&writer);
        block_writer_done(&writer);
        return r;
}

int key_filter_builder_write(const KeyFilterBuilder *builder, int directory_fd, uint64_t end_seq,
                             sd_id128_t epoch)
{
        char name[KEY_FILTER_NAME_SIZE];
        _cleanup_close_ int fd = -1;
        int r;

        if (unlinkat(directory_fd, KEY_FILTER_NEW_NAME, 0) < 0 && errno != ENOENT)
                return -errno;
        fd = openat(directory_fd, KEY_FILTER_NEW_NAME,
                    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (fd < 0)
                return -errno;
        r = write_file(builder, fd, end_seq, epoch);
        key_filter_name(builder->first_seq, name);
        if (r >= 0 && renameat(directory_fd, KEY_FILTER_NEW_NAME, directory_fd, name) < 0)
                r = -errno;
        if (r < 0)
                unlinkat(directory_fd, KEY_FILTER_NEW_NAME, 0);
        return r;
}

/* ---- asking one ---- */

static int read_header(KeyFilter *filter, uint64_t first_seq, sd_id128_t epoch)
{
        uint8_t header[BLOCK_CONTENT];
        uint64_t n_blocks;
        struct stat st;
        int r;

        if (fstat(filter->fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADMSG;
        r = blocks_read(filter->fd, 0, 1, header);
        if (r < 0)
                return r;
        n_blocks = get64(header + 56);
        filter->first_seq = get64(header + 32);
        filter->end_seq = get64(header + 40);
        filter->seed = get64(header + 48);
        if (memcmp(header, MAGIC, sizeof(MAGIC)) != 0 || get64(header + 8) != FORMAT ||
            memcmp(header + 16, epoch.bytes, sizeof(epoch.bytes)) != 0 ||
            filter->first_seq != first_seq || filter->end_seq <= first_seq || n_blocks == 0 ||
            n_blocks > UINT32_MAX || (uint64_t)st.st_size != (n_blocks + 1) * BLOCK_SIZE)
                return -EBADMSG;

        filter->n_blocks = (uint32_t)n_blocks;
        return 0;
}

int key_filter_open(int directory_fd, uint64_t first_seq, sd_id128_t epoch, KeyFilter **ret)
{
        char name[KEY_FILTER_NAME_SIZE];
        KeyFilter *filter;
        int r;

        filter = calloc(1, sizeof(KeyFilter));
        if (!filter)
                return -ENOMEM;
        key_filter_name(first_seq, name);
        filter->fd = openat(directory_fd, name,
                            O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        r = filter->fd < 0 ? -errno : read_header(filter, first_seq, epoch);
        if (r < 0) {
                key_filter_free(filter);
                return r;
        }

        *ret = filter;
        return 0;
}

KeyFilter *key_filter_free(KeyFilter *filter)
{
        if (!filter)
                return NULL;

        if (filter->fd >= 0)
                close(filter->fd);
        free(filter);
        return NULL;
}

uint64_t key_filter_first_seq(const KeyFilter *filter)
{
        return filter->first_seq;
}

uint64_t key_filter_end_seq(const KeyFilter *filter)
{
        return filter->end_seq;
}

static int may_have(const KeyFilter *filter, uint32_t key)
{
        Bits bits = bits_of(key, filter->n_blocks);
        uint8_t block[BLOCK_CONTENT];
        int r;

        r = blocks_read(filter->fd, (uint64_t)bits.block + 1, 1, block);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < BITS_SET; i++)
                if (!(block[bits.at[i] / 8] & 1 << bits.at[i] % 8))
                        return 0;

        return 1;
}

int key_filter_may_have(const KeyFilter *filter, uint64_t key)
{
        return may_have(filter, (uint32_t)key);
}

int key_filter_check(const KeyFilter *filter)
{
        for (uint64_t i = 0; i < filter->n_blocks; i++) {
                uint8_t block[BLOCK_CONTENT];
                int r;

                r = blocks_read(filter->fd, i + 1, 1, block);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int clause_may_match(const KeyFilter *filter, const IndexClause *clause)
{
        for (size_t i = 0; i < clause->n_terms; i++) {
                int r;

                r = may_have(filter, (uint32_t)index_term_key(clause->terms + i, filter->seed));
                if (r != 0)
                        return r;
        }
        return 0;
}

int key_filter_may_match(const KeyFilter *filter, const IndexPlan *plan)
{
        for (size_t i = 0; i < plan->n_clauses; i++) {
                int r;

                r = clause_may_match(filter, plan->clauses + i);
                if (r <= 0)
                        return r;
        }

        return 1;
}
