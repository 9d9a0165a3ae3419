/* SPDX-License-Identifier: Apache-2.0 */
#include "columns.h"

#include <errno.h>
#include <langinfo.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <wchar.h>

#include "cleanup.h"
#include "utf8.h"

/* Nobody has more; a mistyped $COLUMNS must not cost gigabytes. */
#define COLUMNS_MAX 10000

/* Stands for a character that a terminal shows nowhere or elsewhere. */
#define REPLACEMENT "\xef\xbf\xbd"

/* One thing to show: a character, or what stands for it. */
typedef struct Piece {
        char text[8];
        size_t width;
} Piece;

size_t columns_of_terminal(int fd)
{
        const char *columns = getenv("COLUMNS");
        struct winsize size;
        unsigned long number;
        char *end;

        if (columns && *columns >= '0' && *columns <= '9') {
                number = strtoul(columns, &end, 10);
                if (!*end && number > 0)
                        return number < COLUMNS_MAX ? number : COLUMNS_MAX;
        }
        if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
                return size.ws_col;
        return COLUMNS_DEFAULT;
}

bool columns_have_utf8(void)
{
        return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static Piece escaped(unsigned byte)
{
        Piece piece = { .width = 4 };

        snprintf(piece.text, sizeof(piece.text), "\\x%02x", byte & 0xff);
        return piece;
}

/* The next thing to show; takes at least one byte of the text. */
static Piece next_piece(const char **text, bool utf8)
{
        Piece piece = { .width = 1 };
        uint32_t code;
        size_t n = utf8_character(*text, &code);
        int width;

        if (n == 0) {
                piece = escaped((unsigned char)**text);
                *text += 1;
                return piece;
        }
        if (code < 0x20 || (code >= 0x7f && code < 0xa0)) {
                piece = escaped(code);
        } else if (code < 0x7f) {
                piece.text[0] = (char)code;
        } else if (!utf8) {
                piece.text[0] = '?';
        } else {
                /* No width: marks that change the direction of the text, or stack up. */
                width = wcwidth((wchar_t)code);
                if (width > 0) {
                        memcpy(piece.text, *text, n);
                        piece.width = (size_t)width;
                } else {
                        strcpy(piece.text, REPLACEMENT);
                }
        }
        *text += n;
        return piece;
}

size_t columns_width(const char *text)
{
        size_t width = 0;

        while (*text)
                width += next_piece(&text, true).width;
        return width;
}

/* Pieces from the start, as many as fit into the width; from is where they begin. */
static size_t take(const Piece *pieces, size_t n, size_t width)
{
        size_t taken = 0;

        while (taken < n && pieces[taken].width <= width)
                width -= pieces[taken++].width;
        return taken;
}

static size_t take_back(const Piece *pieces, size_t n, size_t width)
{
        size_t taken = 0;

        while (taken < n && pieces[n - 1 - taken].width <= width)
                width -= pieces[n - 1 - taken++].width;
        return taken;
}

static void append(char *text, const Piece *pieces, size_t n)
{
        text += strlen(text);
        for (size_t i = 0; i < n; i++)
                text = stpcpy(text, pieces[i].text);
}

int columns_fit(const char *text, size_t width, bool utf8, char **ret)
{
        _cleanup_free_ Piece *pieces = calloc(strlen(text) + 1, sizeof(Piece));
        _cleanup_free_ char *fitted = calloc(strlen(text) + 2, sizeof(pieces->text));
        size_t n = 0, total = 0, head, tail, dots = utf8 ? 1 : 2;

        if (!pieces || !fitted)
                return -ENOMEM;
        while (*text) {
                pieces[n] = next_piece(&text, utf8);
                total += pieces[n++].width;
        }

        if (total <= width) {
                append(fitted, pieces, n);
        } else if (width <= dots + 2) {
                append(fitted, pieces, take(pieces, n, width));
        } else {
                tail = (width - dots) / 2;
                head = take(pieces, n, width - dots - tail);
                append(fitted, pieces, head);
                strcat(fitted, utf8 ? "\xe2\x80\xa6" : "..");
                tail = take_back(pieces, n, tail);
                append(fitted, pieces + n - tail, tail);
        }
        *ret = TAKE_PTR(fitted);
        return 0;
}
