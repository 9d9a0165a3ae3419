# SPDX-License-Identifier: Apache-2.0
"""A private machine for one test program: nothing that it does is seen outside, and nothing that
it starts outlives it, however it ends.

enter() runs the program again in a mount and a PID namespace of its own, where

  - /run is an empty tmpfs, so that /run/libpod, /run/dbus and the journal's socket are ours, and
    so is /var/lib/containers, where root's containers are;
  - /etc/passwd and /etc/group also know the system user and group `containers-events` (as
    sysusers would make them), `reader`, who is a member of that group, and `stranger`, who is not;
  - process 1 reaps orphans (conmon, what an engine leaves), and takes everything down with it.

    ROOT NOBODY READER STRANGER SERVICE     names for bus.client(user)
    folder(name)                   a new empty folder in /run, on tmpfs, gone at the end
    cgroup()                       name of the cgroup that engines may put containers in; it is
                                   removed at the end, in every hierarchy
    really_root()                  whether we are root of the machine, not of a user namespace

It needs root, or `newuidmap` for a user namespace; else it raises Unavailable with the reason.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = "root"
NOBODY = "nobody"
READER = "reader"
STRANGER = "stranger"
SERVICE = "containers-events"
GROUP = "containers-events"

_MARK = "CE_TEST_MACHINE"
_IDS = {SERVICE: 64990, READER: 64991, STRANGER: 64992}
_HOME = Path("/run/test")
_CGROUPS = Path("/sys/fs/cgroup")
_STORAGE = Path("/var/lib/containers")
_count = itertools.count(1)


class Unavailable(Exception):
    """This machine cannot give us a private one; the text says why."""


def enter() -> None:
    """Returns inside the private machine; the program outside waits for it and exits as it did."""
    inside = os.environ.get(_MARK)
    if inside is None:
        _enter_from_outside()
    elif inside.startswith("new:"):
        os.environ[_MARK] = inside.removeprefix("new:")
        _furnish()
        _reap_until_the_program_ends()


def folder(name: str) -> Path:
    """A new empty folder, readable for everybody."""
    path = _HOME / f"{name}-{next(_count)}"
    path.mkdir(parents=True)
    path.chmod(0o755)
    return path


def ids(user: str) -> tuple[int, int]:
    """Its uid and gid."""
    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid


def cgroup() -> str:
    """The cgroup for containers, from the root of each hierarchy."""
    return "/" + os.environ[_MARK]


def really_root() -> bool:
    """Whether uid 0 here is uid 0 of the machine."""
    return os.geteuid() == 0 and Path("/proc/self/uid_map").read_text().split()[1] == "0"


def _all_cgroups(name: str) -> list[Path]:
    return [top for top in [_CGROUPS / name, *_CGROUPS.glob(f"*/{name}")] if top.is_dir()]


def _podmans_own_cgroups() -> list[Path]:
    """Where a container goes that was given no --cgroup-parent, a pod's for one."""
    return _all_cgroups("libpod_parent")


def _remove_tree(top: Path) -> None:
    """Removes a cgroup and those below it, deepest first; one that is in use stays."""
    for path, _, _ in os.walk(top, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(path)


def _unshare() -> list[str]:
    if not shutil.which("unshare"):
        raise Unavailable("unshare is not installed")
    # If we are killed, unshare is; if unshare is, process 1 of the machine is, and so all in it.
    command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork",
               "--kill-child", "--mount-proc", "--propagation", "private"]
    if os.geteuid() != 0:
        if not shutil.which("newuidmap"):
            raise Unavailable("needs root, or newuidmap for a user namespace")
        command += ["--user", "--map-root-user", "--map-auto"]
    trial = subprocess.run([*command, "mount", "-t", "tmpfs", "tmpfs", "/run"],
                           capture_output=True, text=True, check=False)
    if trial.returncode != 0:
        raise Unavailable(f"no private machine: {trial.stderr.strip()}")
    return command


def _enter_from_outside() -> None:
    # The name says which run of tests/run it belongs to, so that a leftover can be told from
    # what others do on the machine.
    name = f"containers-events-test-{os.environ.get('CE_TEST_RUN', 'alone')}-{os.getpid()}"
    command = [*_unshare(), sys.executable, *sys.orig_argv[1:]]
    theirs = set(_podmans_own_cgroups())
    inner = subprocess.Popen(command, env={**os.environ, _MARK: f"new:{name}"})

    def end(*_) -> None:
        # Process 1 of the machine, and with it all that live there: unshare, its parent, ends when
        # they are gone.
        children = Path(f"/proc/{inner.pid}/task/{inner.pid}/children").read_text().split()
        for pid in map(int, children or [inner.pid]):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    status = inner.wait()
    for top in [*_all_cgroups(name), *set(_podmans_own_cgroups()) - theirs]:
        _remove_tree(top)
    sys.exit(status if status >= 0 else 128 - status)


def _furnish() -> None:
    def mount(*arguments: str) -> None:
        subprocess.run(["mount", *arguments], check=True)

    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    # A service with nothing but defaults shall not see the containers of whoever uses the machine.
    if _STORAGE.is_dir():
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(_STORAGE))
    _HOME.mkdir()
    for path, line, member in (
            ("/etc/passwd", "{name}:x:{id}:{id}::/nonexistent:/usr/sbin/nologin", None),
            ("/etc/group", "{name}:x:{id}:{members}", READER)):
        lines = Path(path).read_text().splitlines()
        # Ours replace what an installed package may have made of the same name.
        lines = [old for old in lines if old.split(":")[0] not in _IDS]
        for name, number in _IDS.items():
            members = member if member and name == GROUP else ""
            lines.append(line.format(name=name, id=number, members=members))
        copy = _HOME / Path(path).name
        copy.write_text("\n".join(lines) + "\n")
        copy.chmod(0o644)
        mount("--bind", str(copy), path)


def _reap_until_the_program_ends() -> None:
    """Forks the program off, and stays as process 1, which takes in orphans."""
    program = os.fork()
    if program == 0:
        return
    while True:
        pid, status = os.wait()
        if pid == program:
            code = os.waitstatus_to_exitcode(status)
            # Not sys.exit(): this copy has nothing to clean up.
            os._exit(code if code >= 0 else 128 - code)
