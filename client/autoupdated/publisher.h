/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Publishes outcomes by "Emit". Each is in the ledger before, and until it is recorded in the
 * history: a service that is away for a while, or our own end, loses none.
 */

#include "containers-events.h"
#include "ledger.h"
#include "outcome.h"

typedef struct Publisher Publisher;

/* Client and ledger are borrowed. */
int publisher_new(cev_client *client, Ledger *ledger, Publisher **ret);
Publisher *publisher_free(Publisher *p);

/* For the ledger, not saved yet: the caller does that with what else has changed. Then wake. */
int publisher_add(Publisher *p, const Outcome *outcome);
void publisher_wake(Publisher *p);
