/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdbool.h>

#include "cleanup.h"
#include "environment-file.h"
#include "fuzz.h"
#include "specifier.h"
#include "unit-name.h"
#include "utf8.h"

#define N_TEXTS 6

/* What systemd and a shell make of the text behind the opening quote: the value up to the closing
 * one. Returns where the line ends. */
static const char *unquote(const char *text, char *value)
{
        while (*text != '"') {
                fuzz_assert(*text && *text != '`' && *text != '$');
                if (*text == '\\') {
                        text++;
                        fuzz_assert(*text && strchr("\"\\`$", *text));
                }
                *value++ = *text++;
        }
        *value = '\0';
        fuzz_assert(text[1] == '\n');
        return text + 1;
}

static bool is_plain(const char *text)
{
        for (; *text; text++)
                if ((unsigned char)*text >= 0x80)
                        return false;
        return true;
}

/* Every line of the file is a setting of ours, whatever stands in the values. */
static void check_environment(const TriggerEvent *e)
{
        _cleanup_free_ char *text = NULL, *value = NULL;

        fuzz_assert(environment_file_text(e, "t", 1, &text) == 0);
        fuzz_assert(utf8_is_valid(text));
        value = malloc(strlen(text) + 1);
        fuzz_assert(value);
        for (const char *line = text; *line; line++) {
                const char *equals = strchr(line, '=');

                fuzz_assert(strncmp(line, "CONTAINER_EVENT_", 16) == 0 && equals);
                fuzz_assert(strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == (size_t)(equals - line));
                if (equals[1] == '"') {
                        line = unquote(equals + 2, value);
                        if (memcmp(equals - 5, "_NAME", 5) == 0 && is_plain(e->name))
                                fuzz_assert(strcmp(value, e->name) == 0);
                } else {
                        line = equals + 1 + strspn(equals + 1, "0123456789-:.TZ");
                        fuzz_assert(line > equals + 1 && *line == '\n');
                }
        }
}

static void check_unit(const char *pattern, const TriggerEvent *e)
{
        _cleanup_free_ char *unit = NULL, *file = NULL;

        fuzz_assert(unit_pattern_expand(pattern, e, &unit) == 0);
        fuzz_assert(unit_name_kind(unit) == UNIT_NAME_INSTANCE && strncmp(unit, "p@", 2) == 0);
        fuzz_assert(unit_pattern_matches(pattern, unit));
        fuzz_assert(environment_file_name(unit, &file) == 0);
        fuzz_assert(strncmp(file, "p@", 2) == 0 && !strchr(file, '/') && strlen(file) <= 255);
}

/* The texts of an event, with a NUL behind each. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *copy = fuzz_string(data, size);
        const char *texts[N_TEXTS], *p = copy;
        TriggerEvent e = {};

        for (size_t i = 0; i < N_TEXTS; i++) {
                texts[i] = p;
                if (p < copy + size)
                        p += strlen(p);
                if (p < copy + size)
                        p++;
        }
        e.name = texts[0];
        e.id = texts[1];
        e.type = texts[2];
        e.status = texts[3];
        e.engine = texts[4];
        e.error = texts[5];
        e.has_exit_code = size % 2 == 0;
        e.exit_code = size > 0 ? (int8_t)data[0] : 0;
        check_environment(&e);
        check_unit("p@%n.service", &e);
        check_unit("p@x-%t%%%e\\x2d%E%x.target", &e);
        return 0;
}
