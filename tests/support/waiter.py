# SPDX-License-Identifier: Apache-2.0
"""A cevctl that waits.

    with Waiter(bus, "wait", "--after", cursor) as waiter:
        ...
        equal(waiter.end(), "what it printed\\n")            # and exits with 0
        waiter.end(status=124, says="No event")             # with this, and this sentence
    with Waiter(bus, ..., environment=proxy.environment) as waiter:
        proxy.wait_for("WaitExecExit")
        waiter.signal(signal.SIGINT)

A Terminal is one whose standard error is a terminal: .read() gives all that it has shown.
"""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
from typing import TYPE_CHECKING

from support import machine
from support.service import REPORT, cevctl
from support.tap import equal, patience

if TYPE_CHECKING:
    from support.bus import Bus

SANITIZED = {"ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:exitcode=99",
             "UBSAN_OPTIONS": "print_stacktrace=1"}


class Waiter:
    """A process, which is not left behind."""

    def __init__(self, bus: Bus, *arguments: str, environment: dict[str, str] | None = None,
                 user: str = machine.ROOT) -> None:
        command = [cevctl(), *arguments]
        if user != machine.ROOT:
            uid, gid = machine.ids(user)
            command = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--init-groups", *command]
        self.process = subprocess.Popen(
            command, text=True,
            env={**(environment or bus.environment), **SANITIZED}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def signal(self, number: int) -> None:
        """Sends it a signal."""
        self.process.send_signal(number)

    @property
    def waits(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def end(self, status: int = 0, says: str = "", deadline: float = 20) -> str:
        """Waits for its end; returns what it printed."""
        output, errors = self.process.communicate(timeout=patience(deadline))
        assert not REPORT.search(errors), errors
        equal(self.process.returncode, status, f"{output}{errors}")
        if says:
            assert errors.startswith("cevctl: ") and says in errors, f"{errors!r}, not {says!r}"
        else:
            equal(errors, "")
        return output

    def __enter__(self) -> Waiter:
        return self

    def __exit__(self, *_) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.communicate()


class Terminal:
    """A cevctl whose standard error is a terminal; what that shows is collected."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        self._terminal, end = pty.openpty()
        os.set_blocking(self._terminal, False)
        self.shown = ""
        self.process = subprocess.Popen([cevctl(), *arguments], env=environment, stderr=end,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        os.close(end)

    def read(self) -> str:
        """All that was shown so far."""
        with contextlib.suppress(OSError):
            while data := os.read(self._terminal, 4096):
                self.shown += data.decode()
        return self.shown

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.communicate()
        os.close(self._terminal)
