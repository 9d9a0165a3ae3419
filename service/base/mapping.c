/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mapping.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Puts an empty page where there is none any more. */
static void on_sigbus(int number, siginfo_t *info, void *context)
{
        const uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE);
        char *page = (char *)info->si_addr - (uintptr_t)info->si_addr % size;
        int error = errno;

        if (info->si_code != BUS_ADRERR ||
            mmap(page, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
                    MAP_FAILED)
                signal(number, SIG_DFL); /* it comes again, and ends us */
        errno = error;
}

void mapping_guard(void)
{
        const struct sigaction action = {
                .sa_sigaction = on_sigbus,
                .sa_flags = SA_SIGINFO | SA_RESTART,
        };

        sigaction(SIGBUS, &action, NULL);
}
