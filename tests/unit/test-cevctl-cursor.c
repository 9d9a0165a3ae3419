/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cursor-file.h"
#include "cursor.h"
#include "tap.h"

static void test_a_cursor_is_taken_apart(void)
{
        char *epoch = NULL, *again = NULL;
        uint64_t seq = 0;

        tap_eq_int(cursor_split("cafe:18446744073709551615", &epoch, &seq), 0, "the last number");
        tap_eq_str(epoch, "cafe", "its epoch");
        tap_eq_u64(seq, UINT64_MAX, "its number");
        tap_eq_int(cursor_format(epoch, seq, &again), 0, "and put together");
        tap_eq_str(again, "cafe:18446744073709551615", "again");
        free(epoch);
        free(again);
}

static void test_what_has_another_form(void)
{
        static const char *const texts[] = {
                "",        ":",       "cafe",
                "cafe:",   ":7",      "cafe:x",
                "cafe:-1", "cafe:1 ", "cafe:18446744073709551616",
        };
        char *epoch = NULL;
        uint64_t seq = 7;

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                tap_eq_int(cursor_split(texts[i], &epoch, &seq), -EINVAL, "\"%s\"", texts[i]);
        tap_ok(!epoch && seq == 7, "nothing was touched");
}

static void put(const char *path, const char *text)
{
        FILE *f = fopen(path, "w");

        if (!tap_ok(f != NULL, "%s can be written", path))
                return;
        fputs(text, f);
        fclose(f);
}

static void test_the_file(const char *folder)
{
        static const char *const bad[] = { "", "\n", "a b\n", "a\tb", "caf\xc3\xa9:1\n" };
        char path[PATH_MAX], new[PATH_MAX], *cursor = NULL;
        struct stat st;

        snprintf(path, sizeof(path), "%s/cursor", folder);
        snprintf(new, sizeof(new), "%s/cursor.new", folder);
        tap_eq_int(cursor_file_read(path, &cursor), -ENOENT, "there is no file yet");

        tap_eq_int(cursor_file_write(path, "cafe:7"), 0, "it is written");
        tap_eq_int(cursor_file_read(path, &cursor), 0, "it is read");
        tap_eq_str(cursor, "cafe:7", "it is the same");
        free(cursor);
        cursor = NULL;

        /* What a crash left behind, or what somebody put there to be followed. */
        put(new, "rubbish");
        tap_eq_int(cursor_file_write(path, "cafe:8"), 0, "over a piece that was left");
        tap_ok(stat(new, &st) < 0 && errno == ENOENT, "nothing is left");
        tap_ok(symlink(path, new) == 0, "a link in the way");
        tap_eq_int(cursor_file_write(path, "cafe:9"), 0, "is not followed");
        tap_ok(lstat(path, &st) == 0 && S_ISREG(st.st_mode), "the file is a file");

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                put(path, bad[i]);
                tap_eq_int(cursor_file_read(path, &cursor), -EINVAL, "bad content %zu", i);
        }
        put(path, "cafe:10");
        tap_eq_int(cursor_file_read(path, &cursor), 0, "without an end of line");
        tap_eq_str(cursor, "cafe:10", "it is good");
        free(cursor);
        (void)unlink(path);
}

int main(void)
{
        char folder[] = "/tmp/test-cevctl-cursor-XXXXXX";

        test_a_cursor_is_taken_apart();
        test_what_has_another_form();
        if (tap_ok(mkdtemp(folder) != NULL, "a folder"))
                test_the_file(folder);
        (void)rmdir(folder);
        return tap_done();
}
