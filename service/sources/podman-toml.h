/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Podman's configuration is TOML. What we want of it are strings on one line, which INI holds too
 * but for the quotes.
 */

/*
 * Puts what stands between the quotes into *place, which it owns and frees. An empty string, which
 * is what is not set, one with escapes, which no path needs, and what is no string leave it as it
 * is. Returns -ENOMEM.
 */
int podman_toml_string(const char *value, char **place);
