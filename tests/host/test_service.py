#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The installed service on a booted machine: activation, sandbox, root's Podman, recovery.

Runs inside the machine that support.host boots, once with each broker."""

from __future__ import annotations

import os
import pwd
import re
import signal
import stat
import subprocess
from pathlib import Path

from support import machine
from support.client import NAME, Client, wait_until
from support.host import HostBus
from support.tap import equal, main, note, raises, skip, test

UNIT = "containers-eventsd.service"
HISTORY = Path("/var/log/containers-events")
CONFIGURATION = Path("/etc/containers-events/eventsd.conf")
IMAGE = "localhost/bb:1"
CAP_DAC_READ_SEARCH = 1 << 2


def run(*command: str, check: bool = True) -> subprocess.CompletedProcess:
    """Runs a command; it must succeed, unless `check` is off."""
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60,
                            stdin=subprocess.DEVNULL)
    if check and result.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {result.returncode}\n"
                             f"{result.stdout}{result.stderr}\n{journal()}")
    return result


def journal() -> str:
    """What the unit logged."""
    return subprocess.run(["journalctl", "--no-pager", "--output=cat", "--lines=30",
                           f"--unit={UNIT}"],
                          capture_output=True, text=True, check=False).stdout


def shown(name: str) -> str:
    """A property of the unit."""
    return run("systemctl", "show", "--value", f"--property={name}", UNIT).stdout.strip()


def pid() -> int:
    """The daemon's process, or 0."""
    return int(shown("MainPID"))


def status(key: str) -> str:
    """A line of the daemon's /proc/PID/status."""
    text = Path(f"/proc/{pid()}/status").read_text()
    return re.search(rf"^{key}:\s*(.*)$", text, re.MULTILINE)[1]


def inside(*command: str) -> subprocess.CompletedProcess:
    """Runs a command as root, with all capabilities, in the daemon's mount namespace."""
    return run("nsenter", f"--target={pid()}", "--mount", "--", *command, check=False)


def busctl(*arguments: str, user: str = machine.ROOT) -> subprocess.CompletedProcess:
    """Calls the service as an administrator would."""
    entry = pwd.getpwnam(user)
    groups = ["--clear-groups"] if user == machine.ROOT else ["--init-groups"]
    return run("setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", *groups,
               "busctl", "call", NAME, "/org/containers/Events", NAME, *arguments, check=False)


def podman(*arguments: str, check: bool = True) -> subprocess.CompletedProcess:
    """Root's Podman, as it is configured on the machine."""
    return run("podman", *arguments, check=check)


@test
def installing_made_the_user_and_the_group() -> None:
    entry = pwd.getpwnam("containers-events")
    assert 0 < entry.pw_uid < 1000, entry
    assert entry.pw_shell.endswith("nologin"), entry
    assert machine.READER in run("getent", "group", "containers-events").stdout


@test
def the_first_call_starts_it() -> None:
    equal(shown("ActiveState"), "inactive")
    answer = busctl("Query", "ttas", "0", "0", "0")
    equal(answer.returncode, 0, answer.stderr + journal())
    assert answer.stdout.startswith("a(sssssstta{sv})sb "), answer.stdout
    equal((shown("ActiveState"), shown("SubState")), ("active", "running"))


@test
def it_starts_with_the_machine() -> None:
    equal(run("systemctl", "is-enabled", UNIT).stdout.strip(), "enabled")
    assert "multi-user.target" in shown("WantedBy").split()


@test
def it_runs_as_its_user_with_one_capability() -> None:
    user = pwd.getpwnam("containers-events")
    equal(status("Uid").split(), [str(user.pw_uid)] * 4)
    equal(status("Gid").split(), [str(user.pw_gid)] * 4)
    equal(status("Groups").split() or [str(user.pw_gid)], [str(user.pw_gid)])
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        equal(int(status(kind), 16), CAP_DAC_READ_SEARCH, kind)


@test
def its_sandbox_is_real() -> None:
    equal((status("NoNewPrivs"), status("Seccomp")), ("1", "2"))
    ours, its = Path("/proc/self/ns"), Path(f"/proc/{pid()}/ns")
    for namespace in ("mnt", "net", "ipc", "uts"):
        assert os.readlink(its / namespace) != os.readlink(ours / namespace), namespace
    # Its capability must count for whatever a container owns: no user namespace of its own.
    equal(os.readlink(its / "user"), os.readlink(ours / "user"))
    for path in ("/etc/mark", "/usr/mark", "/var/lib/mark", "/run/mark"):
        result = inside("touch", path)
        assert "Read-only file system" in result.stderr, f"{path}: {result}"
    Path("/tmp/mark").touch()
    assert inside("test", "-e", "/tmp/mark").returncode != 0, "it sees /tmp"
    Path("/root/mark").touch()
    assert inside("test", "-e", "/root/mark").returncode != 0, "it sees /root"
    equal(inside("cat", "/etc/shadow").stdout, "")
    equal(inside("touch", f"{HISTORY}/mark").returncode, 0)
    (HISTORY / "mark").unlink()


@test
def its_history_is_its_own() -> None:
    state = HISTORY.stat()
    equal((stat.S_IMODE(state.st_mode), pwd.getpwuid(state.st_uid).pw_name),
          (0o750, "containers-events"))
    files = [path for path in HISTORY.iterdir() if path.is_file()]
    assert files, "no history"
    for path in files:
        equal(stat.S_IMODE(path.stat().st_mode) & 0o007, 0, str(path))


@test
def it_hears_roots_podman() -> None:
    client = Client(HostBus())
    heard = client.listen()
    podman("import", "/srv/image.tar", IMAGE)
    ended = podman("run", "--name", "c1", IMAGE, "sh", "-c", "exit 7", check=False)
    equal(ended.returncode, 7, ended.stderr)
    log = Path("/run/libpod/events")
    equal((stat.S_IMODE(log.stat().st_mode) & 0o077, log.stat().st_uid), (0, 0))
    died = heard.wait(status="died", name="c1")
    equal(died.details["exit_code"], 7)
    equal(died.engine, "podman")
    equal(client.container_exit_code(died.id), 7)
    answer = busctl("Query", "ttas", "0", "0", "2", "container=c1", "event=died")
    assert died.id in answer.stdout, answer


@test
def it_hears_an_exec() -> None:
    client = Client(HostBus())
    heard = client.listen()
    podman("run", "-d", "--name", "c2", IMAGE, "sleep", "600")
    equal(podman("exec", "c2", "sh", "-c", "exit 5", check=False).returncode, 5)
    equal(heard.wait(status="exec_died", name="c2").details["exit_code"], 5)
    podman("rm", "-f", "-t", "0", "c2")
    heard.wait(status="remove", name="c2")


@test
def only_root_and_the_group_may_ask() -> None:
    equal(busctl("Query", "ttas", "0", "0", "0", user=machine.READER).returncode, 0)
    refused = busctl("Query", "ttas", "0", "0", "0", user=machine.NOBODY)
    assert refused.returncode != 0 and "denied" in refused.stderr.lower(), refused
    emit = ("Emit", "ssssssta{sv}", "container", "died", "", "", "", "test", "0", "0")
    refused = busctl(*emit, user=machine.READER)
    assert refused.returncode != 0 and "denied" in refused.stderr.lower(), refused
    allowed = busctl(*emit)
    equal(allowed.returncode, 0, allowed.stderr)


@test
def only_root_and_the_group_hear() -> None:
    root = Client(HostBus())
    reader, nobody = Client(HostBus(), machine.READER), Client(HostBus(), machine.NOBODY)
    heard, nothing = reader.listen(), nobody.listen()
    root.emit(name="c3")
    heard.wait(name="c3")
    nobody.owner()
    equal(nothing.signatures, [])
    with raises("org.freedesktop.DBus.Error.AccessDenied"):
        nobody.query()


@test
def it_recovers_from_every_kill() -> None:
    client = Client(HostBus())
    before = client.get("NewestSeq")
    for _ in range(7):  # by its own limit systemd would give up at the sixth
        owner = client.owner()
        os.kill(pid(), signal.SIGKILL)
        # No call starts it here: systemd does.
        wait_until(lambda owner=owner: client.owner() not in ("", owner), "a new owner", 20)
    equal(client.emit(name="c4"), before + 1)
    equal([event.name for event in client.history("name=c4")], ["c4"])


@test
def it_waits_in_the_real_time_class() -> None:
    """So that it is woken at once. On a machine that may not raise its limit it is given the
    capability, which takes the place of that: the rest of the sandbox is as it is."""
    if run("chrt", "--rr", "1", "true", check=False).returncode != 0:
        skip("nothing may be real-time here")
    drop_in = Path(f"/run/systemd/system/{UNIT}.d/may-be-urgent.conf")
    limit, = re.findall(r"^Max realtime priority +(\d+)",
                        Path(f"/proc/{pid()}/limits").read_text(), re.MULTILINE)
    try:
        if limit == "0":
            note("the limit could not be raised")
            drop_in.parent.mkdir(parents=True)
            drop_in.write_text("[Service]\nAmbientCapabilities=CAP_SYS_NICE\n"
                               "CapabilityBoundingSet=CAP_SYS_NICE\n")
            run("systemctl", "daemon-reload")
            run("systemctl", "restart", UNIT)
        wait_until(lambda: os.sched_getscheduler(pid()) == os.SCHED_RR, "it to wait there")
        equal(os.getpriority(os.PRIO_PROCESS, pid()), -10)
    finally:
        if drop_in.exists():
            drop_in.unlink()
            drop_in.parent.rmdir()
            run("systemctl", "daemon-reload")
            run("systemctl", "restart", UNIT)


@test
def a_broken_configuration_does_not_keep_it_from_answering() -> None:
    good = CONFIGURATION.read_text()
    try:
        CONFIGURATION.write_text("[Log]\nSegmentSize=lots\nNonsense=1\n\0[[[\nno key\n")
        run("systemctl", "restart", UNIT)
        equal(busctl("Query", "ttas", "0", "0", "0").returncode, 0, journal())
        wait_until(lambda: str(CONFIGURATION) in journal(), f"a warning in {journal()}")
    finally:
        CONFIGURATION.write_text(good)
        run("systemctl", "restart", UNIT)


def warnings() -> str:
    """What the running daemon warned of."""
    return run("journalctl", "--no-pager", "--output=cat", "--priority=warning",
               f"_SYSTEMD_INVOCATION_ID={shown('InvocationID')}").stdout


@test
def the_shipped_configuration_is_silent() -> None:
    equal(warnings(), "")


@test
def every_setting_in_the_shipped_configuration_is_known() -> None:
    shipped = CONFIGURATION.read_text()
    settings = re.findall(r"^#(\w+=\S+)$", shipped, re.MULTILINE)
    assert "SegmentSize=32M" in settings, settings
    try:
        CONFIGURATION.write_text(re.sub(r"^#(\w+=\S+)$", r"\1", shipped, flags=re.MULTILINE))
        run("systemctl", "restart", UNIT)
        equal(busctl("Query", "ttas", "0", "0", "0").returncode, 0)
        equal(warnings(), "")
    finally:
        CONFIGURATION.write_text(shipped)
        run("systemctl", "restart", UNIT)


@test
def the_watchdog_ends_what_hangs() -> None:
    equal((shown("Type"), shown("WatchdogUSec"), shown("BusName")), ("notify", "3min", NAME))
    drop_in = Path(f"/run/systemd/system/{UNIT}.d/watchdog.conf")
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\nWatchdogSec=1s\n")
    try:
        run("systemctl", "daemon-reload")
        run("systemctl", "restart", UNIT)
        first, started = pid(), shown("WatchdogTimestampMonotonic")
        wait_until(lambda: shown("WatchdogTimestampMonotonic") != started, "a sign of life")
        equal(pid(), first, "it was restarted though it did not hang")
        os.kill(first, signal.SIGSTOP)
        client = Client(HostBus())
        wait_until(lambda: pid() not in (0, first) and client.owner(), "a new process", 30)
    finally:
        drop_in.unlink()
        run("systemctl", "daemon-reload")
        run("systemctl", "restart", UNIT)
    client.query()


@test
def its_log_level_can_be_set() -> None:
    equal(run("systemctl", "service-log-level", UNIT).stdout.strip(), "info")
    run("systemctl", "service-log-level", UNIT, "debug")
    equal(run("systemctl", "service-log-level", UNIT).stdout.strip(), "debug")


@test
def it_ends_well_and_starts_again_with_a_call() -> None:
    run("systemctl", "stop", UNIT)
    equal((shown("Result"), shown("ExecMainStatus")), ("success", "0"))
    equal(busctl("Query", "ttas", "0", "0", "0").returncode, 0)
    equal(shown("ActiveState"), "active")


@test
def a_user_has_one_too() -> None:
    """The unit for users, with root as the user, for whom no session is needed."""
    started = run("systemctl", "start", "user@0.service", check=False)
    if started.returncode != 0:
        note(started.stderr)
        raise AssertionError("no systemd --user here")
    own = {"XDG_RUNTIME_DIR": "/run/user/0", "HOME": "/root", "PATH": os.environ["PATH"],
           "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/0/bus"}

    def user(*command: str) -> str:
        result = subprocess.run(command, env=own, capture_output=True, text=True, check=False,
                                timeout=60)
        equal(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    answer = user("busctl", "--user", "call", NAME, "/org/containers/Events", NAME, "Query",
                  "ttas", "0", "0", "0")
    assert answer.startswith("a(sssssstta{sv})sb "), answer
    equal(user("systemctl", "--user", "is-active", UNIT).strip(), "active")
    process = int(user("systemctl", "--user", "show", "--value", "--property=MainPID", UNIT))
    text = Path(f"/proc/{process}/status").read_text()
    assert "\nSeccomp:\t2\n" in text and "\nNoNewPrivs:\t1\n" in text, text
    assert (Path("/root/.local/state/containers-events")).is_dir()


if __name__ == "__main__":
    main(private=False)
