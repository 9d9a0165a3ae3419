/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "containers.h"
#include "inspection.h"
#include "plan.h"
#include "tap.h"

#define ID_OLD "8e686ba56e8f0ff6a4680edc2779cad084baf2bc6e49515de537b5315bdf2c3e"
#define ID_NEW "f5b13f932154e61d0383241fd8092ef1145ce3ecfdb48e4cd5c39c963bd96d78"

/* One entry of "podman ps --format json", with what is not read left out. */
#define PS(id, name, image, labels, more)                                                          \
        "{\"Id\": \"" id "\", \"Names\": [\"" name "\"], \"Image\": \"" image "\","                \
        " \"ImageID\": \"" ID_OLD "\", \"Labels\": " labels more "}"

#define LABELS(policy, unit)                                                                       \
        "{\"io.containers.autoupdate\": \"" policy "\", \"PODMAN_SYSTEMD_UNIT\": \"" unit "\"}"

static const char ps[] = "[" PS("c1", "web", "localhost/web:latest", LABELS("local", "web.service"), "") "," PS(
        "c2", "pair-a", "localhost/pair:latest", LABELS("registry", "pair.service"),
        "") "," PS("c3", "pair-b", "localhost/pair:latest", LABELS("image", "pair.service"),
                   "") "," PS("c4", "plain", "localhost/web:latest", "null",
                              "") "," PS("c5", "off", "localhost/web:latest",
                                         LABELS("disabled", "off.service"),
                                         "") "," PS("c6", "rubbish", "localhost/web:latest",
                                                    LABELS("local", "../x"),
                                                    "") "," PS("c7", "inpod",
                                                               "localhost/web:latest",
                                                               "{\"io.containers.autoupdate\": \"local\"}",
                                                               ", \"Pod\": \"p1\"") "," PS("c8",
                                                                                           "infra",
                                                                                           "localhost/podman-pause:1",
                                                                                           "{\"PODMAN_SYSTEMD_UNIT\": \"pod.service\"}",
                                                                                           ", \"Pod\": \"p1\", \"IsInfra\": true") "," PS("c9",
                                                                                                                                          "digest",
                                                                                                                                          "localhost/web@sha256:" ID_OLD,
                                                                                                                                          LABELS("local",
                                                                                                                                                 "digest.service"),
                                                                                                                                          "") "," PS("c10",
                                                                                                                                                     "same",
                                                                                                                                                     "localhost/same:latest",
                                                                                                                                                     LABELS("local",
                                                                                                                                                            "same.service"),
                                                                                                                                                     "") "]";

static const char images_text[] =
        ID_NEW " localhost/web:latest\n" ID_NEW " localhost/pair:latest\n" ID_OLD
               " localhost/same:latest\n";

static void test_containers(void)
{
        static const char *const bad[] = { "", "{}", "[1]", "[{]", "null", "[{\"Id\": 7}" };
        Containers c = {};

        tap_eq_int(containers_parse(ps, strlen(ps), &c), 0, "the list is read");
        tap_eq_int((int64_t)c.n, 8, "those with a unit");
        tap_eq_str(c.list[0].image_id, ID_OLD, "the ID of an image");
        const Container *inpod = containers_find(&c, "pod.service", "inpod", "");
        if (tap_ok(inpod != NULL, "a container of a pod is of the pod's unit"))
                tap_eq_str(inpod->unit_container_id, "c8", "as its infra container says");
        tap_ok(!containers_find(&c, "web.service", "nobody", "localhost/no"), "nobody");
        tap_ok(containers_find(&c, "web.service", "random_name", "localhost/web:latest"),
               "where the name is another the image tells");
        containers_done(&c);

        tap_eq_int(containers_parse("[]", 2, &c), 0, "nobody is up");
        containers_done(&c);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                tap_eq_int(containers_parse(bad[i], strlen(bad[i]), &c), -EINVAL, "\"%s\" is none",
                           bad[i]);
        tap_eq_int(containers_parse("[{}, {\"Id\": 7, \"Labels\": []}]", 29, &c), 0,
                   "what is no container is left out");
        tap_eq_int((int64_t)c.n, 0, "all of it");
        containers_done(&c);
}

static bool refuse_pair(const char *unit, const char *image, const char *old_image,
                        const char *new_image, void *userdata)
{
        return userdata && strcmp(unit, "pair.service") == 0;
}

static void test_a_plan(void)
{
        Containers c = {};
        Images images = {};
        Plan plan = {};
        int veto = 1;

        (void)containers_parse(ps, strlen(ps), &c);
        (void)images_parse(images_text, strlen(images_text), &images);
        tap_eq_int(plan_make(&c, &images, refuse_pair, NULL, &plan), 0, "a plan");
        if (tap_eq_int((int64_t)plan.n, 3, "of three units")) {
                tap_eq_str(plan.units[0].unit, "web.service", "the first");
                tap_eq_str(plan.units[0].changes[0].old_image, ID_OLD, "what it runs");
                tap_eq_str(plan.units[0].changes[0].new_image, ID_NEW, "what the name gives");
                tap_eq_int((int64_t)plan.units[1].n, 2, "two containers of one unit are one");
                tap_eq_str(plan.units[2].unit, "pod.service", "a pod's unit");
        }
        plan_done(&plan);

        tap_eq_int(plan_make(&c, &images, refuse_pair, &veto, &plan), 0, "a plan with a veto");
        tap_eq_int((int64_t)plan.n, 2, "has one less");
        plan_done(&plan);
        containers_done(&c);
        images_done(&images);
}

static void test_an_inspection(void)
{
        static const char json[] =
                "[{\"Id\": \"c1\", \"Image\": \"sha256:" ID_OLD "\", \"State\": {\"Running\": true,"
                " \"ConmonPid\": 42, \"Health\": {\"Status\": \"healthy\"}}},"
                "{\"Id\": \"c2\", \"Image\": \"" ID_NEW "\", \"State\": {\"Running\": false},"
                " \"Config\": {\"Healthcheck\": {\"Test\": [\"x\"]}}},"
                "{\"Id\": \"c3\", \"State\": {\"ConmonPid\": 99999999999,"
                " \"Healthcheck\": {\"Status\": \"unhealthy\"}}}, 7]";
        Inspection found = {};
        const Inspected *one;

        tap_eq_int(inspection_parse(json, strlen(json), &found), 0, "an inspection is read");
        one = inspection_find(&found, "c1");
        if (tap_ok(one != NULL, "the first")) {
                tap_eq_str(one->image_id, ID_OLD, "its image");
                tap_eq_str(one->health, "healthy", "its health");
                tap_eq_int(one->conmon, 42, "its conmon");
                tap_ok(one->running, "it runs");
        }
        one = inspection_find(&found, "c2");
        if (tap_ok(one != NULL, "the second"))
                tap_eq_str(one->health, "starting", "has a health check that was not run yet");
        one = inspection_find(&found, "c3");
        if (tap_ok(one != NULL, "the third")) {
                tap_eq_str(one->health, "unhealthy", "as Podman 3 has it");
                tap_eq_int(one->conmon, 0, "a PID that is none");
        }
        tap_ok(!inspection_find(&found, "c4") && !inspection_find(&found, NULL), "nobody else");
        inspection_done(&found);
        tap_eq_int(inspection_parse("Error", 5, &found), -EINVAL, "an error is none");
        tap_eq_int(inspection_parse("[] Error", 8, &found), -EINVAL, "nor is one behind a list");
        tap_eq_int(inspection_parse("[]\n", 3, &found), 0, "a line that ends is");
        inspection_done(&found);
}

int main(void)
{
        test_containers();
        test_a_plan();
        test_an_inspection();
        return tap_done();
}
