/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the program says of itself, on standard error with the priority before it (sd-daemon(3)):
 * one line each, whatever stands in the values.
 */

#include <systemd/sd-daemon.h>

__attribute__((format(printf, 2, 3))) void say(const char *priority, const char *format, ...);

#define say_error(...)   say(SD_ERR, __VA_ARGS__)
#define say_warning(...) say(SD_WARNING, __VA_ARGS__)
#define say_notice(...)  say(SD_NOTICE, __VA_ARGS__)
#define say_info(...)    say(SD_INFO, __VA_ARGS__)
#define say_debug(...)   say(SD_DEBUG, __VA_ARGS__)
