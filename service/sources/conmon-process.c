/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/conmon-process.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sources/conmon-file.h"

/*
 * What linux/pidfd.h has since Linux 6.13 (PIDFD_GET_INFO) and 6.15 (PIDFD_INFO_EXIT), in its first
 * size, which all kernels take.
 */
typedef struct ProcessInfo {
        uint64_t mask; /* asked for, and then given */
        uint64_t cgroup;
        uint32_t pid, tgid, ppid;
        uint32_t ids[8];
        int32_t status; /* as of wait(2) */
} ProcessInfo;

_Static_assert(sizeof(ProcessInfo) == 64, "PIDFD_INFO_SIZE_VER0");

#define GET_INFO  _IOWR(0xFF, 11, ProcessInfo)
#define INFO_PID  (UINT64_C(1) << 0) /* not of one that is gone */
#define INFO_EXIT (UINT64_C(1) << 3)

/* conmon's has some 3 KiB, most of it behind what is looked for. */
#define COMMAND_LINE_MAX (16 * 1024)

/* A parent that ends is not there any more when it is looked at; the next one stays. */
#define LOOKS_MAX 3

static int get_info(int process, uint64_t asked, ProcessInfo *ret)
{
        ProcessInfo info = { .mask = asked };

        if (ioctl(process, GET_INFO, &info) < 0)
                return -errno;
        *ret = info;
        return 0;
}

/* To read what anybody else runs may take as long as he likes: its arguments may be in a file of a
 * file system of his. */
static int open_command_line(uint32_t pid)
{
        char path[sizeof("/proc/") + 3 * sizeof(pid)];
        _cleanup_close_ int folder = -1;
        struct stat st;
        int fd;

        snprintf(path, sizeof(path), "/proc/%u", pid);
        folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0 || fstat(folder, &st) < 0)
                return -errno;
        if (st.st_uid != 0 && st.st_uid != geteuid())
                return -EPERM;
        fd = openat(folder, "cmdline", O_RDONLY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* Whether a process was told to leave a number in the session's exec_pid: 1, 0, or negative errno
 * if it is ending and has nothing to say any more, or is not for us to see. */
static int writes_pid_of(uint32_t pid, const char *session)
{
        char line[COMMAND_LINE_MAX], file[128];
        _cleanup_close_ int fd = open_command_line(pid);
        const char *end;
        size_t length;
        ssize_t n;

        if (fd < 0)
                return fd;
        n = read(fd, line, sizeof(line));
        if (n <= 0)
                return n < 0 ? -errno : -ESRCH;
        length = (size_t)snprintf(file, sizeof(file), "/%s/exec_pid", session);
        for (const char *word = line; word < line + n; word = end + 1) {
                end = memchr(word, '\0', (size_t)(line + n - word));
                if (!end)
                        break;
                if ((size_t)(end - word) >= length && strcmp(end - length, file) == 0)
                        return 1;
        }
        return 0;
}

static int open_process(pid_t pid)
{
        int fd = (int)syscall(SYS_pidfd_open, pid, 0);

        return fd < 0 ? -errno : fd;
}

static int parent_of(int process, uint32_t *ret)
{
        ProcessInfo info = {};
        int r;

        r = get_info(process, 0, &info);
        if (r < 0)
                return r;
        if (!(info.mask & INFO_PID) || info.ppid == 0)
                return -ESRCH;
        *ret = info.ppid;
        return 0;
}

/*
 * The runtime starts the process, writes its number and ends; from then on it is a child of conmon,
 * who started the runtime. Both ran before the file was there: the child of either is the process
 * that was meant.
 */
static bool is_of_session(int process, const char *session)
{
        for (int i = 0; i < LOOKS_MAX; i++) {
                _cleanup_close_ int runtime = -1;
                uint32_t parent, conmon;
                int r;

                if (parent_of(process, &parent) < 0)
                        return false;
                r = writes_pid_of(parent, session);
                if (r >= 0)
                        return r;
                runtime = open_process((pid_t)parent);
                if (runtime >= 0 && parent_of(runtime, &conmon) >= 0 &&
                    writes_pid_of(conmon, session) > 0)
                        return true;
        }
        return false;
}

int conmon_process_open(int folder, const char *session, bool *ret_is_proved)
{
        pid_t pid;
        int r;

        r = conmon_file_read_pid(folder, "exec_pid", &pid);
        if (r < 0)
                return r;
        r = open_process(pid);
        if (r < 0)
                return r;

        *ret_is_proved = is_of_session(r, session);
        return r;
}

int conmon_process_code(int process, int32_t *ret)
{
        ProcessInfo info = {};
        int r;

        r = get_info(process, INFO_EXIT, &info);
        if (r < 0)
                return -ESRCH;
        if (!(info.mask & INFO_EXIT))
                return info.mask & INFO_PID ? -EAGAIN : -ESRCH;
        if (WIFEXITED(info.status))
                *ret = WEXITSTATUS(info.status);
        else if (WIFSIGNALED(info.status))
                *ret = 128 + WTERMSIG(info.status);
        else
                return -ESRCH;
        return 0;
}
