#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A history that is kept within its bounds: what goes, and what can be asked for all the same."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dbus
from support.bus import Bus
from support.client import Client, wait_until
from support.disk import tmpfs
from support.service import Service
from support.tap import equal, main, note, raises, test

SMALL = {"Log": {"SegmentSize": "16K", "MaxSize": "64K", "KeepFree": "0"}}
CONTAINER = "c" * 64


def exec_id(number: int) -> str:
    """The ID of an exec."""
    return f"{number:012x}" + "0" * 52


def record_execs(client: Client, first: int, last: int, team: str = "payments") -> None:
    """Lets execs end, each with a code of its own."""
    for number in range(first, last + 1):
        client.emit(status="exec_died", id=CONTAINER, name="web", image="localhost/bb:latest",
                    details={"exec_id": exec_id(number), "exit_code": number % 256,
                             "evidence": "exit-file", "attributes": {"team": team}})


def flood(client: Client, count: int) -> None:
    """Health checks, without waiting for each."""
    for _ in range(count):
        client.emit(status="health_status", id=CONTAINER, name="web", image="localhost/bb:latest",
                    details={"health_status": "healthy", "attributes": {"team": "payments"}})


def check_codes(client: Client, numbers: range) -> None:
    """All are known."""
    for number in numbers:
        equal(client.exec_exit_code(exec_id(number)), number % 256, f"exec {number}")


def files(folder: Path, pattern: str) -> list[Path]:
    """Of the history."""
    return sorted(folder.glob(pattern))


@test
def exit_codes_are_known_when_their_events_are_gone() -> None:
    with Bus() as bus, Service(bus, config=SMALL) as service:
        client = bus.client()
        client.emit(status="died", id="d" * 64, details={"exit_code": 42})
        record_execs(client, 1, 600)
        wait_until(lambda: client.get("LogSize") <= 64 * 1024, "a history that is small enough")
        assert client.get("OldestSeq") > 1
        kept = client.history()
        assert len(kept) < 300, len(kept)
        equal(kept[0].seq, client.get("OldestSeq"))
        for _ in range(2):
            check_codes(client, range(1, 601, 20))
            equal(client.exec_exit_code(exec_id(1)[:63]), 1, "by a prefix")
            equal(client.container_exit_code("d" * 64), 42)
            with raises("org.containers.Events.Error.NoSuchExec"):
                client.exec_exit_code(exec_id(601))
            service.restart()
        assert files(service.history, "exits-*.log")
        for line in files(service.history, "exits-*.log")[0].read_text().splitlines()[1:]:
            assert len(line) < 330, line
            record = json.loads(line)
            if record["Status"] == "exec_died":
                equal((record["ID"], record["Engine"], record["Evidence"]),
                      (CONTAINER, "test", "exit-file"))


def end_exec(client: Client, exec_id: str, code: int | None) -> None:
    """One word of an exec's end."""
    details = {"exec_id": exec_id} | ({} if code is None else {"exit_code": code})
    client.emit(status="exec_died", id=CONTAINER, details=details)


@test
def the_first_word_counts_also_when_it_is_gone() -> None:
    """Of an exec session, over restarts, and when the table has to be made again; and what is not
    known stays so."""
    twice, later, never, late = ("a" * 64, "b" * 64, "e" * 64, "f" * 64)
    with Bus() as bus, Service(bus, config=SMALL) as service:
        client = bus.client()
        for known, codes in ((twice, (3, 137)), (later, (None, 4, 5)), (never, (None, None)),
                             (late, (6,))):
            for code in codes:
                end_exec(client, known, code)
        client.emit(status="died", id="d" * 64, details={"exit_code": 1})
        client.emit(status="died", id="d" * 64, details={"exit_code": 2})
        client.emit(status="remove", id="d" * 64)
        record_execs(client, 1, 600)
        wait_until(lambda: client.get("LogSize") <= 64 * 1024, "a history that is small enough")
        assert not client.history("exec=" + twice), "its events are gone"
        end_exec(client, late, 7)

        for beforehand in (lambda: None, service.restart, lambda: forget_table(service)):
            beforehand()
            for known, code in ((twice, 3), (later, 4), (late, 6)):
                equal(client.exec_exit_code(known), code, known)
                equal(client.wait_exec_exit(known).code(), code, known)
                equal(client.exec_exit_code(known[:12]), code, known[:12])
            equal(client.container_exit_code("d" * 64), 2)
            for said in (raised(lambda: client.exec_exit_code(never)),
                         client.wait_exec_exit(never).error()[0]):
                equal(said, "org.containers.Events.Error.ExitCodeUnknown")


def forget_table(service: Service) -> None:
    """Starts it without the table of exit codes."""
    service.stop()
    (service.history / "exits.table").unlink()
    service.start()


def raised(call: Callable[[], Any]) -> str:
    """The name of the error that a call ends with."""
    try:
        return f"answered: {call()}"
    except dbus.DBusException as error:
        return error.get_dbus_name()


@test
def a_flood_of_health_checks_leaves_what_is_rare() -> None:
    """Many times MaxSize of it, with something rare in between."""
    with Bus() as bus, Service(bus, config=SMALL) as service:
        client = bus.client()
        cursor = ""
        for number in range(1, 31):
            client.emit(status="start", id=CONTAINER, name=f"rare{number}")
            if number == 2:
                cursor = client.query_after("").cursor
            flood(client, 60)
        wait_until(lambda: client.get("LogSize") <= 64 * 1024, "a history that is small enough")
        for _ in range(2):
            events = client.history()
            equal([event.name for event in events if event.status == "start"],
                  [f"rare{number}" for number in range(1, 31)])
            assert len(events) < 500, len(events)
            equal(sorted(event.seq for event in events), [event.seq for event in events])
            # A cursor behind an event that is gone is as good as any.
            page = client.query_after(cursor, 0, ["event=start"])
            equal([event.name for event in page.events], [f"rare{n}" for n in range(3, 31)])
            service.restart()
        note(f"{client.get('NewestSeq')} events, {len(events)} kept")
        assert any('"Thinned":{"health_status":' in path.read_text().splitlines()[0]
                   for path in files(service.history, "events-*.log"))
        assert "damaged" not in service.log(), service.log()


@test
def a_flood_of_health_checks_execs_leaves_those_of_people() -> None:
    """Neither pushes their events out, nor what is kept of them when they are gone."""
    with Bus() as bus, Service(bus, config=SMALL) as service:
        client = bus.client()
        for number in range(1, 31):
            record_execs(client, number, number)
            for check in range(40):
                client.emit(status="exec_died", id=CONTAINER, name="web", details={
                    "exec_id": exec_id(number * 1000 + check), "exit_code": 1,
                    "reason": "health_check", "evidence": "exit-file",
                    "attributes": {"team": "payments"}})
        wait_until(lambda: client.get("LogSize") <= 64 * 1024, "a history that is small enough")
        events = client.history()
        equal([event.details["exec_id"] for event in events if "reason" not in event.details],
              [exec_id(number) for number in range(1, 31)])
        assert any('"exec_died":' in path.read_text().splitlines()[0]
                   for path in files(service.history, "events-*.log"))

        # More than there is room for: the first of them are known by what is kept.
        record_execs(client, 31, 400)
        wait_until(lambda: client.get("OldestSeq") > 1000 and client.get("LogSize") <= 64 * 1024,
                   "the first to be gone")
        kept = "".join(path.read_text() for path in files(service.history, "exits-*.log"))
        assert exec_id(1) in kept and "health_check" not in kept
        for _ in range(2):
            check_codes(client, range(1, 401, 9))
            for check in range(40):
                with raises("org.containers.Events.Error.NoSuchExec"):
                    client.exec_exit_code(exec_id(1000 + check))
            service.history.chmod(0o750)
            result = service.cevctl("verify", "--directory", str(service.history))
            equal(result.returncode, 0, result.stdout + result.stderr)
            assert "missing" not in result.stdout, result.stdout
            service.restart()


@test
def a_follower_passes_over_what_was_taken_out() -> None:
    """It neither asks for ever nor says that something is missing."""
    with Bus() as bus, Service(bus, config=SMALL) as service:
        client = bus.client()
        for number in range(1, 9):
            client.emit(status="start", id=CONTAINER, name=f"rare{number}")
            flood(client, 60)
        wait_until(lambda: client.get("LogSize") <= 64 * 1024, "a history that is small enough")
        result = service.cevctl("events", "--since", "1h", "--stream=false")
        equal(result.returncode, 0, result.stderr)
        equal(result.stderr, "")
        equal(len(result.stdout.splitlines()), len(client.history()))
        for number in range(1, 9):
            equal(result.stdout.count(f"name=rare{number}"), 1, f"rare{number}")


def make_old(path: Path, days: int) -> None:
    """As if it had been written to that long ago."""
    then = time.time() - days * 24 * 3600
    os.utime(path, (then, then))


@test
def what_was_recorded_too_long_ago_goes() -> None:
    config = {"Log": {**SMALL["Log"], "MaxSize": "1M", "MaxAge": "30d"}}
    with Bus() as bus, Service(bus, config=config) as service:
        client = bus.client()
        # What an engine says of the time does not count.
        client.emit(status="start", name="from 1970", time_nsec=1)
        record_execs(client, 1, 200)
        equal(client.get("OldestSeq"), 1)
        service.stop()
        oldest = files(service.history, "events-*.log")[0]
        make_old(oldest, 31)
        service.start()
        wait_until(lambda: client.get("OldestSeq") > 1, "the removal of what is too old")
        assert not oldest.exists()
        check_codes(client, range(1, 201, 10))


@test
def what_is_recorded_ages_without_a_new_event() -> None:
    config = {"Log": {**SMALL["Log"], "MaxAge": "2s"}}
    with Bus() as bus, Service(bus, config=config):
        client = bus.client()
        record_execs(client, 1, 3)
        wait_until(lambda: client.get("OldestSeq") == 0, "the end of all events", 20)
        equal(client.history(), [])
        check_codes(client, range(1, 4))
        record_execs(client, 4, 4)
        equal([event.seq for event in client.history()], [4])


@test
def room_is_left_on_the_disk() -> None:
    config = {"Log": {"SegmentSize": "16K", "MaxSize": "4M", "KeepFree": "20%"}}
    with tmpfs("1m") as disk, Bus() as bus:
        history = disk / "history"
        with Service(bus, history=history, config=config) as service:
            client = bus.client()

            def free() -> float:
                stat = os.statvfs(disk)
                return stat.f_bavail / stat.f_blocks

            record_execs(client, 1, 600, "payments" * 40)
            before = client.get("LogSize")
            (disk / "of others").write_bytes(b"x" * 400 * 1024)
            assert free() < 0.2, free()
            record_execs(client, 601, 601)
            wait_until(lambda: free() >= 0.2, "room")
            assert client.get("LogSize") < before
            assert len(client.history()) > 50
            equal(client.get("Degraded"), False)
            check_codes(client, range(1, 602, 50))

            # More than can be made good: the rest of the history stays.
            with (disk / "more of others").open("wb") as file:
                file.write(b"x" * int((free() - 0.05) * 1024 * 1024))
            service.restart()
            wait_until(lambda: len(files(history, "events*.log")) <= 12, "what can be done")
            assert client.history()
            check_codes(client, range(1, 602, 50))
            assert "Traceback" not in service.log()


if __name__ == "__main__":
    main()
