/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Thinning: what is taken out of a sealed segment again when the history is full, before anything
 * that is rare has to go: the results of health checks and the ends of their exec sessions, of
 * which a host may have a thousand times as many as of everything else. A line goes only if it is
 * intact and plainly says so; what is damaged stays as it is.
 */

#include "log/rewrite.h"

extern const RewriteRules thinning_rules;
