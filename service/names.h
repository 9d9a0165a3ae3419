/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Every public string, once: bus name, paths, interfaces, errors, members and the group. The
 * interface itself is documented in introspection/org.containers.Events.xml. This header is the
 * only one that the service and its clients share.
 */

#define CE_BUS_NAME         "org.containers.Events"
#define CE_OBJECT_PATH      "/org/containers/Events"
#define CE_INTERFACE        "org.containers.Events"
#define CE_ENGINE_PREFIX    "/org/containers/Events/engine"
#define CE_ENGINE_INTERFACE "org.containers.Events.Engine"

/* The one form of an event on the bus, in the signal and in replies. */
#define CE_EVENT_CONTENTS  "sssssstta{sv}"
#define CE_EVENT_SIGNATURE "(" CE_EVENT_CONTENTS ")"

#define CE_SIGNAL_EVENT_EMITTED "EventEmitted"

#define CE_ERROR_PREFIX            "org.containers.Events.Error."
#define CE_ERROR_INVALID_FILTER    CE_ERROR_PREFIX "InvalidFilter"
#define CE_ERROR_INVALID_TIME      CE_ERROR_PREFIX "InvalidTime"
#define CE_ERROR_CURSOR_EXPIRED    CE_ERROR_PREFIX "CursorExpired"
#define CE_ERROR_NO_SUCH_EXEC      CE_ERROR_PREFIX "NoSuchExec"
#define CE_ERROR_NO_SUCH_CONTAINER CE_ERROR_PREFIX "NoSuchContainer"
#define CE_ERROR_EXEC_RUNNING      CE_ERROR_PREFIX "ExecRunning"
#define CE_ERROR_EXIT_CODE_UNKNOWN CE_ERROR_PREFIX "ExitCodeUnknown"
#define CE_ERROR_TIMED_OUT         CE_ERROR_PREFIX "TimedOut"
#define CE_ERROR_LIMITS_EXCEEDED   CE_ERROR_PREFIX "LimitsExceeded"
#define CE_ERROR_NOT_AUTHORIZED    CE_ERROR_PREFIX "NotAuthorized"
#define CE_ERROR_LOG_UNAVAILABLE   CE_ERROR_PREFIX "LogUnavailable"

/* The reason in the end of an exec session that ran a health check. */
#define CE_REASON_HEALTH_CHECK "health_check"

/* A standard name where it fits: a malformed argument that is neither a filter nor a time. */
#define CE_ERROR_INVALID_ARGS "org.freedesktop.DBus.Error.InvalidArgs"

/* Who may read, besides root: members of this group (policy/, sysusers). */
#define CE_GROUP "containers-events"

/* Entries in systemd's journal, where that keeps the history (service/log/journal-entry.h): an
 * event, and a mark that says where its numbers go on. The catalog explains both. */
#define CE_JOURNAL_IDENTIFIER "containers-eventsd"
#define CE_MESSAGE_EVENT      "a0de15be25df40bda57ee24830be910a"
#define CE_MESSAGE_MARK       "bbecc90d2ab94602ac4e5e02e35786d5"

/* How many events a trigger's rate limit left out, said by containers-events-triggerd. */
#define CE_MESSAGE_LEFT_OUT "f7bbc9358e3c4ceb852881f4bb91bc8e"
