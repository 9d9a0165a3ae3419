/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * RecordParser: reads the events of one record after the other, in memory that it keeps.
 */

#include "model/event-scanner.h"

/* All zero is a new one. */
typedef struct RecordParser {
        EventScanner scanner;
        Event *event; /* owned: of a record that the scanner left to others */
} RecordParser;

/*
 * The event of an intact record, without its "\n"; it lives until the parser is used again. Returns
 * -EBADMSG or -ENOMEM.
 */
int record_parser_read(RecordParser *parser, const char *line, size_t length,
                       const EventFields **ret);

void record_parser_done(RecordParser *parser);
