/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cleanup.h"
#include "base/logging.h"
#include "configuration.h"
#include "fuzz.h"
#include "sources/podman-config.h"

/* INI, as our configuration and as Podman's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *events_log = NULL;
        Configuration configuration;
        char path[64];

        logging_set_target(LOG_TARGET_NULL);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fuzz_file(data, size));
        fuzz_assert(configuration_load(path, false, &configuration) == 0);
        fuzz_assert(configuration.directory && *configuration.directory == '/');
        fuzz_assert(configuration.segment_size >= 4096 && configuration.max_size >= 4096);
        configuration_done(&configuration);

        fuzz_assert(setenv("CONTAINERS_CONF", path, 1) == 0);
        fuzz_assert(podman_events_log_path(false, &events_log) == 0 && *events_log);
        return 0;
}
