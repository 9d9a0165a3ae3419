/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "fleet.h"
#include "images.h"
#include "policy.h"
#include "reference.h"
#include "tap.h"

#define ID_A "8e686ba56e8f0ff6a4680edc2779cad084baf2bc6e49515de537b5315bdf2c3e"
#define ID_B "f5b13f932154e61d0383241fd8092ef1145ce3ecfdb48e4cd5c39c963bd96d78"

static void test_names_are_completed(void)
{
        static const struct {
                const char *word, *full;
        } rows[] = {
                { "nginx", "nginx:latest" },
                { "nginx:1.27", "nginx:1.27" },
                { "localhost/app", "localhost/app:latest" },
                { "localhost:5000/app", "localhost:5000/app:latest" },
                { "localhost:5000/app:v1", "localhost:5000/app:v1" },
                { "docker.io/nginx", "docker.io/library/nginx:latest" },
                { "docker.io/library/nginx:1", "docker.io/library/nginx:1" },
                { "docker.io/me/app", "docker.io/me/app:latest" },
                { "docker://quay.io/a/b:c", "quay.io/a/b:c" },
                { "quay.io/a/b@sha256:" ID_A, "quay.io/a/b:latest" },
                { "", NULL },
                { "@sha256:" ID_A, NULL },
                { ID_A, NULL },
                { "sha256:" ID_A, NULL },
                { "/srv/app.tar", NULL },
                { "./app.tar", NULL },
                { "docker-archive:/srv/app.tar", NULL },
                { "oci:/srv/app", NULL },
                { "docker.io/", "docker.io/library/:latest" },
                { ":", ":" },
                { "a/", "a/:latest" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char *full = NULL;
                int r = reference_normalize(rows[i].word, &full);

                tap_eq_int(r, rows[i].full ? 0 : -EINVAL, "\"%s\" is a name or not", rows[i].word);
                tap_eq_str(full, rows[i].full, "\"%s\" in full", rows[i].word);
                free(full);
        }
}

static void test_what_an_event_may_be_about(void)
{
        static const struct {
                const char *word, *name;
                bool may;
        } rows[] = {
                { "localhost/app:latest", "localhost/app:latest", true },
                { "localhost/app", "localhost/app:latest", true },
                { "app", "localhost/app:latest", true },
                { "app:v1", "localhost/app:latest", false },
                { "app", "localhost/other/app:latest", true },
                { "app", "localhost/myapp:latest", false },
                { "docker.io/app", "localhost/app:latest", false },
                { "docker.io/nginx", "docker.io/library/nginx:latest", true },
                { "app@sha256:" ID_A, "localhost/app:latest", true },
                { ID_A, "localhost/app:latest", true },     /* of a build */
                { "/s.tar", "localhost/app:latest", true }, /* of an archive */
                { "", "localhost/app:latest", true },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                tap_eq_int(reference_may_mean(rows[i].word, rows[i].name), rows[i].may,
                           "\"%s\" and %s", rows[i].word, rows[i].name);
        tap_ok(!reference_can_change("a/b@sha256:" ID_A), "a digest is one image for ever");
        tap_ok(!reference_can_change(ID_A), "and so is an ID");
        tap_ok(reference_can_change("localhost/app:latest"), "a name is not");
}

static void test_the_list_of_images(void)
{
        static const char text[] = "sha256:" ID_A " localhost/app:latest\n" ID_B
                                   " docker.io/library/nginx:1\n" ID_B " <none>:<none>\n";
        static const char *const bad[] = { "rubbish", "rubbish localhost/app:latest", ID_A "\n" };
        Images images = {};

        tap_eq_int(images_parse(text, strlen(text), &images), 0, "a list is read");
        tap_eq_int((int64_t)images.n, 3, "with all its lines");
        tap_eq_str(images_find(&images, "localhost/app:latest"), ID_A, "a name gives an ID");
        tap_eq_str(images_find(&images, "docker.io/nginx:1"), ID_B, "so does a shorter form");
        tap_ok(!images_find(&images, "localhost/other"), "another name gives none");
        tap_ok(!images_find(&images, ID_A), "nor does an ID");
        images_done(&images);
        tap_eq_int(images_parse("", 0, &images), 0, "no image is a list, too");
        tap_eq_int((int64_t)images.n, 0, "of none");
        images_done(&images);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                tap_eq_int(images_parse(bad[i], strlen(bad[i]), &images), -EINVAL,
                           "\"%.20s\" is none", bad[i]);
}

static void test_labels(void)
{
        static const struct {
                const char *label;
                UpdatePolicy policy;
        } rows[] = {
                { NULL, POLICY_NONE },           { "", POLICY_NONE },
                { "disabled", POLICY_NONE },     { "Registry", POLICY_NONE },
                { "registry", POLICY_REGISTRY }, { "image", POLICY_REGISTRY },
                { "local", POLICY_LOCAL },
        };
        static const char *const services[] = { "web.service", "web@1.service", "a-b_c.service" };
        static const char *const others[] = {
                "",
                "web",
                "web.timer",
                ".service",
                "web@.service",
                "a b.service",
                "../a.service",
                "a;b.service",
                "web.service\n",
                "$(reboot).service",
        };
        char longest[300];

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                tap_eq_int(policy_from_string(rows[i].label), rows[i].policy, "the label \"%s\"",
                           rows[i].label ? rows[i].label : "(none)");
        for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
                tap_ok(unit_is_service(services[i]), "\"%s\" is a service", services[i]);
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                tap_ok(!unit_is_service(others[i]), "\"%s\" is none", others[i]);
        memset(longest, 'a', sizeof(longest));
        strcpy(longest + 280, ".service");
        tap_ok(!unit_is_service(longest), "nor is a name that is too long");
}

static void test_the_fleet(void)
{
        Fleet *fleet = NULL;
        char id[16];

        tap_eq_int(fleet_new(&fleet), 0, "a fleet");
        tap_ok(fleet_uses(fleet, "app"), "nobody has said who is there");
        fleet_begin(fleet);
        fleet_keep_added(fleet);
        tap_ok(!fleet_uses(fleet, "/s.tar"), "a fleet of nobody uses nothing");
        tap_eq_int(fleet_add(fleet, "1", "localhost/app:latest"), 0, "one comes");
        tap_eq_int(fleet_add(fleet, "1", "localhost/app:latest"), 0, "and is told again");
        tap_eq_int(fleet_add(fleet, "2", "localhost/x@sha256:" ID_A), 0, "one cannot change");
        tap_eq_int((int64_t)fleet_count(fleet), 1, "so there is one");
        tap_ok(fleet_uses(fleet, "app"), "its image is used");
        tap_ok(!fleet_uses(fleet, "other"), "another is not");
        tap_ok(fleet_uses(fleet, ID_B), "a build may be of its image");

        fleet_begin(fleet);
        (void)fleet_add(fleet, "3", "localhost/other:latest");
        fleet_keep_added(fleet);
        tap_ok(fleet_uses(fleet, "other") && !fleet_uses(fleet, "app"), "the engine knows better");
        fleet_remove(fleet, "3");
        fleet_remove(fleet, "3");
        tap_eq_int((int64_t)fleet_count(fleet), 0, "who has gone is forgotten");

        for (int i = 0; i < 5000; i++) {
                snprintf(id, sizeof(id), "%i", i);
                (void)fleet_add(fleet, id, "localhost/app:latest");
        }
        tap_eq_int((int64_t)fleet_count(fleet), 4096, "there is a limit");
        tap_ok(fleet_uses(fleet, "whatever"), "beyond which any image may be used");
        fleet_free(fleet);
}

int main(void)
{
        test_names_are_completed();
        test_what_an_event_may_be_about();
        test_the_list_of_images();
        test_labels();
        test_the_fleet();
        return tap_done();
}
