#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Podman's events in a real journal: of several users, over its rotations, its vacuum and its
beginning, over our own ends; and what else anybody can put there."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from support import machine
from support.bus import Bus
from support.client import Client, wait_until
from support.disk import fill, tmpfs
from support.journal import Journal
from support.podman_journal import PERSISTENT, JournalWriter, disk, fields_of, same, sound
from support.podman_log import Writer, expected, without_seq
from support.podman_scene import is_lost, wait_for
from support.service import Service
from support.tap import equal, main, note, test

SOURCE = "podman-journal"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
USERS = (0, 1000, 1001)
LISTENING = {"Podman": {"Enabled": "yes", "EventsLog": "/run/nowhere/events.log",
                        "Journal": "yes"}}


@contextlib.contextmanager
def scene(history: Path | None = None) \
        -> Iterator[tuple[Journal, Service, Client, JournalWriter]]:
    """A service that reads what is in a journal, as soon as there is one."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(disk())
        journal = stack.enter_context(Journal(PERSISTENT))
        bus = stack.enter_context(Bus())
        service = stack.enter_context(Service(bus, history=history, config=LISTENING))
        wait_until(lambda: bus.client().engine(SOURCE)["State"] == "live", "a source that listens")
        yield journal, service, bus.client(), JournalWriter()


def files() -> list[Path]:
    """Those of the journal on the disk."""
    return sorted(Path("/var/log/journal").glob("*/*.journal"))


def vacuum(journal: Journal) -> None:
    """All that was logged is gone."""
    journal.command("--rotate")
    before = files()
    journal.command("--vacuum-files=1")
    assert len(files()) < len(before), before


@test
def events_of_every_user_are_heard() -> None:
    with scene() as (_, _, client, writer):
        heard = client.listen()
        for uid in USERS:
            writer.write(5, uid=uid)
        sound(client, writer.truth)
        same(heard.wait_count(15), writer.truth)
        equal(len(client.history("uid=1000")), 5)
        source = client.engine(SOURCE)
        equal((source["Type"], source["Api"], source["State"], source["LastError"],
               source["Received"]), ("podman", "journal", "live", "", 15))


@test
def a_user_s_service_hears_the_user_s_own() -> None:
    wrapper = ["sh", "-c", 'exec "$@" --user', "sh"]
    with disk(), Journal(PERSISTENT), Bus() as bus:
        variables = {"DBUS_SESSION_BUS_ADDRESS": bus.address, "HOME": str(machine.folder("home"))}
        with Service(bus, config=LISTENING, wrapper=wrapper, environment=variables) as service:
            client, writer, others = bus.client(), JournalWriter(), JournalWriter()
            for _ in range(10):
                writer.write(3)
                others.write(3, uid=1000)
            sound(client, writer.truth)
            service.restart()
            others.write(5, uid=1000)
            writer.write(3)
            sound(client, writer.truth)


KINDS = {
    "a death": {"Status": "died", "ContainerExitCode": 137, "OOMKilled": True},
    "a death with 0, up to 4.9": {"Status": "died"},
    "the end of an exec with 0": {"Status": "exec_died", "ContainerExitCode": 0},
    "the end of an exec, up to 4.2": {"Status": "exec_died", "Attributes": {"execID": "e" * 64}},
    "removal": {"Status": "remove", "ContainerExitCode": 3},
    "a health check": {"Status": "health_status", "health_status": "unhealthy",
                       "health_log": '{"Output":"\u00e4"}', "health_failing_streak": 3},
    "in a pod": {"PodID": "d" * 64},
    "with what inspect says": {"Status": "create", "ContainerInspectData": '{"Id":"x"}'},
    "no labels": {"Attributes": None},
    "odd labels": {"Attributes": {"": "", "a=b": "<&>\u2028", "\U0001f600": '"\\', "n": "1"}},
    "many labels": {"Attributes": {f"label{n}": "x" * 50 for n in range(400)}},
    "labels of 300 kB": {"Attributes": {"large": "x" * 300_000, "small": "y"}},
    "an odd name": {"Name": "h\u00e4-\U0001f600 \u202e", "Image": "a\nb"},
    "an image": {"Type": "image", "Status": "pull", "Image": None, "Attributes": None},
    "an image that was not to be had": {"Type": "image", "Status": "pull-error", "Image": None,
                                        "error": "no route to host", "Attributes": None},
    "a pod": {"Type": "pod", "Status": "create", "Attributes": None},
    "a network": {"Type": "network", "Status": "connect", "network": "podman", "Name": None,
                  "Image": None, "Attributes": None},
    "a volume": {"Type": "volume", "Status": "create", "ID": None, "Image": None,
                 "Attributes": None},
    "the system": {"Type": "system", "Status": "refresh", "ID": None, "Name": None, "Image": None,
                   "Attributes": None},
}


@test
def an_event_is_the_same_as_of_the_file() -> None:
    with scene() as (_, service, client, writer):
        file = Writer(machine.folder("podman") / "events.log", 1 << 30)
        for fields in KINDS.values():
            line = file.event(**{**fields, "Time": "2026-11-22T01:02:03.123456789Z"})
            line = json.dumps({key: value for key, value in json.loads(line).items()
                               if value is not None or key == "Attributes"})
            file.put(line)
            writer.send(fields_of(line), 0)
        wait_for(client, len(KINDS))
        logged = without_seq(client.history())
        service.configure(Podman={"EventsLog": file.path, "Journal": "no"})
        service.restart()
        wait_for(client, 2 * len(KINDS))
        read = without_seq(client.history())[len(KINDS):]
        for kind, one, other in zip(KINDS, logged, read):
            equal(one, other, kind)


@test
def what_was_there_before_us_is_not_signalled() -> None:
    with scene() as (_, service, client, writer):
        service.stop()
        shutil.rmtree(service.history)
        service.history.mkdir()
        writer.write(700)
        heard = client.listen()
        for _ in range(3):  # in whichever turn the backlog is cut off
            service.start()
            wait_until(lambda: client.get("NewestSeq") > 0, "the first events")
            service.kill()
        service.start()
        sound(client, writer.truth)
        writer.write()
        sound(client, writer.truth)
        equal([event.seq for event in heard.wait_count(1)], [701])
        equal({event.details.get("backlog", False) for event in client.history()[:-1]}, {True})


@test(deadline=200)
def each_once_however_often_we_are_killed_and_it_is_rotated() -> None:
    chance = random.Random("journal")
    with scene() as (journal, service, client, writer):
        kills = rotations = restarts = 0
        while len(writer.truth) < 3000:
            what = chance.random()
            if what < 0.06:
                kills += 1
                service.kill()
            elif what < 0.1:
                rotations += 1
                journal.command("--rotate")
            elif what < 0.12:
                restarts += 1
                journal.restart()
            for _ in range(chance.randint(1, 40)):
                writer.write(uid=chance.choice(USERS))
            writer.send({"MESSAGE": "an ordinary message"}, chance.choice(USERS))
            if what < 0.06:
                service.start()
        note(f"{len(writer.truth)} events, {kills} kills, {rotations} rotations, {restarts} "
             f"restarts of journald, {len(files())} files")
        sound(client, writer.truth)


@test(deadline=200)
def what_several_users_log_at_once_comes_whole_and_in_order() -> None:
    """Each has a file of his own, which journald writes one after the other."""
    with scene() as (journal, _, client, writer):
        writers = [JournalWriter() for _ in USERS]

        def log(writer: JournalWriter, uid: int) -> None:
            for _ in range(2000):
                writer.write(uid=uid, Name=f"of-{uid}")

        threads = [threading.Thread(target=log, args=pair) for pair in zip(writers, USERS)]
        for thread in threads:
            thread.start()
        wait_for(client, 6000)
        for thread in threads:
            thread.join()
        assert len(files()) >= len(USERS), files()
        equal(client.get("NewestSeq"), 6000)
        events = client.history()
        for one, uid in zip(writers, USERS):
            own = [event for event in without_seq(events) if event.details["uid"] == uid]
            equal(own, [expected(*pair) for pair in one.truth])


@test
def vacuum_of_what_was_read_costs_nothing() -> None:
    with scene() as (journal, _, client, writer):
        for _ in range(3):
            writer.write(20, uid=1000)
            wait_for(client, len(writer.truth))
            vacuum(journal)
            wait_until(lambda: client.engine(SOURCE)["State"] == "live", "a live source")
            writer.write(3)
            sound(client, writer.truth)


@test(each=["stopped", "down"])
def what_was_vacuumed_before_it_was_read_is_said_to_be_lost(state: str) -> None:
    with scene() as (journal, service, client, writer):
        writer.write(10)
        wait_for(client, 10)
        if state == "stopped":
            service.signal(signal.SIGSTOP)
        else:
            service.kill()
        first = time.time_ns()
        writer.write(20, uid=1000)
        writer.write(20)
        vacuum(journal)
        until = time.time_ns()
        writer.write(5)
        heard = client.listen()
        if state == "stopped":
            service.signal(signal.SIGCONT)
        else:
            service.start()
        newest = expected(writer.truth[-1][0]).id
        heard.wait(lambda event: event.id == newest)

        events = client.history()
        equal([is_lost(event) for event in events], [False] * 10 + [True] + [False] * 5)
        lost = events.pop(10)
        equal(without_seq(events), [expected(*pair)
                                    for pair in writer.truth[:10] + writer.truth[-5:]])
        equal((lost.engine, lost.name), ("podman", "journal"))
        assert lost.details["reason"], lost
        equal(lost.details["lost_since_nsec"], events[9].time_nsec)
        assert first < until <= lost.details["lost_until_nsec"] <= time.time_ns(), lost
        equal((client.get("Lost"), client.engine(SOURCE)["Lost"]), (1, 1))
        equal(heard.find(is_lost), [lost])
        service.restart()  # once is enough
        writer.write()
        wait_for(client, 17)
        equal(len(client.history("event=lost")), 1)


@test
def a_journal_may_begin_later_than_we_do() -> None:
    with disk(flushed=False), Bus() as bus, Service(bus, config=LISTENING) as service:
        client = bus.client()
        source = client.engine(SOURCE)
        equal(source["State"], "absent")
        assert "/run/log/journal" in source["LastError"], source
        heard = client.listen()
        with Journal() as journal:
            writer = JournalWriter()
            writer.write(5)
            same(heard.wait_count(5), writer.truth)
            sound(client, writer.truth)
            equal((client.engine(SOURCE)["State"], client.engine(SOURCE)["LastError"]),
                  ("live", ""))
            # And when it goes away with everything, and comes back.
            journal.stop()
            shutil.rmtree("/run/log/journal")
            wait_until(lambda: client.engine(SOURCE)["State"] == "absent", "an absent journal")
            journal.start()
            writer.write(5, uid=1000)
            heard.wait(lambda event: event.id == expected(writer.truth[-1][0]).id)
            events = client.history()
            equal(without_seq([event for event in events if not is_lost(event)]),
                  [expected(*pair) for pair in writer.truth])
            service.restart()
            equal(client.get("NewestSeq"), len(events))


@test
def a_journal_may_move_to_the_disk() -> None:
    """At the start of a machine it is in memory, until there is a disk."""
    settings = "Storage=auto\nRateLimitIntervalSec=0\n"
    with disk(flushed=False) as folder, Journal(settings) as journal, Bus() as bus, \
            Service(bus, config=LISTENING) as service:
        client, writer = bus.client(), JournalWriter()
        writer.write(20)
        writer.write(20, uid=1000)
        sound(client, writer.truth)
        folder.mkdir()
        journal.command("--flush")
        assert list(folder.glob("*/system.journal")), "it did not move"
        writer.write(20, uid=1000)
        wait_for(client, 60)
        service.kill()
        writer.write(20)
        service.start()
        wait_for(client, 80)
        same(client.history(), writer.truth)
        equal(client.engine(SOURCE)["Lost"], 0)


@contextlib.contextmanager
def boots() -> Iterator[Callable[[], None]]:
    """A function that makes it another boot, for whoever asks which one it is."""
    mounted = []

    def boot() -> None:
        name = machine.folder("boot") / "id"
        name.write_text(f"{uuid.uuid4()}\n")
        subprocess.run(["mount", "--bind", name, BOOT_ID], check=True)
        mounted.append(name)

    try:
        yield boot
    finally:
        for _ in mounted:
            subprocess.run(["umount", "--lazy", BOOT_ID], check=True)


@test
def it_is_read_on_over_boots() -> None:
    with boots() as boot, scene() as (journal, service, client, writer):
        writer.write(10)
        wait_for(client, 10)
        service.kill()
        writer.write(20, uid=1000)
        for _ in range(3):
            journal.stop()
            boot()
            journal.start()
            writer.write(20)
        service.start()
        sound(client, writer.truth)
        writer.write(5)
        sound(client, writer.truth)
        service.restart()
        writer.write(5)
        sound(client, writer.truth)


@test
def the_boots_before_the_first_are_left_alone() -> None:
    with boots() as boot, scene() as (journal, service, client, writer):
        service.stop()
        shutil.rmtree(service.history)
        service.history.mkdir()
        JournalWriter().write(20)
        journal.stop()
        boot()
        journal.start()
        writer.write(20, uid=1000)
        service.start()
        sound(client, writer.truth)
        equal({event.details.get("backlog", False) for event in client.history()}, {True})


@test(each=["in memory", "on a disk"])
def of_a_boot_that_is_gone_something_is_lost_only_from_a_disk(where: str) -> None:
    """A journal in memory does not outlive a boot, nor does Podman's own file."""
    with boots() as boot, scene() as (journal, service, client, writer):
        writer.write(10)
        wait_for(client, 10)
        service.kill()
        journal.stop()
        for path in files():
            path.unlink()
        for _ in range(1 if where == "in memory" else 2):
            boot()
            journal.start()
            writer.write(10)
            journal.stop()
        journal.start()
        service.start()
        newest = expected(writer.truth[-1][0]).id
        wait_until(lambda: client.history(f"id={newest}"), "the newest event")
        events = client.history()
        lost = 10 if where == "on a disk" else None
        equal([n for n, event in enumerate(events) if is_lost(event)], [lost] if lost else [])
        equal(without_seq([event for event in events if not is_lost(event)]),
              [expected(*pair) for pair in writer.truth])


@test
def each_once_while_the_disk_is_full() -> None:
    with tmpfs("1m") as folder, scene(folder) as (_, service, client, writer):
        writer.write(5)
        wait_for(client, 5)
        filler = fill(folder)
        heard = client.listen()
        writer.write(500)
        heard.wait(lambda event: event.id == expected(writer.truth[-1][0]).id)
        assert client.get("Degraded"), "there was room"
        filler.unlink()
        wait_until(lambda: not client.get("Degraded"), "a history that works")
        sound(client, writer.truth)
        service.restart()
        writer.write()
        sound(client, writer.truth)


GOOD = {"PODMAN_EVENT": "start", "PODMAN_TYPE": "container", "PODMAN_NAME": "bad",
        "PODMAN_TIME": "2026-11-22T01:02:03Z"}


@test
def what_is_no_event_is_left_out_and_told() -> None:
    with scene() as (_, _, client, writer):
        writer.write()
        writer.send({"MESSAGE": "an ordinary message"})
        writer.send({**GOOD, "PODMAN_TYPE": ""})
        sound(client, writer.truth)
        equal(client.engine(SOURCE)["LastError"], "")
        bad = [
            {**GOOD, "PODMAN_TIME": "yesterday"},
            {**GOOD, "PODMAN_EVENT": ""},
            {**GOOD, "PODMAN_EXIT_CODE": "1e3"},
            {**GOOD, "PODMAN_LABELS": '{"a":1}'},
            {**GOOD, "PODMAN_LABELS": "[" * 1000},
            {**GOOD, "PODMAN_LABELS": "x" * (3 << 20)},
            {**GOOD, **{f"FIELD{n}": str(n) for n in range(200)}},
            [*GOOD.items(), ("PODMAN_NAME", "another")],
            {**GOOD, "PODMAN_OOM_KILLED": "perhaps"},
        ]
        for fields in bad:
            writer.send(fields, 1000)
            writer.write(uid=1001)
            sound(client, writer.truth)
            error = client.engine(SOURCE)["LastError"]
            assert "1 of Podman's entries" in error and "the user 1000" in error, error
        note(error)
        for size in (100, 1000, 100_000):
            writer.send({**GOOD, "PODMAN_NAME": b"a\0\xff" * size,
                         "PODMAN_LABELS": b'{"a":"\xff"}'})
        wait_for(client, len(writer.truth) + 3)
        event = client.history()[-1]
        assert event.name.startswith("a\ufffd\ufffda"), event.name
        equal(event.details["attributes"], {"a": "\ufffd"})


@test
def nobody_speaks_for_another_user() -> None:
    with scene() as (_, _, client, writer):
        container = "c" * 64
        died = {**GOOD, "PODMAN_EVENT": "died", "PODMAN_ID": container, "PODMAN_EXIT_CODE": "7"}
        writer.send({**died, "_UID": "0", "UID": "0", "PODMAN_UID": "0", "OBJECT_PID": "1"}, 1000)
        wait_for(client, 1)
        event, = client.history()
        equal((event.id, event.details["uid"]), (container, 1000))
        equal(client.history("uid=0"), [])


@test
def nothing_is_doubled_when_podmans_write_to_both() -> None:
    """Each writes to one of them, as its own configuration says."""
    with scene() as (_, service, client, writer):
        file = Writer(machine.folder("podman") / "events.log", 1 << 30)
        service.configure(Podman={"EventsLog": file.path})
        service.restart()
        for _ in range(3):
            file.write(20)
            writer.write(20, uid=1000)
            wait_for(client, len(file.truth) + len(writer.truth))
            service.kill()
            service.start()
        events = without_seq(client.history())
        equal(sorted(event.time_nsec for event in events if event.details.get("uid") == 1000),
              [expected(line).time_nsec for line, _ in writer.truth])
        equal(len(events), 120)
        equal([client.engine(name)["Lost"] for name in ("podman", SOURCE)], [0, 0])


@test
def journals_of_other_machines_are_not_ours() -> None:
    with scene() as (journal, service, client, writer):
        writer.write(5)
        wait_for(client, 5)
        journal.command("--rotate")
        ours, = Path("/var/log/journal").iterdir()
        service.stop()
        shutil.rmtree(service.history)
        service.history.mkdir()
        journal.stop()
        ours.rename(ours.with_name("0123456789abcdef" * 2))
        service.start()
        equal(client.engine(SOURCE)["State"], "absent")
        journal.start()
        writer.write(2)
        newest = expected(writer.truth[-1][0]).id
        wait_until(lambda: client.history(f"id={newest}"), "the newest event")
        equal(len(client.history()), 2)


@test
def of_a_damaged_journal_the_rest_is_read() -> None:
    with scene() as (journal, service, client, writer):
        service.stop()
        writer.write(50, uid=1000)
        writer.write(50, uid=1001)
        journal.command("--rotate")
        path, = Path("/var/log/journal").glob("*/user-1000@*.journal")
        with path.open("r+b") as file:  # all but its header
            file.seek(512)
            file.write(b"\xff" * (path.stat().st_size - 512))
        writer.write(50)
        service.start()
        newest = expected(writer.truth[-1][0]).id
        wait_until(lambda: client.history(f"id={newest}"), "the newest event")
        events = without_seq(client.history())
        whole = [expected(*pair) for pair in writer.truth if pair[1] != 1000]
        equal([event for event in events if event.details["uid"] != 1000], whole)
        note(f"of the damaged file {len(events) - len(whole)} of 50")
        wait_until(lambda: str(path) in client.engine(SOURCE)["LastError"], "an error")
        writer.write(5, uid=1000)
        wait_for(client, len(events) + 5)
        equal(client.engine(SOURCE)["State"], "live")


@test
def with_journal_no_there_is_no_such_source() -> None:
    with scene() as (_, service, client, writer):
        service.configure(Podman={"Journal": "no"})
        service.restart()
        writer.write()
        assert SOURCE not in [source["Name"] for source in client.engines().values()]
        service.configure(Podman={"Journal": "auto"})
        service.restart()
        wait_for(client, 1)
        assert SOURCE in [source["Name"] for source in client.engines().values()]


if __name__ == "__main__":
    main()
