/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "sources/podman-front-ends.h"
#include "tap.h"

static const char *shown(const char *session)
{
        return session ? session : "none";
}

static void test_whose_is_known(void)
{
        PodmanFrontEnds ends = {};

        tap_eq_str(shown(podman_front_ends_session(&ends, 0, "c")), "none", "nobody's, of nobody");
        podman_front_ends_began(&ends, 7, "c", "x");
        podman_front_ends_began(&ends, 8, "c", "y");
        tap_eq_str(shown(podman_front_ends_session(&ends, 7, "c")), "x", "its own");
        tap_eq_str(shown(podman_front_ends_session(&ends, 8, "c")), "y", "another's own");
        tap_eq_str(shown(podman_front_ends_session(&ends, 7, "d")), "none", "in that container");
        tap_eq_str(shown(podman_front_ends_session(&ends, 9, "c")), "none", "of another process");

        podman_front_ends_began(&ends, 7, "d", "z");
        tap_eq_str(shown(podman_front_ends_session(&ends, 7, "c")), "none",
                   "the PID was used again");
        tap_eq_str(shown(podman_front_ends_session(&ends, 7, "d")), "z", "by that one");
        podman_front_ends_began(&ends, 8, "c", NULL);
        tap_eq_str(shown(podman_front_ends_session(&ends, 8, "c")), "none",
                   "and by one of which the session is not known");
        podman_front_ends_began(&ends, 0, "c", "x");
        tap_eq_str(shown(podman_front_ends_session(&ends, 0, "c")), "none", "a PID that is none");
}

static void test_too_long_or_too_many(void)
{
        PodmanFrontEnds ends = {};
        char id[2 * PODMAN_ID_SIZE] = "";
        unsigned n_known = 0;

        memset(id, 'a', sizeof(id) - 1);
        podman_front_ends_began(&ends, 7, "c", id);
        podman_front_ends_began(&ends, 8, id, "x");
        tap_eq_str(shown(podman_front_ends_session(&ends, 7, "c")), "none", "no ID of a session");
        tap_eq_str(shown(podman_front_ends_session(&ends, 8, id)), "none", "nor of a container");
        for (unsigned pid = 1; pid <= 3 * PODMAN_FRONT_ENDS_MAX; pid++) {
                snprintf(id, sizeof(id), "%u", pid);
                podman_front_ends_began(&ends, pid, "c", id);
        }
        for (unsigned pid = 1; pid <= 3 * PODMAN_FRONT_ENDS_MAX; pid++) {
                const char *session = podman_front_ends_session(&ends, pid, "c");

                snprintf(id, sizeof(id), "%u", pid);
                n_known += session && strcmp(session, id) == 0;
        }
        tap_eq_u64(n_known, PODMAN_FRONT_ENDS_MAX, "of many the last are known");
}

int main(void)
{
        test_whose_is_known();
        test_too_long_or_too_many();
        return tap_done();
}
