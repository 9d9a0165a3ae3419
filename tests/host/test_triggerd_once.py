#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each event starts its unit once: whatever runs already, and whoever is killed in between.

Runs inside the machine that support.host boots, once with each broker."""

from __future__ import annotations

import random
import re
import threading
import time
from pathlib import Path

from support.guest import run
from support.tap import equal, main, test
from support.triggerd import (ENVIRONMENTS, STATES, TRIGGERS, UNIT, Notes, die, kill, pid, reload,
                              said, show, trigger, until, wait_for_state)


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
def another_history_begins_where_the_old_one_ended() -> None:
    notes = Notes("wiped")
    trigger("wiped", "wiped@%n.service")
    first = die("wiped", "old")
    notes.wait(first)
    wait_for_state("wiped", first)
    run("systemctl", "stop", UNIT, "containers-eventsd.service")
    for path in Path("/var/log/containers-events").iterdir():
        if path.is_file():
            path.unlink()
    die("wiped", "renumbered", time_nsec=time.time_ns() - 3600 * 10**9)
    second = die("wiped", "new")
    run("systemctl", "start", UNIT)
    notes.wait(first, second)


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
    notes = Notes("queue")
    trigger("queue", "queue@%n.service")
    seqs = [die("queue", f"c{n}") for n in range(400)]
    until(lambda: len(notes.seqs()) >= len(seqs), lambda: f"{len(notes.seqs())}", 40)
    notes.wait(*seqs)


@test(deadline=90)
def a_unit_that_hangs_holds_a_trigger_and_is_named() -> None:
    go = Path("/run/go")
    go.unlink(missing_ok=True)
    notes = Notes("held", f'[ "$1" != hangs ] || while [ ! -e {go} ]; do sleep 0.05; done')
    trigger("held", "held@%n.service")
    for _ in range(257):
        die("held", "hangs")
    last = die("held", "other")
    until(lambda: re.search(r"held goes no further: 25\d starts wait for held@hangs\.service",
                            said()), deadline=40)
    assert last not in notes.seqs()
    go.touch()
    until(lambda: last in notes.seqs(), deadline=40)


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


@test(deadline=60)
def many_triggers_outlive_the_service() -> None:
    """More than dbus-daemon has rules for on one connection."""
    notes = Notes("crowd")
    for n in range(400):
        (TRIGGERS / f"crowd{n}.trigger").write_text(
            "[Trigger]\nFilter=event=died\n"
            f"Filter=label=for=crowd{n}\nUnit=crowd@{n}.service\n")
    reload()
    until(lambda: len(list(STATES.glob("crowd*.state"))) == 400, "their places", 40)
    seqs = [die(f"crowd{n}") for n in (0, 199, 399)]
    notes.wait(*seqs)
    for n in range(200, 400):
        (TRIGGERS / f"crowd{n}.trigger").unlink()
    reload()
    run("systemctl", "restart", "containers-eventsd.service")
    until(answers, "the service")
    notes.wait(*seqs, *[die(f"crowd{n}") for n in (0, 199)])
    for n in range(200):
        (TRIGGERS / f"crowd{n}.trigger").unlink()
    reload()


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


if __name__ == "__main__":
    main(private=False)
