/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The words of systemd's D-Bus interface, see org.freedesktop.systemd1(5). */

#define UNIT_BUS_NAME          "org.freedesktop.systemd1"
#define UNIT_MANAGER_PATH      "/org/freedesktop/systemd1"
#define UNIT_PATH_PREFIX       "/org/freedesktop/systemd1/unit"
#define UNIT_MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"
#define UNIT_INTERFACE         "org.freedesktop.systemd1.Unit"
