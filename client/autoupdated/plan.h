/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is to be updated: containers whose image's name gives another image than they run, unit by
 * unit. Made from what the engine says, whatever events led to the question; so an event that was
 * missed, came twice or was our own changes nothing.
 */

#include <stdbool.h>
#include <stddef.h>

#include "containers.h"
#include "images.h"

/* One container's. */
typedef struct Change {
        char *container;    /* owned; its name */
        char *container_id; /* owned */
        char *namer_id;     /* owned; the container whose label names the unit */
        char *image;        /* owned; the name in full */
        char *old_image;    /* owned; the ID of what it runs */
        char *new_image;    /* owned; the ID that the name gives */
        UpdatePolicy policy;
} Change;

typedef struct UnitPlan {
        char *unit;      /* owned */
        Change *changes; /* owned; at least one */
        size_t n;
} UnitPlan;

typedef struct Plan {
        UnitPlan *units; /* owned */
        size_t n;
} Plan;

/* Whether a change is not to be made: it was tried. */
typedef bool (*PlanVeto)(const char *unit, const char *image, const char *old_image,
                         const char *new_image, void *userdata);

int plan_make(const Containers *containers, const Images *images, PlanVeto veto, void *userdata,
              Plan *ret);
void plan_done(Plan *p);

void unit_plan_done(UnitPlan *u);

/* Adds a copy. */
int unit_plan_add(UnitPlan *u, const Change *change);

void unit_plan_drop(UnitPlan *u, size_t i);
