/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/utf8.h"
#include "model/filter.h"
#include "sample.h"
#include "tap.h"

/* The events that the rows below ask for, by their letter. */
typedef enum Which {
        DIED,    /* a container that died */
        EXEC,    /* an exec session in it that died */
        POD,     /* a pod */
        IMAGE,   /* an image that was removed */
        VOLUME,  /* a volume */
        NETWORK, /* a network that was made */
        CONNECT, /* the container was connected to it */
        BARE,    /* nothing but type and status */
        WHICH_MAX,
} Which;

static const char letters[] = "CXPIVNKB";

static EventFields events[WHICH_MAX] = {
        [DIED] = { .type = "container",
                   .status = "died",
                   .id = "aaaa1111",
                   .name = "web",
                   .image = "bb:latest",
                   .engine = "podman",
                   .exit_code = 137,
                   .has_exit_code = true,
                   .uid = 1000,
                   .has_uid = true },
        [EXEC] = { .type = "container",
                   .status = "exec_died",
                   .id = "aaaa1111",
                   .name = "web",
                   .image = "bb:latest",
                   .engine = "docker",
                   .exec_id = "eeee2222",
                   .exit_code = 0,
                   .has_exit_code = true,
                   .uid = 0,
                   .has_uid = true },
        [POD] = { .type = "pod",
                  .status = "stop",
                  .id = "pppp3333",
                  .name = "web",
                  .engine = "podman" },
        [IMAGE] = { .type = "image", .status = "remove", .id = "iiii4444", .name = "bb:latest" },
        [VOLUME] = { .type = "volume", .status = "create", .name = "data-1" },
        [NETWORK] = { .type = "network", .status = "create", .id = "nnnn5555", .name = "net" },
        [CONNECT] = { .type = "network",
                      .status = "connect",
                      .id = "aaaa1111",
                      .name = "web",
                      .network = "net" },
        [BARE] = { .type = "system", .status = "refresh" },
};

static void fill_events(Event *made[static WHICH_MAX])
{
        static const EventAttribute web[] = { { "app", "web" }, { "tier", "" } },
                                    db[] = { { "app", "db" }, { "x=y", "z" } };

        events[DIED].attributes = web;
        events[DIED].n_attributes = ELEMENTSOF(web);
        events[POD].attributes = db;
        events[POD].n_attributes = ELEMENTSOF(db);
        for (size_t i = 0; i < WHICH_MAX; i++)
                made[i] = event_of(events + i);
}

typedef struct Row {
        const char *terms[4];
        const char *matches; /* letters */
} Row;

static const Row rows[] = {
        { { NULL }, "CXPIVNKB" },
        /* every key */
        { { "type=container" }, "CX" },
        { { "type=system" }, "B" },
        { { "event=died" }, "C" },
        { { "status=died" }, "C" },
        { { "container=web" }, "CX" },
        { { "container=aaaa" }, "CX" },
        { { "container=aaaa1111" }, "CX" },
        { { "container=we" }, "" },
        { { "container=aaaa11112" }, "" },
        { { "image=bb:latest" }, "I" },
        { { "image=iiii" }, "I" },
        { { "image=bb" }, "" },
        { { "pod=web" }, "P" },
        { { "pod=pppp" }, "P" },
        { { "volume=data-1" }, "V" },
        { { "volume=data" }, "V" },
        { { "volume=ata" }, "" },
        { { "network=net" }, "NK" },
        { { "network=nnnn" }, "N" },
        { { "network=ne" }, "" },
        { { "network=aaaa" }, "" },
        { { "network=web" }, "" },
        { { "name=web" }, "CXPK" },
        { { "name=we" }, "" },
        { { "id=aaaa" }, "CXK" },
        { { "id=a" }, "CXK" },
        { { "id=web" }, "" },
        { { "engine=podman" }, "CP" },
        { { "engine=pod" }, "" },
        { { "exec=eeee" }, "X" },
        { { "exec=eeee2222" }, "X" },
        { { "exec=aaaa" }, "" },
        { { "exit_code=0" }, "X" },
        { { "exit_code=137" }, "C" },
        { { "exit_code=-1" }, "" },
        { { "uid=0" }, "X" },
        { { "uid=1000" }, "C" },
        { { "label=app" }, "CP" },
        { { "label=app=web" }, "C" },
        { { "label=tier=" }, "C" },
        { { "label=tier" }, "C" },
        { { "label=app=we" }, "" },
        { { "label=ap" }, "" },
        { { "label=x=y=z" }, "" },
        /* aliases, both ways */
        { { "event=die" }, "C" },
        { { "event=exec_die" }, "X" },
        { { "event=exec_died" }, "X" },
        { { "event=remove" }, "I" },
        { { "event=rm" }, "I" },
        { { "event=delete" }, "I" },
        { { "event=destroy" }, "I" },
        { { "event=Died" }, "" },
        { { "event=a-word-that-is-to-come" }, "" },
        /* the same key ORs, different keys AND, labels AND */
        { { "type=pod", "type=image" }, "PI" },
        { { "event=died", "status=stop" }, "CP" },
        { { "type=container", "event=died" }, "C" },
        { { "type=container", "type=pod", "event=stop" }, "P" },
        { { "type=pod", "container=web" }, "" },
        { { "label=app", "label=tier" }, "C" },
        { { "label=app=web", "label=app=db" }, "" },
        { { "container=web", "pod=web" }, "" },
        { { "name=web", "exit_code=0" }, "X" },
        /* with != no value may match */
        { { "type!=container" }, "PIVNKB" },
        { { "type!=container", "type!=pod" }, "IVNKB" },
        { { "event!=die" }, "XPIVNKB" },
        { { "container!=web" }, "PIVNKB" },
        { { "exit_code!=0" }, "CPIVNKB" },
        { { "uid!=0" }, "CPIVNKB" },
        { { "label!=app" }, "XIVNKB" },
        { { "label!=app=db" }, "CXIVNKB" },
        { { "label=app", "label!=tier" }, "P" },
        { { "type=container", "type!=container" }, "" },
        { { "type=container", "event!=died" }, "X" },
        { { "exec!=eeee" }, "CPIVNKB" },
        { { "network!=net" }, "CXPIVB" },
        /* values with marks in them */
        { { "name=a=b" }, "" },
        { { "name!=!web" }, "CXPIVNKB" },
        { { "name==web" }, "" },
};

static void test_who_matches(void)
{
        Event *made[WHICH_MAX];

        fill_events(made);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(filter_freep) Filter *filter = NULL;
                char message[FILTER_MESSAGE_SIZE], got[WHICH_MAX + 1], label[128] = "";
                size_t n = 0;

                for (size_t k = 0; rows[i].terms[k]; k++) {
                        strcat(label, rows[i].terms[k]);
                        strcat(label, " ");
                }
                must(filter_new(rows[i].terms, &filter, message) == 0);
                for (size_t k = 0; k < WHICH_MAX; k++)
                        if (filter_matches(filter, event_fields(made[k])))
                                got[n++] = letters[k];
                got[n] = '\0';
                tap_eq_str(got, rows[i].matches, "[ %s]", label);
        }
        for (size_t i = 0; i < WHICH_MAX; i++)
                event_unref(made[i]);
}

static void test_no_terms_at_all(void)
{
        _cleanup_(filter_freep) Filter *filter = NULL;
        char message[FILTER_MESSAGE_SIZE];

        tap_eq_int(filter_new(NULL, &filter, message), 0, "no array");
        tap_ok(filter_matches(filter, events + BARE), "matches everything");
        tap_ok(!filter_free(NULL), "there need not be a filter");
}

static void test_terms_that_cannot_be(void)
{
        static const struct {
                const char *term;
                const char *says;
        } refused[] = {
                { "", "\"\"" },
                { "type", "\"type\"" },
                { "typ=container", "\"typ=container\"" },
                { "types=container", "\"types=container\"" },
                { "TYPE=container", "\"TYPE=container\"" },
                { "=container", "\"=container\"" },
                { "!=container", "\"!=container\"" },
                { "type =container", "\"type =container\"" },
                { "type=", "\"type=\"" },
                { "type!=", "\"type!=\"" },
                { "name=", "\"name=\"" },
                { "label=", "\"label=\"" },
                { "label==x", "=x" },
                { "label!==x", "=x" },
                { "type=containers", "containers" },
                { "type!=x", "x" },
                { "exit_code=x", "\"exit_code=x\"" },
                { "exit_code=1x", "1x" },
                { "exit_code=256", "256" },
                { "exit_code=-2", "-2" },
                { "exit_code=99999999999999999999", "99999999999999999999" },
                { "exit_code= 1", " 1" },
                { "uid=-1", "-1" },
                { "uid=root", "root" },
                { "uid=4294967296", "4294967296" },
                { "since=1", "since=1" },
        };

        for (size_t i = 0; i < ELEMENTSOF(refused); i++) {
                const char *const terms[] = { "type=pod", refused[i].term, NULL };
                char message[FILTER_MESSAGE_SIZE] = "";
                Filter *filter = NULL;

                tap_eq_int(filter_new(terms, &filter, message), -EINVAL, "\"%s\"", refused[i].term);
                tap_ok(strstr(message, refused[i].says) && message[strlen(message) - 1] == '.',
                       "is named: %s", message);
                tap_ok(!filter, "there is no filter");
        }
}

static void test_numbers_of_terms(void)
{
        const char *terms[FILTER_TERMS_MAX + 2] = {};
        char message[FILTER_MESSAGE_SIZE] = "";
        Filter *filter = NULL;

        for (size_t i = 0; i < FILTER_TERMS_MAX; i++)
                terms[i] = "name=web";
        tap_eq_int(filter_new(terms, &filter, message), 0, "the most");
        filter = filter_free(filter);
        terms[FILTER_TERMS_MAX] = "name=web";
        tap_eq_int(filter_new(terms, &filter, message), -EINVAL, "one more");
        tap_ok(strstr(message, "65") && strstr(message, "64"), "is counted: %s", message);
}

static void test_lengths_of_terms(void)
{
        _cleanup_free_ char *longest = repeated('x', FILTER_LENGTH_MAX),
                            *longer = repeated('x', FILTER_LENGTH_MAX + 1),
                            *wide = repeated('x', 3001);
        const char *terms[] = { longest, NULL };
        char message[FILTER_MESSAGE_SIZE] = "";
        Filter *filter = NULL;

        memcpy(longest, "name=", 5);
        memcpy(longer, "name=", 5);
        tap_eq_int(filter_new(terms, &filter, message), 0, "the longest");
        filter = filter_free(filter);
        terms[0] = longer;
        tap_eq_int(filter_new(terms, &filter, message), -EINVAL, "one byte more");
        tap_ok(strlen(message) < FILTER_MESSAGE_SIZE - 1, "its message is whole: %s", message);

        /* A message shows the start of a value, and never a piece of a character. */
        for (size_t shift = 0; shift < 3; shift++) {
                memset(wide, 'x', 3000);
                for (size_t i = shift; i + 3 <= 1500; i += 3)
                        memcpy(wide + i, "\xe2\x82\xac", 3);
                wide[1500] = '\0';
                terms[0] = wide;
                tap_eq_int(filter_new(terms, &filter, message), -EINVAL, "no key, %zu", shift);
                size_t n = 0, width;
                while (message[n] && (width = utf8_character(message + n, strlen(message + n))) > 0)
                        n += width;
                tap_ok(message[n] == '\0', "its message is UTF-8");
        }
}

int main(void)
{
        test_who_matches();
        test_no_terms_at_all();
        test_terms_that_cannot_be();
        test_numbers_of_terms();
        test_lengths_of_terms();
        return tap_done();
}
