/* SPDX-License-Identifier: Apache-2.0 */

/* What import rests on: lines become events, equal events have equal numbers, and numbers are
 * counted. */

#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "event-line.h"
#include "identity.h"
#include "multiset.h"
#include "rfc3339.h"
#include "tap.h"

#define START "{\"Status\":\"start\",\"Time\":\"2025-11-22T12:00:00Z\",\"Type\":\"container\""

static EventLines *lines;
static const IdentityKey key = { { 1, 2 } };

static void check_time(const char *text, int want, uint64_t want_nsec)
{
        uint64_t nsec = 77;

        tap_ok(rfc3339_parse(text, &nsec) == want && nsec == (want < 0 ? 77 : want_nsec), "\"%s\"",
               text);
}

static void test_times(void)
{
        check_time("1970-01-01T00:00:00Z", 0, 0);
        check_time("2025-11-22T12:00:00.5Z", 0, UINT64_C(1763812800500000000));
        check_time("2025-11-22T13:30:00.000000001+01:30", 0, UINT64_C(1763812800000000001));
        check_time("2025-11-22 10:00:00,1234567899-02:00", 0, UINT64_C(1763812800123456789));
        check_time("2016-12-31T23:59:60Z", 0, UINT64_C(1483228800000000000));
        check_time("2554-07-21T23:34:33.709551615Z", 0, UINT64_MAX);
        check_time("2554-07-21T23:34:33.709551616Z", -ERANGE, 0);
        check_time("1969-12-31T23:59:59Z", -ERANGE, 0);
        check_time("1970-01-01T00:59:59+01:00", -ERANGE, 0);
        check_time("2025-02-29T00:00:00Z", -EINVAL, 0);
        check_time("2025-00-10T00:00:00Z", -EINVAL, 0);
        check_time("2025-13-10T00:00:00Z", -EINVAL, 0);
        check_time("2025-11-00T00:00:00Z", -EINVAL, 0);
        check_time("2025-11-22T24:00:00Z", -EINVAL, 0);
        check_time("2025-11-22T12:00:00", -EINVAL, 0);
        check_time("2025-11-22T12:00:00.Z", -EINVAL, 0);
        check_time("2025-11-22T12:00:00+01:60", -EINVAL, 0);
        check_time("2025-11-22T12:00:00Zx", -EINVAL, 0);
        check_time("", -EINVAL, 0);
}

static int read_line(const char *line, Event *ret)
{
        return event_lines_read(lines, line, strlen(line), ret);
}

/* The line, read and written again; or what reading returned. */
static void check_line(const char *line, int want, const char *written)
{
        _cleanup_(event_done) Event e = {};
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f;

        if (!tap_eq_int(read_line(line, &e), want, "%s", line) || want <= 0)
                return;
        f = open_memstream(&text, &size);
        if (!f || event_line_print(f, &e) < 0)
                abort();
        fclose(f);
        tap_ok(event_line_is_intact(text, strlen(text) - 1), "its checksum fits");
        *strstr(text, ",\"CRC\"") = '\0';
        tap_eq_str(text, written, "and is written so");
}

static void test_lines(void)
{
        static const char header[] = "{\"Status\":\"segment\",\"Time\":\"2025-11-22T12:00:00Z\","
                                     "\"Type\":\"system\",\"Format\":1,\"Epoch\":\"0\","
                                     "\"FirstSeq\":1,\"Positions\":{}}";

        check_line(START "}", 1, START ",\"Seq\":0,\"Engine\":\"podman\"");
        check_line(START ",\"Attributes\":null,\"own\":1.50,\"nothing\":null,\"many\":[1]}", 1,
                   START ",\"Seq\":0,\"Engine\":\"podman\",\"Extra\":{\"own\":1.5}");
        check_line(START ",\"Seq\":3,\"Engine\":\"e\",\"Extra\":{\"exit_code\":1,\"a\":true}}", 1,
                   START ",\"Seq\":3,\"Engine\":\"e\",\"Extra\":{\"a\":true}");
        check_line(START ",\"Name\":\"a\\u0000b\\\\u0000\"}", 1,
                   "{\"Name\":\"a\xef\xbf\xbd"
                   "b\\\\u0000\",\"Status\":\"start\",\"Time\":\"2025-11-22T12:00:00Z\","
                   "\"Type\":\"container\",\"Seq\":0,\"Engine\":\"podman\"");
        check_line(START ",\"Seq\":3,\"Engine\":\"e\",\"Name\":\"a\\u0000b\"}", -EBADMSG, NULL);
        check_line(START ",\"Name\":\"a\xff\"}", -EBADMSG, NULL);
        check_line(header, 0, NULL);
        check_line("{\"Status\":\"log-rotation\",\"Time\":\"2025-11-22T12:00:00Z\","
                   "\"Type\":\"system\"}",
                   0, NULL);
        check_line("{\"Status\":\"died\",\"Time\":\"2025-11-22T12:00:00Z\"}", -EBADMSG, NULL);
        check_line(START, -EBADMSG, NULL);
        check_line(START "}}", -EBADMSG, NULL);
        check_line("[]", -EBADMSG, NULL);
        check_line("", -EBADMSG, NULL);
        check_line("{\"a\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}", -EBADMSG, NULL);
        /* What crc32 of the bytes before it is, and what it is not. */
        check_line(START ",\"CRC\":\"00000000\"}", -EILSEQ, NULL);
}

static uint64_t number_of(const char *members)
{
        _cleanup_(event_done) Event e = {};
        char line[1024];
        uint64_t number;

        snprintf(line, sizeof(line), START ",\"Engine\":\"e\"%s}", members);
        if (read_line(line, &e) != 1 || identity_of(&key, &e, &number) < 0)
                abort();
        return number;
}

static void test_identities(void)
{
        static const char *const different[] = {
                "",
                ",\"ID\":\"a\"",
                ",\"Name\":\"a\"",
                ",\"Image\":\"a\"",
                ",\"ExecID\":\"a\"",
                ",\"PodID\":\"a\"",
                ",\"network\":\"a\"",
                ",\"health_status\":\"a\"",
                ",\"error\":\"a\"",
                ",\"Reason\":\"a\"",
                ",\"ContainerExitCode\":0",
                ",\"ContainerExitCode\":-1",
                ",\"OOMKilled\":true",
                ",\"Synthetic\":true",
                ",\"Truncated\":true",
                ",\"Attributes\":{\"a\":\"\"}",
                ",\"Attributes\":{\"a\":\"b\"}",
                ",\"Attributes\":{\"a\":\"\",\"b\":\"\"}",
                ",\"Extra\":{\"a\":1}",
                ",\"Extra\":{\"a\":\"1\"}",
                ",\"Extra\":{\"a\":1.0}",
                ",\"Extra\":{\"a\":true}",
                ",\"Engine\":\"f\"",
                ",\"Time\":\"2025-11-22T12:00:00.000000001Z\"",
        };
        static const char *const same[][2] = {
                { ",\"Seq\":1", ",\"Seq\":2,\"Position\":\"podman x\",\"Backlog\":true" },
                { ",\"Attributes\":{\"a\":\"1\",\"b\":\"2\"}",
                  ",\"Attributes\":{\"b\":\"2\",\"a\":\"1\"}" },
                { ",\"Extra\":{\"a\":1,\"b\":2}", ",\"Extra\":{\"b\":2,\"a\":1}" },
                { ",\"Extra\":{\"a\":0.1}", ",\"Extra\":{\"a\":0.10000000000000001}" },
                { ",\"PodID\":\"\"", "" },
                { ",\"Evidence\":\"event\"", "" },
                { ",\"UID\":0", "" },
                { ",\"Time\":\"2025-11-22T12:00:00Z\"", ",\"Time\":\"2025-11-22T13:00:00+01:00\"" },
        };
        size_t n = sizeof(different) / sizeof(different[0]);
        unsigned n_equal = 0;

        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < i; k++)
                        n_equal += number_of(different[i]) == number_of(different[k]);
        tap_eq_u64(n_equal, 0, "what differs has another number");
        for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
                tap_eq_u64(number_of(same[i][0]), number_of(same[i][1]), "%s is %s", same[i][0],
                           same[i][1]);
}

static void test_multiset(void)
{
        Multiset m = {};
        unsigned n_missing = 0;

        tap_ok(!multiset_take(&m, 0), "nothing is in an empty one");
        for (uint64_t i = 0; i < 100000; i++)
                for (uint64_t k = 0; k <= i % 3; k++)
                        if (multiset_put(&m, i * UINT64_C(0x9e3779b97f4a7c15)) < 0)
                                abort();
        for (uint64_t i = 0; i < 100000; i++)
                for (uint64_t k = 0; k <= i % 3; k++)
                        n_missing += !multiset_take(&m, i * UINT64_C(0x9e3779b97f4a7c15));
        tap_eq_u64(n_missing, 0, "all that was put in is there, as often as it was put in");
        for (uint64_t i = 0; i < 100000; i++)
                n_missing += multiset_take(&m, i * UINT64_C(0x9e3779b97f4a7c15));
        tap_eq_u64(n_missing, 0, "and not more often");
        /* All in one place. */
        for (uint64_t i = 0; i < 500; i++)
                if (multiset_put(&m, i << 40) < 0)
                        abort();
        tap_ok(multiset_take(&m, UINT64_C(499) << 40) && !multiset_take(&m, UINT64_C(500) << 40),
               "numbers that meet are told apart");
        multiset_done(&m);
}

int main(void)
{
        if (event_lines_new(&lines) < 0)
                return 1;
        test_times();
        test_lines();
        test_identities();
        test_multiset();
        event_lines_free(lines);
        return tap_done();
}
