#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Backend=journald on a booted machine: the unit, with its user and its sandbox, and the journal
that the machine has.

Runs inside the machine that support.host boots, once with each broker."""

from __future__ import annotations

import json
import pwd
import subprocess
from pathlib import Path

from support.client import Client, wait_until
from support.host import HostBus
from support.tap import equal, main, raises, test

UNIT = "containers-eventsd.service"
CONFIGURATION = Path("/etc/containers-events/eventsd.conf")
ERROR = "org.containers.Events.Error"
EVENT = "MESSAGE_ID=a0de15be25df40bda57ee24830be910a"


def run(*command: str, text: str | None = None) -> str:
    """Runs a command, which must succeed; what it wrote."""
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60,
                            input=text)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {result}")
    return result.stdout


def journal(*arguments: str) -> str:
    """What journalctl says."""
    run("journalctl", "--sync")
    return run("journalctl", "--no-pager", *arguments)


def client() -> Client:
    """Somebody who asks."""
    return Client(HostBus())


def emit(asker: Client, count: int) -> list[int]:
    """Events; their numbers."""
    return [asker.emit(name=f"c{number}", status="died", details={"exit_code": number})
            for number in range(count)]


@test
def it_is_configured() -> None:
    CONFIGURATION.write_text("[Log]\nBackend=journald\n")
    run("systemctl", "restart", UNIT)
    asker = client()
    equal((asker.get("Backend"), asker.get("DegradedReason")), ("journald", ""))
    equal(emit(asker, 5), [1, 2, 3, 4, 5])
    equal([event.name for event in asker.history("container=c3")], ["c3"])


@test
def its_own_user_logs_it() -> None:
    entry = json.loads(journal("--output=json", "--lines=1", EVENT))
    equal(entry["_UID"], str(pwd.getpwnam("containers-events").pw_uid))
    equal(entry["_SYSTEMD_UNIT"], UNIT)
    equal(list(Path("/var/log/containers-events").iterdir()), [])


@test
def journalctl_explains_it() -> None:
    run("journalctl", "--update-catalog")
    text = journal("-x", "--lines=1", EVENT)
    assert "Container c4 died with exit code 4." in text, text
    assert "cevctl query --filter name=c4" in text, text


@test
def it_goes_on_over_restarts_and_rotations() -> None:
    asker = client()
    epoch, cursor = asker.get("Epoch"), asker.query().cursor
    owner = asker.owner()
    run("systemctl", "kill", "--signal=KILL", UNIT)
    wait_until(lambda: asker.owner() not in ("", owner), "a new owner", 20)
    equal(emit(asker, 2), [6, 7])
    run("systemctl", "restart", "systemd-journald.service")
    equal(emit(asker, 2), [8, 9])
    run("journalctl", "--rotate")
    equal(emit(asker, 2), [10, 11])
    run("systemctl", "restart", UNIT)
    equal(emit(asker, 2), [12, 13])
    equal(asker.get("Epoch"), epoch)
    equal([event.seq for event in asker.query_after(cursor).events], list(range(6, 14)))


@test
def more_than_others_may_log_is_kept() -> None:
    """journald lets others log 10,000 messages in 30 s, or some times as many."""
    log = Path("/run/libpod/events/events.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    count, asker = 20_000, client()
    before = asker.get("NewestSeq")
    with log.open("a") as writer:
        for number in range(count):
            writer.write(json.dumps({
                "Name": f"p{number}", "Status": "start", "Type": "container", "ID": "f" * 64,
                "Time": f"2026-11-21T10:00:00.{number:09}Z"}) + "\n")
    wait_until(lambda: asker.get("NewestSeq") >= before + count, "all of them", 60)
    equal(asker.get("DegradedReason"), "")
    equal([event.name for event in asker.history("engine=podman")],
          [f"p{number}" for number in range(count)])


@test
def what_others_log_is_not_its_history() -> None:
    asker = client()
    newest = asker.get("NewestSeq")
    entry = json.loads(journal("--output=json", "--lines=1", EVENT))
    fields = {key: value for key, value in entry.items() if not key.startswith("_")}
    fields["CONTAINERS_EVENTS_SEQ"] = str(newest + 100)
    run("logger", "--journald", text="".join(f"{key}={value}\n" for key, value in fields.items()))
    run("systemctl", "restart", UNIT)
    equal(emit(asker, 1), [newest + 1])


@test
def what_was_vacuumed_has_expired() -> None:
    asker = client()
    cursor, newest = f"{asker.get('Epoch')}:1", asker.get("NewestSeq")
    asker.query_after(cursor)
    run("journalctl", "--rotate", "--vacuum-files=1")
    equal(emit(asker, 1), [newest + 1])
    equal(asker.get("OldestSeq"), newest + 1)
    with raises(f"{ERROR}.CursorExpired"):
        asker.query_after(cursor)


if __name__ == "__main__":
    main(private=False)
