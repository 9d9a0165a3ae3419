/* SPDX-License-Identifier: Apache-2.0 */
#include "log/exit-table.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/little-endian.h"
#include "log/block-file.h"
#include "log/index-key.h"
#include "model/timestamp.h"
#include "model/vocabulary.h"

static const char MAGIC[8] = { 'C', 'E', 'V', 'E', 'X', 'I', 'T', 'S' };

#define FORMAT 3

/* A bucket is one block: how many entries it has, and they. */
#define BUCKET_HEADER  4
#define ENTRY_SIZE     16
#define BUCKET_ENTRIES ((BLOCK_CONTENT - BUCKET_HEADER) / ENTRY_SIZE)

/* On average, of 31: then one bucket in some ten is full and goes on in the next. */
#define BUCKET_FILL 25

/* With so many full ones in a row the table is overfull: a crash takes what was counted since the
 * last sync. It must grow then, or each search would become a walk through the file. */
#define PROBES_MAX 16

/* To begin with; it doubles when it is full. */
#define BUCKETS_MIN 64

/* 2^22 buckets hold 80 million endings in 2 GiB: beyond that the log is asked. */
#define BUCKETS_MAX (1U << 22)

/* Buckets that are carried over in one step: some milliseconds. */
#define GROW_BUCKETS 64

/* A code of a process, or -1 for one that Podman could not tell. */
#define CODE_MIN (-1)
#define CODE_MAX 255

/* { key, code and what is known and when }; 47 bits of milliseconds are more than any time has. */
#define KNOWN      UINT64_C(0x10000)
#define TIME_SHIFT 17

struct ExitTable {
        int fd; /* owned */
        sd_id128_t epoch;
        uint64_t seed;
        uint32_t owner;     /* whose history it is: may tell of containers of their own */
        uint32_t n_buckets; /* a power of two */
        uint64_t n_entries;
        uint64_t synced_seq;

        ExitTable *larger; /* owned: what it is copied to, to grow; NULL: it does not */
        uint32_t n_copied; /* buckets */
};

/* ---- blocks ---- */

static int write_header(const ExitTable *table, int fd, uint32_t n_buckets)
{
        uint8_t block[BLOCK_CONTENT] = {};

        memcpy(block, MAGIC, sizeof(MAGIC));
        put64(block + 8, FORMAT);
        memcpy(block + 16, table->epoch.bytes, sizeof(table->epoch.bytes));
        put64(block + 32, table->seed);
        put64(block + 40, n_buckets);
        put64(block + 48, table->n_entries);
        put64(block + 56, table->synced_seq);
        put64(block + 64, table->owner);
        return block_write(fd, 0, block);
}

static int read_header(ExitTable *table, const struct stat *st)
{
        uint8_t block[BLOCK_CONTENT];
        uint64_t n_buckets;
        int r;

        r = blocks_read(table->fd, 0, 1, block);
        if (r < 0)
                return r;
        n_buckets = get64(block + 40);
        if (memcmp(block, MAGIC, sizeof(MAGIC)) != 0 || get64(block + 8) != FORMAT ||
            memcmp(block + 16, table->epoch.bytes, sizeof(table->epoch.bytes)) != 0 ||
            n_buckets < BUCKETS_MIN || n_buckets > BUCKETS_MAX || (n_buckets & (n_buckets - 1)) ||
            (uint64_t)st->st_size != (n_buckets + 1) * BLOCK_SIZE)
                return -EBADMSG;

        table->seed = get64(block + 32);
        table->n_buckets = (uint32_t)n_buckets;
        table->n_entries = get64(block + 48);
        table->synced_seq = get64(block + 56);
        table->owner = (uint32_t)get64(block + 64);
        return 0;
}

/* ---- a bucket ---- */

static uint32_t bucket_count(const uint8_t bucket[static BLOCK_CONTENT])
{
        uint32_t n;

        memcpy(&n, bucket, sizeof(n));
        n = le32toh(n);
        return n < BUCKET_ENTRIES ? n : BUCKET_ENTRIES;
}

static uint8_t *find_entry(uint8_t bucket[static BLOCK_CONTENT], uint64_t key)
{
        uint8_t *entry = bucket + BUCKET_HEADER;

        for (uint32_t n = bucket_count(bucket); n > 0; n--, entry += ENTRY_SIZE)
                if (get64(entry) == key)
                        return entry;

        return NULL;
}

static void add_entry(uint8_t bucket[static BLOCK_CONTENT], uint64_t key, uint64_t value)
{
        uint32_t n = bucket_count(bucket), encoded = htole32(n + 1);
        uint8_t *entry = bucket + BUCKET_HEADER + n * ENTRY_SIZE;

        put64(entry, key);
        put64(entry + 8, value);
        memcpy(bucket, &encoded, sizeof(encoded));
}

static uint64_t key_of(const ExitTable *table, ExitKind kind, const char *id)
{
        return index_key(table->seed, kind == EXIT_EXEC ? INDEX_EXEC_LONG : INDEX_ID_LONG, id,
                         strlen(id));
}

/* The bucket that has the key, or else the first with room for it. Returns 1 or 0, or -ENOSPC if
 * there is none of either near. */
static int find_bucket(const ExitTable *table, uint64_t key, uint32_t *ret_number,
                       uint8_t bucket[static BLOCK_CONTENT])
{
        uint32_t i = (uint32_t)key & (table->n_buckets - 1);

        for (unsigned n = 0; n < PROBES_MAX; n++, i = (i + 1) & (table->n_buckets - 1)) {
                int r;

                r = block_read_sparse(table->fd, (uint64_t)i + 1, bucket);
                if (r < 0)
                        return r;
                *ret_number = i;
                if (find_entry(bucket, key))
                        return 1;
                if (bucket_count(bucket) < BUCKET_ENTRIES)
                        return 0;
        }

        return -ENOSPC;
}

/* ---- growing ---- */

/* An empty file of so many buckets, in place of what has that name. Returns its descriptor. */
static int make_file(const ExitTable *table, int directory_fd, const char *name, uint32_t n_buckets)
{
        _cleanup_close_ int fd = -1;
        int r;

        if (unlinkat(directory_fd, name, 0) < 0 && errno != ENOENT)
                return -errno;
        fd = openat(directory_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (fd < 0)
                return -errno;
        if (ftruncate(fd, ((off_t)n_buckets + 1) * BLOCK_SIZE) < 0)
                return -errno;
        r = write_header(table, fd, n_buckets);
        return r < 0 ? r : TAKE_FD(fd);
}

static int copy_bucket(const ExitTable *from, uint32_t i, ExitTable *to)
{
        uint8_t bucket[BLOCK_CONTENT], *entry = bucket + BUCKET_HEADER;
        int r;

        r = block_read_sparse(from->fd, (uint64_t)i + 1, bucket);
        if (r < 0)
                return r;
        for (uint32_t n = bucket_count(bucket); n > 0; n--, entry += ENTRY_SIZE) {
                uint8_t other[BLOCK_CONTENT];
                uint32_t number;

                r = find_bucket(to, get64(entry), &number, other);
                if (r < 0)
                        return r;
                if (r > 0)
                        continue;
                add_entry(other, get64(entry), get64(entry + 8));
                r = block_write(to->fd, (uint64_t)number + 1, other);
                if (r < 0)
                        return r;
                to->n_entries++;
        }

        return 0;
}

static int start_growing(ExitTable *table, int directory_fd)
{
        ExitTable *larger;

        if (table->n_buckets >= BUCKETS_MAX)
                return -EFBIG;
        larger = calloc(1, sizeof(ExitTable));
        if (!larger)
                return -ENOMEM;
        *larger = (ExitTable){
                .epoch = table->epoch,
                .seed = table->seed,
                .owner = table->owner,
                .n_buckets = table->n_buckets * 2,
        };
        larger->fd = make_file(larger, directory_fd, EXIT_TABLE_NEW_NAME, larger->n_buckets);
        if (larger->fd < 0) {
                int r = larger->fd;

                free(larger);
                return r;
        }

        table->larger = larger;
        table->n_copied = 0;
        return 0;
}

/* Nothing of the new file is durable yet, and so its header says that nothing is known; the next
 * sync says otherwise. */
static int take_larger(ExitTable *table, int directory_fd)
{
        ExitTable *larger = table->larger;

        if (renameat(directory_fd, EXIT_TABLE_NEW_NAME, directory_fd, EXIT_TABLE_NAME) < 0)
                return -errno;
        close(table->fd);
        table->fd = TAKE_FD(larger->fd);
        table->n_buckets = larger->n_buckets;
        table->n_entries = larger->n_entries;
        table->synced_seq = 0;
        table->larger = exit_table_free(larger);
        return 0;
}

bool exit_table_must_grow(const ExitTable *table)
{
        return table->larger || table->n_entries >= (uint64_t)table->n_buckets * BUCKET_FILL;
}

bool exit_table_is_growing(const ExitTable *table)
{
        return table->larger;
}

int exit_table_grow(ExitTable *table, int directory_fd)
{
        int r;

        if (!exit_table_must_grow(table))
                return 0;
        if (!table->larger) {
                r = start_growing(table, directory_fd);
                return r < 0 ? r : 1;
        }
        for (uint32_t n = 0; n < GROW_BUCKETS && table->n_copied < table->n_buckets; n++) {
                r = copy_bucket(table, table->n_copied, table->larger);
                if (r < 0)
                        return r;
                table->n_copied++;
        }
        if (table->n_copied < table->n_buckets)
                return 1;
        r = take_larger(table, directory_fd);
        return r < 0 ? r : 0;
}

/* ---- opening ---- */

static int start_anew(ExitTable *table, int directory_fd)
{
        sd_id128_t random;
        int r;

        r = sd_id128_randomize(&random);
        if (r < 0)
                return r;
        if (table->fd >= 0)
                close(TAKE_FD(table->fd));
        table->seed = random.qwords[0];
        table->owner = geteuid();
        table->n_buckets = BUCKETS_MIN;
        table->n_entries = table->synced_seq = 0;
        table->fd = make_file(table, directory_fd, EXIT_TABLE_NAME, BUCKETS_MIN);
        return table->fd < 0 ? table->fd : 0;
}

static int open_existing(ExitTable *table, int directory_fd, int flags)
{
        struct stat st;

        table->fd = openat(directory_fd, EXIT_TABLE_NAME,
                           flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (table->fd < 0 || fstat(table->fd, &st) < 0)
                return -errno;
        return S_ISREG(st.st_mode) ? read_header(table, &st) : -EBADMSG;
}

int exit_table_open_existing(int directory_fd, sd_id128_t epoch, ExitTable **ret)
{
        _cleanup_(exit_table_freep) ExitTable *table = NULL;
        int r;

        table = calloc(1, sizeof(ExitTable));
        if (!table)
                return -ENOMEM;
        table->epoch = epoch;
        r = open_existing(table, directory_fd, O_RDONLY);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(table);
        return 0;
}

int exit_table_open(int directory_fd, sd_id128_t epoch, ExitTable **ret)
{
        _cleanup_(exit_table_freep) ExitTable *table = NULL;
        int r;

        table = calloc(1, sizeof(ExitTable));
        if (!table)
                return -ENOMEM;
        table->epoch = epoch;
        r = open_existing(table, directory_fd, O_RDWR);
        if (r < 0)
                r = start_anew(table, directory_fd);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(table);
        return 0;
}

ExitTable *exit_table_free(ExitTable *table)
{
        if (!table)
                return NULL;

        if (table->fd >= 0)
                close(table->fd);
        exit_table_free(table->larger);
        free(table);
        return NULL;
}

uint64_t exit_table_n_entries(const ExitTable *table)
{
        return table->n_entries;
}

uint64_t exit_table_synced_seq(const ExitTable *table)
{
        return table->synced_seq;
}

/* ---- putting in ---- */

typedef struct Ending {
        ExitKind kind;
        const char *id;
        bool known;
        int32_t code;
        uint64_t time_msec;
        bool replaces; /* what is known already */
        bool late;     /* but only if that was not later */
} Ending;

/* What an event tells; false if nothing ended. bus/exit-code.c, which asks the log, agrees. */
static bool ending_of(const EventFields *event, Ending *ret)
{
        const char *status = event_status_canonical(event->status);
        Ending ending = {
                .id = event->id,
                .kind = EXIT_CONTAINER,
                .known = event->has_exit_code && event->exit_code >= CODE_MIN &&
                         event->exit_code <= CODE_MAX,
                .code = event->exit_code,
                .time_msec = event->time_nsec / NSEC_PER_MSEC,
                .late = event->backlog,
        };

        if (strcmp(event->type, "container") != 0 || event_is_health_check_exec(event))
                return false;
        if (strcmp(status, "exec_died") == 0 && event->exec_id) {
                ending.kind = EXIT_EXEC;
                ending.id = event->exec_id;
        } else if (strcmp(status, "died") == 0) {
                ending.replaces = true;
        } else if (strcmp(status, "remove") != 0 || !event->has_exit_code) {
                return false;
        }

        *ret = ending;
        return *ending.id;
}

/* How an entry says it. */
static uint64_t value_of(const Ending *ending)
{
        return ending->time_msec << TIME_SHIFT |
               (ending->known ? KNOWN | (uint64_t)(ending->code - CODE_MIN) : 0);
}

/* What another user says of containers may be a lie, about root's: the log is asked, which knows
 * who else spoke. */
static bool may_tell(const ExitTable *table, const EventFields *event)
{
        return !event->has_uid || event->uid == 0 || event->uid == table->owner;
}

bool exit_table_concerns(const EventFields *event)
{
        Ending ending;

        return ending_of(event, &ending);
}

static ExitWord word_of(const ExitTable *table, const Ending *ending)
{
        return (ExitWord){
                .key = key_of(table, ending->kind, ending->id),
                .value = value_of(ending),
                .exec = ending->kind == EXIT_EXEC,
                .replaces = ending->replaces,
                .late = ending->late,
        };
}

bool exit_word_is_settled(const ExitWord *word, uint64_t value)
{
        if (!word->replaces)
                return value & KNOWN;
        return word->late && word->value >> TIME_SHIFT < value >> TIME_SHIFT;
}

int exit_table_put(ExitTable *table, const EventFields *event)
{
        uint8_t bucket[BLOCK_CONTENT], *entry;
        uint32_t number;
        ExitWord word;
        Ending ending;
        int r;

        if (!may_tell(table, event) || !ending_of(event, &ending))
                return 0;
        word = word_of(table, &ending);
        r = find_bucket(table, word.key, &number, bucket);
        if (r == -ENOSPC) {
                table->n_entries = (uint64_t)table->n_buckets * BUCKET_FILL;
                return -EAGAIN;
        }
        if (r < 0)
                return r;
        entry = find_entry(bucket, word.key);
        if (entry && exit_word_is_settled(&word, get64(entry + 8)))
                return 0;
        if (entry && get64(entry + 8) == word.value)
                return 0;
        if (entry)
                put64(entry + 8, word.value);
        else
                add_entry(bucket, word.key, word.value);
        r = block_write(table->fd, (uint64_t)number + 1, bucket);
        if (r < 0)
                return r;
        table->n_entries += !entry;
        return 0;
}

int exit_table_sync(ExitTable *table, uint64_t seq)
{
        const uint64_t before = table->synced_seq;
        int r;

        if (fdatasync(table->fd) < 0)
                return -errno;
        table->synced_seq = seq;
        r = write_header(table, table->fd, table->n_buckets);
        if (r >= 0 && fdatasync(table->fd) < 0)
                r = -errno;
        if (r < 0)
                table->synced_seq = before;
        return r;
}

int exit_table_find(const ExitTable *table, ExitKind kind, const char *id, int32_t *ret_code)
{
        uint64_t key = key_of(table, kind, id), value;
        uint8_t bucket[BLOCK_CONTENT];
        uint32_t number;
        int r;

        r = find_bucket(table, key, &number, bucket);
        if (r <= 0)
                return r == -ENOSPC ? 0 : r;
        value = get64(find_entry(bucket, key) + 8);
        if (!(value & KNOWN))
                return 0;

        *ret_code = (int32_t)(value & 0xffff) + CODE_MIN;
        return 1;
}

/* ---- checking ---- */

bool exit_table_word(const ExitTable *table, const EventFields *event, ExitWord *ret)
{
        Ending ending;

        if (!may_tell(table, event) || !ending_of(event, &ending))
                return false;
        *ret = word_of(table, &ending);
        return true;
}

int exit_table_value(const ExitTable *table, uint64_t key, uint64_t *ret)
{
        uint8_t bucket[BLOCK_CONTENT];
        uint32_t number;
        int r;

        r = find_bucket(table, key, &number, bucket);
        if (r > 0)
                *ret = get64(find_entry(bucket, key) + 8);
        return r == -ENOSPC ? 0 : r;
}

int exit_table_check(const ExitTable *table)
{
        for (uint64_t i = 0; i < table->n_buckets; i++) {
                uint8_t bucket[BLOCK_CONTENT];
                int r;

                r = block_read_sparse(table->fd, i + 1, bucket);
                if (r < 0)
                        return r;
        }
        return 0;
}
