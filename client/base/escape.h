/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Text from the bus on a terminal. Labels, names and error texts are written by whoever made the
 * container or the image; a control character in them could move the cursor, change the window
 * title or worse. Here they become visible and harmless.
 */

#include <stdio.h>

/* Writes the text with each control character (C0, DEL, C1) and each byte that is no UTF-8 as
 * "\xNN". Anything else, backslashes too, passes unchanged. */
void escape_print(FILE *f, const char *text);

/* Writes JSON. json-c leaves DEL and C1 as they are; they can only stand inside strings, so here
 * they become "\u00NN", which every reader of JSON takes for the same. */
void escape_print_json(FILE *f, const char *json);
