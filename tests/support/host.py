# SPDX-License-Identifier: Apache-2.0
"""A whole machine for one test program: systemd as process 1, its journal, a system bus with either
broker, and what we install, installed.

    python3 -m support.host BROKER PROGRAM [WORD...]

boots it, runs PROGRAM there as root in a unit of its own (of its tests those whose names have one
of the words), powers off, and prints what PROGRAM printed: TAP, from support.tap with
main(private=False). In the booted machine

  - the source is at /srv/source, and PYTHONPATH leads to its tests; support.client works, with
    HostBus() below for a bus; support.podman does not: Podman is used as an administrator would,
    with the image at /srv/image.tar (support.guest helps). Events go to a file, by EVENTS_CONF;
    without that they go to the journal;
  - containers-eventsd is installed and enabled, and not started; what is tested is a build without
    sanitizers, for those do not live in the sandbox;
  - the user `reader` is a member of the group containers-events;
  - the user `alice` (ALICE) is not, and has what rootless Podman needs: IDs for a user namespace,
    a home, and a systemd of hers that stays without a session (start user@UID.service first).

It is an overlay of this machine's own root in a mount and PID namespace, on a tmpfs, so nothing is
written, and nothing stays. Where that cannot be, the one line printed is a skip with the reason.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from support import machine
from support.podman import pack_image
from support.tap import Skip, patience

SOURCE = Path(__file__).resolve().parents[2]
DEADLINE = 150
ALICE = "alice"
EVENTS_CONF = "/etc/containers/containers.conf.d/50-events.conf"

_NEEDED = ["systemd-nspawn", "meson", "ninja", "busybox", "systemd-sysusers"]

_CONTAINERS_CONF = """\
[containers]
default_ulimits=["nofile=1024:1024","nproc=1000:1000"]
log_driver="k8s-file"
netns="none"
pids_limit=0
[engine]
cgroup_manager="cgroupfs"
runtime="runc"
"""

_EVENTS_CONF = """\
[engine]
events_logger="file"
"""

# Hers puts containers into cgroups that her own systemd makes: she may make none.
_ALICES_CONTAINERS_CONF = """\
[engine]
cgroup_manager="systemd"
"""

_ALICES_STORAGE_CONF = """\
[storage]
driver="vfs"
"""

_STORAGE_CONF = """\
[storage]
driver="vfs"
runroot="/run/containers/storage"
graphroot="/var/lib/containers/storage"
"""

_TARGET = """\
[Unit]
Requires=basic.target dbus.socket systemd-journald.service
After=basic.target
Wants=test.service
AllowIsolate=yes
"""

_SERVICE = """\
[Unit]
After=basic.target dbus.socket
SuccessAction=poweroff-immediate
FailureAction=poweroff-immediate

[Service]
Type=oneshot
TimeoutStartSec={deadline}
TimeoutStopSec=1
Environment=PYTHONPATH=/srv/source/tests PYTHONDONTWRITEBYTECODE=1 HOME=/root
Environment=CE_TEST_BROKER={broker}
StandardOutput=file:/srv/output
StandardError=file:/srv/errors
ExecStart=/usr/bin/python3 /srv/source/{program} {words}
"""


class HostBus:
    """The booted machine's own bus, for support.client.Client(HostBus())."""

    address = "unix:path=/run/dbus/system_bus_socket"

    def connect(self, user: str = machine.ROOT):
        """As Bus.connect()."""
        from support.bus import connect
        return connect(self.address, user)


def _run(*command: object, **options) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], check=True, text=True,
                          stdin=subprocess.DEVNULL, **options)


def plain_build() -> Path:
    """A build folder without sanitizers: the one we are run from, or another inside it."""
    build = Path(os.environ.get("CE_BUILD", SOURCE / "build"))
    options = json.loads(_run("meson", "introspect", "--buildoptions", build,
                              capture_output=True).stdout)
    if any(option["name"] == "b_sanitize" and option["value"] == "none" for option in options):
        return build
    plain = build / "plain"
    # Only one of those that run at the same time builds.
    with (build / "plain.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (plain / "build.ninja").exists():
            _run("meson", "setup", "-Dtests=false", plain, SOURCE, capture_output=True)
        _run("ninja", "-C", plain, capture_output=True)
    return plain


def _mount_overlay(top: Path) -> Path:
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", top)
    for name in ("up", "work", "root"):
        (top / name).mkdir()
    _run("mount", "-t", "overlay", "overlay", top / "root", "-o",
         f"lowerdir=/,upperdir={top}/up,workdir={top}/work")
    return top / "root"


def _furnish(root: Path, broker: str, program: Path, words: list[str], build: Path) -> None:
    def write(path: str, text: str) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).unlink(missing_ok=True)
        (root / path).write_text(text)

    write("etc/machine-id", "")
    write("etc/containers/containers.conf", _CONTAINERS_CONF)
    write(EVENTS_CONF.lstrip("/"), _EVENTS_CONF)
    write("etc/containers/storage.conf", _STORAGE_CONF)
    write("etc/systemd/system/test.target", _TARGET)
    write("etc/systemd/system/test.service",
          _SERVICE.format(broker=broker, program=program.relative_to(SOURCE),
                          words=" ".join(f'"{word}"' for word in words),
                          deadline=DEADLINE - 20))
    for kind in ("system", "user"):
        unit = "dbus" if broker == "dbus-daemon" else broker
        link = root / "etc/systemd" / kind / "dbus.service"
        link.unlink(missing_ok=True)
        link.symlink_to(f"/usr/lib/systemd/{kind}/{unit}.service")
    (root / "srv/source").mkdir(parents=True, exist_ok=True)
    pack_image(root / "srv/image.tar")
    _run("meson", "install", "-C", build, "--no-rebuild", "--destdir", root, capture_output=True)
    # What a package's scripts would do.
    _run("systemd-sysusers", f"--root={root}", capture_output=True)
    _run("systemctl", f"--root={root}", "enable", "containers-eventsd.service",
         capture_output=True)
    _run("useradd", "--root", root, "--groups", machine.GROUP, "--no-create-home", machine.READER,
         capture_output=True)
    _run("useradd", "--root", root, "--create-home", ALICE, capture_output=True)
    write(f"var/lib/systemd/linger/{ALICE}", "")
    write(f"home/{ALICE}/.config/containers/containers.conf", _ALICES_CONTAINERS_CONF)
    write(f"home/{ALICE}/.config/containers/storage.conf", _ALICES_STORAGE_CONF)
    _run("chroot", root, "chown", "--recursive", f"{ALICE}:", f"/home/{ALICE}")


def _own_cgroup() -> None:
    """Moves us into a cgroup of our own in a pure cgroup2 tree, as nspawn's guest needs it."""
    _run("umount", "--lazy", "/sys/fs/cgroup")
    _run("mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")
    cgroup = Path(f"/sys/fs/cgroup{machine.cgroup()}")
    cgroup.mkdir()
    (cgroup / "cgroup.procs").write_text("0")


def _boot(root: Path) -> str:
    """Returns when the machine is off: what it wrote to its console."""
    command = ["systemd-nspawn", "--directory", str(root), "--boot", "--register=no",
               "--keep-unit", "--private-network", "--console=pipe", "--capability=all",
               "--system-call-filter=@keyring bpf", f"--bind-ro={SOURCE}:/srv/source",
               "systemd.unit=test.target"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, errors="replace",
                          env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}) as guest:
        try:
            return guest.communicate(timeout=patience(DEADLINE))[0]
        except subprocess.TimeoutExpired:
            guest.kill()
            return guest.communicate()[0] + "\nIt did not power off."


def boot_and_run(broker: str, program: Path, words: list[str]) -> int:
    """Boots, runs the program, prints what it printed, and returns the exit status."""
    if not machine.really_root():
        raise Skip("a booted machine needs root")
    missing = [name for name in _NEEDED if not shutil.which(name)]
    missing += [name for name in ["/usr/bin/" + broker.replace("broker", "broker-launch")]
                if not os.path.exists(name)]
    if missing:
        raise Skip(f"{missing[0]} is not installed")
    build = plain_build()
    top = machine.folder("host")
    try:
        root = _mount_overlay(top)
        _own_cgroup()
    except subprocess.CalledProcessError as error:
        raise Skip(f"no overlay of the machine here: {error}") from error
    _furnish(root, broker, program, words, build)
    console = _boot(root)
    output, errors = _texts(root / "srv", ["output", "errors"])
    print(output, end="")
    if "1.." not in output or errors:
        for line in [*console.splitlines()[-80:], *errors.splitlines()]:
            print(f"# {line}")
    return 1 if "\nnot ok" in f"\n{output}" or "1.." not in output else 0


def _texts(folder: Path, names: Iterable[str]) -> list[str]:
    return [(folder / name).read_text(errors="replace") if (folder / name).exists() else ""
            for name in names]


def main(broker: str, program: str, *words: str) -> None:
    """Enters the private machine, and boots another in it."""
    path = Path(program).resolve()
    try:
        machine.enter()
        status = boot_and_run(broker, path, list(words))
    except (machine.Unavailable, Skip) as reason:
        print(f"1..0 # SKIP {reason}")
        status = 0
    except subprocess.CalledProcessError as error:
        print(f"Bail out! {error}\n{error.stdout or ''}{error.stderr or ''}")
        status = 1
    sys.stdout.flush()
    sys.exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
