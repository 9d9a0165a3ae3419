/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "log/folder.h"
#include "scratch.h"
#include "tap.h"

static void test_a_folder_is_made_and_closed_to_others(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        struct stat st;

        umask(0);
        tap_eq_int(folder_make("a/b/c"), 0, "with those above it");
        tap_ok(stat("a/b/c", &st) == 0 && (st.st_mode & 0777) == 0750, "it is closed to others");
        tap_ok(stat("a/b", &st) == 0 && (st.st_mode & 0777) == 0755, "those above are not");
        tap_eq_int(folder_make("a/b/c"), 0, "it may be there");
        file_write("file", "x");
        tap_eq_int(folder_make("file/c"), -ENOTDIR, "a file is none");
        umask(022);
}

static void test_one_holds_it(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        int first = -1, second = -1;
        pid_t pid;
        int status;

        must(mkdir("folder", 0700) == 0);
        tap_eq_int(folder_lock("folder", &first), 0, "the first");
        tap_eq_int(folder_lock("folder", &second), -EBUSY, "the second does not");
        fflush(stdout);
        pid = fork();
        must(pid >= 0);
        if (pid == 0)
                _exit(folder_lock("folder", &second) == -EBUSY ? 0 : 1);
        must(waitpid(pid, &status, 0) == pid);
        tap_eq_int(status, 0, "nor does another process");
        close(first);
        tap_eq_int(folder_lock("folder", &second), 0, "until the first lets go");
        close(second);
        tap_eq_int(folder_lock("missing", &second), -ENOENT, "what is not there");
}

static void test_a_tail_is_moved(void)
{
        static const size_t offsets[] = { 0, 1, 5000, 40000, 50000 };
        char text[50001];
        uint64_t seed = 1;

        for (size_t i = 0; i < sizeof(text) - 1; i++)
                text[i] = (char)('a' + random_below(&seed, 26));
        text[sizeof(text) - 1] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(offsets); i++) {
                _scratch_ Scratch scratch = scratch_enter();
                _cleanup_close_ int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
                _cleanup_free_ char *head = NULL, *tail = NULL;
                size_t length;

                file_write("file", text);
                fd = open("file", O_RDWR | O_CLOEXEC);
                tap_eq_int(folder_move_tail(folder, fd, offsets[i], "tail"), 0, "from byte %zu",
                           offsets[i]);
                head = file_read("file", &length);
                tap_ok(length == offsets[i] && memcmp(head, text, length) == 0, "the rest stays");
                tail = file_read("tail", &length);
                tap_eq_str(tail, text + offsets[i], "and the tail is there");
                tap_eq_int(folder_move_tail(folder, fd, 0, "tail"), -EEXIST,
                           "nothing is written over");
                free(head);
                head = file_read("file", &length);
                tap_eq_u64(length, offsets[i], "and then nothing is cut off");
        }
}

int main(void)
{
        test_a_folder_is_made_and_closed_to_others();
        test_one_holds_it();
        test_a_tail_is_moved();
        return tap_done();
}
