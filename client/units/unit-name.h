/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Names of units, by systemd's rules: "dbus.service", the template "getty@.service" and its
 * instance "getty@tty1.service".
 */

#include <stdbool.h>
#include <stddef.h>

/* The longest name that systemd takes. */
#define UNIT_NAME_MAX 255

typedef enum UnitNameKind {
        UNIT_NAME_INVALID,
        UNIT_NAME_PLAIN,
        UNIT_NAME_TEMPLATE,
        UNIT_NAME_INSTANCE,
} UnitNameKind;

/* Stricter than systemd in two things: no name begins with a ".", which would hide a file of that
 * name, and the type must be one that can be started. */
UnitNameKind unit_name_kind(const char *name);

/* Whether the character may stand in a unit's name; "@" may, besides. */
bool unit_name_takes(char c);

/* Where the type begins (".service"), if it is one that can be started, else NULL. */
const char *unit_name_type(const char *name);

/* A text as part of an instance, as systemd-escape(1) writes it. The caller owns it. */
int unit_name_escape(const char *text, char **ret);

/* How many bytes at the start are one character, as unit_name_escape() makes it: 1, 4 for "\x2d", 0
 * if it is none. */
size_t unit_name_escaped_character(const char *text);
