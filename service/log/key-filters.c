/* SPDX-License-Identifier: Apache-2.0 */
#include "log/key-filters.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "log/folder.h"
#include "log/segment-index.h"

static void stop_building(KeyFilters *filters)
{
        filters->builder = key_filter_builder_free(filters->builder);
        filters->builder_next = 0;
}

void key_filters_done(KeyFilters *filters)
{
        stop_building(filters);
        while (filters->n > 0)
                key_filter_free(filters->filters[--filters->n]);
        free(filters->filters);
        *filters = (KeyFilters){};
}

/* Opens the file and puts the filter in its place. */
static int add(KeyFilters *filters, int directory_fd, uint64_t first_seq, sd_id128_t epoch)
{
        size_t at = filters->n;
        KeyFilter **list, *filter;
        int r;

        list = reallocarray(filters->filters, filters->n + 1, sizeof(KeyFilter *));
        if (!list)
                return -ENOMEM;
        filters->filters = list;
        r = key_filter_open(directory_fd, first_seq, epoch, &filter);
        if (r < 0)
                return r;

        while (at > 0 && key_filter_first_seq(list[at - 1]) > first_seq)
                at--;
        memmove(list + at + 1, list + at, (filters->n - at) * sizeof(KeyFilter *));
        list[at] = filter;
        filters->n++;
        return 0;
}

static void remove_at(KeyFilters *filters, int directory_fd, size_t i)
{
        char name[KEY_FILTER_NAME_SIZE];

        key_filter_name(key_filter_first_seq(filters->filters[i]), name);
        unlinkat(directory_fd, name, 0);
        key_filter_free(filters->filters[i]);
        filters->n--;
        memmove(filters->filters + i, filters->filters + i + 1,
                (filters->n - i) * sizeof(KeyFilter *));
}

int key_filters_find(KeyFilters *filters, int directory_fd, sd_id128_t epoch, uint64_t next_seq)
{
        _cleanup_closedir_ DIR *folder = NULL;
        struct dirent *entry;
        int r;

        r = folder_list(directory_fd, &folder);
        if (r < 0)
                return r;
        for (errno = 0; (entry = readdir(folder)); errno = 0) {
                uint64_t first_seq;

                if (!key_filter_name_parse(entry->d_name, &first_seq))
                        continue;
                r = add(filters, directory_fd, first_seq, epoch);
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        unlinkat(directory_fd, entry->d_name, 0);
        }
        if (errno > 0)
                return -errno;
        for (size_t i = filters->n; i-- > 0;)
                if (key_filter_end_seq(filters->filters[i]) > next_seq)
                        remove_at(filters, directory_fd, i);
        return 0;
}

const KeyFilter *key_filters_covering(const KeyFilters *filters, uint64_t first_seq,
                                      uint64_t end_seq)
{
        size_t low = 0, high = filters->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (key_filter_first_seq(filters->filters[middle]) <= first_seq)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low == 0 || key_filter_end_seq(filters->filters[low - 1]) < end_seq)
                return NULL;
        return filters->filters[low - 1];
}

void key_filters_discard(KeyFilters *filters, int directory_fd, const KeyFilter *filter)
{
        for (size_t i = 0; i < filters->n; i++)
                if (filters->filters[i] == filter) {
                        remove_at(filters, directory_fd, i);
                        return;
                }
}

/* ---- making one ---- */

/* A sealed segment with its index that no filter has yet. */
static bool is_open_for_one(const KeyFilters *filters, const Segment *segments, size_t i)
{
        return !segments[i].active && segments[i].index->file &&
               !key_filters_covering(filters, segments[i].first_seq, segments[i + 1].first_seq);
}

/* The first row of segments that may have a filter; n_segments if there is none. */
static size_t find_row(const KeyFilters *filters, const Segment *segments, size_t n_segments)
{
        size_t n = 0;

        for (size_t i = 0; i + 1 < n_segments; i++) {
                n = is_open_for_one(filters, segments, i) ? n + 1 : 0;
                if (n == KEY_FILTER_SEGMENTS)
                        return i + 1 - n;
        }
        return n_segments;
}

static int begin(KeyFilters *filters, const Segment *row)
{
        uint64_t n_keys = 0;
        int r;

        for (size_t i = 0; i < KEY_FILTER_SEGMENTS; i++)
                n_keys += index_file_n_keys(row[i].index->file);
        r = key_filter_builder_new(row->first_seq, n_keys, &filters->builder);
        if (r < 0)
                return r;
        filters->builder_first_seq = row->first_seq;
        filters->builder_next = 0;
        return 0;
}

/* The next segment of the row, or the end. Returns 1 while it is not done. */
static int build(KeyFilters *filters, int directory_fd, sd_id128_t epoch, const Segment *row)
{
        int r;

        if (filters->builder_next < KEY_FILTER_SEGMENTS) {
                r = key_filter_builder_add(filters->builder,
                                           row[filters->builder_next].index->file);
                filters->builder_next++;
                return r < 0 ? r : 1;
        }

        r = key_filter_builder_write(filters->builder, directory_fd,
                                     row[KEY_FILTER_SEGMENTS].first_seq, epoch);
        if (r >= 0)
                r = add(filters, directory_fd, row->first_seq, epoch);
        stop_building(filters);
        return r < 0 ? r : 1;
}

int key_filters_tend(KeyFilters *filters, int directory_fd, sd_id128_t epoch,
                     const Segment *segments, size_t n_segments)
{
        size_t row;
        int r = 0;

        while (filters->n > 0 && n_segments > 0 &&
               key_filter_end_seq(filters->filters[0]) <= segments[0].first_seq)
                remove_at(filters, directory_fd, 0);
        if (filters->hopeless)
                return 0;
        row = find_row(filters, segments, n_segments);
        /* Segments went, or were joined, while it was being made. */
        if (filters->builder &&
            (row == n_segments || segments[row].first_seq != filters->builder_first_seq))
                stop_building(filters);
        if (row == n_segments)
                return 0;

        if (!filters->builder)
                r = begin(filters, segments + row);
        if (r >= 0)
                r = build(filters, directory_fd, epoch, segments + row);
        if (r < 0) {
                stop_building(filters);
                filters->hopeless = true;
                return 0;
        }
        return 1;
}
