/* SPDX-License-Identifier: Apache-2.0 */
#include "log/eventlog.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "log/backend.h"

static const struct {
        const char *name;
        int (*new)(const EventLogOptions *options, EventLog **ret);
} backends[] = {
        [LOG_BACKEND_LOGFILE] = { "logfile", logfile_new },
        [LOG_BACKEND_JOURNALD] = { "journald", journal_log_new },
        [LOG_BACKEND_NONE] = { "none", none_log_new },
};

const char *log_backend_to_string(LogBackend backend)
{
        return backends[backend].name;
}

int log_backend_from_string(const char *name, LogBackend *ret)
{
        for (size_t i = 0; i < ELEMENTSOF(backends); i++) {
                if (strcmp(backends[i].name, name) == 0) {
                        *ret = (LogBackend)i;
                        return 0;
                }
        }

        return -EINVAL;
}

int eventlog_new(const EventLogOptions *options, EventLog **ret)
{
        EventLog *log;
        int r;

        r = backends[options->backend].new(options, &log);
        if (r < 0)
                return r;

        log->backend = options->backend;
        *ret = log;
        return 0;
}

EventLog *eventlog_free(EventLog *log)
{
        return log ? log->ops->free(log) : NULL;
}

LogBackend eventlog_backend(const EventLog *log)
{
        return log->backend;
}

int eventlog_open(EventLog *log)
{
        return log->ops->open(log);
}

bool eventlog_is_open(const EventLog *log)
{
        return log->ops->is_open(log);
}

const char *eventlog_failure(const EventLog *log)
{
        return log->ops->failure(log);
}

const char *eventlog_unavailable(const EventLog *log)
{
        return log->ops->unavailable(log);
}

int eventlog_append(EventLog *log, const Event *event, const char *position, uint64_t *ret_seq)
{
        return log->ops->append(log, event, position, ret_seq);
}

size_t eventlog_uncommitted(const EventLog *log)
{
        return log->ops->uncommitted(log);
}

int eventlog_commit(EventLog *log)
{
        return log->ops->commit(log);
}

int eventlog_reserve(EventLog *log)
{
        return log->ops->reserve ? log->ops->reserve(log) : -EOPNOTSUPP;
}

bool eventlog_uncommitted_next(EventLog *log, uint64_t after_seq, const char **ret_line,
                               size_t *ret_length, uint64_t *ret_seq)
{
        if (!log->ops->uncommitted_next)
                return false;
        return log->ops->uncommitted_next(log, after_seq, ret_line, ret_length, ret_seq);
}

uint64_t eventlog_dropped_seq(const EventLog *log)
{
        return log->ops->dropped_seq ? log->ops->dropped_seq(log) : 0;
}

int eventlog_trim(EventLog *log)
{
        return log->ops->trim ? log->ops->trim(log) : 0;
}

int eventlog_tend(EventLog *log)
{
        return log->ops->tend ? log->ops->tend(log) : 0;
}

int eventlog_exit_code(EventLog *log, bool exec, const char *id, int32_t *ret_code)
{
        return log->ops->exit_code ? log->ops->exit_code(log, exec, id, ret_code) : 0;
}

const char *eventlog_position(EventLog *log, const char *source)
{
        return log->ops->position(log, source);
}

sd_id128_t eventlog_epoch(const EventLog *log)
{
        return log->ops->epoch(log);
}

uint64_t eventlog_oldest_seq(EventLog *log)
{
        return log->ops->oldest_seq(log);
}

uint64_t eventlog_newest_seq(const EventLog *log)
{
        return log->ops->newest_seq(log);
}

uint64_t eventlog_given_seq(const EventLog *log)
{
        return log->ops->given_seq ? log->ops->given_seq(log) : eventlog_newest_seq(log);
}

uint64_t eventlog_live_seq(const EventLog *log)
{
        return log->ops->live_seq ? log->ops->live_seq(log) : eventlog_newest_seq(log);
}

uint64_t eventlog_recorded(const EventLog *log)
{
        return log->ops->recorded(log);
}

uint64_t eventlog_lost(const EventLog *log)
{
        return log->ops->lost(log);
}

uint64_t eventlog_size(EventLog *log)
{
        return log->ops->size(log);
}
