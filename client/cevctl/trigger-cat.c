/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "escape.h"
#include "layers.h"
#include "text-format.h"
#include "trigger-command.h"

void trigger_print_text(char *text, size_t length)
{
        char *end = text + length;

        for (;;) {
                char *stop = text + strcspn(text, "\n\t"), mark = *stop;

                *stop = '\0';
                escape_print(stdout, text);
                *stop = mark;
                if (stop == end)
                        break;
                if (mark == '\0')
                        fputs("\\x00", stdout);
                else
                        putchar(mark);
                text = stop + 1;
        }
        if (length > 0 && end[-1] != '\n')
                putchar('\n');
}

static int print_file(const char *path)
{
        _cleanup_free_ char *text = NULL;
        size_t length;
        int r = layered_file_read(path, &text, &length);

        if (r == -ENOMEM)
                return r;
        fputs("# ", stdout);
        escape_print(stdout, path);
        if (r < 0)
                printf(": %s", strerror(-r));
        else if (r == 0)
                fputs(" masks it", stdout);
        putchar('\n');
        if (r > 0)
                trigger_print_text(text, length);
        return r < 0 ? 0 : r;
}

/* The drop-ins that there are, also of one that is broken: these may be why. */
static int print_trigger(const char *root, const Trigger *t)
{
        _cleanup_(layered_files_done) LayeredFiles files = {};
        _cleanup_free_ char *subfolder = NULL, *where = NULL;
        int r = print_file(t->path);

        if (r <= 0)
                return r;
        if (text_format(&subfolder, "%s" TRIGGER_SUFFIX ".d", t->name) < 0)
                return -ENOMEM;
        r = layered_files_list(root, subfolder, ".conf", &files, &where);
        if (r < 0 && r != -ENOMEM)
                return printf("\n# %s: %s\n", where, strerror(-r)) < 0 ? -EIO : 0;
        for (size_t i = 0; r >= 0 && i < files.n; i++) {
                putchar('\n');
                r = print_file(files.files[i].path);
        }
        return r;
}

int trigger_cat(const Context *c, const TriggerArguments *a)
{
        _cleanup_(trigger_set_done) TriggerSet set = {};
        int status, r = 0;

        status = trigger_load_all(a, &set);
        if (status >= 0)
                return status;
        if (c->json)
                return command_usage_error(c, "Files are no JSON; list has what they say.");
        for (size_t i = 0; i < a->n_names; i++)
                if (!trigger_set_find(&set, a->names[i]))
                        return trigger_unknown(a->names[i]);
        for (size_t i = 0, n = a->n_names ?: set.n; r >= 0 && i < n; i++) {
                if (i > 0)
                        putchar('\n');
                r = print_trigger(a->root, a->n_names > 0 ? trigger_set_find(&set, a->names[i])
                                                          : set.triggers[i]);
        }
        return r < 0 ? command_error(r, "Cannot print the triggers") : STATUS_OK;
}
