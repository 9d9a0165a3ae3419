/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "sample.h"
#include "sources/podman-entry.h"
#include "sources/podman-line.h"
#include "sources/podman-place.h"
#include "tap.h"

#define FIELDS_MAX 24
#define U_FFFD     "\xef\xbf\xbd"
#define S16        "fedcba9876543210"
#define SESSION    S16 S16 S16 S16

/* What every event has. */
#define EVERY "PODMAN_TYPE=container", "PODMAN_TIME=2026-11-21T23:13:53.860408609Z"
#define SENT  "_UID=1000", "_TRANSPORT=journal"

static PodmanEntry entry;

/* Puts fields until one is refused, and reads what they are. */
static int read_fields(const char *const *fields)
{
        podman_entry_begin(&entry);
        for (size_t i = 0; i < FIELDS_MAX && fields[i]; i++) {
                int r = podman_entry_put(&entry, fields[i], strlen(fields[i]));

                if (r < 0)
                        return r;
        }
        return podman_entry_read(&entry);
}

/* As the history would have it, without whose it is. */
static char *record_of(const EventFields *read)
{
        EventFields fields = *read;
        _cleanup_event_ Event *event = NULL;
        Buffer buffer = {};

        fields.has_uid = false;
        event = event_of(&fields);
        must(event_json_put(&buffer, event_fields(event), 1) == 0);
        buffer_put(&buffer, "", 1);
        return buffer.data;
}

static const struct {
        const char *label, *line;
        const char *fields[FIELDS_MAX];
} lines[] = {
#define TIME "\"Time\":\"2026-11-21T23:13:53.860408609Z\",\"Type\":\"container\""
        { "a death",
          "{\"ContainerExitCode\":9,\"ID\":\"fde8\",\"Image\":\"i\",\"Name\":\"n\","
          "\"Status\":\"died\"," TIME ",\"PodID\":\"p\",\"Attributes\":{\"a\":\"b\"}}",
          { EVERY, SENT, "PODMAN_EVENT=died", "PODMAN_ID=fde8", "PODMAN_IMAGE=i", "PODMAN_NAME=n",
            "PODMAN_EXIT_CODE=9", "PODMAN_POD_ID=p", "PODMAN_LABELS={\"a\":\"b\"}",
            "PODMAN_HEALTH_STATUS=" } },
        { "a code of 0 that is left out",
          "{\"Status\":\"exec_died\"," TIME "}",
          { EVERY, SENT, "PODMAN_EVENT=exec_died" } },
        { "a death for want of memory",
          "{\"OOMKilled\":true,\"Status\":\"died\"," TIME "}",
          { EVERY, SENT, "PODMAN_EVENT=died", "PODMAN_OOM_KILLED=true" } },
        { "one that is none",
          "{\"Status\":\"died\"," TIME "}",
          { EVERY, SENT, "PODMAN_EVENT=died", "PODMAN_OOM_KILLED=false" } },
        { "the end of an exec, up to 4.2",
          "{\"Status\":\"exec_died\"," TIME ",\"Attributes\":{\"execID\":\"e\"}}",
          { EVERY, SENT, "PODMAN_EVENT=exec_died", "PODMAN_LABELS={\"execID\":\"e\"}" } },
        { "a health check",
          "{\"Status\":\"health_status\"," TIME ",\"health_status\":\"unhealthy\","
          "\"health_log\":\"{}\",\"health_failing_streak\":3}",
          { EVERY, SENT, "PODMAN_EVENT=health_status", "PODMAN_HEALTH_STATUS=unhealthy",
            "PODMAN_HEALTH_FAILING_STREAK=3", "PODMAN_HEALTH_LOG={}" } },
        { "a streak of none",
          "{\"Status\":\"health_status\"," TIME "}",
          { EVERY, SENT, "PODMAN_EVENT=health_status", "PODMAN_HEALTH_FAILING_STREAK=0" } },
        { "what inspect says",
          "{\"Status\":\"create\"," TIME ",\"ContainerInspectData\":\"{\\\"Id\\\":1}\"}",
          { EVERY, SENT, "PODMAN_EVENT=create", "PODMAN_CONTAINER_INSPECT_DATA={\"Id\":1}" } },
        { "a network and an error",
          "{\"network\":\"n\",\"Status\":\"connect\"," TIME ",\"error\":\"e\"}",
          { EVERY, SENT, "PODMAN_EVENT=connect", "PODMAN_NETWORK_NAME=n", "ERROR=e" } },
        { "bytes that are no characters",
          "{\"Name\":\"a\xff\",\"Status\":\"start\"," TIME
          ",\"Attributes\":{\"a\":\"\\u0000\xff\"}}",
          { EVERY, SENT, "PODMAN_EVENT=start", "PODMAN_NAME=a\xff",
            "PODMAN_LABELS={\"a\":\"\\u0000\xff\"}" } },
#undef TIME
};

static void test_an_event_is_that_of_the_line(void)
{
        _cleanup_(event_scanner_done) EventScanner scanner = {};

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                _cleanup_free_ char *ours = NULL, *of_line = NULL;
                _cleanup_event_ Event *event = NULL;

                must(podman_line_parse(&scanner, lines[i].line, strlen(lines[i].line), 0, false,
                                       &event) == 0);
                if (!tap_eq_int(read_fields(lines[i].fields), 1, "%s", lines[i].label))
                        continue;
                ours = record_of(&entry.fields);
                of_line = record_of(event_fields(event));
                tap_eq_str(ours, of_line, "is that of the line");
                tap_ok(entry.fields.has_uid && entry.fields.uid == 1000, "and says whose it is");
        }
}

static const struct {
        const char *label;
        int result;
        const char *fields[FIELDS_MAX];
} strangers[] = {
        { "an ordinary message", 0, { SENT, "MESSAGE=hello" } },
        { "without a type", 0, { SENT, "PODMAN_TYPE=", "PODMAN_EVENT=start" } },
        { "without a status", -EBADMSG, { EVERY, SENT } },
        { "without a time", -EBADMSG, { SENT, "PODMAN_TYPE=container", "PODMAN_EVENT=start" } },
        { "at a time that is none",
          -EBADMSG,
          { SENT, "PODMAN_TYPE=container", "PODMAN_EVENT=start", "PODMAN_TIME=now" } },
        { "of nobody", -EBADMSG, { EVERY, "_TRANSPORT=journal", "PODMAN_EVENT=start" } },
        { "of nobody that there is",
          -EBADMSG,
          { EVERY, "_TRANSPORT=journal", "PODMAN_EVENT=start", "_UID=-1" } },
        { "of unknown descent", -EBADMSG, { EVERY, "_UID=0", "PODMAN_EVENT=start" } },
        { "by another way",
          -EBADMSG,
          { EVERY, "_UID=0", "_TRANSPORT=stdout", "PODMAN_EVENT=start" } },
        { "a code that is none",
          -EBADMSG,
          { EVERY, SENT, "PODMAN_EVENT=died", "PODMAN_EXIT_CODE=0x1" } },
        { "perhaps for want of memory",
          -EBADMSG,
          { EVERY, SENT, "PODMAN_EVENT=died", "PODMAN_OOM_KILLED=1" } },
        { "labels that are none",
          -EBADMSG,
          { EVERY, SENT, "PODMAN_EVENT=died", "PODMAN_LABELS=[]" } },
        { "labels with numbers",
          -EBADMSG,
          { EVERY, SENT, "PODMAN_EVENT=died", "PODMAN_LABELS={\"a\":1}" } },
        { "a streak that is none",
          -EBADMSG,
          { EVERY, SENT, "PODMAN_EVENT=x", "PODMAN_HEALTH_FAILING_STREAK=many" } },
        { "two names",
          -EBADMSG,
          { EVERY, SENT, "PODMAN_EVENT=x", "PODMAN_NAME=a", "PODMAN_NAME=a" } },
        { "two users", -EBADMSG, { EVERY, SENT, "PODMAN_EVENT=x", "_UID=0" } },
};

static void test_what_is_no_event(void)
{
        for (size_t i = 0; i < ELEMENTSOF(strangers); i++) {
                tap_eq_int(read_fields(strangers[i].fields), strangers[i].result, "%s",
                           strangers[i].label);
                tap_ok((entry.problem != NULL) == (strangers[i].result < 0), "%s",
                       entry.problem ? entry.problem : "is no problem");
        }
}

/* A field of that name and length. */
static char *long_field(const char *name, size_t length)
{
        char *field = repeated('x', length);

        for (size_t i = 0; name[i] != '\0'; i++)
                field[i] = name[i];
        return field;
}

static void test_what_is_too_much(void)
{
        const size_t most = PODMAN_LINE_MAX;
        _cleanup_free_ char *name = long_field("PODMAN_NAME=", most + 100);
        _cleanup_free_ char *id = long_field("PODMAN_ID=", most);
        _cleanup_free_ char *other = long_field("SOMETHING=", most + 100);
        int r = 0;

        podman_entry_begin(&entry);
        tap_eq_int(podman_entry_put(&entry, name, most + 100), -EBADMSG, "a name of 2 MiB");
        tap_eq_str(entry.problem, "it is too long", "is why");

        podman_entry_begin(&entry);
        tap_eq_int(podman_entry_put(&entry, name, most / 2), 0, "one of half");
        tap_eq_int(podman_entry_put(&entry, id, most / 2 + 100), -EBADMSG,
                   "and another half is too much");
        podman_entry_begin(&entry);
        tap_eq_int(podman_entry_put(&entry, other, most + 100), 0,
                   "what nobody looks at is not kept");
        for (unsigned i = 1; r >= 0 && i <= PODMAN_ENTRY_FIELDS_MAX; i++)
                r = podman_entry_put(&entry, "A=b", 3);
        tap_eq_int(r, -EBADMSG, "very many fields");
}

static void test_a_nul_in_a_field(void)
{
        static const char name[] = "PODMAN_NAME=a\0b";
        static const char *const fields[FIELDS_MAX] = { EVERY, SENT, "PODMAN_EVENT=start" };

        must(read_fields(fields) == 1);
        must(podman_entry_put(&entry, name, sizeof(name) - 1) == 0);
        must(podman_entry_read(&entry) == 1);
        tap_eq_str(entry.fields.name, "a" U_FFFD "b", "is replaced");
        tap_eq_int(podman_entry_put(&entry, "PODMAN_ID", 9), 0, "a field without a value is none");
        tap_eq_int(podman_entry_put(&entry, "", 0), 0, "nor is nothing");
}

static const char the_id[] = "PODMAN_ID=" SAMPLE_ID;

static void test_who_wrote_it(void)
{
        static const struct {
                const char *label, *exe, *comm, *cmdline;
                ExecWriter writer;
                const char *session;
        } rows[] = {
#define CLEANUP "_CMDLINE=podman container cleanup --exec " SESSION " " SAMPLE_ID
                { "conmon's podman", "_EXE=/usr/bin/podman", "_COMM=podman", CLEANUP,
                  EXEC_WRITER_CLEANUP, SESSION },
                { "by its name alone", "A=b", "_COMM=podman", CLEANUP, EXEC_WRITER_CLEANUP,
                  SESSION },
                { "somebody's podman", "_EXE=/usr/bin/podman", "_COMM=podman",
                  "_CMDLINE=podman exec web true", EXEC_WRITER_FRONT_END, "" },
                { "something else", "_EXE=/usr/bin/python3", "_COMM=podman", CLEANUP,
                  EXEC_WRITER_UNKNOWN, "" },
                { "something of another name", "A=b", "_COMM=logger", CLEANUP, EXEC_WRITER_UNKNOWN,
                  "" },
                { "one that nobody saw", "A=b", "C=d", CLEANUP, EXEC_WRITER_UNKNOWN, "" },
                { "one that was gone", "_EXE=/usr/bin/podman", "_COMM=podman", "E=f",
                  EXEC_WRITER_UNKNOWN, "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const char *const fields[FIELDS_MAX] = {
                        EVERY,       SENT,         "PODMAN_EVENT=exec_died",
                        rows[i].exe, rows[i].comm, rows[i].cmdline,
                        the_id,
                };

                must(read_fields(fields) == 1);
                tap_eq_int(entry.writer, rows[i].writer, "%s", rows[i].label);
                tap_eq_str(entry.session, rows[i].session, "and its session");
        }
}

int main(void)
{
        test_an_event_is_that_of_the_line();
        test_what_is_no_event();
        test_what_is_too_much();
        test_a_nul_in_a_field();
        test_who_wrote_it();
        podman_entry_done(&entry);
        return tap_done();
}
