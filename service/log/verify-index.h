/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Checks the index of a sealed segment against one that is made anew of the segment's lines.
 */

#include "log/verify-segment.h"

/* Opens it and looks at each of its blocks. *ret is NULL if there is none that is intact, or none
 * of the segment as it is now. */
int verify_index_open(VerifyWork *work, const Segment *segment, IndexFile **ret);

/* Whether it finds all that there is in the segment, which was checked. */
int verify_index_content(VerifyWork *work, const IndexFile *file, const SegmentCheck *check);

/* Looks at each block of the filters (log/key-filter.h) that were found in the folder. */
int verify_filters_begin(VerifyWork *work);
