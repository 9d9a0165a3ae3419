#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""containers-events-triggerd as it is installed: what it may do, what a unit finds, one start an
event, whatever happens in between.

Runs inside the machine that support.host boots, once with each broker."""

from __future__ import annotations

import os
import pwd
import random
import re
import shutil
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support import machine
from support.client import Client, DeadlinePassed, wait_until
from support.guest import journal, run
from support.host import HostBus
from support.tap import equal, main, patience, test

UNIT = "containers-events-triggerd.service"
USER = "containers-events-triggerd"
PROGRAM = "/usr/libexec/containers-events-triggerd"
TRIGGERS = Path("/etc/containers-events/triggers.d")
UNITS = Path("/etc/systemd/system")
ENVIRONMENTS = Path("/run/containers-events/trigger")
STATES = Path("/var/lib/containers-events-triggerd")
LEFT_OUT = "f7bbc9358e3c4ceb852881f4bb91bc8e"


class Notes:
    """Units of a template that write down that they ran, with their environment: one file a
    template, one line a start."""

    def __init__(self, name: str, shell: str = "", extra: str = "") -> None:
        self.name = name
        self.path = Path(f"/run/notes-{name}")
        self.path.unlink(missing_ok=True)
        script = Path(f"/run/note-{name}")
        # One write, so that lines of units that run at once do not mix.
        script.write_text(f"#!/bin/sh\n{shell}\n"
                          f'echo "$1 seq=$CONTAINER_EVENT_SEQ name=$CONTAINER_EVENT_NAME'
                          f' code=$CONTAINER_EVENT_EXIT_CODE" >> {self.path}\n')
        script.chmod(0o755)
        (UNITS / f"{name}@.service").write_text(
            f"[Unit]\nCollectMode=inactive-or-failed\n{extra}\n[Service]\nType=oneshot\n"
            f"EnvironmentFile={ENVIRONMENTS}/%N.env\nExecStart={script} %i\n")
        run("systemctl", "daemon-reload")

    def lines(self) -> list[str]:
        """What was written down."""
        return self.path.read_text().splitlines() if self.path.exists() else []

    def seqs(self) -> list[int]:
        """The numbers of the events, in the order of the starts."""
        return [int(re.search(r"seq=(\d+)", line)[1]) for line in self.lines()]

    def wait(self, *seqs: int) -> None:
        """Until these are all that was written down, in any order."""
        until(lambda: sorted(self.seqs()) == sorted(seqs),
                   lambda: f"starts for {seqs}, not {self.seqs()}")


def until(condition: Callable[[], Any], what: Callable[[], str] | str = "",
          deadline: float = 20) -> Any:
    """wait_until() that shows what the daemon said, if it is in vain."""
    try:
        return wait_until(condition, "it", deadline)
    except DeadlinePassed as error:
        raise AssertionError(f"{error}: {what() if callable(what) else what}\n{said()}") from error


def said() -> str:
    """What the daemon logged."""
    return run("journalctl", "--no-pager", "--output=cat", "--lines=40",
               f"--unit={UNIT}").stdout


def trigger(name: str, unit: str, *lines: str) -> None:
    """Writes a trigger on deaths of containers that are for it, and has it read."""
    TRIGGERS.mkdir(parents=True, exist_ok=True)
    (TRIGGERS / f"{name}.trigger").write_text("\n".join(
        ["[Trigger]", "Filter=type=container", "Filter=event=died",
         f"Filter=label=for={name}", f"Unit={unit}", *lines, ""]))
    reload()
    if not any(line.startswith("CatchUp=no") for line in lines):
        until(lambda: (STATES / f"{name}.state").exists(), "its place")


def reload() -> None:
    """Has the triggers read again, or for the first time."""
    if not pid():
        run("systemctl", "start", UNIT)
        return
    before = reloads()
    run("systemctl", "reload", UNIT)
    until(lambda: reloads() > before, "the end of the reload")


def reloads() -> int:
    """How often triggers were read again."""
    return run("journalctl", "--no-pager", "--output=cat",
               f"--unit={UNIT}").stdout.count("The triggers were read again")


def show(name: str, unit: str = UNIT) -> str:
    """A property of the unit."""
    return run("systemctl", "show", "--value", f"--property={name}", unit).stdout.strip()


def pid() -> int:
    """The daemon's process, or 0."""
    return int(show("MainPID"))


def kill() -> None:
    """SIGKILL; returns when it runs again."""
    before = pid()
    os.kill(before, signal.SIGKILL)
    until(lambda: pid() not in (0, before) and show("ActiveState") == "active",
               "another process", 20)


def client() -> Client:
    """Who emits."""
    return Client(HostBus())


def die(trigger_name: str, name: str = "c", code: int = 1, **fields) -> int:
    """A container dies that the trigger is for; the event's number."""
    return client().emit(status="died", name=name, **fields,
                         details={"exit_code": code, "attributes": {"for": trigger_name}})


def as_triggerd(*words: str) -> subprocess.CompletedProcess:
    """Runs a command as its user."""
    entry = pwd.getpwnam(USER)
    return run("setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--init-groups",
               *words, check=False)


def manager(method: str, *arguments: str) -> subprocess.CompletedProcess:
    """Calls systemd as its user would."""
    return as_triggerd("busctl", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                       "org.freedesktop.systemd1.Manager", method, *arguments)


# ---- what it is ----


@test
def installing_made_the_user_who_may_read() -> None:
    entry = pwd.getpwnam(USER)
    assert 0 < entry.pw_uid < 1000, entry
    groups = run("id", "--name", "--groups", USER).stdout.split()
    assert machine.GROUP in groups, groups


@test
def a_death_starts_its_unit_with_its_environment() -> None:
    notes = Notes("first")
    trigger("first", "first@%n.service")
    seq = die("first", "web", 137)
    notes.wait(seq)
    equal(notes.lines(), [f"web seq={seq} name=web code=137"])


@test
def it_runs_as_its_user_without_capabilities() -> None:
    text = Path(f"/proc/{pid()}/status").read_text()
    user = pwd.getpwnam(USER)
    for kind in ("Uid", "Gid"):
        wanted = user.pw_uid if kind == "Uid" else user.pw_gid
        equal(re.search(rf"^{kind}:\s*(.*)$", text, re.MULTILINE)[1].split(), [str(wanted)] * 4)
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        equal(int(re.search(rf"^{kind}:\s*(\w+)$", text, re.MULTILINE)[1], 16), 0, kind)
    equal(re.search(r"^Seccomp:\s*(\d)", text, re.MULTILINE)[1], "2")
    equal(re.search(r"^NoNewPrivs:\s*(\d)", text, re.MULTILINE)[1], "1")


@test
def its_folders_are_its_own() -> None:
    for path in (ENVIRONMENTS, STATES):
        state = path.stat()
        equal((stat.S_IMODE(state.st_mode), state.st_uid), (0o700, pwd.getpwnam(USER).pw_uid),
              str(path))


@test
def it_may_start_what_triggers_name_and_nothing_else() -> None:
    Notes("may")
    (UNITS / "other.service").write_text("[Service]\nType=oneshot\nExecStart=true\n")
    run("systemctl", "daemon-reload")
    trigger("may", "may@%n.service")
    equal(manager("StartUnit", "ss", "may@x.service", "fail").returncode, 0)
    refused = [("StartUnit", "ss", "other.service", "fail"),
               ("StartUnit", "ss", "may@x.socket", "fail"),
               ("StartUnit", "ss", "ssh.service", "fail"),
               ("StopUnit", "ss", "may@x.service", "fail"),
               ("RestartUnit", "ss", "may@x.service", "fail"),
               ("ReloadOrRestartUnit", "ss", "may@x.service", "fail"),
               ("KillUnit", "ssi", "dbus.service", "all", "9"),
               ("StartTransientUnit", "ssa(sv)a(sa(sv))", "may@y.service", "fail", "0", "0"),
               ("SetUnitProperties", "sba(sv)", "dbus.service", "true", "0"),
               ("EnableUnitFiles", "asbb", "1", "other.service", "false", "false"),
               ("Reload",), ("PowerOff",)]
    for call in refused:
        result = manager(*call)
        assert result.returncode != 0, f"{call}: {result}"
        assert re.search("denied|authentication|authorization", result.stderr, re.I), result


@test
def may_start_says_so_by_its_status() -> None:
    trigger("says", "says@%n.service")
    for unit, status in (("says@x.service", 0), ("says@.service", 1), ("sayst@x.service", 1),
                         ("ssh.service", 1), ("-.mount", 1), ("", 1), ("says@a/b.service", 1)):
        result = run(PROGRAM, "--may-start", unit, check=False)
        equal((result.returncode, result.stdout + result.stderr), (status, ""), unit)


@test
def without_polkit_it_says_what_is_missing() -> None:
    notes = Notes("rule")
    rule = Path("/usr/share/polkit-1/rules.d/50-containers-events-triggerd.rules")
    trigger("rule", "rule@%n.service")
    kept = rule.read_text()
    run("systemctl", "mask", "--runtime", "--now", "polkit.service")
    try:
        die("rule")
        until(lambda: "It takes polkit, and its rule" in said())
    finally:
        run("systemctl", "unmask", "--runtime", "polkit.service")
    equal(notes.lines(), [])
    assert kept
    # It goes on as soon as there is one.
    seq = die("rule")
    notes.wait(seq)


# ---- what a unit finds ----


HOSTILE = ["a b", "$(touch /run/pwned)", "`touch /run/pwned`", '"; touch /run/pwned; "',
           "' ; touch /run/pwned ; '", "../../../../etc/passwd", "line\nExecStart=/bin/touch",
           "x\nLD_PRELOAD=/tmp/evil.so", "tab\tand \\ back\\slash\\", "%n%i%%", "-rf", ".", "..",
           "é☃𝄞", "@", "#;=", "x" * 10_000]


@test(deadline=120)
def a_hostile_name_is_data() -> None:
    dump = Path("/run/hostile")
    shutil.rmtree(dump, ignore_errors=True)
    dump.mkdir()
    (UNITS / "hostile@.service").write_text(
        "[Unit]\nCollectMode=inactive-or-failed\n[Service]\nType=oneshot\n"
        f"EnvironmentFile={ENVIRONMENTS}/%N.env\n"
        "ExecStart=/bin/sh -c 'cat /proc/self/environ > /run/hostile/$CONTAINER_EVENT_SEQ.new; "
        "mv /run/hostile/$CONTAINER_EVENT_SEQ.new /run/hostile/$CONTAINER_EVENT_SEQ'\n")
    run("systemctl", "daemon-reload")
    trigger("hostile", "hostile@%n.service")
    before = set(Path("/etc").iterdir()) | set(Path("/run").iterdir())
    wanted = {die("hostile", name): name for name in HOSTILE}
    for seq, name in wanted.items():
        path = dump / str(seq)
        until(path.exists, lambda path=path: f"{path}")
        variables = dict(entry.split("=", 1)
                         for entry in path.read_bytes().decode().split("\0") if "=" in entry)
        # No event has more of it.
        equal(variables["CONTAINER_EVENT_NAME"], name[:2048])
        assert "LD_PRELOAD" not in variables, variables
    equal((set(Path("/etc").iterdir()) | set(Path("/run").iterdir())) - before, set())


@test
def an_environment_file_is_there_while_its_unit_runs() -> None:
    go = Path("/run/go")
    go.unlink(missing_ok=True)
    notes = Notes("stays", f"while [ ! -e {go} ]; do sleep 0.05; done")
    trigger("stays", "stays@%n.service")
    seq = die("stays", "a-b")
    path = ENVIRONMENTS / "stays@ax2db.env"     # a "\" in %N escapes, see environment-file.h
    until(lambda: show("ActiveState", r"stays@a\x2db.service") == "activating")
    state = path.stat()
    equal((stat.S_IMODE(state.st_mode), state.st_uid), (0o600, pwd.getpwnam(USER).pw_uid))
    kill()
    assert path.exists(), "it is gone, though its unit runs"
    go.touch()
    notes.wait(seq)
    until(lambda: not path.exists(), "the end of the file")


@test
def a_file_of_a_unit_that_ended_meanwhile_is_removed() -> None:
    run("systemctl", "stop", UNIT)
    for name, text in (("gone@x.env", "# gone@x.service\nA=1\n"), ("other.env", "A=1\n")):
        (ENVIRONMENTS / name).write_text(text)
    run("systemctl", "start", UNIT)
    until(lambda: not list(ENVIRONMENTS.glob("*.env")), "the end of both")


# ---- each once ----


@test
def a_running_unit_swallows_nothing() -> None:
    notes = Notes("again", "sleep 0.3")
    trigger("again", "again@%n.service")
    seqs = [die("again", "same", code) for code in range(1, 7)]
    notes.wait(*seqs)
    equal(notes.seqs(), seqs, "the order of events")


@test
def what_somebody_else_started_swallows_nothing() -> None:
    go = Path("/run/go")
    go.unlink(missing_ok=True)
    notes = Notes("theirs", f"while [ ! -e {go} ]; do sleep 0.05; done")
    trigger("theirs", "theirs@%n.service")
    (ENVIRONMENTS / "theirs@c.env").write_text("# theirs@c.service\nCONTAINER_EVENT_SEQ=0\n")
    run("systemctl", "start", "--no-block", "theirs@c.service")
    until(lambda: show("SubState", "theirs@c.service") == "start")
    first, second = die("theirs"), die("theirs")
    other = die("theirs", "d")
    until(lambda: show("SubState", "theirs@d.service") == "start")
    go.touch()
    notes.wait(0, first, second, other)


@test
def one_that_runs_long_holds_no_other() -> None:
    go = Path("/run/go")
    go.unlink(missing_ok=True)
    notes = Notes("long", f'[ "$1" != slow ] || while [ ! -e {go} ]; do sleep 0.05; done')
    trigger("long", "long@%n.service")
    slow = [die("long", "slow"), die("long", "slow")]
    quick = [die("long", f"quick{n}") for n in range(5)]
    notes.wait(*quick)
    kill()
    later = die("long", "later")
    notes.wait(*quick, later)
    go.touch()
    notes.wait(*quick, later, *slow)


@test
def two_triggers_may_name_one_unit() -> None:
    notes = Notes("shared", "sleep 0.2")
    trigger("shared", "shared@%n.service")
    (TRIGGERS / "shared2.trigger").write_text((TRIGGERS / "shared.trigger").read_text())
    reload()
    until(lambda: (STATES / "shared2.state").exists())
    seqs = [die("shared") for _ in range(3)]
    notes.wait(*seqs, *seqs)
    (TRIGGERS / "shared2.trigger").unlink()
    reload()


@test
def what_happened_while_it_was_down_is_caught_up_with() -> None:
    notes = Notes("down")
    trigger("down", "down@%n.service")
    first = die("down", "c0")
    notes.wait(first)
    run("systemctl", "stop", UNIT)
    seqs = [die("down", f"c{n}") for n in range(1, 6)]
    run("systemctl", "restart", "containers-eventsd.service")
    run("systemctl", "start", UNIT)
    notes.wait(first, *seqs)


@test
def catch_up_no_begins_now() -> None:
    notes = Notes("never")
    trigger("never", "never@%n.service", "CatchUp=no")
    until(lambda: die("never") and notes.seqs())
    run("systemctl", "stop", UNIT)
    missed = die("never", "missed")
    run("systemctl", "start", UNIT)
    until(lambda: die("never") and notes.seqs()[-1] > missed)
    assert missed not in notes.seqs()
    equal((STATES / "never.state").exists(), False)


@test
def a_trigger_that_is_new_begins_now() -> None:
    notes = Notes("fresh")
    die("fresh", "before")
    trigger("fresh", "fresh@%n.service")
    seq = die("fresh", "after")
    notes.wait(seq)


@test(deadline=150)
def no_kill_makes_it_two_or_none() -> None:
    """It is killed faster than it can find out what became of what it was killed in before."""
    notes = Notes("killed")
    trigger("killed", "killed@%n.service")
    chance, over = random.Random(1), threading.Event()

    def kill_again() -> None:
        while not over.wait(chance.uniform(0, 0.4)):
            run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", UNIT, check=False)

    killer = threading.Thread(target=kill_again)
    killer.start()
    try:
        seqs = [die("killed", f"c{chance.randrange(20)}") for _ in range(100)
                if not time.sleep(chance.uniform(0, 0.12))]
    finally:
        over.set()
        killer.join()
    until(lambda: set(seqs) <= set(notes.seqs()), lambda: f"{notes.seqs()}", 40)
    for seq in seqs:
        wait_for_state("killed", seq)
    notes.wait(*seqs)


@test(deadline=60)
def more_than_it_keeps_account_of_wait_in_the_history() -> None:
    notes = Notes("many")
    trigger("many", "many@%n.service")
    seqs = [die("many", f"c{n}") for n in range(400)]
    until(lambda: len(notes.seqs()) >= len(seqs), lambda: f"{len(notes.seqs())}", 40)
    notes.wait(*seqs)


@test(deadline=150)
def systemd_the_bus_and_the_recorder_may_come_and_go() -> None:
    notes = Notes("turmoil")
    trigger("turmoil", "turmoil@%n.service")
    seqs = [die("turmoil", "a")]
    for command in (("systemctl", "daemon-reload"), ("systemctl", "daemon-reexec"),
                    ("systemctl", "restart", "containers-eventsd.service"),
                    ("systemctl", "kill", "--signal=KILL", "containers-eventsd.service"),
                    ("systemctl", "restart", "dbus.service")):
        run(*command, check=False)
        until(lambda: answers(), "the service", 30)
        seqs += [die("turmoil", f"c{n}") for n in range(3)]
    notes.wait(*seqs)


def answers() -> bool:
    """Whether the service is on the bus, and systemd."""
    result = run("busctl", "call", "org.containers.Events", "/org/containers/Events",
                 "org.freedesktop.DBus.Peer", "Ping", check=False)
    return result.returncode == 0 and run("systemctl", "is-system-running", "--quiet",
                                          check=False).returncode in (0, 1)


# ---- a start that it was killed in ----


# As the daemon sees it, which has a /proc of its own: in a container that is another one.
BOOT: list[str] = []


def remember_boot() -> None:
    """While it runs."""
    text = run("nsenter", f"--target={pid()}", "--mount", "cat",
               "/proc/sys/kernel/random/boot_id").stdout
    BOOT[:] = [text.strip().replace("-", "")]


def stage_crash(name: str, seq: int, unit: str, before: str = "0" * 32) -> None:
    """Writes what would be there if it had been killed between the intent and its end."""
    path = STATES / f"{name}.state"
    history = re.search(r"^cursor (.*):\d+$", path.read_text(), re.MULTILINE)[1]
    usec = time.time_ns() // 1000
    path.write_text(f"containers-events-triggerd 1\ncursor {history}:{seq - 1}\n"
                    f"history {history}\nintent {seq} {BOOT[0]} {before} {usec}\n")
    (ENVIRONMENTS / f"{unit}.env").write_text(f"# {unit}.service\nCONTAINER_EVENT_SEQ={seq}\n")


@test
def a_start_that_was_not_taken_is_made() -> None:
    notes = Notes("window")
    trigger("window", "window@%n.service")
    remember_boot()
    run("systemctl", "stop", UNIT)
    seq = die("window", "c")
    stage_crash("window", seq, "window@c")
    run("systemctl", "start", UNIT)
    notes.wait(seq)
    assert f"intent {seq} " not in wait_for_state("window", seq)


@test
def a_start_that_was_taken_is_not_made_again() -> None:
    """By the journal: the unit has ended, and systemd has forgotten it."""
    notes = Notes("taken")
    trigger("taken", "taken@%n.service")
    remember_boot()
    run("systemctl", "stop", UNIT)
    seq = die("taken", "c")
    stage_crash("taken", seq, "taken@c")
    run("systemctl", "start", "taken@c.service")
    equal(notes.seqs(), [seq])
    run("systemctl", "start", UNIT)
    wait_for_state("taken", seq)
    equal(notes.seqs(), [seq])


@test
def a_start_that_runs_is_not_made_again() -> None:
    go = Path("/run/go")
    go.unlink(missing_ok=True)
    notes = Notes("runs", f"while [ ! -e {go} ]; do sleep 0.05; done")
    trigger("runs", "runs@%n.service")
    remember_boot()
    run("systemctl", "stop", UNIT)
    seq = die("runs", "c")
    stage_crash("runs", seq, "runs@c")
    run("systemctl", "start", "--no-block", "runs@c.service")
    run("systemctl", "start", UNIT)
    wait_for_state("runs", seq)
    go.touch()
    notes.wait(seq)
    assert not (STATES / "runs.state").read_text().count("intent")


@test
def a_start_before_a_reboot_is_made_again() -> None:
    """Unless the journal of that boot has it, which is not there."""
    notes = Notes("boot")
    trigger("boot", "boot@%n.service")
    remember_boot()
    run("systemctl", "stop", UNIT)
    seq = die("boot", "c")
    stage_crash("boot", seq, "boot@c")
    path = STATES / "boot.state"
    path.write_text(re.sub(r"(?m)^(intent \d+) \w+", r"\1 " + "12" * 16, path.read_text()))
    run("systemctl", "start", UNIT)
    notes.wait(seq)


def wait_for_state(name: str, seq: int) -> str:
    """Until the event is dealt with, and that is stored; what is stored."""
    path = STATES / f"{name}.state"

    def is_done() -> bool:
        return int(re.search(r"^cursor .*:(\d+)$", path.read_text(), re.MULTILINE)[1]) >= seq

    until(is_done, path.read_text)
    return path.read_text()


# ---- what cannot be started ----


@test
def a_unit_that_cannot_be_started_is_told_once() -> None:
    (UNITS / "masked@.service").unlink(missing_ok=True)
    (UNITS / "masked@.service").symlink_to("/dev/null")
    run("systemctl", "daemon-reload")
    for name, words in (("missing", "not found"), ("masked", "masked")):
        trigger(name, f"{name}@%n.service")
        seqs = [die(name, f"c{n}") for n in range(5)]
        wait_for_state(name, seqs[-1])
        lines = [line for line in said().splitlines() if line.startswith(f"Trigger {name}:")]
        equal(len(lines), 1, said())
        assert words in lines[0], lines
    # None is left for when it is there.
    notes = Notes("missing")
    seq = die("missing", "late")
    notes.wait(seq)


@test
def a_failing_unit_is_a_start() -> None:
    notes = Notes("fails", "trap 'exit 1' EXIT")
    trigger("fails", "fails@%n.service")
    seqs = [die("fails"), die("fails")]
    notes.wait(*seqs)


# ---- limits ----


def left_out(name: str) -> list[dict]:
    """The records of what a trigger left out."""
    return journal(f"MESSAGE_ID={LEFT_OUT}", f"CONTAINERS_EVENTS_TRIGGER={name}")


@test(deadline=120)
def a_crash_loop_is_limited_and_recorded_once() -> None:
    notes = Notes("loop")
    trigger("loop", "loop@%n.service", "RateLimitIntervalSec=4s", "RateLimitBurst=5")
    now = time.time_ns()
    seqs = [die("loop", "looping", time_nsec=now + n) for n in range(200)]
    until(lambda: left_out("loop"))
    notes.wait(*seqs[:5])
    records = left_out("loop")
    equal(len(records), 1)
    equal((records[0]["CONTAINERS_EVENTS_LEFT_OUT"], records[0]["CONTAINERS_EVENTS_FIRST_SEQ"],
           records[0]["CONTAINERS_EVENTS_LAST_SEQ"], records[0]["_SYSTEMD_UNIT"]),
          ("195", str(seqs[5]), str(seqs[-1]), UNIT))
    seq = die("loop", "looping")
    notes.wait(*seqs[:5], seq)


@test
def a_kill_neither_widens_the_limit_nor_narrows_it() -> None:
    go = Path("/run/go")
    go.unlink(missing_ok=True)
    notes = Notes("narrow", f"while [ ! -e {go} ]; do sleep 0.05; done")
    trigger("narrow", "narrow@%n.service", "RateLimitIntervalSec=1h", "RateLimitBurst=3")
    seqs = [die("narrow", "c") for _ in range(6)]       # the first runs, two wait
    until(lambda: "limit" in (STATES / "narrow.state").read_text())
    kill()
    seqs += [die("narrow", "c")]
    kill()
    go.touch()
    wait_for_state("narrow", seqs[-1])
    notes.wait(*seqs[:3])
    run("systemctl", "stop", UNIT)
    equal([record["CONTAINERS_EVENTS_LEFT_OUT"] for record in left_out("narrow")], ["4"])
    run("systemctl", "start", UNIT)


@test
def an_end_says_what_was_left_out() -> None:
    notes = Notes("ending")
    trigger("ending", "ending@%n.service", "RateLimitIntervalSec=1h", "RateLimitBurst=1")
    seqs = [die("ending") for _ in range(4)]
    notes.wait(seqs[0])
    wait_for_state("ending", seqs[-1])
    run("systemctl", "stop", UNIT)
    equal([record["CONTAINERS_EVENTS_LEFT_OUT"] for record in left_out("ending")], ["3"])
    run("systemctl", "start", UNIT)


@test
def coalesced_events_are_one_start_for_the_last() -> None:
    notes = Notes("merged")
    trigger("merged", "merged@%n.service", "CoalesceSec=2s")
    seqs = [die("merged", "one", code) for code in range(20)]
    other = die("merged", "two")
    notes.wait(seqs[-1], other)
    wait_for_state("merged", other)
    equal(len(notes.seqs()), 2)


# ---- reload ----


@test
def a_reload_changes_what_changed() -> None:
    notes, others = Notes("before"), Notes("behind")
    trigger("change", "before@%n.service")
    first = die("change")
    notes.wait(first)
    process = pid()
    trigger("change", "behind@%n.service")
    second = die("change")
    others.wait(second)
    trigger("change", "behind@%n.service", "Filter=exit_code=9")
    die("change", code=1)
    third = die("change", code=9)
    others.wait(second, third)
    equal(notes.seqs(), [first])
    equal(pid(), process)


@test
def a_broken_trigger_is_told_and_mended() -> None:
    notes = Notes("broken")
    trigger("broken", "broken@%n.service")
    good = (TRIGGERS / "broken.trigger").read_text()
    (TRIGGERS / "broken.trigger").write_text(good.replace("Unit=broken@%n", "Unit=broken@%q"))
    reload()
    until(lambda: "Trigger broken does not run" in said())
    seq = die("broken")
    (TRIGGERS / "broken.trigger").write_text(good)
    reload()
    notes.wait(seq)


@test
def a_filter_that_the_service_refuses_is_told() -> None:
    trigger("refused", "refused@%n.service")
    path = TRIGGERS / "refused.trigger"
    path.write_text(path.read_text() + "Filter=exit_code=many\n")
    reload()
    until(lambda: re.search("refused.*(until its filters|does not run)", said()))
    path.unlink()
    reload()


@test
def a_masked_trigger_forgets_and_a_removed_one_too() -> None:
    notes = Notes("masks")
    trigger("masks", "masks@%n.service")
    path = TRIGGERS / "masks.trigger"
    good = path.read_text()
    for away in (lambda: path.write_text(""), path.unlink):
        away()
        reload()
        equal((STATES / "masks.state").exists(), False)
        die("masks", "meanwhile")
        path.write_text(good)
        reload()
        until(lambda: (STATES / "masks.state").exists())
    seq = die("masks", "after")
    notes.wait(seq)


@test
def the_watchdog_ends_what_hangs() -> None:
    equal((show("Type"), show("WatchdogUSec")), ("notify", "3min"))
    drop_in = Path(f"/run/systemd/system/{UNIT}.d/watchdog.conf")
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text("[Service]\nWatchdogSec=1s\n")
    try:
        run("systemctl", "daemon-reload")
        run("systemctl", "restart", UNIT)
        first, started = pid(), show("WatchdogTimestampMonotonic")
        until(lambda: show("WatchdogTimestampMonotonic") != started, "a sign of life")
        equal(pid(), first, "it was restarted though it did not hang")
        os.kill(first, signal.SIGSTOP)
        until(lambda: pid() not in (0, first), "a new process", 30)
    finally:
        drop_in.unlink()
        run("systemctl", "daemon-reload")
        run("systemctl", "restart", UNIT)


@test
def its_status_says_what_it_does() -> None:
    until(lambda: re.match(r"\d+ triggers, \d+ starts waiting, \d+ units running$",
                                show("StatusText")), lambda: show("StatusText"),
               patience(10))


if __name__ == "__main__":
    main(private=False)
