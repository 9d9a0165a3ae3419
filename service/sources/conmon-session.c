/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/conmon-session.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sources/conmon-file.h"
#include "sources/conmon-process.h"

/* Behind inotify: an exit file is better than an end. */
#define PROCESS_PRIORITY (SD_EVENT_PRIORITY_IMPORTANT + 1)

const ConmonFolder *conmon_container_of(const ConmonFolder *folder)
{
        while (folder->kind != CONMON_CONTAINER)
                folder = folder->parent;
        return folder;
}

static uint64_t birth_of(int fd)
{
        struct statx st;

        if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &st) < 0 ||
            !(st.stx_mask & STATX_BTIME) || st.stx_btime.tv_sec <= 0 ||
            (uint64_t)st.stx_btime.tv_sec >= UINT64_MAX / UINT64_C(1000000000))
                return 0;
        return (uint64_t)st.stx_btime.tv_sec * UINT64_C(1000000000) + st.stx_btime.tv_nsec;
}

void conmon_session_made(ConmonLook *look, const ConmonFolder *session, int fd)
{
        look->listener.made(conmon_container_of(session)->name, session->name, birth_of(fd),
                            look->was_there, look->listener.userdata);
}

void conmon_session_started(ConmonLook *look, ConmonFolder *session)
{
        if (session->started)
                return;

        session->started = true;
        look->listener.started(conmon_container_of(session)->name, session->name,
                               look->listener.userdata);
}

static void stop_following(ConmonLook *look, ConmonFolder *session)
{
        if (!session->process)
                return;
        session->process = sd_event_source_disable_unref(session->process);
        look->n_processes--;
}

/* With which code, or CONMON_CODE_UNKNOWN. */
static void ended(ConmonLook *look, ConmonFolder *session, int32_t code)
{
        stop_following(look, session);
        if (session->ended || session->exited)
                return;

        session->ended = true;
        look->listener.process_ended(conmon_container_of(session)->name, session->name, code,
                                     look->listener.userdata);
}

/* As far as the kernel says it. Returns 0 or -EAGAIN, else it says nothing. */
static int code_of(const ConmonFolder *session, int32_t *ret)
{
        if (!session->process || !session->is_proved)
                return -ESRCH;
        return conmon_process_code(sd_event_source_get_io_fd(session->process), ret);
}

static int on_process(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        ConmonFolder *session = userdata;
        int32_t code = CONMON_CODE_UNKNOWN;

        (void)code_of(session, &code);
        ended(session->follower, session, code);
        return 0;
}

/*
 * Of a process that is not proved to be the session's nothing is told but its end: if it was
 * another one, later than it was, and nothing hangs on it but when a code is given up.
 */
void conmon_session_follow(ConmonLook *look, ConmonFolder *session, int fd)
{
        _cleanup_close_ int process = -1;
        bool is_proved = false;

        if (session->process || session->ended || session->exited ||
            look->n_processes >= look->processes_max)
                return;
        process = conmon_process_open(fd, session->name, &is_proved);
        if (process == -ESRCH)
                ended(look, session, CONMON_CODE_UNKNOWN);
        /* EPOLLHUP, which is when there is a code, need not be asked for. */
        if (process < 0 || sd_event_add_io(look->loop, &session->process, process,
                                           is_proved ? 0 : EPOLLIN, on_process, session) < 0)
                return;

        session->follower = look;
        session->is_proved = is_proved;
        look->n_processes++;
        TAKE_FD(process);
        if (sd_event_source_set_io_fd_own(session->process, true) < 0 ||
            sd_event_source_set_priority(session->process, PROCESS_PRIORITY) < 0)
                stop_following(look, session);
}

int conmon_session_read_exit(ConmonLook *look, ConmonFolder *session, int fd)
{
        const char *container = conmon_container_of(session)->name;
        uint64_t nsec;
        int32_t code;
        int r;

        if (session->exited)
                return 0;
        r = conmon_file_read_code(fd, container, &code, &nsec);
        if (r < 0)
                return r;

        /* Of exec_pid and the exit file the former is removed first. */
        conmon_session_started(look, session);
        stop_following(look, session);
        session->exited = true;
        look->listener.exited(container, session->name, code, nsec, look->listener.userdata);
        return 0;
}

void conmon_session_missed(ConmonLook *look, ConmonFolder *session)
{
        int32_t code = CONMON_CODE_UNKNOWN;

        if (session->exited)
                return;
        (void)code_of(session, &code);
        ended(look, session, code);
        look->listener.exit_missed(conmon_container_of(session)->name, session->name,
                                   look->listener.userdata);
}

void conmon_session_gone(ConmonLook *look, ConmonFolder *session)
{
        int32_t code;

        if (code_of(session, &code) >= 0)
                ended(look, session, code);
        stop_following(look, session);
        look->listener.gone(conmon_container_of(session)->name, session->name,
                            look->listener.userdata);
}
