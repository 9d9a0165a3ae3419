#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""cevctl export and import: a history that was taken out, wiped and brought back is the same, doing
it again changes nothing, and nobody is signalled."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dbus

from support import machine
from support.bus import BROKERS, Bus
from support.client import Client, Event, wait_until
from support.podman_log import without_seq
from support.podman_scene import scene as podman_scene
from support.podman_scene import wait_for
from support.service import REPORT, Service, cevctl
from support.tap import equal, main, patience, test

SECOND = 10**9
NOON = 1_763_812_800 * SECOND  # 2025-11-22 12:00:00 UTC
NOT_OURS = ("Seq", "Position", "CRC", "Backlog")

KNOWN: dict[str, Any] = {
    "exit_code": dbus.Int32(-1), "exec_id": "e" * 64, "pod_id": "p" * 64, "network": "net",
    "health_status": "healthy", "error": "it broke", "oom_killed": True,
    "uid": dbus.UInt32(4294967295), "attributes": {"b": "1", "a": "", "ä 鯨 \n\t\"\\": "💡\x01\x7f"},
    "synthetic": True, "reason": "because", "evidence": "exit-file",
}
EXTRA: dict[str, Any] = {
    "yes": True, "no": False, "int64": dbus.Int64(-2**63), "uint64": dbus.UInt64(2**64 - 1),
    "double": 0.1, "text": "ö\n\u009b", " ": "x", "Seq": "not ours", "CRC": "not ours",
    "tiny": 5e-324, "whole": 3.0,
    ',"Seq":99': ',"Seq":99', ',"CRC":"00000000"}': "x", "large": 1e300,
}


def run(bus: Bus, *arguments: str, status: int = 0, says: str = "", given: bytes | None = None,
        user: str = machine.ROOT, **options: Any) -> str:
    """Runs cevctl, which must end with this status; returns what it prints."""
    command = [cevctl(), *arguments]
    if user != machine.ROOT:
        uid, gid = machine.ids(user)
        command = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--init-groups", *command]
    result = subprocess.run(command, check=False, env=bus.environment, capture_output=True,
                            input=given or b"", timeout=patience(60), **options)
    errors = result.stderr.decode()
    assert not REPORT.search(errors), errors
    equal(result.returncode, status, f"{arguments}: {errors}")
    assert says in errors if says else not errors, f"{errors!r} is not {says!r}"
    return result.stdout.decode()


def counts(imported: int = 0, known: int = 0, refused: int = 0) -> str:
    """The summary."""
    return f"{imported} imported, {known} already there, {refused} refused\n"


def content(text: str) -> list[dict[str, Any]]:
    """The events of an export, without what another history has otherwise."""
    return [{key: value for key, value in json.loads(line).items() if key not in NOT_OURS}
            for line in text.splitlines()]


def play(client: Client, count: int = 40) -> None:
    """Something of everything that the service records."""
    chance = random.Random(count)
    for kind in ("container", "pod", "image", "volume", "network", "secret", "artifact", "machine",
                 "system"):
        client.emit(kind, "create", chance.randbytes(32).hex(), "name", "image",
                    time_nsec=NOON + chance.randrange(SECOND))
    client.emit("container", "a-b_c.d:E9", "i" * 64, 'n"ä\\', "docker.io/nginx:1", "my.engine-2",
                2**63 - 1, KNOWN | EXTRA)
    client.emit(time_nsec=1)
    client.emit("system", "lost", engine="podman", time_nsec=NOON, details={
        "reason": "the log was cut", "lost_since_nsec": dbus.Int64(NOON - SECOND),
        "lost_until_nsec": dbus.Int64(NOON)})
    for _ in range(3):  # three that are the same
        client.emit("container", "exec_died", "c" * 64, "web", time_nsec=NOON,
                    details={"exit_code": 0})
    client.emit("container", "exec_died", "c" * 64, "web", time_nsec=NOON)
    client.emit("container", "exec_died", "c" * 64, "web", time_nsec=NOON,
                details={"exit_code": 0, "attributes": {"a": "b"}})
    client.emit("container", "died", "c" * 64, "n" * 5000, time_nsec=NOON, details={
        "error": "e" * 100_000, "exit_code": 7,
        "attributes": {f"key-{number:04}": "x" * 100 for number in range(2000)}})
    for number in range(count):
        client.emit("container", chance.choice(["start", "died"]), chance.randbytes(32).hex(),
                    f"c{number}", time_nsec=NOON + chance.randrange(60 * SECOND))


N_PLAYED = 18


@contextlib.contextmanager
def two() -> Iterator[tuple[Bus, Service, Path]]:
    """A service with events, and a folder; wipe() gives it another history."""
    with Bus() as bus, Service(bus) as service:
        yield bus, service, machine.folder("files")


def wipe(service: Service) -> None:
    """Another history, empty."""
    service.stop()
    for path in service.history.iterdir():
        path.unlink()
    service.start()


@test(deadline=120)
def all_of_it_survives() -> None:
    with two() as (bus, service, folder):
        client = bus.client()
        play(client)
        n = N_PLAYED + 40
        equal(client.get("NewestSeq"), n)
        before = run(bus, "export")
        equal(len(before.splitlines()), n)
        equal(run(bus, "export", str(folder / "export")), "")
        equal((folder / "export").read_text(), before)
        equal((folder / "export").stat().st_mode & 0o777, 0o600)

        wipe(service)
        client = bus.client()
        heard = client.listen()
        equal(run(bus, "import", str(folder / "export")), counts(n))
        after = run(bus, "export")
        equal(content(after), content(before))
        equal(run(bus, "import", given=before.encode()), counts(0, n))
        equal(run(bus, "import", "-", given=after.encode()), counts(0, n))
        equal(content(run(bus, "export")), content(before))
        assert all(event.details["backlog"] for event in client.history())
        client.emit(name="new")
        heard.wait(name="new")
        equal(len(heard.events), 1)


@test
def each_is_imported_as_often_as_it_is_there() -> None:
    with two() as (bus, _, _folder):
        client = bus.client()
        event = {"type": "container", "status": "exec_died", "id": "c" * 64, "time_nsec": NOON}
        for _ in range(3):
            client.emit(**event)
        lines = run(bus, "export").splitlines(keepends=True)
        equal(run(bus, "import", given="".join(lines * 2).encode()), counts(3, 3))
        equal(run(bus, "import", given="".join(lines * 2).encode()), counts(0, 6))
        equal(run(bus, "import", given=lines[0].encode()), counts(0, 1))
        equal(json.loads(run(bus, "import", "--json", given=lines[0].encode())),
              {"Imported": 0, "AlreadyThere": 1, "Refused": 0})


@test(deadline=120)
def an_import_that_was_too_large_for_the_service_changes_nothing_again() -> None:
    """The service cuts what is too large, and so has another event than the file."""
    lines = b"".join(json.dumps(line).encode() + b"\n" for line in (
        {"Status": "died", "Time": "2025-11-22T12:00:00Z", "Type": "container", "ID": "a" * 64,
         "Name": "n" * 5000},
        {"Status": "died", "Time": "2025-11-22T12:00:01Z", "Type": "container", "ID": "b" * 64,
         "Attributes": {f"key-{number}": "x" * 100 for number in range(2000)}},
        {"Status": "died", "Time": "2025-11-22T12:00:02Z", "Type": "container", "ID": "c" * 64,
         "Attributes": {"key": "x" * 1500}}))
    with two() as (bus, _, _folder):
        equal(run(bus, "import", given=lines), counts(3))
        equal(run(bus, "import", given=lines), counts(0, 3))
        equal([event.details.get("truncated", False) for event in bus.client().history()],
              [True, True, False])


@test(deadline=120)
def the_files_of_another_history_are_taken() -> None:
    with two() as (bus, service, folder):
        service.configure(Log={"SegmentSize": "16K"})
        service.restart()
        play(bus.client(), 200)
        before = run(bus, "export")
        for path in service.history.glob("events*.log"):
            (folder / path.name).write_bytes(path.read_bytes())
        files = sorted(str(path) for path in folder.iterdir())
        assert len(files) > 2, files
        wipe(service)
        equal(run(bus, "import", *files), counts(N_PLAYED + 200))
        equal(content(run(bus, "export")), content(before))
        equal(run(bus, "import", *files), counts(0, N_PLAYED + 200))
        # The same events twice in one call.
        equal(run(bus, "import", "-", *files[:1], given=before.encode()).split(",")[0],
              "0 imported")


@test
def a_damaged_line_is_named_and_left_out() -> None:
    with two() as (bus, service, folder):
        client = bus.client()
        for number in range(6):
            client.emit(name=f"e{number}", time_nsec=NOON)
        lines = run(bus, "export").encode().splitlines(keepends=True)
        wipe(service)
        lines[1] = lines[1].replace(b'"e1"', b'"e9"')
        lines[3] = b"garbage\n"
        lines[4] = lines[4][:30]
        (folder / "bad\x1b").write_bytes(b"".join(lines))
        text = run(bus, "import", str(folder / "bad\x1b"), status=1,
                   says="bad\\x1b:2: The line was")
        equal(text, counts(2, 0, 3))  # the torn line swallows what comes behind it
        more = b'{"Seq":1}\n' * 30 + b'"text"\n\n{"Type":"container"}\n' + b"x" * 3_000_000
        run(bus, "import", given=more, status=1, says="There are 13 more such lines")
        equal([event.name for event in bus.client().history()], ["e0", "e2"])
        # Who left the checksum out has nothing to check.
        changed = json.loads(lines[0])
        del changed["CRC"]
        changed["Name"] = "by hand"
        equal(run(bus, "import", given=json.dumps(changed).encode()), counts(1))


WRONG = [
    {"Status": ""}, {"Type": None}, {"Time": "yesterday"}, {"Time": "2025-02-29T00:00:00Z"},
    {"Time": 5}, {"ContainerExitCode": "x"}, {"UID": -1}, {"Seq": "x"}, {"Attributes": {"a": 1}},
    {"Attributes": []}, {"OOMKilled": 1}, {"Extra": {"a": []}}, {"Extra": 1}, {"Name": "a\0b"},
    {"Status": "x" * 65}, {"Engine": "a b"},
]


@test
def what_cannot_be_is_refused() -> None:
    good = {"Status": "x y", "Time": "1970-01-01T01:00:00+01:00", "Type": "of its own", "Seq": 1,
            "Engine": "e", "ContainerExitCode": -70000, "ignored": 1}
    with two() as (bus, _, _folder):
        lines = b"".join(json.dumps(good | wrong).encode() + b"\n" for wrong in WRONG)
        equal(run(bus, "import", given=lines, status=1, says="standard input:1: "),
              counts(0, 0, len(WRONG)))
        equal(run(bus, "import", given=json.dumps(good).encode()), counts(1))
        equal(run(bus, "import", given=json.dumps(good).encode()), counts(0, 1))
        event, = bus.client().history()
        equal((event.type, event.status, event.time_nsec, event.details),
              ("of its own", "x y", 0, {"exit_code": -70000, "backlog": True, "ignored": 1}))
        equal(run(bus, "import", given=b""), counts())
        run(bus, "import", "/no/such", status=1, says="/no/such: No such file")
        run(bus, "import", "/", status=1, says="/: Is a directory")
        run(bus, "export", "/no/such", status=1, says="/no/such: No such file")
        run(bus, "export", "a", "b", status=2, says="Give one file")
        run(bus, "export", "--since", "x", status=2, says="not a time")


@test
def what_cevctl_prints_is_taken_too() -> None:
    with two() as (bus, service, _folder):
        play(bus.client())
        before = run(bus, "export")
        printed = run(bus, "query", "--json")
        wipe(service)
        text = run(bus, "import", given=printed.encode())
        equal(text, counts(N_PLAYED + 40))
        for one, other in zip(content(run(bus, "export")), content(before), strict=True):
            equal(one, other)


@test
def a_part_can_be_exported() -> None:
    with two() as (bus, _, folder):
        play(bus.client())
        n_died = len(bus.client().history("event=died"))
        path = folder / "part"
        path.write_text("old")
        run(bus, "export", "--filter", "event=died", str(path))
        lines = path.read_text().splitlines()
        equal(len(lines), n_died)
        for line in lines:
            head, crc = line.rsplit(',"CRC":"', 1)
            equal(crc, f'{zlib.crc32(head.encode()):08x}"}}')
        equal(sorted(os.listdir(folder)), ["part"])
        equal(run(bus, "export", "--since", "2035-01-01", "--until", "2036-01-01"), "")


@test(each=["running", "gone"])
def podmans_log_is_taken_once(state: str) -> None:
    """Whether the service has heard its events itself or not."""
    with podman_scene() as (service, client, writer):
        bus = service.bus
        writer.limit = 1_000_000
        writer.write(200)
        writer.write(Status="died", Attributes=None)
        writer.write(Status="exec_died", Attributes={"execID": "e" * 64})
        writer.write(Status="health_status", health_status="healthy", health_failing_streak=3,
                     health_log='{"a":1}', ratio=0.1, null=None, Seqs=[1], Backlog="no", UID=-1)
        writer.write(Name="a\0b\\ \ud83d\udca1 <&>")
        n = len(writer.truth)
        wait_for(client, n)
        before = client.history()
        if state == "gone":
            service.stop()
            service.configure(Podman={"Enabled": "no"})
            for path in service.history.iterdir():
                path.unlink()
            service.start()
            client = bus.client()
            equal(run(bus, "import", str(writer.path)), counts(n))
        equal(run(bus, "import", str(writer.path)), counts(0, n))
        equal(without_owner(client.history()), without_owner(before))


def without_owner(events: list[Event]) -> list[Event]:
    """Whose Podman wrote a file is not known of a copy of it."""
    return [event._replace(details={key: value for key, value in event.details.items()
                                    if key != "uid"}) for event in without_seq(events)]


@test(deadline=200)
def an_import_that_was_interrupted_is_completed() -> None:
    with two() as (bus, service, folder):
        lines = [json.dumps({"Status": "start", "Time": f"2025-11-22T12:00:00.{number:09}Z",
                             "Type": "container", "Name": f"c{number % 100}"})
                 for number in range(4000)]
        (folder / "log").write_text("\n".join(lines) + "\n")
        kills = 0
        client = bus.client()
        for number in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM):
            before = client.get("NewestSeq")
            with subprocess.Popen([cevctl(), "import", str(folder / "log")], env=bus.environment,
                                  stdout=subprocess.DEVNULL) as process:
                wait_until(lambda before=before: client.get("NewestSeq") > before + 100, "some")
                process.send_signal(number)
            kills += process.returncode == -number
        assert kills, "it was never interrupted"
        assert client.get("NewestSeq") < 4000
        summary = run(bus, "import", str(folder / "log"))
        assert summary.endswith(" already there, 0 refused\n"), summary
        events = client.history()
        equal(len(events), 4000)
        equal(sorted(event.time_nsec for event in events), [NOON + i for i in range(4000)])
        service.restart()
        equal(run(bus, "import", str(folder / "log")), counts(0, 4000))


@test(each=BROKERS)
def only_root_may(broker: str) -> None:
    with Bus(broker) as bus, Service(bus):
        bus.client().emit(time_nsec=NOON)
        text = run(bus, "export", user=machine.READER)
        equal(len(text.splitlines()), 1)
        other = text.replace("container", "volume").replace(text[text.index(',"CRC'):], "}\n")
        run(bus, "import", given=other.encode(), user=machine.READER, status=1,
            says="Only root may record events")
        run(bus, "export", user=machine.NOBODY, status=1, says="Only root and members")
        equal(run(bus, "import", given=other.encode()), counts(1))


if __name__ == "__main__":
    main()
