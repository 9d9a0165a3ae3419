/* SPDX-License-Identifier: Apache-2.0 */
#include "log/index-key.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "model/vocabulary.h"

/* Odd, with bits all over it: of the golden ratio, and of the square root of three. */
#define MIX_A UINT64_C(0x9e3779b97f4a7c15)
#define MIX_B UINT64_C(0xbb67ae8584caa73b)

/* Both halves of the product, so that every bit of both factors counts. */
static uint64_t mix(uint64_t a, uint64_t b)
{
        unsigned __int128 product = (unsigned __int128)a * b;

        return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t index_key(uint64_t seed, IndexKind kind, const char *text, size_t length)
{
        uint64_t hash = mix(seed ^ MIX_A, (uint64_t)kind ^ MIX_B) ^ length;
        uint64_t word;

        for (; length >= sizeof(word); text += sizeof(word), length -= sizeof(word)) {
                memcpy(&word, text, sizeof(word));
                hash = mix(hash ^ le64toh(word), MIX_A);
        }
        word = 0;
        memcpy(&word, text, length);
        return mix(hash ^ le64toh(word), MIX_B ^ seed);
}

uint64_t index_key_label(uint64_t seed, const char *label, const char *value)
{
        return index_key(index_key(seed, INDEX_LABEL, label, strlen(label)), INDEX_LABEL_VALUE,
                         value, strlen(value));
}

const char *index_id_text(const char *id)
{
        static const char DIGEST[] = "sha256:";

        return strncmp(id, DIGEST, sizeof(DIGEST) - 1) == 0 ? id + sizeof(DIGEST) - 1 : id;
}

typedef struct Keys {
        uint64_t seed;
        uint64_t *keys;
        size_t n;
} Keys;

static void add(Keys *keys, IndexKind kind, const char *text, size_t length)
{
        keys->keys[keys->n++] = index_key(keys->seed, kind, text, length);
}

static void add_text(Keys *keys, IndexKind kind, const char *text)
{
        if (text && *text)
                add(keys, kind, text, strlen(text));
}

static void add_number(Keys *keys, IndexKind kind, int64_t number)
{
        char text[24];

        add(keys, kind, text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)number));
}

/* An ID that is shorter than a length cannot start with a text that is longer. */
static void add_id(Keys *keys, IndexKind in_short, IndexKind in_long, const char *id)
{
        size_t length;

        if (!id)
                return;
        id = index_id_text(id);
        length = strlen(id);
        if (length >= INDEX_ID_SHORT_LENGTH)
                add(keys, in_short, id, INDEX_ID_SHORT_LENGTH);
        if (length >= INDEX_ID_LONG_LENGTH)
                add(keys, in_long, id, INDEX_ID_LONG_LENGTH);
}

static void add_labels(Keys *keys, const EventFields *event)
{
        if (event->n_attributes > INDEX_LABELS_MAX) {
                add(keys, INDEX_MANY_LABELS, "", 0);
                return;
        }
        for (size_t i = 0; i < event->n_attributes; i++) {
                const EventAttribute *label = event->attributes + i;

                add(keys, INDEX_LABEL, label->key, strlen(label->key));
                keys->keys[keys->n++] = index_key_label(keys->seed, label->key, label->value);
        }
}

size_t index_keys_of(uint64_t seed, const EventFields *event, uint64_t list[static INDEX_KEYS_MAX])
{
        Keys keys = { .seed = seed, .keys = list };

        add_text(&keys, INDEX_TYPE, event->type);
        add_text(&keys, INDEX_STATUS, event_status_canonical(event->status));
        add_text(&keys, INDEX_NAME, event->name);
        add_text(&keys, INDEX_NAME, event->network);
        add_id(&keys, INDEX_ID_SHORT, INDEX_ID_LONG, event->id);
        add_id(&keys, INDEX_EXEC_SHORT, INDEX_EXEC_LONG, event->exec_id);
        add_text(&keys, INDEX_ENGINE, event->engine);
        if (event->has_uid)
                add_number(&keys, INDEX_UID, event->uid);
        if (event->has_exit_code)
                add_number(&keys, INDEX_EXIT_CODE, event->exit_code);
        add_labels(&keys, event);
        return keys.n;
}
