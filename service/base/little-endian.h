/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Numbers in files: little-endian on every machine, at any place. */

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* Return the place behind. */
static inline uint8_t *put32(uint8_t *at, uint32_t number)
{
        number = htole32(number);
        memcpy(at, &number, sizeof(number));
        return at + sizeof(number);
}

static inline uint8_t *put64(uint8_t *at, uint64_t number)
{
        number = htole64(number);
        memcpy(at, &number, sizeof(number));
        return at + sizeof(number);
}

static inline uint32_t get32(const uint8_t *at)
{
        uint32_t number;

        memcpy(&number, at, sizeof(number));
        return le32toh(number);
}

static inline uint64_t get64(const uint8_t *at)
{
        uint64_t number;

        memcpy(&number, at, sizeof(number));
        return le64toh(number);
}

/* The same, and go on to the place behind. */
static inline uint32_t take32(const uint8_t **at)
{
        uint32_t number = get32(*at);

        *at += sizeof(number);
        return number;
}

static inline uint64_t take64(const uint8_t **at)
{
        uint64_t number = get64(*at);

        *at += sizeof(number);
        return number;
}
