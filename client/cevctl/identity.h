/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What makes two events the same: all that they say, but for the number, the place in a source,
 * whether they were signalled, and what only their source knew: whose engine it was, and where an
 * exit code is known from. As 64 bits that nobody can foresee (SipHash with a key of the run), so
 * that who names containers cannot make two events look like one.
 */

#include <stdint.h>

#include "event.h"

typedef struct IdentityKey {
        uint64_t words[2];
} IdentityKey;

int identity_key_new(IdentityKey *ret);

/* Of all content. Returns -ENOMEM. */
int identity_of(const IdentityKey *key, const Event *e, uint64_t *ret);

/* Of what the service keeps of an event that is too large: it cuts strings and leaves attributes
 * out, but never touches these. */
int identity_of_rest(const IdentityKey *key, const Event *e, uint64_t *ret);
