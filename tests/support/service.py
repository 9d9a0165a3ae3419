# SPDX-License-Identifier: Apache-2.0
"""The real daemon, from the build, on a private bus.

    with Bus() as bus, Service(bus) as service:            # no engine, a history of its own
    with Bus() as bus, Podman() as podman, Service(bus, podman=podman) as service:

    service.restart()      ends it and starts it again, on the same history and configuration
    service.kill()         SIGKILL, as a crash; service.start() afterwards
    service.stop()         SIGTERM; checks that it ends well, see below
    service.pid, service.alive, service.log()
    service.history        its folder; service.config its configuration file
    service.configure(Log={"SegmentSize": "64K"}, Podman={"Enabled": "no"})   before a (re)start
    service.notified       what it told systemd: "READY=1", "STATUS=...", as lines
    service.cevctl("history", ...)    runs the client against it: a CompletedProcess

Service(bus, history=FOLDER) takes an existing history, `config={"Log": {...}}` adds to the
configuration, `environment={...}` to the environment, `user=machine.SERVICE` drops to that user
with CAP_DAC_READ_SEARCH, as the unit does, `wrapper=["strace", ...]` is put before the command.
`fd_store=True` keeps the file descriptors that it hands to systemd, and gives them to its next
life, see support.fd_store.

    service = Service(None)
    with Bus(activate=service) as bus, service:        # not started: the bus does, on demand
        bus.client().query()                            # starts it; service.pid is known now

start() returns when the daemon owns its name on the bus. Leaving the context ends it, and fails
if it had died, ended with another status than 0, or left a report of a sanitizer in its log.
CE_DAEMON and CE_CEVCTL name the programs; meson sets them.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gi.repository import GLib

from support import journal, machine
from support.client import NAME, Client, wait_until
from support.fd_store import MAX_FDS, FdStore
from support.tap import DeadlinePassed, note, patience, skip

if TYPE_CHECKING:
    from support.bus import Bus
    from support.podman import Podman

REPORT = re.compile(r"(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error:"
                    r"|[Aa]ssertion .* failed")


def daemon() -> str:
    """The daemon's path."""
    return _program("CE_DAEMON")


def cevctl() -> str:
    """The client's path."""
    return _program("CE_CEVCTL")


def _program(variable: str) -> str:
    path = os.environ.get(variable)
    if not path:
        skip(f"{variable} is not set")
    if not os.access(path, os.X_OK):
        raise AssertionError(f"{variable}: {path} is no program")
    return path


class Service:
    """One daemon, its configuration, its history and its log."""

    def __init__(self, bus: Bus | None, *, podman: Podman | None = None,
                 history: Path | None = None, config: dict[str, dict[str, Any]] | None = None,
                 environment: dict[str, str] | None = None, user: str = machine.ROOT,
                 wrapper: list[str] | None = None, fd_store: bool = False) -> None:
        self.bus = bus
        self.folder = machine.folder("service")
        self.history = history or self.folder / "history"
        self.history.mkdir(exist_ok=True)
        self.config = self.folder / "eventsd.conf"
        self.user = user
        self._environment = environment or {}
        self._wrapper = wrapper or []
        self._has_podman = podman is not None
        self._process: subprocess.Popen | None = None
        self._owner = 0  # PID of who has the name: with a wrapper not the process that we started
        self._activated = bus is None  # who starts it: the bus, or we
        self._owner = ""  # of the name, when it was last waited for
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._notify.bind(f"{self.folder}/notify")
        self._notify.setblocking(False)
        self._notified: list[str] = []
        self.fd_store = FdStore() if fd_store else None
        # As systemd does: a daemon whose notifications nobody takes waits for room.
        self._watch = GLib.io_add_watch(self._notify.fileno(), GLib.IO_IN,
                                        lambda *_: bool(self.notified) or True)
        os.chmod(f"{self.folder}/notify", 0o666)
        (self.folder / "log").touch(mode=0o666)
        if user != machine.ROOT:
            for path in (self.folder, self.history):
                os.chown(path, *machine.ids(user))
        self._settings: dict[str, dict[str, Any]] = {
            "Log": {"Backend": journal.BACKEND, "Directory": self.history}}
        # The journal may be that of the real machine, with events of its own.
        self.configure(Podman={"Journal": "no"})
        self.configure(Podman=podman.settings() if podman else {"Enabled": "no"})
        self.configure(**(config or {}))

    def configure(self, **sections: dict[str, Any]) -> None:
        """Adds to the configuration file; a value None takes a key out again."""
        for section, keys in sections.items():
            self._settings.setdefault(section, {}).update(keys)
        lines = []
        for section, keys in self._settings.items():
            lines.append(f"[{section}]")
            lines += [f"{key}={value}" for key, value in keys.items() if value is not None]
        self.config.write_text("\n".join(lines) + "\n")

    def start(self, wait: bool = True) -> Service:
        """Starts it; with `wait`, returns when it owns its name."""
        assert self._process is None, "it runs already"
        self._take_notifications()  # what it said at its end, too
        command = [*self._wrapper, *self._as_user(), daemon(), f"--config={self.config}"]
        options: dict[str, Any] = {}
        if self.fd_store:
            command, options = self.fd_store.pass_on(command)
        with (self.folder / "log").open("a") as log:
            self._process = subprocess.Popen(
                command, env={**self.bus.environment, **self._variables()},
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd="/",
                start_new_session=self._has_podman, **options)
        if self._has_podman:
            self._prefer()
        if wait:
            self.wait_for_name()
        return self

    def _prefer(self) -> None:
        """As Nice= and CPUWeight= in the unit, and for the reason that stands there; what a unit is
        there, to the kernel, a session is here."""
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, -10)
            Path(f"/proc/{self._process.pid}/autogroup").write_text("-10")

    def wait_for_name(self) -> None:
        """Waits until the daemon owns its name."""
        client = Client(self.bus)

        def owned() -> bool:
            if self._process and self._process.poll() is not None:
                raise AssertionError(
                    f"it ended with {self._process.returncode} before it had its name:\n"
                    f"{self.log()}")
            return bool(client.owner())

        try:
            wait_until(owned, f"the owner of {NAME}")
            self._owner = client.owner_pid()
        except DeadlinePassed as late:
            raise DeadlinePassed(f"{late}; its log:\n{self.log()}") from None
        finally:
            client.close()

    def stop(self) -> None:
        """SIGTERM; it must end with 0 and have said nothing that a sanitizer says."""
        self._end(signal.SIGTERM, expected=0)

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL, expected=-signal.SIGKILL)

    def restart(self) -> None:
        """stop() and start()."""
        self.stop()
        self.start()

    def wait_for_end(self, deadline: float = 10) -> int:
        """Waits until it ended by itself; returns its status."""
        status = self._process.wait(patience(deadline))
        self._process, self._owner = None, 0
        self.check_log()
        return status

    def signal(self, number: int) -> None:
        """Sends it a signal."""
        os.kill(self.pid, number)

    @property
    def pid(self) -> int:
        """Its process."""
        if self._activated:
            with contextlib.suppress(FileNotFoundError):
                return int((self.folder / "pid").read_text())
        if self._process is None:
            return 0
        return self._owner or self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        if self._activated:
            return bool(self.pid) and os.path.exists(f"/proc/{self.pid}")
        return bool(self._process and self._process.poll() is None)

    @property
    def notified(self) -> list[str]:
        """What it told systemd so far."""
        self._take_notifications()
        return self._notified

    def _take_notifications(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                text, fds, _, _ = socket.recv_fds(self._notify, 65536, MAX_FDS)
                lines = text.decode().splitlines()
                self._notified += lines
                if self.fd_store:
                    self.fd_store.take(lines, fds)
                else:
                    for fd in fds:
                        os.close(fd)

    def log(self) -> str:
        """All that it wrote, over all its lives."""
        return (self.folder / "log").read_text(errors="replace")

    def check_log(self) -> None:
        """Fails if a sanitizer, or an assertion, reported something."""
        if REPORT.search(self.log()):
            raise AssertionError(f"a report in the log of the daemon:\n{self.log()}")

    def cevctl(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess:
        """Runs cevctl against this bus; `options` are those of subprocess.run()."""
        return subprocess.run([cevctl(), *arguments], **{
            "env": self.bus.environment, "capture_output": True, "text": True, "check": False,
            "stdin": subprocess.DEVNULL, "timeout": patience(20), **options})

    def activation_command(self) -> list[str]:
        """The command for an activation file: what start() would run."""
        script = self.folder / "activated"
        variables = " ".join(f"{key}='{value}'" for key, value in self._variables().items())
        script.write_text(f"#!/bin/sh\necho $$ > {self.folder}/pid\n"
                          f"exec env {variables} {daemon()} --config={self.config} "
                          f">> {self.folder}/log 2>&1\n")
        script.chmod(0o755)
        return [str(script)]

    def _variables(self) -> dict[str, str]:
        options = {name: os.environ[name] + ":" if os.environ.get(name) else ""
                   for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS")}
        return {
            "NOTIFY_SOCKET": f"{self.folder}/notify",
            "ASAN_OPTIONS": options["ASAN_OPTIONS"] + "detect_leaks=1:exitcode=99",
            "UBSAN_OPTIONS": options["UBSAN_OPTIONS"] + "print_stacktrace=1",
            **self._environment,
        }

    def _as_user(self) -> list[str]:
        if self.user == machine.ROOT:
            return []
        uid, gid = machine.ids(self.user)
        return ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--init-groups",
                "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search",
                "--bounding-set=-all,+dac_read_search", "--no-new-privs"]

    def _end(self, number: int, expected: int) -> None:
        if self._activated:
            if self.alive:
                os.kill(self.pid, number)
                wait_until(lambda: not self.alive, "the end of the daemon")
            self.check_log()
            return
        if self._process is None:
            return
        process, pid = self._process, self.pid
        self._process, self._owner = None, 0
        if process.poll() is None:
            os.kill(pid, number)
            try:
                process.wait(patience(20))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise AssertionError(f"it did not end:\n{self.log()}") from None
        self.check_log()
        # A shell that wraps it says 128 + signal.
        if process.returncode not in (expected, 128 - expected if expected else 0):
            raise AssertionError(
                f"it ended with {process.returncode}, not {expected}:\n{self.log()}")

    def __enter__(self) -> Service:
        try:
            return self if self._activated else self.start()
        except BaseException:
            self._abandon()
            raise

    def __exit__(self, kind: type | None, *_) -> None:
        try:
            if kind is None:
                self.stop()
            else:
                note(f"the log of the daemon:\n{self.log()}")
        finally:
            self._abandon()

    def _abandon(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None
        GLib.source_remove(self._watch)
        self._notify.close()
        if self.fd_store:
            self.fd_store.forget()
