/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A hash of a text that nobody finds another text for: the first half of its SHA-256 (FIPS 180-4).
 * It is here because libsystemd 252 has none to offer, and a library for it alone is too much.
 */

#define TEXT_HASH_LENGTH 32 /* hexadecimal digits */

/* Writes the digits and a NUL. */
void text_hash(const char *text, char ret[static TEXT_HASH_LENGTH + 1]);
