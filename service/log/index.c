/* SPDX-License-Identifier: Apache-2.0 */
#include "log/index.h"

#include <errno.h>
#include <stdlib.h>

#include "log/index-file.h"
#include "log/index-memory.h"

void index_postings_done(IndexPostings *postings)
{
        free(postings->owned);
        *postings = (IndexPostings){};
}

int index_postings_decode(const IndexPostings *postings, uint32_t *offsets)
{
        uint64_t offset = 0;
        size_t at = 0;

        for (uint32_t i = 0; i < postings->count; i++) {
                uint64_t difference = 0;

                for (unsigned shift = 0;; shift += 7) {
                        if (at >= postings->size || shift > 28)
                                return -EBADMSG;
                        difference |= (uint64_t)(postings->bytes[at] & 0x7f) << shift;
                        if (!(postings->bytes[at++] & 0x80))
                                break;
                }
                offset += difference;
                if (difference == 0 || offset > UINT32_MAX)
                        return -EBADMSG;
                offsets[i] = (uint32_t)offset;
        }

        return at == postings->size ? 0 : -EBADMSG;
}

const IndexSummary *index_summary(const Index *index)
{
        return index->memory ? index_memory_summary(index->memory)
                             : index_file_summary(index->file);
}

uint64_t index_seed(const Index *index)
{
        return index->memory ? index_memory_seed(index->memory) : index_file_seed(index->file);
}

int index_find(const Index *index, uint64_t key, IndexPostings *ret)
{
        return index->memory ? index_memory_find(index->memory, key, ret)
                             : index_file_find(index->file, key, ret);
}

int index_marks(const Index *index, const IndexMark **ret, size_t *ret_n, IndexMark **ret_owned)
{
        if (!index->memory)
                return index_file_marks(index->file, ret, ret_n, ret_owned);

        *ret = index_memory_marks(index->memory, ret_n);
        *ret_owned = NULL;
        return 0;
}
