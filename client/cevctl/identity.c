/* SPDX-License-Identifier: Apache-2.0 */
#include "identity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cleanup.h"

int identity_key_new(IdentityKey *ret)
{
        IdentityKey key;

        if (getrandom(&key, sizeof(key), 0) != sizeof(key))
                return errno > 0 ? -errno : -EIO;
        *ret = key;
        return 0;
}

/* ---- SipHash-2-4, as its authors describe it ---- */

typedef struct Sip {
        uint64_t v[4];
        uint64_t word; /* bytes that do not fill one yet */
        uint64_t length;
} Sip;

static uint64_t rotate(uint64_t word, unsigned bits)
{
        return word << bits | word >> (64 - bits);
}

static void sip_rounds(uint64_t v[static 4], unsigned n)
{
        while (n-- > 0) {
                v[0] += v[1];
                v[2] += v[3];
                v[1] = rotate(v[1], 13) ^ v[0];
                v[3] = rotate(v[3], 16) ^ v[2];
                v[0] = rotate(v[0], 32) + v[3];
                v[2] += v[1];
                v[3] = rotate(v[3], 21) ^ v[0];
                v[1] = rotate(v[1], 17) ^ v[2];
                v[2] = rotate(v[2], 32);
        }
}

static Sip sip_start(const IdentityKey *key)
{
        return (Sip){ .v = { key->words[0] ^ UINT64_C(0x736f6d6570736575),
                             key->words[1] ^ UINT64_C(0x646f72616e646f6d),
                             key->words[0] ^ UINT64_C(0x6c7967656e657261),
                             key->words[1] ^ UINT64_C(0x7465646279746573) } };
}

static void sip_word(Sip *s, uint64_t word)
{
        s->v[3] ^= word;
        sip_rounds(s->v, 2);
        s->v[0] ^= word;
}

static void sip_bytes(Sip *s, const void *bytes, size_t n)
{
        const unsigned char *p = bytes;

        for (size_t i = 0; i < n; i++) {
                s->word |= (uint64_t)p[i] << (s->length % 8 * 8);
                if (++s->length % 8 == 0) {
                        sip_word(s, s->word);
                        s->word = 0;
                }
        }
}

static uint64_t sip_end(Sip *s)
{
        sip_word(s, s->word | s->length << 56);
        s->v[2] ^= 0xff;
        sip_rounds(s->v, 4);
        return s->v[0] ^ s->v[1] ^ s->v[2] ^ s->v[3];
}

/* ---- events ---- */

/* With its NUL, so that "ab", "c" is not "a", "bc"; absent is not "". */
static void add_string(Sip *s, const char *string)
{
        sip_bytes(s, string ? "s" : "-", 1);
        if (string)
                sip_bytes(s, string, strlen(string) + 1);
}

static void add_number(Sip *s, bool present, uint64_t number)
{
        sip_bytes(s, present ? "n" : "-", 1);
        if (present)
                sip_bytes(s, &number, sizeof(number));
}

static int compare_strings(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In order of their names, whatever order they came in. */
static int add_others(Sip *s, const Event *e)
{
        _cleanup_free_ const char **keys = NULL;
        size_t n = 0;

        add_number(s, true, e->others ? (uint64_t)json_object_object_length(e->others) : 0);
        if (!e->others)
                return 0;
        keys = calloc((size_t)json_object_object_length(e->others) + 1, sizeof(char *));
        if (!keys)
                return -ENOMEM;
        json_object_object_foreach(e->others, key, value) {
                (void)value;
                keys[n++] = key;
        }
        qsort(keys, n, sizeof(char *), compare_strings);
        for (size_t i = 0; i < n; i++) {
                const char *text;

                text = json_object_to_json_string_ext(json_object_object_get(e->others, keys[i]),
                                                      JSON_C_TO_STRING_PLAIN);
                if (!text)
                        return -ENOMEM;
                add_string(s, keys[i]);
                add_string(s, text);
        }
        return 0;
}

static void add_rest(Sip *s, const Event *e)
{
        add_string(s, e->type);
        add_string(s, e->status);
        add_string(s, e->engine);
        add_number(s, true, e->time_nsec);
        add_number(s, e->has_exit_code, (uint64_t)e->exit_code);
        add_number(s, true, (uint64_t)e->oom_killed | (uint64_t)e->synthetic << 1);
}

int identity_of_rest(const IdentityKey *key, const Event *e, uint64_t *ret)
{
        Sip s = sip_start(key);

        add_rest(&s, e);
        *ret = sip_end(&s);
        return 0;
}

int identity_of(const IdentityKey *key, const Event *e, uint64_t *ret)
{
        const char *const strings[] = { e->id,     e->name,    e->image,         e->exec_id,
                                        e->pod_id, e->network, e->health_status, e->error,
                                        e->reason };
        Sip s = sip_start(key);
        int r;

        add_rest(&s, e);
        add_number(&s, true, e->truncated);
        for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
                add_string(&s, strings[i]);
        add_number(&s, true, e->n_attributes);
        for (size_t i = 0; i < e->n_attributes; i++) {
                add_string(&s, e->attributes[i].key);
                add_string(&s, e->attributes[i].value);
        }
        r = add_others(&s, e);
        if (r < 0)
                return r;
        *ret = sip_end(&s);
        return 0;
}
