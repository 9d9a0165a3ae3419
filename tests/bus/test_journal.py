#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The history in systemd's journal: what its rotations, its vacuum and others in it do to it. What
is the same with every backend is tried by the other programs, with CE_BACKEND."""

from __future__ import annotations

import contextlib
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dbus

from support import machine
from support.bus import Bus
from support.client import Client, wait_until
from support.journal import Journal
from support.podman_log import Writer
from support.podman_scene import same
from support.service import Service
from support.tap import equal, main, raises, test

ERROR = "org.containers.Events.Error"
EVENT = "MESSAGE_ID=a0de15be25df40bda57ee24830be910a"
FIELD = "CONTAINERS_EVENTS_"
BOOT_ID = "/proc/sys/kernel/random/boot_id"


@contextlib.contextmanager
def scene(**podman: object) -> Iterator[tuple[Journal, Service, Client]]:
    """A service that keeps its history in a journal of its own."""
    config = {"Log": {"Backend": "journald"}}
    if podman:
        config["Podman"] = podman
    with Journal() as journal, Bus() as bus, Service(bus, config=config) as service:
        yield journal, service, bus.client()


def emit(client: Client, first: int, last: int) -> None:
    """Events c1, c2 ... with the numbers that they must get."""
    for number in range(first, last + 1):
        equal(client.emit(name=f"c{number}", details={"exit_code": number % 256}), number)


def check(client: Client, first: int, last: int) -> None:
    """The history must be these."""
    events = client.history()
    equal([event.seq for event in events], list(range(first, last + 1)))
    equal([event.name for event in events], [f"c{n}" for n in range(first, last + 1)])


@test
def journalctl_shows_it() -> None:
    with scene() as (journal, _, client):
        client.emit(name="web", status="died", id="f" * 64, details={
            "exit_code": 1, "attributes": {"team": "payments"}, "uid": dbus.UInt32(1000)})
        entry, = journal.entries(EVENT, f"{FIELD}NAME=web", f"{FIELD}LABEL=team=payments")
        equal(entry["MESSAGE"], "Container web died with exit code 1.")
        equal(entry["PRIORITY"], "5")
        equal({key: entry[FIELD + key] for key in ("TYPE", "STATUS", "ID", "EXIT_CODE", "UID",
                                                   "SEQ", "EPOCH")},
              {"TYPE": "container", "STATUS": "died", "ID": "f" * 64, "EXIT_CODE": "1",
               "UID": "1000", "SEQ": "1", "EPOCH": client.get("Epoch")})
        assert "CODE_FILE" not in entry, entry


@test
def numbers_and_cursors_outlive_restarts() -> None:
    with scene() as (journal, service, client):
        emit(client, 1, 3)
        epoch, cursor = client.get("Epoch"), client.query().cursor
        service.restart()
        emit(client, 4, 6)
        journal.restart()
        emit(client, 7, 9)
        service.kill()
        service.start()
        emit(client, 10, 12)
        equal(client.get("Epoch"), epoch)
        equal([event.seq for event in client.query_after(cursor).events], list(range(4, 13)))
        check(client, 1, 12)


@test
def it_is_read_on_over_a_rotation() -> None:
    with scene() as (journal, _, client):
        emit(client, 1, 1500)
        page = client.query()
        journal.command("--rotate")
        emit(client, 1501, 1510)
        equal(len(journal.files()), 2)
        rest = client.query_after(page.cursor)
        equal([event.seq for event in page.events + rest.events], list(range(1, 1511)))
        equal([event.seq for event in client.history("name=c1505")], [1505])
        equal([event.seq for event in client.history("name=c5")], [5])


@test
def what_was_vacuumed_has_expired() -> None:
    with scene() as (journal, service, client):
        emit(client, 1, 5)
        early = client.query().cursor
        emit(client, 6, 10)
        journal.command("--rotate")
        emit(client, 11, 15)
        journal.command("--rotate", "--vacuum-files=1")
        emit(client, 16, 20)
        equal(client.get("OldestSeq"), 16)
        kept = f"{client.get('Epoch')}:15"
        with raises(f"{ERROR}.CursorExpired") as error:
            client.query_after(early)
        assert kept in error.message, error.message
        equal([event.seq for event in client.query_after(kept).events], list(range(16, 21)))
        service.restart()
        emit(client, 21, 22)
        check(client, 16, 22)


@test
def the_place_in_podman_s_log_outlives_the_vacuum() -> None:
    writer = Writer(machine.folder("podman") / "events.log", 100_000)
    with scene(Enabled="yes", EventsLog=writer.path) as (journal, service, client):
        writer.write(30)
        wait_until(lambda: client.get("NewestSeq") == 30, "30 events")
        for _ in range(5000):  # so that there is a mark behind Podman's last event
            client.emit()
        journal.command("--rotate", "--vacuum-files=1")
        client.emit()
        journal.command("--rotate", "--vacuum-files=1")
        assert client.get("OldestSeq") in (0, 5031), client.get("OldestSeq")
        service.restart()
        journal.command("--rotate")
        journal.command("--vacuum-files=1")
        service.restart()
        writer.write()
        wait_until(lambda: client.get("NewestSeq") >= 5032, "another event")
        equal([event.seq for event in client.history("engine=podman")], [5032])
        equal(client.engine("podman")["Lost"], 0)


@test
def an_emptied_journal_is_another_history() -> None:
    with scene() as (journal, service, client):
        emit(client, 1, 5)
        cursor, epoch = client.query().cursor, client.get("Epoch")
        service.stop()
        journal.stop()
        for path in journal.files():
            path.unlink()
        journal.start()
        service.start()
        assert client.get("Epoch") != epoch
        with raises(f"{ERROR}.CursorExpired"):
            client.query_after(cursor)
        emit(client, 1, 2)
        check(client, 1, 2)


@test
def what_others_log_is_not_its_history() -> None:
    with scene() as (journal, service, client):
        emit(client, 1, 3)
        entry = journal.entries(EVENT)[-1]
        lines = [f"{key}={value.replace('c3', 'forged')}" for key, value in entry.items()
                 if not key.startswith("_") and key != f"{FIELD}SEQ"]
        for seq in (3, 4, 1000):
            subprocess.run(["setpriv", f"--reuid={machine.ids(machine.STRANGER)[0]}",
                            "--clear-groups", "logger", "--journald"], check=True, text=True,
                           input="\n".join([*lines, f"{FIELD}SEQ={seq}"]) + "\n")
        equal(len(journal.entries(EVENT, f"{FIELD}NAME=forged")), 3)
        service.restart()
        emit(client, 4, 5)
        check(client, 1, 5)
        equal(client.query(0, 0, ["name=forged"]).events, [])


IDS = ["a" * 64, "ab" * 32, "abcdefabcdef", "abcdefabcdefX", "cafe", "job-1", ""]
WORDS = ["cafe", "job-1", "job", "a", "abcdefabcdef", "abcdefabcdefX", "a" * 64, "a" * 13, "web"]


def some_event(chance: random.Random) -> dict:
    """An event, of few words, so that many filters find some."""
    event = {"type": chance.choice(["container", "container", "pod", "image", "network"]),
             "status": chance.choice(["die", "died", "rm", "remove", "start"]),
             "id": chance.choice(IDS), "name": chance.choice([*WORDS, ""]),
             "engine": chance.choice(["test", "docker"])}
    details = {}
    if chance.random() < 0.5:
        details["exit_code"] = chance.choice([0, 1, 137, -1])
    if chance.random() < 0.5:
        details["exec_id"] = chance.choice(IDS[:-1])
    if chance.random() < 0.5:
        labels = {f"k{number}": "v" for number in range(chance.choice([0, 1, 200]))}
        details["attributes"] = {**labels, "team": chance.choice("xyz")}
    if chance.random() < 0.3:
        details["network"] = chance.choice(WORDS)
    if chance.random() < 0.3:
        details["uid"] = dbus.UInt32(chance.choice([0, 1000]))
    return {**event, "details": details}


@test(deadline=120)
def what_is_looked_up_is_what_a_walk_finds() -> None:
    """No term with != can be looked up, so that its complement is the truth."""
    chance = random.Random(1)
    questions = [f"{key}={word}" for key in ("container", "pod", "image", "network", "name", "id",
                                             "exec") for word in WORDS]
    questions += ["type=container", "event=died", "event=remove", "engine=docker", "exit_code=137",
                  "exit_code=-1", "uid=0", "label=team=x", "label=k150=v", "label=team"]
    with scene() as (journal, _, client):
        for number in range(400):
            client.emit(**some_event(chance))
            if number % 150 == 149:
                journal.command("--rotate")
        every, found = {event.seq for event in client.history()}, {}
        for question in questions:
            found[question] = {event.seq for event in client.history(question)}
            others = {event.seq for event in client.history(question.replace("=", "!=", 1))}
            equal(found[question], every - others, question)
        for _ in range(100):
            one, other = chance.sample(questions, 2)
            if one.split("=")[0] == other.split("=")[0] and not one.startswith("label"):
                want = found[one] | found[other]
            else:
                want = found[one] & found[other]
            equal({event.seq for event in client.history(one, other)}, want, f"{one} {other}")


@test
def a_journal_that_hangs_costs_nothing() -> None:
    writer = Writer(machine.folder("podman") / "events.log", 100_000)
    with scene(Enabled="yes", EventsLog=writer.path) as (journal, service, client):
        heard = client.listen()
        writer.write(3)
        heard.wait_count(3)
        journal.pause()
        writer.write(300)
        wait_until(lambda: client.get("Degraded"), "a degraded service")
        assert "journal" in client.get("DegradedReason"), client.get("DegradedReason")
        equal(len(heard.events), 3)
        journal.resume()
        wait_until(lambda: not client.get("Degraded"), "a mended service")
        heard.wait_count(303)
        equal([event.seq for event in heard.events], list(range(1, 304)))
        service.restart()
        same(client.history(), writer.truth)


@test(deadline=120)
def killed_again_and_again_it_records_each_once() -> None:
    writer = Writer(machine.folder("podman") / "events.log", 10_000_000)
    with scene(Enabled="yes", EventsLog=writer.path) as (_, service, client):
        for turn in range(12):
            writer.write(400)
            wait_until(lambda turn=turn: client.get("NewestSeq") > 400 * turn, "some of these")
            service.kill() if turn % 3 else service.stop()
            service.start()
        wait_until(lambda: client.get("NewestSeq") >= len(writer.truth), "the rest")
        same(client.history(), writer.truth)


@test
def after_a_power_cut_cursors_are_not_trusted() -> None:
    """Another boot's ID stands for a machine that went down: the end of the journal may be lost."""
    boot = machine.folder("boot") / "boot_id"
    with scene() as (journal, service, client):
        emit(client, 1, 3)
        epochs, oldest = [client.get("Epoch")], client.query().cursor
        for number, end in enumerate((service.stop, service.kill)):
            end()
            journal.stop()
            boot.write_text(f"{number + 1:08}-0000-4000-8000-000000000000\n")
            subprocess.run(["mount", "--bind", boot, BOOT_ID], check=True)
            try:
                journal.start()
                service.start()
                epochs.append(client.get("Epoch"))
                emit(client, 4 + number, 4 + number)
            finally:
                if number:
                    for _ in range(2):
                        subprocess.run(["umount", BOOT_ID], check=True)
        equal(epochs[1], epochs[0], "it ended well")
        assert epochs[2] != epochs[1], "it was killed, and the machine went down"
        check(client, 1, 5)
        with raises(f"{ERROR}.CursorExpired"):
            client.query_after(oldest)


@test
def without_a_journal_it_says_so() -> None:
    config = {"Log": {"Backend": "journald"}}
    with Bus() as bus, Service(bus, config=config) as service:
        client = bus.client()
        assert "journal" in client.get("DegradedReason"), client.get("DegradedReason")
        with raises(f"{ERROR}.LogUnavailable"):
            client.query()
        with Journal():
            wait_until(lambda: not client.get("Degraded"), "a journal", 20)
            emit(client, 1, 2)
            check(client, 1, 2)
            assert Path(service.history).is_dir()


@test
def one_at_a_time_writes_it() -> None:
    with scene() as (_, service, _), Bus() as other:
        config = {"Log": {"Backend": "journald", "Directory": service.history}}
        with Service(other, config=config):
            reason = other.client().get("DegradedReason")
            assert "Another process" in reason and str(service.history) in reason, reason


if __name__ == "__main__":
    main()
