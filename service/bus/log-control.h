/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * org.freedesktop.LogControl1, so that "systemctl service-log-level" and "service-log-target" work.
 */

#include <systemd/sd-bus.h>

int log_control_add(sd_bus *bus);
