/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Numbers from outside: the whole string must be the number, in base 10, without sign (but for a
 * leading "-" where the type has one), white space or a superfluous plus. All return -EINVAL for
 * what is no number and -ERANGE for one that does not fit.
 */

#include <stdint.h>

int parse_u64(const char *string, uint64_t *ret);
int parse_u32(const char *string, uint32_t *ret);
int parse_i32(const char *string, int32_t *ret);

/* Exactly 16 hex digits, as "%016" PRIx64 writes them. */
int parse_hex64(const char *string, uint64_t *ret);

/* A number of bytes, or one with K, M, G or T behind it: the powers of 1024. */
int parse_size(const char *string, uint64_t *ret);

/*
 * A time: numbers with a unit each, as systemd has them, added together: "90d", "1h 30min". Without
 * a unit it is seconds.
 */
int parse_timespan(const char *string, uint64_t *ret_usec);
