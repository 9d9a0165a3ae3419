/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "base/pipe-writer.h"
#include "scratch.h"
#include "tap.h"

#define TEXT_SIZE (3 * PIPE_WRITER_SIZE + 12345)
#define ALL       ((size_t)-1)

static struct {
        int errors[4]; /* of the next calls; 0: none */
        unsigned n_calls;
        size_t limit; /* bytes at once; 0: no limit */
} splices;

ssize_t __real_splice(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t size,
                      unsigned flags);
ssize_t __wrap_splice(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t size,
                      unsigned flags);

ssize_t __wrap_splice(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t size,
                      unsigned flags)
{
        int error = splices.n_calls < 4 ? splices.errors[splices.n_calls] : 0;

        splices.n_calls++;
        if (error > 0) {
                errno = error;
                return -1;
        }
        if (splices.limit > 0 && size > splices.limit)
                size = splices.limit;
        return __real_splice(in, in_offset, out, out_offset, size, flags);
}

/* A writer, the other end, and what is to come out of it. */
typedef struct Scene {
        PipeWriter writer;
        int fd;
        char *text, *got;
        size_t n_got;
} Scene;

static Scene *scene_new(void)
{
        Scene *scene = calloc(1, sizeof(Scene));
        uint64_t random = 1;

        must(scene && (scene->text = malloc(TEXT_SIZE)) && (scene->got = malloc(TEXT_SIZE)));
        for (size_t i = 0; i < TEXT_SIZE; i++)
                scene->text[i] = (char)random_below(&random, 256);
        must(pipe_writer_open(&scene->writer, &scene->fd) == 0);
        memset(&splices, 0, sizeof(splices));
        return scene;
}

static void scene_free(Scene *scene)
{
        pipe_writer_done(&scene->writer);
        if (scene->fd >= 0)
                close(scene->fd);
        free(scene->text);
        free(scene->got);
        free(scene);
}

DEFINE_CLEANUP(Scene *, scene_free)

/* Writes and reads in turn until all is through. Returns what the last write did. */
static int drain(Scene *scene, size_t max)
{
        int r;

        do {
                ssize_t n;

                r = pipe_writer_flush(&scene->writer, max);
                do {
                        int there = 0;

                        must(ioctl(scene->fd, FIONREAD, &there) >= 0);
                        n = there == 0 ? 0
                                       : read(scene->fd, scene->got + scene->n_got,
                                              TEXT_SIZE - scene->n_got);
                        must(n >= 0);
                        scene->n_got += (size_t)n;
                } while (n > 0);
        } while (r == 0 || r == PIPE_WRITER_AGAIN);
        return r;
}

static bool got_all(const Scene *scene)
{
        return scene->n_got == TEXT_SIZE && memcmp(scene->got, scene->text, TEXT_SIZE) == 0;
}

static void put_file(Scene *scene)
{
        char *file = malloc(TEXT_SIZE + 7 + 9);

        must(file);
        memset(file, 'x', TEXT_SIZE + 7 + 9);
        memcpy(file + 7, scene->text, TEXT_SIZE);
        pipe_writer_put_file(&scene->writer, file_of(file, TEXT_SIZE + 7 + 9), 7, TEXT_SIZE);
        free(file);
}

static void test_what_does_not_fit_is_kept(void)
{
        _cleanup_(scene_freep) Scene *scene = scene_new();

        tap_eq_int(pipe_writer_put(&scene->writer, "", 0), 1, "nothing fits");
        tap_eq_int(pipe_writer_put(&scene->writer, scene->text, 100), 1, "a little fits");
        tap_eq_int(pipe_writer_put(&scene->writer, scene->text + 100, TEXT_SIZE - 100), 0,
                   "much does not");
        tap_eq_int(pipe_writer_flush(&scene->writer, ALL), 0, "and waits for the reader");
        tap_eq_int(drain(scene, ALL), 1, "who gets all of it");
        tap_ok(got_all(scene), "as it was");
        tap_ok(!scene->writer.bytes, "and nothing is kept");
}

static void test_a_piece_of_a_file(void)
{
        _cleanup_(scene_freep) Scene *scene = scene_new();

        put_file(scene);
        tap_eq_int(pipe_writer_flush(&scene->writer, 5000), PIPE_WRITER_AGAIN,
                   "no more than allowed is written at once");
        tap_ok(scene->writer.left >= TEXT_SIZE - 5000, "really");
        tap_eq_int(pipe_writer_flush(&scene->writer, ALL), 0, "the pipe does not hold all");
        tap_eq_int(drain(scene, 70000), 1, "it comes in pieces");
        tap_ok(got_all(scene), "as it was, and nothing around it");
        tap_eq_int(scene->writer.file, -1, "the file is closed");
        tap_ok(splices.n_calls > 3, "it was spliced");
}

static void test_splicing_is_disturbed(void)
{
        _cleanup_(scene_freep) Scene *scene = scene_new();

        splices.errors[0] = splices.errors[2] = EINTR;
        splices.errors[1] = EAGAIN;
        splices.limit = 1000;
        put_file(scene);
        tap_eq_int(pipe_writer_flush(&scene->writer, ALL), 0, "EAGAIN: the pipe is full");
        tap_eq_int(drain(scene, ALL), 1, "interrupted, and a little at a time");
        tap_ok(got_all(scene), "all comes through");
}

static void test_files_that_cannot_be_spliced(void)
{
        static const int errors[] = { EINVAL, ENOSYS, EPERM };

        for (unsigned i = 0; i < ELEMENTSOF(errors); i++) {
                _cleanup_(scene_freep) Scene *scene = scene_new();

                splices.errors[0] = errors[i];
                put_file(scene);
                tap_eq_int(drain(scene, 100000), 1, "%s: it is copied", strerror(errors[i]));
                tap_ok(got_all(scene), "all of it");
                tap_eq_int(splices.n_calls, 1, "and not tried again");
        }
}

static void test_a_file_that_ends_too_early(void)
{
        for (unsigned copies = 0; copies < 2; copies++) {
                _cleanup_(scene_freep) Scene *scene = scene_new();

                splices.errors[0] = copies ? EINVAL : 0;
                pipe_writer_put_file(&scene->writer, file_of("abc", 3), 1, 3);
                tap_eq_int(pipe_writer_flush(&scene->writer, ALL), -ENODATA, "is said (%s)",
                           copies ? "copied" : "spliced");
        }
}

static void test_nobody_reads(void)
{
        _cleanup_(scene_freep) Scene *scene = scene_new();

        put_file(scene);
        close(TAKE_FD(scene->fd));
        tap_eq_int(pipe_writer_flush(&scene->writer, ALL), -EPIPE, "a file");
        splices.errors[splices.n_calls] = EINVAL;
        tap_eq_int(pipe_writer_flush(&scene->writer, ALL), -EPIPE, "a file that is copied");
        pipe_writer_done(&scene->writer);
        must(pipe_writer_open(&scene->writer, &scene->fd) == 0);
        close(TAKE_FD(scene->fd));
        tap_eq_int(pipe_writer_put(&scene->writer, "a", 1), -EPIPE, "bytes");
}

int main(void)
{
        signal(SIGPIPE, SIG_IGN);
        test_what_does_not_fit_is_kept();
        test_a_piece_of_a_file();
        test_splicing_is_disturbed();
        test_files_that_cannot_be_spliced();
        test_a_file_that_ends_too_early();
        test_nobody_reads();
        return tap_done();
}
