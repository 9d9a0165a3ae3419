/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What stands before the definition of each function of containers-events.h; all others stay
 * inside. */

#define _public_ __attribute__((visibility("default")))
