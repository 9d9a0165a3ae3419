# SPDX-License-Identifier: Apache-2.0
"""containers-events-triggerd on the machine that support.host boots.

    notes = Notes("web")                     a template web@.service whose units write down that
                                             they ran, with their environment
    trigger("web", "web@%n.service", ...)    a trigger on deaths of containers that are for it
    seq = die("web", "name", code)           such a death; its number
    notes.wait(seq, ...)                     until these were started, and no others: .lines(),
                                             .seqs() in the order of the starts

    kill()                                   SIGKILL, and back again
    reload()                                 have the triggers read again
    wait_for_state("web", seq)               until it is dealt with, and that is stored
    left_out("web")                          the records of what its limit left out
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.client import Client, DeadlinePassed, wait_until
from support.guest import journal, run
from support.host import HostBus

UNIT = "containers-events-triggerd.service"
TRIGGERS = Path("/etc/containers-events/triggers.d")
UNITS = Path("/etc/systemd/system")
ENVIRONMENTS = Path("/run/containers-events/trigger")
STATES = Path("/var/lib/containers-events-triggerd")
LEFT_OUT = "f7bbc9358e3c4ceb852881f4bb91bc8e"


class Notes:
    """Units of a template that write down that they ran, with their environment: one file a
    template, one line a start."""

    def __init__(self, name: str, shell: str = "") -> None:
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
            f"[Unit]\nCollectMode=inactive-or-failed\n[Service]\nType=oneshot\n"
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
          "another process")


def client() -> Client:
    """Who emits."""
    return Client(HostBus())


def die(trigger_name: str, name: str = "c", code: int = 1, **fields) -> int:
    """A container dies that the trigger is for; the event's number."""
    return client().emit(status="died", name=name, **fields,
                         details={"exit_code": code, "attributes": {"for": trigger_name}})


def wait_for_state(name: str, seq: int) -> str:
    """Until the event is dealt with, and that is stored; what is stored."""
    path = STATES / f"{name}.state"

    def is_done() -> bool:
        return int(re.search(r"^cursor .*:(\d+)$", path.read_text(), re.MULTILINE)[1]) >= seq

    until(is_done, path.read_text)
    return path.read_text()


def left_out(name: str) -> list[dict]:
    """The records of what a trigger left out."""
    return journal(f"MESSAGE_ID={LEFT_OUT}", f"CONTAINERS_EVENTS_TRIGGER={name}")
