/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/podman-deaths.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/logging.h"
#include "model/timestamp.h"

/* A file's time is that of the kernel's clock tick, which is some milliseconds late. */
#define TICK_NSEC (10 * NSEC_PER_MSEC)

struct PodmanDeaths {
        uint32_t uid;
        PodmanDeathsHost host;
        PodmanDeath *deaths; /* owned, in the order in which they came */
        size_t n_deaths;
};

int podman_deaths_new(uint32_t uid, const PodmanDeathsHost *host, PodmanDeaths **ret)
{
        PodmanDeaths *deaths;

        deaths = calloc(1, sizeof(PodmanDeaths));
        if (!deaths)
                return -ENOMEM;
        deaths->uid = uid;
        deaths->host = *host;

        *ret = deaths;
        return 0;
}

PodmanDeaths *podman_deaths_free(PodmanDeaths *deaths)
{
        if (!deaths)
                return NULL;

        for (size_t i = 0; i < deaths->n_deaths; i++)
                free(deaths->deaths[i].container);
        free(deaths->deaths);
        free(deaths);
        return NULL;
}

uint32_t podman_deaths_uid(const PodmanDeaths *deaths)
{
        return deaths->uid;
}

void podman_deaths_drain(PodmanDeaths *deaths)
{
        deaths->host.drain(deaths->host.userdata);
}

static int add(PodmanDeaths *deaths, const PodmanDeath *death)
{
        PodmanDeath *grown;
        char *container;

        if (deaths->n_deaths == DEATHS_MAX)
                return -ENOBUFS;
        grown = reallocarray(deaths->deaths, deaths->n_deaths + 1, sizeof(PodmanDeath));
        if (!grown)
                return -ENOMEM;
        deaths->deaths = grown;
        container = strdup(death->container);
        if (!container)
                return -ENOMEM;

        grown[deaths->n_deaths] = *death;
        grown[deaths->n_deaths++].container = container;
        return 0;
}

void podman_deaths_exited(PodmanDeaths *deaths, const char *container, int32_t code,
                          uint64_t time_nsec, bool oom_killed)
{
        const uint64_t since = time_nsec > TICK_NSEC ? time_nsec - TICK_NSEC : 0;
        PodmanDeath death = {
                .container = (char *)container,
                .code = code,
                .time_nsec = time_nsec,
                .oom_killed = oom_killed,
                .deadline_usec = clock_usec() + DEATH_SETTLE_USEC,
        };
        int r;

        for (size_t i = 0; i < deaths->n_deaths; i++)
                if (deaths->deaths[i].time_nsec == time_nsec &&
                    strcmp(deaths->deaths[i].container, container) == 0)
                        return; /* the same file again */
        if (deaths->host.is_recorded(container, since, deaths->host.userdata))
                return;

        r = add(deaths, &death);
        if (r < 0) {
                log_error("The end of the container %s is left to Podman: %s.", container,
                          strerror(-r));
                return;
        }
        deaths->host.deadline(deaths->host.userdata);
}

PodmanDeath *podman_deaths_find(PodmanDeaths *deaths, const char *container, int32_t code,
                                uint64_t time_nsec)
{
        PodmanDeath *found = NULL;

        for (size_t i = 0; i < deaths->n_deaths; i++) {
                PodmanDeath *death = deaths->deaths + i;

                if (death->code != code || death->time_nsec > time_nsec + TICK_NSEC ||
                    strcmp(death->container, container) != 0)
                        continue;
                /* The first that Podman did not speak of, else the last one. */
                if (!found || found->heard)
                        found = death;
        }
        return found;
}

static int tell(PodmanDeaths *deaths, const PodmanDeath *death)
{
        _cleanup_(event_unrefp) Event *facts = NULL, *event = NULL;
        const EventFields *known;
        int r;

        if (deaths->host.recall(death->container, &facts, deaths->host.userdata) <= 0)
                facts = NULL;
        known = facts ? event_fields(facts) : NULL;
        r = event_new(&(EventFields){ .type = "container",
                                      .status = "died",
                                      .id = death->container,
                                      .name = known ? known->name : NULL,
                                      .image = known ? known->image : NULL,
                                      .pod_id = known ? known->pod_id : NULL,
                                      .attributes = known ? known->attributes : NULL,
                                      .n_attributes = known ? known->n_attributes : 0,
                                      .engine = "podman",
                                      .time_nsec = death->time_nsec,
                                      .has_exit_code = true,
                                      .exit_code = death->code,
                                      .oom_killed = death->oom_killed,
                                      .evidence = EVIDENCE_EXIT_FILE,
                                      .synthetic = true,
                                      .has_uid = true,
                                      .uid = deaths->uid },
                      &event);
        return r < 0 ? r : deaths->host.tell(event, deaths->host.userdata);
}

/* It waited long enough. Returns false if it is to be forgotten. */
static bool decide(PodmanDeaths *deaths, PodmanDeath *death, uint64_t now)
{
        int r;

        if (death->heard || death->told)
                return false;
        r = tell(deaths, death);
        if (r < 0)
                log_error("The end of the container %s cannot be told yet: %s.", death->container,
                          strerror(-r));
        death->told = r >= 0;
        death->deadline_usec = now + (r < 0 ? DEATH_SETTLE_USEC : DEATH_REMEMBER_USEC);
        return true;
}

uint64_t podman_deaths_expire(PodmanDeaths *deaths, uint64_t now)
{
        uint64_t next = UINT64_MAX;
        size_t n = 0;

        for (size_t i = 0; i < deaths->n_deaths; i++) {
                PodmanDeath *death = deaths->deaths + i;

                if (death->deadline_usec <= now && !decide(deaths, death, now)) {
                        free(death->container);
                        continue;
                }
                if (death->deadline_usec < next)
                        next = death->deadline_usec;
                deaths->deaths[n++] = *death;
        }
        deaths->n_deaths = n;
        return next;
}
