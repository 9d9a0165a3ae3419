/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include <json-c/json.h>

#include "base/json.h"
#include "scratch.h"
#include "tap.h"

static void test_a_member_is_added_or_replaced(void)
{
        _cleanup_json_ struct json_object *object = json_object_new_object();

        tap_eq_int(json_add(object, "a", json_object_new_int(1)), 0, "added");
        tap_eq_int(json_add(object, "b", json_object_new_string("x")), 0, "another");
        tap_eq_int(json_add(object, "a", json_object_new_int(2)), 0, "replaced");
        tap_eq_str(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN),
                   "{\"a\":2,\"b\":\"x\"}", "as it should be");
}

static void test_a_value_that_could_not_be_made(void)
{
        _cleanup_json_ struct json_object *object = json_object_new_object();

        tap_eq_int(json_add(object, "a", NULL), -ENOMEM, "is no null");
        tap_eq_int(json_object_object_length(object), 0, "and is not added");
}

/* An object cannot hold itself: json-c says no, and the reference must not be lost. */
static void test_a_value_that_cannot_be_added(void)
{
        _cleanup_json_ struct json_object *object = json_object_new_object();

        tap_eq_int(json_add(object, "a", json_object_get(object)), -ENOMEM, "is refused");
        tap_eq_int(json_object_object_length(object), 0, "and is let go");
}

int main(void)
{
        test_a_member_is_added_or_replaced();
        test_a_value_that_could_not_be_made();
        test_a_value_that_cannot_be_added();
        return tap_done();
}
