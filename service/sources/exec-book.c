/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/exec-book.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static int compare_ids(const void *a, const void *b)
{
        return strcmp(((const Exec *)a)->id, ((const Exec *)b)->id);
}

static void exec_free(Exec *exec)
{
        event_unref(exec->start);
        free(exec->id);
        free(exec);
}

DEFINE_CLEANUP(Exec *, exec_free)

static void container_free(ExecContainer *container)
{
        for (size_t i = 0; i < container->n_execs; i++) {
                tdelete(container->execs[i], &container->by_id, compare_ids);
                exec_free(container->execs[i]);
        }
        free(container->execs);
        free(container->id);
        free(container);
}

DEFINE_CLEANUP(ExecContainer *, container_free)

void exec_book_done(ExecBook *book)
{
        for (size_t i = 0; i < book->n_containers; i++)
                container_free(book->containers[i]);
        free(book->containers);
        *book = (ExecBook){};
}

/* Where it stands, or would. */
static size_t place_of(const ExecBook *book, uint32_t uid, const char *id, bool *ret_found)
{
        size_t low = 0, high = book->n_containers;

        *ret_found = false;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                const ExecContainer *container = book->containers[middle];
                int order = uid < container->uid   ? -1
                            : uid > container->uid ? 1
                                                   : strcmp(id, container->id);

                if (order == 0) {
                        *ret_found = true;
                        return middle;
                }
                if (order < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return low;
}

ExecContainer *exec_book_container(const ExecBook *book, uint32_t uid, const char *id)
{
        bool found;
        size_t place = place_of(book, uid, id, &found);

        return found ? book->containers[place] : NULL;
}

int exec_book_add_container(ExecBook *book, uint32_t uid, const char *id, ExecContainer **ret)
{
        _cleanup_(container_freep) ExecContainer *container = NULL;
        ExecContainer **containers;
        bool found;
        size_t place = place_of(book, uid, id, &found);

        if (found) {
                *ret = book->containers[place];
                return 0;
        }

        container = calloc(1, sizeof(ExecContainer));
        if (!container)
                return -ENOMEM;
        container->uid = uid;
        container->id = strdup(id);
        if (!container->id)
                return -ENOMEM;
        containers = reallocarray(book->containers, book->n_containers + 1, sizeof(*containers));
        if (!containers)
                return -ENOMEM;
        book->containers = containers;
        memmove(containers + place + 1, containers + place,
                (book->n_containers - place) * sizeof(*containers));
        book->n_containers++;

        *ret = containers[place] = TAKE_PTR(container);
        return 0;
}

void exec_book_remove_container(ExecBook *book, ExecContainer *container)
{
        bool found;
        size_t place = place_of(book, container->uid, container->id, &found);

        book->n_containers--;
        memmove(book->containers + place, book->containers + place + 1,
                (book->n_containers - place) * sizeof(*book->containers));
        container_free(container);
}

Exec *exec_container_exec(const ExecContainer *container, const char *id)
{
        const Exec key = { .id = (char *)id };
        void *place = tfind(&key, &container->by_id, compare_ids);

        return place ? *(Exec **)place : NULL;
}

int exec_container_add(ExecContainer *container, const char *id, Exec **ret)
{
        _cleanup_(exec_freep) Exec *exec = NULL;
        Exec **execs, *known;

        known = exec_container_exec(container, id);
        if (known) {
                *ret = known;
                return 0;
        }

        exec = calloc(1, sizeof(Exec));
        if (!exec)
                return -ENOMEM;
        exec->container = container;
        exec->process_code = -1;
        exec->id = strdup(id);
        if (!exec->id)
                return -ENOMEM;
        execs = reallocarray(container->execs, container->n_execs + 1, sizeof(*execs));
        if (!execs)
                return -ENOMEM;
        container->execs = execs;
        if (!tsearch(exec, &container->by_id, compare_ids))
                return -ENOMEM;

        *ret = execs[container->n_execs++] = TAKE_PTR(exec);
        return 0;
}

void exec_container_remove(Exec *exec)
{
        ExecContainer *container = exec->container;
        size_t i = 0;

        while (container->execs[i] != exec)
                i++;
        container->n_execs--;
        memmove(container->execs + i, container->execs + i + 1,
                (container->n_execs - i) * sizeof(*container->execs));
        tdelete(exec, &container->by_id, compare_ids);
        exec_free(exec);
}
