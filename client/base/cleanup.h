/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Cleanup attributes: a variable that owns something says so where it is declared, and lets go of
 * it on every way out. sd-bus and sd-event bring their own (sd_bus_message_unrefp and so on); here
 * are the ones that they do not have.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <json-c/json.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

static inline void freep(void *p)
{
        free(*(void **)p);
}

static inline void closep(int *fd)
{
        if (*fd >= 0)
                (void)close(*fd);
}

static inline void fclosep(FILE **f)
{
        if (*f)
                (void)fclose(*f);
}

static inline void json_object_putp(json_object **o)
{
        json_object_put(*o);
}

#define _cleanup_free_   _cleanup_(freep)
#define _cleanup_close_  _cleanup_(closep)
#define _cleanup_fclose_ _cleanup_(fclosep)
#define _cleanup_json_   _cleanup_(json_object_putp)

/* Hands an owned pointer on: the variable forgets it, so that its cleanup does nothing. */
#define TAKE_PTR(p)                                                                                \
        ({                                                                                         \
                __typeof__(p) _taken = (p);                                                        \
                (p) = NULL;                                                                        \
                _taken;                                                                            \
        })
