/* SPDX-License-Identifier: Apache-2.0 */
#include "belonging.h"

#include <string.h>

#include <systemd/sd-login.h>

#include "cleanup.h"

bool belonging_is_proved(pid_t conmon, const char *unit, bool user)
{
        _cleanup_free_ char *its = NULL;
        int r;

        if (conmon <= 1)
                return false;
        r = user ? sd_pid_get_user_unit(conmon, &its) : sd_pid_get_unit(conmon, &its);
        return r >= 0 && strcmp(its, unit) == 0;
}
