# SPDX-License-Identifier: Apache-2.0
"""A private system bus with the policy that we ship, on either broker.

    with Bus() as bus:                        # dbus-daemon, through dbus-test-runner
    with Bus("dbus-broker") as bus:           # the other one
    @test(each=BROKERS)                       # a test on both

    bus.address        DBUS_SYSTEM_BUS_ADDRESS for whoever shall use it
    bus.environment    os.environ with that address
    bus.client(user)   a Client on it, see support.client; closed with the bus
    bus.stop(), bus.start()   the broker is another one then, at the same address
    bus.limit("max_connections_per_user", 2000)   before it starts: not as on a machine
    bus.pid            the broker's process
    bus.connect(user)  a bare dbus connection, authenticated as that user
    bus.log()          what the broker said

Bus(activate=SERVICE) makes the name of a support.service.Service activatable: the bus starts it
with the first call (dbus-daemon only; dbus-broker leaves that to systemd, see tests/host).
Bus(policy=None) leaves our policy out; Bus(policy=PATH) takes another one.

The policy file is the one in policy/, as it is; its user and group exist in the private machine.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import select
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import dbus
import dbus.bus
import dbus.mainloop.glib

from support import machine
from support.tap import DeadlinePassed, patience, skip

if TYPE_CHECKING:
    from support.client import Client
    from support.service import Service

BROKERS = ["dbus-daemon", "dbus-broker"]
NAME = "org.containers.Events"
SOURCE = Path(__file__).resolve().parents[2]
POLICY = SOURCE / "policy" / "org.containers.Events.conf"

_TEMPLATE = Path(__file__).with_name("bus.conf.in")


@contextlib.contextmanager
def acting_as(user: str):
    """Sockets connected in this block carry the credentials of `user`, as the brokers see them."""
    entry = pwd.getpwnam(user)
    before = os.getgroups()
    os.setgroups(os.getgrouplist(user, entry.pw_gid) if entry.pw_uid else before)
    os.setegid(entry.pw_gid)
    os.seteuid(entry.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)


def connect(address: str, user: str = machine.ROOT) -> dbus.bus.BusConnection:
    """A connection of its own, whose messages the main loop of GLib delivers."""
    loop = dbus.mainloop.glib.DBusGMainLoop()
    with acting_as(user):
        connection = dbus.bus.BusConnection(address, mainloop=loop)
    connection.set_exit_on_disconnect(False)
    return connection


class Bus:
    """A bus; started on entering the context, ended on leaving it."""

    def __init__(self, broker: str = "dbus-daemon", *, activate: Service | None = None,
                 policy: Path | None = POLICY) -> None:
        self.broker = broker
        self.folder = machine.folder("bus")
        self.address = f"unix:path={self.folder}/socket"
        self._process: subprocess.Popen | None = None
        self._hold: int | None = None
        self._journal: _Journal | None = None
        self._has_journal = False
        self._clients: list[Client] = []
        (self.folder / "services").mkdir()
        (self.folder / "policy.d").mkdir()
        if policy:
            shutil.copy(policy, self.folder / "policy.d")
        if activate:
            activate.bus = self
            (self.folder / "services" / f"{NAME}.service").write_text(
                f"[D-BUS Service]\nName={NAME}\nUser=root\n"
                f"Exec={' '.join(activate.activation_command())}\n")
        text = _TEMPLATE.read_text()
        for key, value in (("ADDRESS", self.address), ("SERVICES", self.folder / "services"),
                           ("POLICY", self.folder / "policy.d")):
            text = text.replace(f"@{key}@", str(value))
        self.config = self.folder / "bus.conf"
        self.config.write_text(text)

    @property
    def environment(self) -> dict[str, str]:
        """The environment for a process that shall use this bus."""
        return {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address}

    def start(self) -> Bus:
        """Starts the broker, and returns when it answers."""
        from support import journal
        self._has_journal = journal.provide()
        if self.broker == "dbus-daemon":
            self._start_daemon()
        else:
            self._start_broker()
        return self

    def stop(self) -> None:
        """Ends the broker; it must end by itself, and well."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        process, self._process = self._process, None
        if process is None:
            return
        if self._hold is not None:
            os.close(self._hold)  # the runner's task reads end of file, and the runner ends
            self._hold = None
        else:
            process.terminate()
        try:
            status = process.wait(patience(10))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            if self._journal:
                self._journal.close()
        if self.broker == "dbus-daemon" and status != 0:
            raise AssertionError(f"dbus-test-runner ended with {status}:\n{self.log()}")

    def connect(self, user: str = machine.ROOT) -> dbus.bus.BusConnection:
        """A bare connection, authenticated as `user`."""
        return connect(self.address, user)

    def client(self, user: str = machine.ROOT) -> Client:
        """A client that is closed with the bus."""
        from support.client import Client
        self._clients.append(Client(self, user))
        return self._clients[-1]

    def limit(self, name: str, value: int) -> None:
        """Sets a limit of dbus-daemon's."""
        text = self.config.read_text()
        self.config.write_text(text.replace(
            "</busconfig>", f'  <limit name="{name}">{value}</limit>\n</busconfig>'))

    @property
    def pid(self) -> int:
        """The broker's process; it is started by another."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        for pid in children.read_text().split():
            if Path(f"/proc/{pid}/comm").read_text().strip() == self.broker:
                return int(pid)
        raise AssertionError(f"{self.broker} does not run")

    def log(self) -> str:
        """What the broker wrote, and logged."""
        text = (self.folder / "log").read_text(errors="replace")
        return text + (self._journal.text() if self._journal else "")

    def _start_daemon(self) -> None:
        if not shutil.which("dbus-test-runner"):
            skip("dbus-test-runner is not installed")
        # The runner lives as long as its task, so the task reads from a pipe that we hold open.
        # With that at hand, and not earlier, it tells us through another that the bus is there.
        ready, hold = self.folder / "ready", self.folder / "hold"
        for fifo in (ready, hold):
            fifo.unlink(missing_ok=True)
            os.mkfifo(fifo)
        told = os.open(ready, os.O_RDONLY | os.O_NONBLOCK)
        self._hold = os.open(hold, os.O_RDWR)  # both ways: opening must not wait for the task
        task = self.folder / "task"
        task.write_text(f'#!/bin/sh\nexec <{hold}\necho "$DBUS_SYSTEM_BUS_ADDRESS" >{ready}\n'
                        "exec cat\n")
        task.chmod(0o755)
        with (self.folder / "log").open("w") as log:
            self._process = subprocess.Popen(
                ["dbus-test-runner", "--bus-type=system", f"--dbus-config={self.config}",
                 "--keep-env", "--max-wait=3600", f"--task={task}", "--task-name=hold"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            if not select.select([told], [], [], patience(10))[0]:
                raise DeadlinePassed(f"no bus:\n{self.log()}")
            address = os.read(told, 4096).decode().strip()
            if not address.startswith(self.address):
                raise AssertionError(f"the bus is at {address!r}:\n{self.log()}")
        finally:
            os.close(told)

    def _start_broker(self) -> None:
        if not shutil.which("dbus-broker-launch"):
            skip("dbus-broker is not installed")
        if not self._has_journal:
            self._journal = _Journal()
        # It wants the listening socket as systemd passes it: descriptor 3, and our own PID named.
        (self.folder / "socket").unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener, (self.folder / "log").open("w") as log:
            listener.bind(f"{self.folder}/socket")
            os.chmod(f"{self.folder}/socket", 0o666)
            listener.listen(128)
            self._process = subprocess.Popen(
                ["sh", "-c", "LISTEN_FDS=1 LISTEN_PID=$$ exec dbus-broker-launch --scope system "
                 f"--config-file {self.config} 3<&0 </dev/null"],
                env=self.environment, stdin=listener, stdout=log, stderr=subprocess.STDOUT)
        end = time.monotonic() + patience(10)
        while True:
            try:
                self.connect().close()
                return
            except dbus.DBusException as error:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise DeadlinePassed(f"no bus: {error}\n{self.log()}") from error

    def __enter__(self) -> Bus:
        return self.start()

    def __exit__(self, *_) -> None:
        self.stop()


class _Journal:
    """A sink for the journal's socket, without which dbus-broker does not start."""

    PATH = "/run/systemd/journal/socket"

    def __init__(self) -> None:
        self._entries: list[bytes] = []
        os.makedirs(os.path.dirname(self.PATH), exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.PATH)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.PATH)
        os.chmod(self.PATH, 0o666)
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        while entry := self._socket.recv(1 << 20):
            self._entries.append(entry)

    def text(self) -> str:
        """The entries so far."""
        return "\n".join(entry.decode(errors="replace") for entry in self._entries)

    def close(self) -> None:
        """Ends it: an empty datagram is the thread's last."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.PATH)
        self._thread.join()
        self._socket.close()
        os.unlink(self.PATH)
