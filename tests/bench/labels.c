/* SPDX-License-Identifier: Apache-2.0 */
#include "labels.h"

#include <inttypes.h>
#include <stdio.h>

#include "random.h"

/* Of a hundred containers so many are podman-compose's, and so many quadlets. */
#define COMPOSE_PERCENT 35
#define QUADLET_PERCENT 30

static const char *const services[] = { "web", "db", "cache", "worker", "proxy", "mail", "search" };
static const char *const teams[] = { "payments", "platform", "search", "media", "identity" };

#define PICK(array, random) (array)[random_below((random), sizeof(array) / sizeof((array)[0]))]

static void make_compose(Labels *labels, uint64_t number, uint64_t *random)
{
        const char *service = PICK(services, random);
        uint64_t project = number % 400;
        char hash[65];

        random_id(random, hash);
        snprintf(labels->head, sizeof(labels->head),
                 "\"PODMAN_SYSTEMD_UNIT\":\"podman-compose@project-%" PRIu64 ".service\","
                 "\"com.docker.compose.container-number\":\"1\","
                 "\"com.docker.compose.project\":\"project-%" PRIu64 "\","
                 "\"com.docker.compose.project.config_files\":\"docker-compose.yml\","
                 "\"com.docker.compose.project.working_dir\":\"/srv/compose/project-%" PRIu64 "\","
                 "\"com.docker.compose.service\":\"%s\"",
                 project, project, project, service);
        snprintf(labels->tail, sizeof(labels->tail),
                 "\"io.podman.compose.config-hash\":\"%s\","
                 "\"io.podman.compose.project\":\"project-%" PRIu64 "\","
                 "\"io.podman.compose.version\":\"1.0.6\"",
                 hash, project);
}

static void make_quadlet(Labels *labels, uint64_t number, uint64_t *random)
{
        const char *service = PICK(services, random);

        snprintf(labels->head, sizeof(labels->head),
                 "\"PODMAN_SYSTEMD_UNIT\":\"%s-%" PRIu64 ".service\"", service, number % 900);
        snprintf(labels->tail, sizeof(labels->tail),
                 "\"io.buildah.version\":\"1.32.0\","
                 "\"io.containers.autoupdate\":\"registry\","
                 "\"org.opencontainers.image.licenses\":\"Apache-2.0\","
                 "\"org.opencontainers.image.source\":\"https://git.example.com/%s/%s\","
                 "\"org.opencontainers.image.title\":\"%s\","
                 "\"org.opencontainers.image.version\":\"%u.%u.%u\"",
                 PICK(teams, random), service, service, random_below(random, 9),
                 random_below(random, 30), random_below(random, 20));
}

void labels_make(Labels *labels, uint64_t number, uint64_t *random)
{
        uint32_t percent = random_below(random, 100);

        labels->head[0] = labels->tail[0] = '\0';
        if (percent < COMPOSE_PERCENT)
                make_compose(labels, number, random);
        else if (percent < COMPOSE_PERCENT + QUADLET_PERCENT)
                make_quadlet(labels, number, random);
        else
                snprintf(labels->tail, sizeof(labels->tail), "\"team\":\"%s\"",
                         PICK(teams, random));
}
