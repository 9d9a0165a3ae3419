/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * --format TEMPLATE: the part of Go's templates that events are printed with. Text, fields and
 * labels; no conditions, loops or variables:
 *
 *     {{.ID}}  {{.Attributes.KEY}}  {{index .Attributes "KEY"}}  {{json .}}  {{json .Name}}
 *
 * A template is taken apart once, before anything is asked of the service, so that a mistake in it
 * is told before any output.
 */

#include <stdbool.h>
#include <stdio.h>

#include <json-c/json.h>

typedef struct Template Template;

/* -EINVAL: *ret_error is a sentence for the user, owned by the caller. \t, \n and \\ in the text
 * stand for what they stand for in C. */
int template_parse(const char *text, Template **ret, char **ret_error);
Template *template_free(Template *t);

/* One line, with its end. The event comes as event_to_json() makes it. With escape, control
 * characters in what the event says are made visible; the template's own are the user's. */
int template_print(const Template *t, FILE *f, json_object *event, bool escape);

static inline void template_freep(Template **t)
{
        template_free(*t);
}
