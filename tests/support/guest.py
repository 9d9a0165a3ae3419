# SPDX-License-Identifier: Apache-2.0
"""For programs that run on the machine that support.host boots: its users, their Podman and their
services.

    podman_on_journald()            from now on every Podman writes to the journal, as it does on
                                    a machine with systemd that nobody configured
    root = Podman()                 root's, as an administrator uses it
    alice = Podman(ALICE)   a user's, rootless, with a systemd of hers
    container = root.run("c1", "sleep", "600")         detached; its full ID
    root.command("import", ...), root.try_command(...)
    done = root.exec("c1", 5)                          an Exec: its session's .id and .code
    done = root.exec_detached("c1", 5)
    run = root.start_exec("c1", "exit 5", 5)           a Running: .id at once, .wait() -> Exec

    service = Unit()                the system's service      .show("MainPID") .pid .ctl("stop")
    hers = Unit(ALICE)      hers, on her own bus      .client()        a Client of its bus

The ID of an attached exec's session is what Podman itself says it is, so that it can be compared.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from support import machine
from support.client import Client, wait_until
from support.host import ALICE, EVENTS_CONF, HostBus
from support.tap import equal, skip

UNIT = "containers-eventsd.service"
IMAGE = "localhost/bb:1"
DEADLINE = 60


def run(*command: object, user: str = machine.ROOT, check: bool = True,
        text: str | None = None) -> subprocess.CompletedProcess:
    """Runs a command as a user; it must succeed, unless `check` is off."""
    words = as_user(user, *command)
    result = subprocess.run(words, capture_output=True, text=True, check=False, timeout=DEADLINE,
                            cwd="/", **({"input": text} if text else {"stdin": subprocess.DEVNULL}))
    if check and result.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: {result.returncode}\n"
                             f"{result.stdout}{result.stderr}")
    return result


def as_user(user: str, *command: object) -> list[str]:
    """The words that run a command as a user, in the environment that her session would have."""
    words = [str(word) for word in command]
    if user == machine.ROOT:
        return words
    entry = pwd.getpwnam(user)
    runtime = f"/run/user/{entry.pw_uid}"
    return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--init-groups",
            "env", "-i", f"HOME={entry.pw_dir}", f"USER={user}", f"PATH={os.environ['PATH']}",
            f"XDG_RUNTIME_DIR={runtime}", f"DBUS_SESSION_BUS_ADDRESS=unix:path={runtime}/bus",
            *words]


def uid(user: str) -> int:
    """Its number."""
    return pwd.getpwnam(user).pw_uid


def podman_on_journald() -> None:
    """Takes away what keeps Podman from its default."""
    Path(EVENTS_CONF).unlink()
    equal(run("podman", "info", "--format={{.Host.EventLogger}}").stdout.strip(), "journald")


def journal(*arguments: str) -> list[dict]:
    """The entries that journalctl finds, once journald has written what it got."""
    run("journalctl", "--sync")
    text = run("journalctl", "--no-pager", "--quiet", "--all", "--output=json", *arguments).stdout
    return [json.loads(line) for line in text.splitlines()]


class Exec(NamedTuple):
    """An exec session that ended."""

    id: str
    code: int


class Running:
    """An attached exec that has begun: the front end, and the session that it made."""

    def __init__(self, podman: Podman, container: str, shell: str, code: int) -> None:
        self.code = code
        words = ["podman", "--log-level=info", "exec", container, "sh", "-c", f"echo; {shell}"]
        self.process = subprocess.Popen(as_user(podman.user, *words), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        cwd="/")
        self._said: list[str] = []
        self.id = self._session()
        assert self.process.stdout.readline() == "\n", f"it did not begin: {self._said}"

    def _session(self) -> str:
        for line in self.process.stderr:
            self._said.append(line)
            found = re.search(r"Created exec session ([0-9a-f]{64}) in container", line)
            if found:
                return found[1]
        raise AssertionError(f"no exec session: {''.join(self._said)}")

    def wait(self) -> Exec:
        """When the front end has ended, with the code that was announced."""
        said = self.process.communicate(timeout=DEADLINE)[1]
        equal(self.process.returncode, self.code, f"{''.join(self._said)}{said}")
        return Exec(self.id, self.code)

    def kill(self) -> Exec:
        """Kills the front end; the session goes on."""
        self.process.kill()
        self.process.communicate()
        return Exec(self.id, self.code)


class Podman:
    """Podman as one user of this machine has it."""

    def __init__(self, user: str = machine.ROOT) -> None:
        self.user, self.uid = user, uid(user)
        if user != machine.ROOT:
            if not shutil.which("newuidmap"):
                skip("newuidmap is not installed")
            if run("unshare", "--user", "true", user=user, check=False).returncode != 0:
                skip("users may make no user namespace here")
            run("systemctl", "start", f"user@{self.uid}.service")
        self.command("import", "/srv/image.tar", IMAGE)

    def try_command(self, *arguments: str) -> subprocess.CompletedProcess:
        """Any command, failed or not."""
        return run("podman", *arguments, user=self.user, check=False)

    def command(self, *arguments: str) -> str:
        """A command that must succeed; what it printed."""
        return run("podman", *arguments, user=self.user).stdout.strip()

    def run(self, name: str, *command: str, options: tuple[str, ...] = ()) -> str:
        """A container in the background; its ID."""
        return self.command("run", "--detach", f"--name={name}", *options, IMAGE, *command)

    def once(self, name: str, code: int, *options: str) -> str:
        """A container that ends at once; its ID."""
        ended = self.try_command("run", f"--name={name}", *options, IMAGE, "sh", "-c",
                                 f"exit {code}")
        equal(ended.returncode, code, ended.stderr)
        return self.command("inspect", "--format={{.Id}}", name)

    def rm(self, name: str) -> None:
        """Kills and removes it."""
        self.command("rm", "--force", "--time=0", name)

    def start_exec(self, container: str, shell: str, code: int) -> Running:
        """An attached exec, when its shell has begun."""
        return Running(self, container, shell, code)

    def exec(self, container: str, code: int) -> Exec:
        """An attached exec, from its beginning to its end."""
        return self.start_exec(container, f"exit {code}", code).wait()

    def exec_detached(self, container: str, code: int) -> Exec:
        """A detached exec, which may not have ended."""
        session = self.command("exec", "--detach", container, "sh", "-c", f"exit {code}")
        return Exec(session, code)


class _UserBus(HostBus):
    """The bus of a user's own."""

    def __init__(self, user: str) -> None:
        self.address = f"unix:path=/run/user/{uid(user)}/bus"
        self.user = user

    def connect(self, user: str = ""):
        """As Bus.connect()."""
        return super().connect(user or self.user)


class Unit:
    """The service, under its unit: the system's, or a user's own."""

    def __init__(self, user: str = machine.ROOT) -> None:
        self.user = user
        self._manager = ["systemctl"] if user == machine.ROOT else ["systemctl", "--user"]

    def ctl(self, verb: str, *arguments: str) -> str:
        """systemctl VERB ... UNIT."""
        return run(*self._manager, verb, *arguments, UNIT, user=self.user).stdout.strip()

    def show(self, name: str) -> str:
        """A property of the unit."""
        return self.ctl("show", "--value", f"--property={name}")

    @property
    def pid(self) -> int:
        """Its main process, or 0."""
        return int(self.show("MainPID"))

    def client(self) -> Client:
        """Who asks it."""
        return Client(HostBus()) if self.user == machine.ROOT else \
            Client(_UserBus(self.user), self.user)

    def kill(self, client: Client) -> None:
        """SIGKILL; returns when systemd has started another, which owns the name."""
        owner = client.owner()
        assert owner, "it does not run"
        self.ctl("kill", "--kill-whom=main", "--signal=KILL")
        wait_until(lambda: client.owner() not in ("", owner), "a new owner", 20)
