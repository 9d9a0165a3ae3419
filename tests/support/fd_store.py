# SPDX-License-Identifier: Apache-2.0
"""What systemd does with file descriptors that a service hands to it, see sd_pid_notify_with_fds(3)
and sd_listen_fds(3): keeps them open while it is dead, and gives them to its next life.

    service = Service(bus, fd_store=True)
    service.kill(); service.start()
    service.fd_store.names          of those that are kept now
    service.fd_store.forget()       as after `systemctl stop`: nothing is kept any more
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from typing import Any

# As many as systemd takes in one message, and more than FileDescriptorStoreMax= of the unit.
MAX_FDS = 253

_KCMP, _KCMP_FILE = 312, 0  # x86_64

# They start at 3, and the process that they are for is named: it is the one that becomes the
# service. Those passed to us may have any number, so they are brought out of the way first.
_LAUNCHER = """\
import fcntl, os, sys
fds = [fcntl.fcntl(int(fd), fcntl.F_DUPFD_CLOEXEC, 200) for fd in sys.argv[1].split(",")]
os.closerange(3, 200)
for number, fd in enumerate(fds, start=3):
    os.dup2(fd, number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=sys.argv[2])
os.execvp(sys.argv[3], sys.argv[3:])
"""


class FdStore:
    """The store of one service."""

    def __init__(self) -> None:
        self._kept: list[tuple[str, int]] = []

    @property
    def names(self) -> list[str]:
        """Of those that are kept."""
        return [name for name, _ in self._kept]

    def take(self, lines: list[str], fds: list[int]) -> None:
        """What one message said, and what came with it."""
        fields = dict(line.split("=", 1) for line in lines if "=" in line)
        name = fields.get("FDNAME", "stored")
        if fields.get("FDSTOREREMOVE") == "1":
            self._remove(name)
        for fd in fds:
            if fields.get("FDSTORE") == "1" and not any(_same(fd, kept) for _, kept in self._kept):
                self._kept.append((name, fd))
            else:
                os.close(fd)

    def pass_on(self, command: list[str]) -> tuple[list[str], dict[str, Any]]:
        """The command that becomes this one with the descriptors, and options for Popen()."""
        if not self._kept:
            return command, {}
        fds = [fd for _, fd in self._kept]
        return [sys.executable, "-c", _LAUNCHER, ",".join(map(str, fds)), ":".join(self.names),
                *command], {"pass_fds": fds}

    def forget(self) -> None:
        """Keeps nothing any more."""
        for _, fd in self._kept:
            with contextlib.suppress(OSError):
                os.close(fd)
        self._kept.clear()

    def _remove(self, name: str) -> None:
        for kept, fd in self._kept:
            if kept == name:
                os.close(fd)
        self._kept = [(kept, fd) for kept, fd in self._kept if kept != name]


def _same(one: int, other: int) -> bool:
    """Whether both are the same open file, which systemd keeps once."""
    pid = os.getpid()
    return ctypes.CDLL(None).syscall(_KCMP, pid, pid, _KCMP_FILE, one, other) == 0
