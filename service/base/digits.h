/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Numbers in digits of 6 bits, those of base64url, the highest first: for what stands in every
 * record and must be short.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGIT_BITS 6

/* Of 64 bits. */
#define DIGITS_MAX 11

/* The low digits, as many as there are; returns what is behind them. No NUL is put. */
char *digits_put_fixed(char *p, uint64_t number, size_t n);

/* No more digits than the number needs, and at least one. */
char *digits_put(char *p, uint64_t number);

/*
 * The number in a word, or in the first part of one; with a superfluous digit in front only if not
 * "canonical". Returns -EINVAL for what is none, or is larger than 64 bits.
 */
int digits_parse(const char *word, size_t length, bool canonical, uint64_t *ret);
