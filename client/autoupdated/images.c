/* SPDX-License-Identifier: Apache-2.0 */
#include "images.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "reference.h"

#define ID_LENGTH 64

void images_done(Images *i)
{
        free(i->text);
        free(i->list);
        *i = (Images){};
}

static size_t count_lines(const char *text)
{
        size_t n = 1;

        for (; *text; text++)
                n += *text == '\n';
        return n;
}

/* "ID NAME"; an image without a name has "<none>:<none>", which nothing is called. */
static int take_line(Images *images, char *line)
{
        char *space = strchr(line, ' ');
        const char *id = line;

        if (!*line)
                return 0;
        if (!space)
                return -EINVAL;
        *space = '\0';
        if (strncmp(id, "sha256:", 7) == 0)
                id += 7;
        if (strlen(id) != ID_LENGTH || strspn(id, "0123456789abcdef") != ID_LENGTH)
                return -EINVAL;
        images->list[images->n++] = (ImageName){ id, space + 1 };
        return 0;
}

int images_parse(const char *text, size_t length, Images *ret)
{
        Images images = { .text = strndup(text, length) };
        char *line, *rest = images.text;
        int r = 0;

        if (!images.text)
                return -ENOMEM;
        images.list = calloc(count_lines(images.text), sizeof(ImageName));
        if (!images.list)
                r = -ENOMEM;
        while (r >= 0 && (line = strsep(&rest, "\n")))
                r = take_line(&images, line);
        if (r < 0) {
                images_done(&images);
                return r;
        }

        *ret = images;
        return 0;
}

const char *images_find(const Images *images, const char *name)
{
        _cleanup_free_ char *full = NULL;

        if (reference_normalize(name, &full) < 0)
                return NULL;
        for (size_t i = 0; i < images->n; i++)
                if (strcmp(images->list[i].name, full) == 0)
                        return images->list[i].id;
        return NULL;
}
