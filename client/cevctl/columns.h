/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Text in the columns of a terminal: how wide the terminal is, what it can show, and foreign text
 * made to fit into so many columns. Names are anybody's text: what could control the terminal, or
 * make it show other characters than there are, becomes visible and harmless.
 */

#include <stdbool.h>
#include <stddef.h>

/* When there is no terminal and nobody says: what a mail or a log shows well. */
#define COLUMNS_DEFAULT 80

/* The width of the terminal on this fd: what $COLUMNS says, what the terminal says, or the
 * default. */
size_t columns_of_terminal(int fd);

/* Whether the locale's characters are UTF-8; call setlocale() before. */
bool columns_have_utf8(void);

/* How many columns a text takes that columns_fit() made. */
size_t columns_width(const char *text);

/*
 * The text in at most "width" columns, which is at least 1. A longer one loses its middle, for the
 * ends of names tell them apart: "my-project-web-1" becomes "my-pro...web-1", with one character
 * for the dots where there is one. Without utf8 all but ASCII becomes "?". The caller owns it.
 */
int columns_fit(const char *text, size_t width, bool utf8, char **ret);
