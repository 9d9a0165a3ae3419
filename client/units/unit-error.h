/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What systemd says when it does not do what it was asked, as errnos that a caller can tell apart.
 * The sentence stays in the sd_bus_error.
 *
 *   -ENOENT      there is no such unit
 *   -ERFKILL     it is masked
 *   -EACCES      we may not
 *   -ENOEXEC     its file is wrong
 *   -EPERM       it may only be started by another unit (RefuseManualStart=)
 *   -EBADR       a unit of that kind cannot be started
 *   -EDEADLK     another job is queued that this one would have to cancel
 *   -EINVAL      that is no name of a unit
 *   -EREMOTEIO   anything else
 */

#include <stdbool.h>

#include <systemd/sd-bus.h>

int unit_error_to_errno(const sd_bus_error *error);

/* systemd has not answered: nobody knows whether it did what it was asked. */
bool unit_error_is_unanswered(const sd_bus_error *error);

/* systemd is not on the bus. It is executed again, or there is none. */
bool unit_error_is_absent(const sd_bus_error *error);
