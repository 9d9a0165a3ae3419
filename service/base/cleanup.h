/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Cleanup attributes: a variable so marked releases what it holds when it goes out of scope.
 * TAKE_PTR and TAKE_FD hand the content over and leave the variable empty.
 */

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include <json-c/json_object.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

#define DEFINE_CLEANUP(type, function)                                                             \
        static inline void function##p(type *object)                                               \
        {                                                                                          \
                if (*object)                                                                       \
                        function(*object);                                                         \
        }

static inline void cleanup_freep(void *pointer)
{
        free(*(void **)pointer);
}

static inline void cleanup_closep(const int *fd)
{
        if (*fd >= 0)
                close(*fd);
}

DEFINE_CLEANUP(DIR *, closedir)
DEFINE_CLEANUP(struct json_object *, json_object_put)

#define _cleanup_free_     _cleanup_(cleanup_freep)
#define _cleanup_close_    _cleanup_(cleanup_closep)
#define _cleanup_closedir_ _cleanup_(closedirp)
#define _cleanup_json_     _cleanup_(json_object_putp)

#define TAKE_PTR(pointer)                                                                          \
        ({                                                                                         \
                __typeof__(pointer) _taken = (pointer);                                            \
                (pointer) = NULL;                                                                  \
                _taken;                                                                            \
        })

#define TAKE_FD(fd)                                                                                \
        ({                                                                                         \
                int _taken = (fd);                                                                 \
                (fd) = -1;                                                                         \
                _taken;                                                                            \
        })

#define ELEMENTSOF(array) (sizeof(array) / sizeof((array)[0]))
