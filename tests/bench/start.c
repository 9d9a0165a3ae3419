/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-start ROUNDS SECONDS DAEMON CONFIG CONTAINER EVENTS
 *
 * Starts the service, asks it for the events of one container as soon as its name has an owner, and
 * ends it again. Prints how long it took from before fork(2) to the answer, as JSON. It does so
 * once untimed, then for so many rounds or seconds, whatever ends first, but once at least.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "samples.h"
#include "service.h"

typedef struct Watch {
        bool owned;
} Watch;

static int on_owner(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
        const char *name, *before, *now;
        Watch *watch = userdata;

        try(sd_bus_message_read(signal, "sss", &name, &before, &now), "NameOwnerChanged");
        watch->owned = *now;
        return 0;
}

static void wait_for_owner(sd_bus *bus, const Watch *watch, bool owned, pid_t pid)
{
        while (watch->owned != owned) {
                if (owned && waitpid(pid, NULL, WNOHANG) != 0)
                        die("the service ended");
                if (try(sd_bus_process(bus, NULL), "the bus") == 0)
                        try(sd_bus_wait(bus, NSEC_PER_SEC / 1000), "the bus");
        }
}

static pid_t start(const char *daemon, const char *config)
{
        pid_t pid = fork();

        need(pid >= 0, "fork");
        if (pid > 0)
                return pid;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(daemon, daemon, config, NULL);
        _exit(127);
}

static void ask(sd_bus *bus, const char *container, uint64_t n_events)
{
        sd_bus_message *call = call_new(bus, CE_BUS_NAME, "Query");
        _cleanup_message_ sd_bus_message *reply = NULL;
        char filter[128];
        uint64_t nsec;

        snprintf(filter, sizeof(filter), "container=%s", container);
        try(sd_bus_message_append(call, "ttas", UINT64_C(0), UINT64_C(0), 1, filter), "Query");
        reply = call_timed(bus, call, &nsec);
        try(sd_bus_message_enter_container(reply, 'a', CE_EVENT_SIGNATURE), "a page");
        while (try(sd_bus_message_at_end(reply, false), "a page") == 0) {
                try(sd_bus_message_skip(reply, CE_EVENT_SIGNATURE), "a page");
                n_events--;
        }
        if (n_events != 0)
                die("%s has another number of events", container);
}

int main(int argc, char *argv[])
{
        _cleanup_bus_ sd_bus *bus = bus_open();
        uint64_t rounds, first, limit;
        Samples samples = {};
        char config[4096];
        Watch watch = {};

        if (argc != 7)
                die("bench-start ROUNDS SECONDS DAEMON CONFIG CONTAINER EVENTS");
        rounds = number_of(argv[1]);
        limit = number_of(argv[2]) * NSEC_PER_SEC;
        snprintf(config, sizeof(config), "--config=%s", argv[4]);
        try(sd_bus_add_match(bus, NULL,
                             "type='signal',sender='org.freedesktop.DBus',"
                             "member='NameOwnerChanged',arg0='" CE_BUS_NAME "'",
                             on_owner, &watch),
            "a match");

        first = now_nsec();
        for (uint64_t i = 0; i <= rounds && (i <= 1 || now_nsec() - first < limit); i++) {
                uint64_t begin = now_nsec();
                pid_t pid = start(argv[3], config);
                int status;

                wait_for_owner(bus, &watch, true, pid);
                ask(bus, argv[5], number_of(argv[6]));
                if (i > 0)
                        samples_add(&samples, now_nsec() - begin);
                kill(pid, SIGTERM);
                need(waitpid(pid, &status, 0) == pid, "wait");
                if (status != 0)
                        die("the service ended with %d", status);
                wait_for_owner(bus, &watch, false, pid);
        }

        printf("{");
        samples_print(&samples);
        printf("}\n");
        return EXIT_SUCCESS;
}
