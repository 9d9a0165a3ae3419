/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * UTF-8 (RFC 3629), as the bus takes it: sd-bus refuses a message with anything else in a string,
 * and with Unicode's noncharacters (U+FDD0 to U+FDEF, and the last two of each plane). One bad
 * label must not cost the event, so such bytes are replaced before an event is made.
 */

#include <stdbool.h>
#include <stddef.h>

/*
 * Length of the character that the bytes begin with, or 0 if they begin with none: a stray or
 * missing continuation byte, an overlong form, a surrogate, a code point past U+10FFFF, or a
 * noncharacter.
 */
size_t utf8_character(const char *bytes, size_t length);

/*
 * The bytes with every one that belongs to no character, and every NUL, replaced by U+FFFD, ended
 * by a NUL. Returns 0 and the string, which the caller owns, with its length; -ENOMEM.
 */
int utf8_sanitize(const char *bytes, size_t length, char **ret, size_t *ret_length);

/* Whether a string holds nothing but such characters. */
bool utf8_is_valid(const char *string);

/* The largest length up to "limit" at which the valid string can be cut between two characters. */
size_t utf8_cut(const char *string, size_t limit);

/* Puts "?" for every byte that belongs to no character, in place: for sentences that are shown, and
 * may quote a path or have been cut. */
void utf8_mend(char *string);

/* How much of a value from outside a sentence shows: enough to know it again. */
#define SHOWN_MAX 128

/* The arguments of "%.*s" that show the start of a valid string, cut between two characters. */
#define SHOWN(string) (int)utf8_cut((string), SHOWN_MAX), (string)
