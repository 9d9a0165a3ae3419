/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/podman-cmdline.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

/* What journald puts where it cuts a long command line. */
#define ELLIPSIS "\xe2\x80\xa6"

typedef struct Word {
        const char *text;
        size_t length;
} Word;

/* Takes the last word off; an empty one if there is none. */
static Word last_word(Word *line)
{
        Word word = { .text = line->text + line->length };

        while (line->length > 0 && line->text[line->length - 1] != ' ') {
                line->length--;
                word.text--;
                word.length++;
        }
        if (line->length > 0)
                line->length--;
        return word;
}

static bool word_is(const Word *word, const char *text)
{
        return word->length == strlen(text) && memcmp(word->text, text, word->length) == 0;
}

static bool word_is_id(const Word *word)
{
        return word->length == PODMAN_ID_SIZE - 1 &&
               strspn(word->text, "0123456789abcdef") >= word->length;
}

static bool word_is_option(const Word *word)
{
        static const char *const options[] = { "--stopped-only", "--rm", "--rmi" };

        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (word_is(word, options[i]))
                        return true;
        return false;
}

/* ... container cleanup [OPTION...] [--exec SESSION] CONTAINER */
static bool parse_cleanup(Word line, const char *container, Word *ret_session)
{
        Word word = last_word(&line), session = {};

        if (!word_is_id(&word) || !word_is(&word, container))
                return false;
        word = last_word(&line);
        if (word_is_id(&word)) {
                session = word;
                word = last_word(&line);
                if (!word_is(&word, "--exec"))
                        return false;
                word = last_word(&line);
        }
        while (word_is_option(&word))
                word = last_word(&line);
        if (!word_is(&word, "cleanup"))
                return false;
        word = last_word(&line);
        if (!word_is(&word, "container"))
                return false;

        *ret_session = session;
        return true;
}

ExecWriter podman_cmdline_parse(const char *cmdline, const char *container,
                                char ret_session[static PODMAN_ID_SIZE])
{
        const Word line = { .text = cmdline, .length = strlen(cmdline) };
        Word session;

        ret_session[0] = '\0';
        if (line.length == 0 || strstr(cmdline, ELLIPSIS))
                return EXEC_WRITER_UNKNOWN;
        if (!parse_cleanup(line, container, &session))
                return EXEC_WRITER_FRONT_END;

        memcpy(ret_session, session.text ? session.text : "", session.length);
        ret_session[session.length] = '\0';
        return EXEC_WRITER_CLEANUP;
}
