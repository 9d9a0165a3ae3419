/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "ledger.h"
#include "scratch.h"
#include "tap.h"

static Change changes[] = {
        { .container = (char *)"web",
          .container_id = (char *)"c1",
          .namer_id = (char *)"c0",
          .image = (char *)"localhost/web:latest",
          .old_image = (char *)"old",
          .new_image = (char *)"new",
          .policy = POLICY_REGISTRY },
};

static Ledger *reopen(Ledger *l)
{
        bool broken = true;

        must(!l || ledger_save(l) >= 0);
        ledger_free(l);
        must(ledger_open(".", &l, &broken) >= 0);
        tap_ok(!broken, "the state is read");
        return l;
}

static Ledger *test_an_update_survives(Ledger *l)
{
        const UpdateRecord update = {
                .plan = { .unit = (char *)"web.service", .changes = changes, .n = 1 },
                .phase = PHASE_BACK_RESTART,
                .since_nsec = UINT64_C(1795340901000000001),
                .cursor = (char *)"cafe:7",
                .error = (char *)"it \"ended\"\n",
        };
        UpdateRecord found = {};

        tap_eq_int(ledger_get_update(l, &found), -ENODATA, "none is under way");
        tap_eq_int(ledger_set_update(l, &update), 0, "one is");
        l = reopen(l);
        if (tap_eq_int(ledger_get_update(l, &found), 0, "and is found")) {
                tap_eq_str(found.plan.unit, "web.service", "its unit");
                tap_eq_int(found.phase, PHASE_BACK_RESTART, "its phase");
                tap_eq_u64(found.since_nsec, update.since_nsec, "its time");
                tap_eq_str(found.cursor, "cafe:7", "its cursor");
                tap_eq_str(found.error, update.error, "its error");
                tap_eq_int((int64_t)found.plan.n, 1, "its changes");
                tap_eq_str(found.plan.changes[0].namer_id, "c0", "whole");
                tap_eq_int(found.plan.changes[0].policy, POLICY_REGISTRY, "and the policy");
        }
        update_record_done(&found);
        ledger_clear_update(l);
        l = reopen(l);
        tap_eq_int(ledger_get_update(l, &found), -ENODATA, "it has ended");
        return l;
}

static Ledger *test_refused_images(Ledger *l)
{
        const char *name = "localhost/web:latest";

        tap_ok(!ledger_refuses(l, "web.service", name, "good", "bad"), "nothing is refused");
        tap_eq_int(ledger_refuse(l, "web.service", name, "bad", "good"), 0, "one is");
        l = reopen(l);
        tap_ok(ledger_refuses(l, "web.service", name, "good", "bad"), "it is not tried again");
        tap_ok(!ledger_refuses(l, "web.service", name, "good", "third"), "a third is");
        tap_ok(!ledger_refuses(l, "web.service", "localhost/x:1", "good", "bad"),
               "another name is another matter");
        tap_ok(!ledger_refuses(l, "x.service", name, "good", "bad"), "so is another unit");
        tap_ok(ledger_refuses(l, "x.service", name, "bad", "good"),
               "but that is not taken back to the old one");
        tap_eq_int(ledger_refuse(l, "web.service", name, "worse", "good"), 0, "another one fails");
        tap_ok(ledger_refuses(l, "web.service", name, "good", "worse"), "which counts");
        tap_ok(!ledger_refuses(l, "web.service", name, "good", "bad"), "in place of the first");
        return l;
}

static Ledger *test_restarts(Ledger *l)
{
        tap_eq_u64(ledger_get_restarted(l, "web.service"), 0, "never");
        tap_eq_int(ledger_set_restarted(l, "web.service", 1000, 100), 0, "once");
        l = reopen(l);
        tap_eq_u64(ledger_get_restarted(l, "web.service"), 1000, "as is known");
        tap_eq_int(ledger_set_restarted(l, "db.service", 1101, 100), 0, "later another");
        tap_eq_u64(ledger_get_restarted(l, "web.service"), 0, "what is long ago is forgotten");
        tap_eq_u64(ledger_get_restarted(l, "db.service"), 1101, "what is not is not");
        return l;
}

static Ledger *test_what_was_told(Ledger *l)
{
        tap_ok(!ledger_was_told(l, "c1", "new", "pending"), "nothing was told");
        tap_eq_int(ledger_set_told(l, "c1", "new", "pending"), 0, "something was");
        l = reopen(l);
        tap_ok(ledger_was_told(l, "c1", "new", "pending"), "that");
        tap_ok(!ledger_was_told(l, "c1", "new", "stranger"), "and nothing else");
        tap_ok(!ledger_was_told(l, "c2", "new", "pending"), "of nobody else");
        for (int i = 0; i < 2000; i++) {
                char id[16];

                snprintf(id, sizeof(id), "%i", i);
                must(ledger_set_told(l, id, "new", "pending") >= 0);
        }
        tap_ok(!ledger_was_told(l, "0", "new", "pending"), "there is a limit");
        tap_ok(ledger_was_told(l, "1999", "new", "pending"), "and the newest stay");
        return l;
}

static Ledger *test_what_is_to_be_published(Ledger *l)
{
        json_object *one = json_object_new_object(), *two = json_object_new_object();

        json_object_object_add(one, "unit", json_object_new_string("one.service"));
        tap_ok(!ledger_first(l), "nothing is to be published");
        must(ledger_push(l, one) >= 0 && ledger_push(l, two) >= 0);
        json_object_put(one);
        json_object_put(two);
        l = reopen(l);
        tap_eq_str(json_object_to_json_string_ext(ledger_first(l), JSON_C_TO_STRING_PLAIN),
                   "{\"unit\":\"one.service\"}", "the first of them");
        ledger_pop(l);
        tap_eq_int(json_object_object_length(ledger_first(l)), 0, "the second");
        ledger_pop(l);
        tap_ok(!ledger_first(l), "and that is all");
        return l;
}

static void test_one_at_a_time(void)
{
        Ledger *other = NULL;
        bool broken;

        tap_eq_int(ledger_open(".", &other, &broken), -EWOULDBLOCK, "no two have it open");
}

static void test_damage(void)
{
        static const char *const texts[] = { "", "{", "[]", "{\"told\": {}}", "{} rubbish" };
        static const char *const updates[] = {
                "{\"update\": 7}",
                "{\"update\": {\"unit\": \"web.service\", \"phase\": \"watch\"}}",
                "{\"update\": {\"unit\": \"web.service\", \"phase\": \"sleep\", \"changes\": []}}",
                "{\"update\": {\"unit\": \"../x\", \"phase\": \"watch\", \"changes\": [{}]}}",
        };
        UpdateRecord found = {};
        bool broken = false;
        Ledger *l = NULL;

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                FILE *f = fopen("state.json", "w");

                must(f && fputs(texts[i], f) >= 0 && fclose(f) == 0);
                broken = false;
                must(ledger_open(".", &l, &broken) >= 0);
                tap_ok(broken, "\"%s\" is no state", texts[i]);
                tap_ok(!ledger_first(l), "so there is none");
                l = ledger_free(l);
        }
        for (size_t i = 0; i < sizeof(updates) / sizeof(updates[0]); i++) {
                FILE *f = fopen("state.json", "w");

                must(f && fputs(updates[i], f) >= 0 && fclose(f) == 0);
                must(ledger_open(".", &l, &broken) >= 0);
                tap_eq_int(ledger_get_update(l, &found), -ENODATA, "no update: %s", updates[i]);
                l = ledger_free(l);
        }
        tap_eq_int(ledger_open("nowhere", &l, &broken), -ENOENT, "a folder has to be there");
}

int main(void)
{
        Scratch scratch = scratch_enter();
        Ledger *l = reopen(NULL);

        l = test_an_update_survives(l);
        l = test_refused_images(l);
        l = test_restarts(l);
        l = test_what_was_told(l);
        l = test_what_is_to_be_published(l);
        test_one_at_a_time();
        ledger_free(l);
        test_damage();
        scratch_leave(&scratch);
        return tap_done();
}
