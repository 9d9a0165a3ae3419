# SPDX-License-Identifier: Apache-2.0
"""A program of the build that uses libcontainers-events; what it prints goes to a file.

    with Program(bus, "tests/library/library-follow", "own", "cursor ") as program:
        program.wait_for("caught up")          # until it has printed that line
        program.wait_for(lambda lines: len(lines) > 7)
        program.pause(), program.resume()      # SIGSTOP, SIGCONT
        lines = program.end(signal.SIGTERM)    # and exits with 0, without a report of a sanitizer
        program.kill()                         # SIGKILL; .lines may end in the middle of one
    lines = run(bus, "tests/library/library-calls", "cursor")  # one that ends by itself
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING

from support import machine
from support.build import BUILD
from support.client import wait_until
from support.service import REPORT
from support.tap import equal, patience

if TYPE_CHECKING:
    from support.bus import Bus

SANITIZED = {"ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:exitcode=99",
             "UBSAN_OPTIONS": "print_stacktrace=1"}


class Program:
    """A process, which is not left behind."""

    def __init__(self, bus: Bus, name: str, *arguments: str | bytes,
                 environment: dict[str, str] | None = None, user: str = machine.ROOT) -> None:
        command: list[str | bytes] = [str(BUILD / name), *arguments]
        if user != machine.ROOT:
            uid, gid = machine.ids(user)
            command = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--init-groups", *command]
        folder = machine.folder("program")
        self._output, self._errors = folder / "output", folder / "errors"
        with self._output.open("w") as output, self._errors.open("w") as errors:
            self.process = subprocess.Popen(
                command, env={**(environment or bus.environment), **SANITIZED},
                stdin=subprocess.DEVNULL, stdout=output, stderr=errors)

    @property
    def lines(self) -> list[str]:
        """What it has printed so far, as far as it is whole lines."""
        return self._output.read_text().split("\n")[:-1]

    @property
    def errors(self) -> str:
        """What it has said on standard error."""
        return self._errors.read_text()

    def wait_for(self, what: str | Callable[[list[str]], bool], deadline: float = 20) -> None:
        """Until it has printed that."""
        def printed() -> bool:
            ended = self.process.poll() is not None
            if what(self.lines) if callable(what) else what in self.lines:
                return True
            assert not ended, f"it has ended: {self.errors}"
            return False
        try:
            wait_until(printed, "it to print", deadline)
        except AssertionError as error:
            raise type(error)(f"{error} {what}, after {self.lines[-3:]}") from None

    def pause(self) -> None:
        """Stops it, as a terminal does."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """And lets it go on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """As a crash."""
        self.process.kill()
        self.process.wait()

    def end(self, number: int = 0, status: int = 0, deadline: float = 20) -> list[str]:
        """Waits for its end, after a signal if there is one; returns what it printed."""
        if number:
            self.process.send_signal(number)
        self.process.wait(timeout=patience(deadline))
        assert not REPORT.search(self.errors), self.errors
        equal(self.process.returncode, status, f"{self.lines[-3:]} {self.errors}")
        return self.lines

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()


def run(bus: Bus, name: str, *arguments: str | bytes, status: int = 0,
        user: str = machine.ROOT) -> list[str]:
    """Runs it to its end; returns the lines that it printed."""
    with Program(bus, name, *arguments, user=user) as program:
        return program.end(status=status)
