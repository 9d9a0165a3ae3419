/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * UTF-8, as strictly as the bus takes it: no overlong forms, no surrogates, nothing past U+10FFFF.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many bytes the character at the start of the text takes, which ends in a NUL; 0 if there is
 * none. */
size_t utf8_character(const char *text, uint32_t *ret_code);

bool utf8_is_valid(const char *text);
