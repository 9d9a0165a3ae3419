/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A job of systemd's: a unit is started or restarted, and it is said how that ended. The answer to
 * the call and the end of the job come over one connection in their order, so that none is missed;
 * when systemd was reloaded or executed again meanwhile, or never answered, the unit's state says
 * what became of it, and a call that had no effect is made again.
 */

#include <systemd/sd-id128.h>

#include "unit-manager.h"

typedef struct UnitJob UnitJob;

typedef struct UnitJobHandler {
        /* systemd has taken it. May be NULL; not called if that is only known from the end. */
        void (*queued)(UnitJob *job, void *userdata);

        /* The end, once; the job may be freed in it. With result 0 the outcome is systemd's word:
         * "done", "failed", "timeout", "canceled", "dependency", "skipped" (already so), ...
         * Otherwise the outcome is "", and the result
         *   as in unit-error.h   systemd refuses; the error has its sentence
         *   -ETIMEDOUT           not within the time; the job may go on
         *   -ENOTCONN            the connection was cut; the job may go on, see unit_job_resume()
         *   -ENODATA             systemd was executed again, and nobody knows */
        void (*ended)(UnitJob *job, int result, const char *outcome, const sd_bus_error *error,
                      void *userdata);
} UnitJobHandler;

typedef struct UnitJobOptions {
        const char *unit;
        const char *mode;      /* "replace", "fail", ... */
        uint64_t timeout_usec; /* for all of it; UINT64_MAX: no limit */
        /* The unit's invocation before, as unit-state.h tells it; NULL: to be asked for first. */
        const sd_id128_t *before;
} UnitJobOptions;

int unit_start(UnitManager *m, const UnitJobOptions *options, const UnitJobHandler *handler,
               void *userdata, UnitJob **ret);
int unit_restart(UnitManager *m, const UnitJobOptions *options, const UnitJobHandler *handler,
                 void *userdata, UnitJob **ret);

/* Waits for the end of a job that was begun over another connection, by the unit's state alone:
 * nothing is called for again, and what cannot be known is -ENODATA. "before" must be known. */
int unit_job_resume(UnitManager *m, const UnitJobOptions *options, const UnitJobHandler *handler,
                    void *userdata, UnitJob **ret);

UnitJob *unit_job_free(UnitJob *job); /* the job itself goes on */

/* The unit's invocation before; null: it had none, or it is not known yet. */
sd_id128_t unit_job_get_before(const UnitJob *job);
