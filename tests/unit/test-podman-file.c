/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"
#include "sources/podman-file.h"
#include "tap.h"

#define LOG "events.log"

typedef struct Scene {
        sd_event *loop;
        PodmanFile file;
} Scene;

static void on_change(PathChange change, void *userdata)
{
        Scene *scene = userdata;

        podman_file_note(&scene->file, change);
}

static void scene_init(Scene *scene, const Scratch *scratch)
{
        char path[PATH_MAX + 64];

        snprintf(path, sizeof(path), "%s/" LOG, scratch->path);
        must(sd_event_new(&scene->loop) >= 0);
        must(podman_file_init(&scene->file, scene->loop, path, on_change, scene) == 0);
        must(path_watch_start(scene->file.watch) == 0);
}

static void scene_done(Scene *scene)
{
        podman_file_done(&scene->file);
        sd_event_unref(scene->loop);
}

static void run(Scene *scene)
{
        for (unsigned n_idle = 0; n_idle < 3;)
                n_idle = sd_event_run(scene->loop, 0) > 0 ? 0 : n_idle + 1;
}

static void test_what_can_be_opened(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        Scene scene;

        scene_init(&scene, &scratch);
        tap_eq_int(podman_file_open(&scene.file), 0, "nothing is there");
        must(mkdir(LOG, 0700) == 0);
        tap_ok(podman_file_open(&scene.file) < 0, "a folder is no log");
        tap_eq_int(scene.file.fd, -1, "and is not kept open");
        must(rmdir(LOG) == 0);
        file_write(LOG, "one\n");
        tap_eq_int(podman_file_open(&scene.file), 1, "a file is");
        tap_eq_u64(scene.file.uid, getuid(), "and has an owner");
        scene_done(&scene);
}

static void test_a_replacement_is_noticed_when_it_is_told(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        unsigned n_turns = 0;
        Scene scene;

        file_write(LOG, "one\ntwo\nsix\n");
        scene_init(&scene, &scratch);
        must(podman_file_open(&scene.file) == 1);
        podman_file_begin(&scene.file, 0);
        file_write("new", "six\n");
        must(rename("new", LOG) == 0);
        tap_eq_int(podman_file_is_replaced(&scene.file), 0, "not before inotify tells");
        run(&scene);
        tap_eq_int(podman_file_is_replaced(&scene.file), 1, "then it is");
        tap_eq_u64(scene.file.n_moved, 1, "the name was moved once");
        while (!podman_file_is_told(&scene.file))
                must(++n_turns < 100);
        tap_ok(n_turns > 0, "it takes some turns to be sure of that");
        scene.file.reader.offset = 12;
        podman_file_leave(&scene.file);
        tap_ok(scene.file.was_drained && scene.file.kept_some, "a rotation keeps a line of it");
        must(podman_file_open(&scene.file) == 1);
        podman_file_begin(&scene.file, 0);
        tap_eq_int(podman_file_is_replaced(&scene.file), 0, "the new one is the one of the name");
        scene_done(&scene);
}

static void test_a_truncation_is_noticed(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        PodmanPlace place = {};
        Scene scene;

        file_write(LOG, "one\ntwo\n");
        scene_init(&scene, &scratch);
        must(podman_file_open(&scene.file) == 1);
        podman_place_advance(&place, 8, "two", 3);
        podman_file_begin(&scene.file, 8);
        tap_eq_int(podman_file_is_truncated(&scene.file, &place), 0, "as it was");
        file_append(LOG, "three\n");
        tap_eq_int(podman_file_is_truncated(&scene.file, &place), 0, "longer");
        must(truncate(LOG, 4) == 0);
        tap_eq_int(podman_file_is_truncated(&scene.file, &place), 1, "shorter");
        file_append(LOG, "six\nseven\n");
        tap_eq_int(podman_file_is_truncated(&scene.file, &place), 1, "written anew");
        scene_done(&scene);
}

int main(void)
{
        test_what_can_be_opened();
        test_a_replacement_is_noticed_when_it_is_told();
        test_a_truncation_is_noticed();
        return tap_done();
}
