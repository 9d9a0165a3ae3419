/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "log/journal-entry.h"
#include "log/journal-matches.h"
#include "sample.h"
#include "tap.h"

#define F       CE_JOURNAL_FIELD
#define ID12    "fde8d54f84b3"
#define HOUR(n) ((uint64_t)(n)*JOURNAL_NSEC_PER_HOUR)

typedef struct Row {
        const char *terms[6];
        const char *want; /* words, with a space between them */
} Row;

static void check(const LogQuestion *question, const char *want, const char *what)
{
        JournalMatches matches;
        char got[4096] = "";

        must(journal_matches_make(question, &matches) == 0);
        for (size_t i = 0; i < matches.n; i++) {
                size_t n = strlen(got);

                snprintf(got + n, sizeof(got) - n, "%s%s", i > 0 ? " " : "", matches.words[i]);
        }
        tap_eq_str(got, want, "%s", what);
        journal_matches_done(&matches);
}

static const Row rows[] = {
        { { NULL }, "" },
        { { "type=container" }, F "TYPE=container" },
        { { "type=container", "type=pod" }, F "TYPE=container | " F "TYPE=pod" },
        { { "event=die", "type=pod" }, F "STATUS=died & " F "TYPE=pod" },
        { { "type=pod", "event=rm", "type=volume" },
          F "TYPE=pod | " F "TYPE=volume & " F "STATUS=remove" },
        { { "name=web" }, F "NAME=web" },
        { { "engine=podman" }, F "ENGINE=podman" },
        { { "exit_code=-1" }, F "EXIT_CODE=-1" },
        { { "uid=4294967295" }, F "UID=4294967295" },
        /* no value of != can be looked up */
        { { "name!=web", "type!=pod" }, "" },
        { { "name!=web", "name=db" }, F "NAME=db" },
        /* labels must all match; a mere key is no exact question */
        { { "label=a=1", "label=b=2=3" },
          F "LABEL=a=1 | " F "ODD=labels & " F "LABEL=b=2=3 | " F "ODD=labels" },
        { { "label=a" }, "" },
        { { "label=a=" }, F "LABEL=a= | " F "ODD=labels" },
        /* what begins an ID */
        { { "id=" SAMPLE_ID }, F "ID_START=" ID12 },
        { { "id=fde8d54f84b" }, "" },
        { { "exec=" SAMPLE_ID }, F "EXEC_ID_START=" ID12 },
        { { "exec=fde8" }, "" },
        { { "id=" SAMPLE_ID, "id=fde" }, "" },
        /* objects: a name, or the start of an ID */
        { { "container=web-1" }, F "NAME=web-1 | " F "ODD=id & " F "TYPE=container" },
        { { "container=" ID12 }, F "NAME=" ID12 " | " F "ID_START=" ID12 " & " F "TYPE=container" },
        { { "container=cafe" }, F "TYPE=container" },
        { { "image=web-1", "image=cafe" }, F "TYPE=image" },
        { { "pod=p1", "pod=p2" },
          F "NAME=p1 | " F "ODD=id | " F "NAME=p2 | " F "ODD=id & " F "TYPE=pod" },
        { { "network=n1" }, F "NAME=n1 | " F "NETWORK=n1 | " F "ODD=id & " F "TYPE=network" },
        { { "volume=v" }, F "TYPE=volume" },
        { { "volume!=v" }, "" },
};

static void test_filters(void)
{
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char message[FILTER_MESSAGE_SIZE], what[256] = "";
                _cleanup_(filter_freep) Filter *filter = NULL;

                must(filter_new(rows[i].terms, &filter, message) == 0);
                for (const char *const *term = rows[i].terms; *term; term++)
                        snprintf(what + strlen(what), sizeof(what) - strlen(what), "%s ", *term);
                check(&(LogQuestion){ .filter = filter }, rows[i].want, what);
        }
}

static void test_times(void)
{
        check(&(LogQuestion){ .since_nsec = HOUR(5), .until_nsec = HOUR(5) + 1 }, F "HOUR=5",
              "one hour");
        check(&(LogQuestion){ .since_nsec = HOUR(6) - 1, .until_nsec = HOUR(7) },
              F "HOUR=5 | " F "HOUR=6 | " F "HOUR=7", "a range over three");
        check(&(LogQuestion){ .since_nsec = HOUR(5) }, "", "no end");
        check(&(LogQuestion){ .until_nsec = HOUR(5) }, "", "no start");
        check(&(LogQuestion){ .since_nsec = HOUR(5), .until_nsec = HOUR(5) }, "", "nothing");
        check(&(LogQuestion){ .since_nsec = HOUR(5), .until_nsec = HOUR(5 + JOURNAL_HOURS_MAX) },
              "", "too long");
}

int main(void)
{
        test_filters();
        test_times();
        return tap_done();
}
