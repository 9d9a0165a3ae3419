#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A history with something wrong in its folder: what is whole stays, what is not is said and never
guessed at, and no number is given twice."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from support import machine
from support.bus import BROKERS, Bus
from support.client import Client, Event, wait_until
from support.ledger import LOG_UNAVAILABLE, PAD, Ledger
from support.service import Service
from support.tap import equal, main, raises, test

# Three events to a segment: 1 to 9 are in sealed ones, 10 to 12 in the active one.
CONFIG = {"Log": {"SegmentSize": "4K"}}
EVENTS = 12
HEADER = 0


class Damaged:
    """A history, before and after something happened to its files."""

    def __init__(self, bus: Bus, events: int = EVENTS) -> None:
        self.bus = bus
        self.client: Client = bus.client()
        self.folder: Path = machine.folder("history")
        with self.open():
            self.before = [self.emit() for _ in range(events)] and self.client.history()
            self.epoch = self.client.get("Epoch")
            self.cursor = self.client.query().cursor
        self.log = ""

    @contextlib.contextmanager
    def open(self) -> Iterator[Service]:
        """A service on it."""
        with Service(self.bus, history=self.folder, config=CONFIG) as service:
            yield service
            self.log = service.log()

    def emit(self) -> int:
        """One more event."""
        return self.client.emit(name="e", details=PAD)

    def segment(self, first_seq: int | None = None) -> Path:
        """The active segment, or a sealed one."""
        return self.folder / (f"events-{first_seq:020}.log" if first_seq else "events.log")

    def quarantined(self) -> list[Path]:
        """What was set aside."""
        return list(self.folder.glob("*.quarantine-*"))

    def same(self, events: list[Event]) -> None:
        """The history is these; they are large, so first their numbers are compared."""
        history = self.client.history()
        equal([event.seq for event in history], [event.seq for event in events])
        assert history == events, "an event has changed"

    def check(self, missing: tuple[int, ...] = (), said: str = "", next_seq: int = 0) -> None:
        """Opens it: all but the missing events are there, and new ones get new numbers."""
        kept = [event for event in self.before if event.seq not in missing]
        with self.open() as service:
            self.same(kept)
            assert said in service.log(), f"it does not say {said!r}:\n{service.log()}"
            equal(self.client.get("Degraded"), False)
            seq = self.emit()
            # A number may be left out, for fear that somebody heard it; none is given twice.
            next_seq = next_seq or self.before[-1].seq + 1
            assert seq in (next_seq, next_seq + 1), f"{seq} is the next, not {next_seq}"
            kept += self.client.history()[len(kept):]
            equal(kept[-1].seq, seq)
        with self.open() as service:  # a second time there is nothing left to repair
            self.same(kept)
            assert "torn" not in service.log() and "moved" not in service.log(), service.log()


def flip(path: Path, line: int, column: int = 40) -> None:
    """Flips a bit in a line; a negative column counts from its end, its newline included."""
    lines = path.read_bytes().splitlines(keepends=True)
    wrong = bytearray(lines[line])
    wrong[column] ^= 0x04
    lines[line] = bytes(wrong)
    path.write_bytes(b"".join(lines))


@test(each=["one byte", "half a line", "all but the newline", "zeros", "two halves"])
def a_torn_end_is_moved_aside(kind: str) -> None:
    with Bus() as bus:
        damaged = Damaged(bus)
        line = damaged.segment().read_bytes().splitlines()[-1].replace(b'"Seq":12', b'"Seq":13')
        torn = {"one byte": line[:1], "half a line": line[:500], "all but the newline": line,
                "zeros": b"\0" * 5000, "two halves": line[:500] + b"\n" + line[500:]}[kind]
        with damaged.segment().open("ab") as file:
            file.write(torn)
        # A whole line, even a broken one, may once have been an event that somebody heard of.
        damaged.check(said="torn", next_seq=14 if kind == "two halves" else 13)
        equal([path.read_bytes() for path in damaged.quarantined()], [torn])


FLIPS = {
    "in the middle": (None, 2, 40, (11,), "damaged", 13),
    "in the last line": (None, 3, 40, (12,), "torn", 13),
    "in the last checksum": (None, 3, -5, (12,), "torn", 13),
    "in a newline": (None, 2, -1, (11, 12), "torn", 13),
    "in the header": (None, HEADER, 40, (), "header", 13),
    "in the first header": (1, HEADER, 40, (), "header", 13),
    "in the middle of a sealed one": (4, 2, 40, (5,), "damaged", 13),
    "at the end of a sealed one": (7, 3, 40, (9,), "damaged", 13),
    "in a newline of a sealed one": (4, 1, -1, (4, 5), "damaged", 13),
}


@test(each=FLIPS)
def a_flipped_bit_costs_its_line_and_no_other(where: str) -> None:
    first_seq, line, column, missing, said, next_seq = FLIPS[where]
    with Bus() as bus:
        damaged = Damaged(bus)
        flip(damaged.segment(first_seq), line, column)
        damaged.check(missing, said, next_seq)
        with damaged.open():
            equal(damaged.client.get("Epoch"), damaged.epoch)
            page = damaged.client.query_after(damaged.cursor)
            assert all(event.seq > EVENTS for event in page.events), page.events


@test
def a_history_that_lost_its_only_header_is_another_one() -> None:
    with Bus() as bus:
        damaged = Damaged(bus, events=2)
        flip(damaged.segment(), HEADER)
        damaged.check(said="header")
        with damaged.open():
            assert damaged.client.get("Epoch") != damaged.epoch
            with raises("org.containers.Events.Error.CursorExpired"):
                damaged.client.query_after(damaged.cursor)


@test
def an_empty_file_is_no_reason_to_stop() -> None:
    with Bus() as bus:
        damaged = Damaged(bus, events=9)
        shutil.move(damaged.segment(), damaged.segment(7))
        damaged.segment().touch()
        damaged.check()


def garbage(folder: Path, name: str) -> None:
    """A file with nothing of ours in it."""
    (folder / name).write_bytes(b"garbage\n" * 1000)


FOREIGN: dict[str, Callable[[Path], object]] = {
    "notes.txt": lambda folder: garbage(folder, "notes.txt"),
    "events-abc.log": lambda folder: garbage(folder, "events-abc.log"),
    "events-5.log": lambda folder: garbage(folder, "events-5.log"),
    "events-00000000000000000000.log": lambda folder: garbage(
        folder, "events-00000000000000000000.log"),
    "events-00000000000000000005.log": lambda folder: garbage(
        folder, "events-00000000000000000005.log"),
    "events-00000000000000000006.log": lambda folder: shutil.copy(
        folder / "events-00000000000000000001.log", folder / "events-00000000000000000006.log"),
    "events-00000000000000000008.log": lambda folder: (
        folder / "events-00000000000000000008.log").symlink_to("events.log"),
    "events-00000000000000000011.log": lambda folder: os.mkfifo(
        folder / "events-00000000000000000011.log"),
    "events-00000000000000000012.log": lambda folder: (
        folder / "events-00000000000000000012.log").mkdir(),
    "lost+found": lambda folder: (folder / "lost+found").mkdir(),
}


@test(each=FOREIGN)
def a_foreign_file_is_left_alone(name: str) -> None:
    with Bus() as bus:
        damaged = Damaged(bus)
        FOREIGN[name](damaged.folder)
        before = os.lstat(damaged.folder / name)
        damaged.check(said=name)
        after = os.lstat(damaged.folder / name)
        equal((after.st_ino, after.st_size, after.st_mtime_ns, after.st_mode),
              (before.st_ino, before.st_size, before.st_mtime_ns, before.st_mode))


@test
def a_segment_of_another_history_is_not_mixed_in() -> None:
    with Bus() as bus:
        damaged, other = Damaged(bus), Damaged(bus)
        shutil.copy(other.segment(4), damaged.segment(4))
        damaged.check(missing=(4, 5, 6), said="another history")


REMOVALS: dict[str, Callable[[Path], object]] = {
    "the active segment": lambda folder: (folder / "events.log").unlink(),
    "a sealed segment": lambda folder: (folder / f"events-{1:020}.log").unlink(),
    "all segments": lambda folder: [path.unlink() for path in folder.iterdir()],
    "the folder": shutil.rmtree,
}


@test(each=REMOVALS)
def what_is_removed_under_it_is_missed_and_it_goes_on(what: str) -> None:
    with Bus() as bus, Service(bus, config=CONFIG) as service:
        client, ledger = bus.client(), Ledger()
        epoch = client.get("Epoch")

        def is_well() -> bool:
            ledger.emit_soon(client)
            wait_until(lambda: not ledger.waiting or client.get("Degraded"), "an answer")
            return not client.get("Degraded")

        ledger.emit(client, 5)
        REMOVALS[what](service.history)
        for _ in range(8):  # two rotations
            wait_until(is_well, "it to be well again", 8)
        wait_until(lambda: not ledger.waiting, "all answers", 20)
        newest = client.emit(name="newest", details=PAD)
        events = client.history()
        equal((events[-1].name, events[-1].seq), ("newest", newest))
        seqs = [event.seq for event in events]
        equal(seqs, sorted(set(seqs)))
        if client.get("Epoch") == epoch:
            assert newest > 5 and newest not in ledger.known, newest
        if what != "a sealed segment":
            assert "events.log" in service.log() or "works again" in service.log(), service.log()
        service.restart()
        equal(client.history()[-1].seq, newest)


@test(each=BROKERS)
def two_daemons_do_not_write_one_history(broker: str) -> None:
    """On two buses: the second one waits for the first to end."""
    ledger = Ledger()
    with Bus() as bus, Bus(broker) as other_bus, Service(bus) as first:
        client, other = bus.client(), other_bus.client()
        ledger.emit(client)
        with Service(other_bus, history=first.history):
            equal(other.get("Degraded"), True)
            assert str(first.history) in other.get("DegradedReason")
            assert "Another process" in other.get("DegradedReason")
            with raises(LOG_UNAVAILABLE) as error:
                other.emit()
            assert str(first.history) in error.message, error.message
            with raises(LOG_UNAVAILABLE):
                other.query()
            with raises(LOG_UNAVAILABLE):
                other.query_after("")
            with raises(LOG_UNAVAILABLE):
                other.container_exit_code("a" * 64)
            ledger.emit(client)
            ledger.check(client)
            first.stop()
            wait_until(lambda: not other.get("Degraded"), "its turn")
            ledger.emit(other)
            ledger.check(other)


@test
def a_second_daemon_on_the_bus_goes_again() -> None:
    with Bus() as bus, Service(bus) as first:
        client = bus.client()
        client.emit(name="before")
        for history in (first.history, machine.folder("history")):
            second = Service(bus, history=history)
            second.start(wait=False)
            equal(second.wait_for_end(), 1, second.log())
            assert "org.containers.Events is taken" in second.log(), second.log()
        equal(client.emit(name="after"), 2)
        events: list[Event] = client.history()
        equal([event.name for event in events], ["before", "after"])


if __name__ == "__main__":
    main()
