/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/podman-journal-view.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sources/podman-place.h"

#define BOOT_MATCH "_BOOT_ID="

/* From this length on journald may have compressed a field, and one that nobody wants is not to be
 * unpacked. */
#define PACKED_MIN 512

/* Entries whose numbers are compared to find a gap: more in the time between two looks, and it is
 * rather said that something may be lost. */
#define COMPARED_MAX 2048

uint64_t podman_journal_boot_hash(sd_id128_t boot)
{
        return podman_hash((const char *)boot.bytes, sizeof(boot.bytes)) &
               ((UINT64_C(1) << PODMAN_JOURNAL_BOOT_BITS) - 1);
}

/* ---- opening ---- */

int podman_journal_view_open(PodmanJournalView *view, bool user)
{
        int flags = SD_JOURNAL_LOCAL_ONLY;
        int r;

        if (user)
                flags |= SD_JOURNAL_SYSTEM | SD_JOURNAL_CURRENT_USER;
        *view = (PodmanJournalView){ .all_users = !user };
        r = sd_journal_open(&view->journal, flags);
        if (r >= 0)
                r = sd_journal_set_data_threshold(view->journal, PACKED_MIN);
        if (r >= 0) /* from here on it hears of new files */
                r = sd_journal_get_fd(view->journal);
        if (r < 0) {
                podman_journal_view_close(view);
                return r;
        }
        return 0;
}

void podman_journal_view_close(PodmanJournalView *view)
{
        sd_journal_close(view->journal);
        *view = (PodmanJournalView){};
}

/* ---- entries ---- */

/* One part of a cursor, "KEY=HEX" before a ";" or the end; moves behind it. */
static int take_number(const char **cursor, const char *key, uint64_t *ret)
{
        size_t length = strlen(key);
        char *end;

        if (strncmp(*cursor, key, length) != 0 || !isxdigit((unsigned char)(*cursor)[length]))
                return -EBADMSG;
        errno = 0;
        *ret = strtoull(*cursor + length, &end, 16);
        if (errno != 0 || (*end != ';' && *end != '\0'))
                return -EBADMSG;

        *cursor = end + (*end == ';');
        return 0;
}

static int take_id(const char **cursor, const char *key, sd_id128_t *ret)
{
        char text[SD_ID128_STRING_MAX];
        size_t length = strlen(key);

        if (strncmp(*cursor, key, length) != 0 || strcspn(*cursor + length, ";") >= sizeof(text))
                return -EBADMSG;
        *cursor += length;
        length = strcspn(*cursor, ";");
        memcpy(text, *cursor, length);
        text[length] = '\0';
        *cursor += length + ((*cursor)[length] == ';');
        return sd_id128_from_string(text, ret) < 0 ? -EBADMSG : 0;
}

/* The journal's cursor is the one way to an entry's number and hash in the libsystemd that we build
 * with. */
static int point_at_present(PodmanJournalView *view, JournalPoint *ret)
{
        _cleanup_free_ char *cursor = NULL;
        JournalPoint point = {};
        sd_id128_t seqnum_id;
        const char *p;
        uint64_t hash;
        int r;

        r = sd_journal_get_cursor(view->journal, &cursor);
        if (r < 0)
                return r;
        if (strlen(cursor) >= sizeof(point.cursor))
                return -EBADMSG;
        memcpy(point.cursor, cursor, strlen(cursor) + 1);
        p = cursor;
        if ((r = take_id(&p, "s=", &seqnum_id)) < 0 ||
            (r = take_number(&p, "i=", &point.seqnum)) < 0 ||
            (r = take_id(&p, "b=", &point.boot)) < 0 ||
            (r = take_number(&p, "m=", &point.usec)) < 0 ||
            (r = take_number(&p, "t=", &point.realtime_usec)) < 0 ||
            (r = take_number(&p, "x=", &hash)) < 0)
                return r;

        point.hash = podman_hash((const char *)&hash, sizeof(hash)) &
                     ((UINT64_C(1) << PODMAN_JOURNAL_ENTRY_BITS) - 1);
        if (point.hash == 0)
                point.hash = 1;
        *ret = point;
        return 0;
}

/* From now on only what was logged in the boot is seen, and of that only what Podman logged. */
static int match(PodmanJournalView *view, const sd_id128_t *boot, bool podman)
{
        char text[sizeof(BOOT_MATCH) + SD_ID128_STRING_MAX] = BOOT_MATCH;
        int r = 0;

        sd_journal_flush_matches(view->journal);
        if (boot) {
                sd_id128_to_string(*boot, text + sizeof(BOOT_MATCH) - 1);
                r = sd_journal_add_match(view->journal, text, 0);
        }
        if (r >= 0 && podman)
                r = sd_journal_add_match(view->journal, PODMAN_ENTRY_MATCH, 0);
        return r;
}

/* Goes to the first or the newest entry, and tells which it is. */
static int go_to_head(PodmanJournalView *view, JournalPoint *ret)
{
        int r;

        if ((r = sd_journal_seek_head(view->journal)) < 0 ||
            (r = sd_journal_next(view->journal)) <= 0)
                return r;
        r = point_at_present(view, ret);
        return r < 0 ? r : 1;
}

static int go_to_newest(PodmanJournalView *view, JournalPoint *ret)
{
        int r;

        if ((r = sd_journal_seek_tail(view->journal)) < 0 ||
            (r = sd_journal_previous(view->journal)) <= 0)
                return r;
        r = point_at_present(view, ret);
        return r < 0 ? r : 1;
}

/* ---- boots ---- */

static int has_boot(PodmanJournalView *view, sd_id128_t boot)
{
        JournalPoint point;
        int r;

        r = match(view, &boot, false);
        return r < 0 ? r : go_to_newest(view, &point);
}

int podman_journal_view_current_boot(PodmanJournalView *view, sd_id128_t *ret)
{
        JournalPoint newest;
        sd_id128_t boot;
        int r;

        /* In a container journald may know another ID than we do. */
        if (sd_id128_get_boot(&boot) >= 0) {
                r = has_boot(view, boot);
                if (r > 0)
                        *ret = boot;
                if (r != 0)
                        return r;
        }
        r = match(view, NULL, false);
        if (r >= 0)
                r = go_to_newest(view, &newest);
        if (r <= 0)
                return r;

        *ret = newest.boot;
        return 1;
}

int podman_journal_view_find_boot(PodmanJournalView *view, uint64_t hash, sd_id128_t *ret)
{
        const void *data;
        size_t length;
        int r;

        r = sd_journal_query_unique(view->journal, "_BOOT_ID");
        if (r < 0)
                return r;
        SD_JOURNAL_FOREACH_UNIQUE(view->journal, data, length)
        {
                char text[SD_ID128_STRING_MAX];
                sd_id128_t boot;

                if (length != sizeof(BOOT_MATCH) - 1 + sizeof(text) - 1)
                        continue;
                memcpy(text, (const char *)data + sizeof(BOOT_MATCH) - 1, sizeof(text) - 1);
                text[sizeof(text) - 1] = '\0';
                if (sd_id128_from_string(text, &boot) < 0 || podman_journal_boot_hash(boot) != hash)
                        continue;
                *ret = boot;
                return 1;
        }
        return 0;
}

int podman_journal_view_boot_after(PodmanJournalView *view, const char *cursor, sd_id128_t *ret)
{
        JournalPoint point;
        int r;

        if ((r = match(view, NULL, true)) < 0 ||
            (r = sd_journal_seek_cursor(view->journal, cursor)) < 0)
                return r;
        while ((r = sd_journal_next(view->journal)) > 0) {
                r = point_at_present(view, &point);
                if (r < 0)
                        return r;
                /* At most the one that was given, and what is mixed with it as the clock jumped. */
                if (sd_id128_equal(point.boot, view->boot))
                        continue;
                *ret = point.boot;
                return 1;
        }
        return r < 0 ? r : podman_journal_view_current_boot(view, ret);
}

int podman_journal_view_outlives(PodmanJournalView *view, sd_id128_t boot)
{
        JournalPoint head;
        int r;

        r = match(view, NULL, false);
        if (r >= 0)
                r = go_to_head(view, &head);
        return r <= 0 ? r : !sd_id128_equal(head.boot, boot);
}

/* ---- looks ---- */

static int seek(PodmanJournalView *view, const PodmanJournalPlace *place, const char *cursor)
{
        char made[JOURNAL_CURSOR_SIZE];

        if (place->usec == 0)
                return sd_journal_seek_head(view->journal);
        if (!*cursor) {
                /* The real time is for files that have nothing of the boot later than this. */
                snprintf(made, sizeof(made), "b=%s;m=%" PRIx64 ";t=%" PRIx64,
                         sd_id128_to_string(view->boot, (char[SD_ID128_STRING_MAX]){}), place->usec,
                         place->realtime_usec);
                cursor = made;
        }
        return sd_journal_seek_cursor(view->journal, cursor);
}

int podman_journal_view_begin(PodmanJournalView *view, const PodmanJournalPlace *place,
                              const char *cursor)
{
        int r;

        view->stays = view->has_more = false;
        r = match(view, &view->boot, false);
        if (r >= 0)
                r = go_to_newest(view, &view->newest);
        if (r == 0)
                return -ENOENT;
        if (r < 0 || (r = match(view, &view->boot, true)) < 0 ||
            (r = seek(view, place, cursor)) < 0)
                return r;
        if (place->usec == 0)
                return 1;

        while ((r = sd_journal_next(view->journal)) > 0) {
                r = point_at_present(view, &view->present);
                if (r < 0)
                        return r;
                if (view->present.usec > place->usec) {
                        view->stays = true;
                        break;
                }
                if (view->present.usec == place->usec && view->present.hash == place->entry)
                        return 1;
        }
        return r < 0 ? r : place->entry == 0;
}

int podman_journal_view_next(PodmanJournalView *view)
{
        int r;

        if (!view->stays) {
                r = sd_journal_next(view->journal);
                if (r <= 0)
                        return r;
                r = point_at_present(view, &view->present);
                if (r < 0)
                        return r;
        }
        view->stays = view->has_more = view->present.usec > view->newest.usec;
        return !view->has_more;
}

/* A field that may have been cut, or has been packed, is fetched by its name. */
static int put_long_field(PodmanJournalView *view, PodmanEntry *entry, const char *field,
                          size_t length)
{
        const char *end = memchr(field, '=', length);
        _cleanup_free_ char *name = strndup(field, (size_t)(end - field));
        const void *data;
        int r;

        if (!name)
                return -ENOMEM;
        sd_journal_set_data_threshold(view->journal, PODMAN_LINE_MAX + PACKED_MIN);
        r = sd_journal_get_data(view->journal, name, &data, &length);
        sd_journal_set_data_threshold(view->journal, PACKED_MIN);
        if (r < 0)
                return r;
        return podman_entry_put(entry, data, length);
}

int podman_journal_view_read(PodmanJournalView *view, PodmanEntry *entry)
{
        const void *data;
        size_t length;
        int r;

        podman_entry_begin(entry);
        sd_journal_restart_data(view->journal);
        while ((r = sd_journal_enumerate_available_data(view->journal, &data, &length)) > 0) {
                if (length >= PACKED_MIN && podman_entry_wants(data, length))
                        r = put_long_field(view, entry, data, length);
                else
                        r = podman_entry_put(entry, data, length);
                if (r < 0)
                        break;
        }
        if (r == -ENOMEM || (r < 0 && entry->problem))
                return r;
        if (r < 0) {
                entry->problem = "it cannot be read";
                return -EBADMSG;
        }
        return podman_entry_read(entry);
}

/* ---- gaps ---- */

/*
 * journald counts what it logs, over all files; when it is started again, by what it finds in them.
 * Whoever sees only files of his own sees gaps that are none; but of these files the oldest are
 * removed first.
 */
int podman_journal_view_is_whole(PodmanJournalView *view, const JournalPoint *since)
{
        uint64_t seqnum = since->seqnum;
        JournalPoint point;
        unsigned n = 0;
        int r;

        if ((r = match(view, &since->boot, false)) < 0 ||
            (r = view->all_users ? sd_journal_seek_cursor(view->journal, since->cursor)
                                 : sd_journal_seek_head(view->journal)) < 0)
                return r;
        while ((r = sd_journal_next(view->journal)) > 0) {
                r = point_at_present(view, &point);
                if (r < 0)
                        return r;
                if (!view->all_users)
                        return point.usec <= since->usec;
                if (point.usec < since->usec || point.seqnum == since->seqnum)
                        continue;
                if (point.seqnum != ++seqnum || ++n > COMPARED_MAX)
                        return 0;
        }
        return r < 0 ? r : 1;
}
