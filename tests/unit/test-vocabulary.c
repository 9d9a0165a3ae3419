/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cleanup.h"
#include "model/vocabulary.h"
#include "tap.h"

static void test_the_nine_types(void)
{
        static const char *const known[] = { "container", "pod",     "image",
                                             "volume",    "network", "secret",
                                             "artifact",  "machine", "system" };
        static const char *const unknown[] = { "",        "Container", "containers",
                                               "contain", "daemon",    "pod " };

        for (size_t i = 0; i < ELEMENTSOF(known); i++) {
                tap_ok(event_type_is_known(known[i]), "%s", known[i]);
                tap_ok(strstr(event_types_text(), known[i]), "%s is in the message", known[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(unknown); i++)
                tap_ok(!event_type_is_known(unknown[i]), "\"%s\" is none", unknown[i]);
}

static void test_one_word_for_what_is_the_same(void)
{
        static const struct {
                const char *word, *canonical;
        } rows[] = {
                { "die", "died" },
                { "died", "died" },
                { "exec_die", "exec_died" },
                { "exec_died", "exec_died" },
                { "destroy", "remove" },
                { "delete", "remove" },
                { "rm", "remove" },
                { "remove", "remove" },
                { "start", "start" },
                { "Die", "Die" },
                { "", "" },
                { "removed", "removed" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                tap_eq_str(event_status_canonical(rows[i].word), rows[i].canonical, "\"%s\"",
                           rows[i].word);
}

int main(void)
{
        test_the_nine_types();
        test_one_word_for_what_is_the_same();
        return tap_done();
}
