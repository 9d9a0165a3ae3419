/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What people read of an event in the journal: one sentence, and how urgent it is.
 */

#include "model/event.h"

/* A longer sentence is cut. */
#define JOURNAL_MESSAGE_SIZE 512

void journal_message(const EventFields *event, char text[static JOURNAL_MESSAGE_SIZE]);

/* Whether it says that events were lost. */
bool journal_is_lost(const EventFields *event);

/* A priority of syslog. */
int journal_priority(const EventFields *event);
