/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "sample.h"
#include "sources/podman-cmdline.h"
#include "tap.h"

#define C16       "0123456789abcdef"
#define CONTAINER C16 C16 C16 C16
#define S16       "fedcba9876543210"
#define SESSION   S16 S16 S16 S16
#define PODMAN    "/usr/bin/podman --root /var/lib/containers/storage --log-level warning"

static void test_command_lines(void)
{
        static const struct {
                const char *cmdline;
                ExecWriter writer;
                const char *session;
        } rows[] = {
                { "", EXEC_WRITER_UNKNOWN, "" },
                { PODMAN " container cleanup --exec " SESSION " " CONTAINER, EXEC_WRITER_CLEANUP,
                  SESSION },
                { PODMAN " container cleanup --rm --exec " SESSION " " CONTAINER,
                  EXEC_WRITER_CLEANUP, SESSION },
                { PODMAN " container cleanup --stopped-only --rm --exec " SESSION " " CONTAINER,
                  EXEC_WRITER_CLEANUP, SESSION },
                { PODMAN " container cleanup " CONTAINER, EXEC_WRITER_CLEANUP, "" },
                { PODMAN " container cleanup --stopped-only --rm " CONTAINER, EXEC_WRITER_CLEANUP,
                  "" },
                { "podman exec web sh", EXEC_WRITER_FRONT_END, "" },
                { "podman run --rm bb container cleanup", EXEC_WRITER_FRONT_END, "" },
                { "podman container cleanup web", EXEC_WRITER_FRONT_END, "" },
                { PODMAN " container cleanup --exec " SESSION " " SESSION, EXEC_WRITER_FRONT_END,
                  "" },
                { PODMAN " container cleanup --exec " S16 " " CONTAINER, EXEC_WRITER_FRONT_END,
                  "" },
                { PODMAN " container cleanup " SESSION " " CONTAINER, EXEC_WRITER_FRONT_END, "" },
                { PODMAN " container cleanup --other --exec " SESSION " " CONTAINER,
                  EXEC_WRITER_FRONT_END, "" },
                { PODMAN " container exec --exec " SESSION " " CONTAINER, EXEC_WRITER_FRONT_END,
                  "" },
                { "cleanup --exec " SESSION " " CONTAINER, EXEC_WRITER_FRONT_END, "" },
                { "container cleanup --exec " SESSION " " CONTAINER, EXEC_WRITER_CLEANUP, SESSION },
                { PODMAN " container cleanup --exec " SESSION " " CONTAINER " ",
                  EXEC_WRITER_FRONT_END, "" },
                { CONTAINER, EXEC_WRITER_FRONT_END, "" },
                { " ", EXEC_WRITER_FRONT_END, "" },
                { PODMAN " container cleanup --exec \xe2\x80\xa6", EXEC_WRITER_UNKNOWN, "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char session[PODMAN_ID_SIZE] = "untouched";

                tap_eq_int(podman_cmdline_parse(rows[i].cmdline, CONTAINER, session),
                           rows[i].writer, "\"%.60s\"", rows[i].cmdline);
                tap_eq_str(session, rows[i].session, "its session");
        }
}

int main(void)
{
        test_command_lines();
        return tap_done();
}
