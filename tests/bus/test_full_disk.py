#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A service whose disk stays full or fails: live signals go on where that is safe, everything is
recorded when there is room, what was dropped is said, and no number stands for two events."""

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from support import machine
from support.bus import Bus
from support.client import Client, Event, Listener, settle, wait_until
from support.disk import Ext4, fill, strace, tmpfs
from support.ledger import LOG_UNAVAILABLE
from support.podman_log import Writer, expected, without_seq
from support.service import Service, cevctl
from support.tap import equal, main, note, raises, test

RETRIED = 15  # seconds: two tries to write
MEBIBYTE = 1 << 20

# What a sanitizer keeps of freed memory would pass for ours.
LEAN = {"ASAN_OPTIONS": "quarantine_size_mb=1:detect_leaks=1:exitcode=99"}


class Scene:
    """A service that listens to a Podman, and somebody who listens to the service."""

    def __init__(self, bus: Bus, disk: Path) -> None:
        log = machine.folder("podman") / "events.log"
        self.disk = disk
        self.writer = Writer(log, limit=1 << 30)
        self.client = bus.client()
        self.heard = self.client.listen()
        self.service = Service(bus, history=disk / "history", environment=LEAN, config={
            "Log": {"SegmentSize": "64K"}, "Podman": {"Enabled": "yes", "EventsLog": log}})

    def record(self, count: int) -> None:
        """Lets that many events happen, and be recorded."""
        newest = self.client.get("NewestSeq")
        self.writer.write(count)
        wait_until(lambda: self.client.get("NewestSeq") == newest + count, "the history")

    def fill(self) -> Path:
        """Leaves no room, and lets happen what takes the last of it."""
        filler = fill(self.disk)
        while not self.client.get("Degraded"):
            self.writer.write(20)
            self.wait_for_signals()
        return filler

    def wait_for_signals(self) -> None:
        """Of everything that happened."""
        wait_until(lambda: len(self.heard.events) >= len(self.writer.truth), "all signals")

    def memory(self) -> float:
        """MiB that the daemon took at most."""
        status = Path(f"/proc/{self.service.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024 / MEBIBYTE

    def wait_for_room(self) -> None:
        """Until everything that waited is recorded."""
        wait_until(lambda: not self.client.get("Degraded"), "room", RETRIED)


class Reader:
    """A cevctl that follows, until the stack is left."""

    def __init__(self, stack: contextlib.ExitStack, bus: Bus, *arguments: str) -> None:
        self._path = machine.folder("cevctl") / "output"
        with self._path.open("w") as output:
            process = stack.enter_context(subprocess.Popen(
                [cevctl(), "events", "--json", *arguments], env=bus.environment,
                stdin=subprocess.DEVNULL, stdout=output))
        stack.callback(process.terminate)

    def events(self) -> list[dict]:
        """What it printed, but for a line that is not whole yet."""
        return [json.loads(line) for line in self._path.read_text().splitlines(keepends=True)
                if line.endswith("\n")]

    def seqs(self) -> list[int]:
        """Their numbers."""
        return [event["Seq"] for event in self.events()]

    def wait(self, seq: int, deadline: float = 20) -> None:
        """Until that is the last."""
        wait_until(lambda: self.seqs()[-1:] == [seq], f"{seq}, behind {self.seqs()[-3:]}",
                   deadline)


@contextlib.contextmanager
def on_tmpfs(size: str) -> Iterator[Scene]:
    """A scene on a small disk."""
    with tmpfs(size) as disk, Bus() as bus:
        scene = Scene(bus, disk)
        with scene.service:
            yield scene


def unrecorded(events: list[Event]) -> list[int]:
    """The numbers of signals that say that they are not recorded."""
    return [event.seq for event in events if event.details.get("unrecorded")]


def plain(events: list[Event]) -> list[Event]:
    """Events as they are, without what a signal adds."""
    return [event._replace(details={key: value for key, value in event.details.items()
                                    if key != "unrecorded"}) for event in events]


def losses(client: Client) -> list[Event]:
    """What the history says that it does not have."""
    return client.history("event=lost")


def never_twice(heard: Listener, client: Client) -> None:
    """No number that was signalled stands for something else now, nor was one signalled twice."""
    numbers = [event.seq for event in heard.events]
    equal(numbers, sorted(set(numbers)), "signals")
    now = {event.seq: event for event in client.history()}
    for event in plain(heard.events):
        equal(now.get(event.seq, event), event, "the event of that number")


@test(deadline=120)
def signals_go_on_and_all_is_recorded_when_there_is_room() -> None:
    with on_tmpfs("256k") as scene:
        client, writer = scene.client, scene.writer
        scene.record(5)
        filler = scene.fill()
        recorded = client.get("NewestSeq")
        reason = client.get("DegradedReason")
        assert str(scene.service.history) in reason and "No space left" in reason, reason
        # Over several tries to write, and not all at once.
        for _ in range(6):
            for _ in range(10):
                writer.write(10)
                scene.wait_for_signals()
            with raises(LOG_UNAVAILABLE) as error:
                client.emit(name="refused")
            equal(error.message, reason)
        total = len(writer.truth)
        equal([event.seq for event in scene.heard.events], list(range(1, total + 1)))
        equal(unrecorded(scene.heard.events), list(range(recorded + 1, total + 1)))
        equal(client.get("NewestSeq"), recorded)
        equal(len(client.history()), recorded)
        cursor = f"{client.get('Epoch')}:{total}"
        equal(client.query_after(cursor)[:], ([], cursor, False), "as far as the signals")

        filler.unlink()
        scene.wait_for_room()
        equal(client.get("NewestSeq"), total)
        equal([event.seq for event in client.history()], list(range(1, total + 1)))
        equal(without_seq(client.history()), [expected(line) for line in writer.truth])
        equal(plain(scene.heard.events), client.history(), "what was signalled is what is recorded")
        equal(client.get("Lost"), 0)
        equal(client.get("Recorded"), total)
        equal(client.emit(name="taken"), total + 1)
        equal(scene.heard.wait_count(total + 1)[-1].details, {}, "recorded again")
        scene.service.restart()
        equal(client.emit(name="behind"), total + 2)
        never_twice(scene.heard, client)


@test(deadline=120)
def cevctl_follows_what_is_not_recorded_yet() -> None:
    """In order and once. Where it needs the history, for filters or for what was before it came, it
    waits until it is written."""
    with contextlib.ExitStack() as stack:
        scene = stack.enter_context(on_tmpfs("4m"))
        client, writer = scene.client, scene.writer
        scene.record(5)
        early = Reader(stack, client.bus, "--since", "0")
        early.wait(5)
        filler = scene.fill()
        recorded = client.get("NewestSeq")
        early.wait(len(writer.truth))
        now = Reader(stack, client.bus)
        while not now.events():
            writer.write(1)
            scene.wait_for_signals()
            settle()
        waiting = [Reader(stack, client.bus, "--since", "0"),
                   Reader(stack, client.bus, "--since", "0", "--filter", "type=container")]
        for reader in waiting:
            reader.wait(recorded)
        # More than it hears before it asks the history once more.
        for _ in range(6):
            writer.write(250)
            scene.wait_for_signals()
        total = len(writer.truth)
        early.wait(total)
        now.wait(total)
        equal(client.get("NewestSeq"), recorded)
        equal([event["Seq"] for event in early.events() if event.get("Unrecorded")],
              list(range(recorded + 1, total + 1)))
        for reader in waiting:
            equal(reader.seqs(), list(range(1, recorded + 1)))

        filler.unlink()
        scene.wait_for_room()
        for reader in waiting:
            reader.wait(total)
        writer.write(1)
        for reader in (early, *waiting):
            reader.wait(total + 1)
            equal(reader.seqs(), list(range(1, total + 2)))
        now.wait(total + 1)
        equal(now.seqs(), list(range(now.seqs()[0], total + 2)))
        assert not any(event.get("Unrecorded") for event in waiting[0].events())


@test(deadline=120)
def what_does_not_fit_is_dropped_and_said() -> None:
    with on_tmpfs("16m") as scene:
        client, writer = scene.client, scene.writer
        scene.record(5)
        filler = scene.fill()
        first, memory = client.get("NewestSeq") + 1, scene.memory()
        for _ in range(30):
            writer.write(50, Attributes={"large": "x" * 4000})
            scene.wait_for_signals()
        total = len(writer.truth)
        equal([event.seq for event in scene.heard.events], list(range(1, total + 1)), "signals")

        filler.unlink()
        scene.wait_for_room()
        wait_until(lambda: client.get("Lost") == 1, "what it has to say")
        lost = losses(client)[0]
        last = lost.details["lost_last_seq"]
        events = client.history()
        equal([event.seq for event in events],
              [*range(1, first), *range(last + 1, total + 2)], "all others are there")
        equal((lost.type, lost.engine, lost.seq), ("system", "podman", total + 1))
        equal(lost.details["lost_first_seq"], first)
        equal(lost.details["lost_events"], last - first + 1)
        times = [event.time_nsec for event in scene.heard.events if first <= event.seq <= last]
        equal((lost.details["lost_since_nsec"], lost.details["lost_until_nsec"]),
              (min(times), max(times) + 1))
        assert "No space left" in lost.details["reason"], lost
        equal(scene.heard.wait_count(total + 1)[-1], lost, "it is signalled, too")
        kept = sum(len(line) for line in writer.truth[last:])
        assert kept > 3_000_000, kept
        grown = scene.memory() - memory
        note(f"{last - first + 1} of {total - first + 1} were dropped, {kept} bytes were kept; "
             f"memory grew by {grown:.1f} MiB")
        assert grown < 32, grown
        # Nothing of it is read again.
        scene.service.restart()
        scene.record(1)
        equal(client.get("NewestSeq"), total + 2)
        never_twice(scene.heard, client)


@test(each=["room comes first", "it is still full"], deadline=120)
def killed_while_the_disk_is_full(then: str) -> None:
    """What was signalled and not recorded comes again, under numbers that nobody had."""
    with on_tmpfs("256k") as scene:
        client, writer, service = scene.client, scene.writer, scene.service
        scene.record(5)
        filler = scene.fill()
        writer.write(50)
        scene.wait_for_signals()
        newest, signalled = client.get("NewestSeq"), scene.heard.events[-1].seq
        service.kill()
        if then == "room comes first":
            filler.unlink()
        service.start()
        if then != "room comes first":
            wait_until(lambda: client.get("Degraded"), "a full disk")
            writer.write(10)
            wait_until(lambda: scene.heard.events[-1].name == "c" + str(len(writer.truth)),
                       "live signals")
            filler.unlink()
        scene.wait_for_room()
        wait_until(lambda: client.history()[-1].name == expected(writer.truth[-1]).name or
                   client.get("Lost") == 1 and
                   len(client.history("engine=podman")) == len(writer.truth), "all events")
        equal(without_seq(client.history("engine=podman")),
              [expected(line) for line in writer.truth])
        lost = losses(client)
        equal(len(lost), 1)
        equal(lost[0].details["lost_first_seq"], newest + 1)
        assert signalled <= lost[0].details["lost_last_seq"] < lost[0].seq, (signalled, lost)
        assert "ended" in lost[0].details["reason"], lost
        assert min(event.seq for event in client.history() if event.seq > newest) > signalled
        assert "numbers go on" in service.log(), service.log()
        never_twice(scene.heard, client)
        service.restart()
        equal(len(losses(client)), 1, "it is said once")


@test
def a_disk_that_is_full_at_the_start() -> None:
    with on_tmpfs("256k") as scene:
        client, writer, service = scene.client, scene.writer, scene.service
        scene.record(5)
        filler = scene.fill()
        filler.unlink()
        scene.wait_for_room()
        service.stop()
        newest = len(writer.truth)
        filler = fill(scene.disk)
        service.start()
        writer.write(200)
        scene.wait_for_signals()
        equal([event.seq for event in scene.heard.events], list(range(1, newest + 201)))
        equal(client.get("Degraded"), True)
        filler.unlink()
        scene.wait_for_room()
        equal(without_seq(client.history()), [expected(line) for line in writer.truth])
        equal(client.get("Lost"), 0)


@test
def without_a_safe_number_nothing_is_published() -> None:
    """The disk takes nothing at all: what happens waits in Podman's log."""
    log = machine.folder("podman") / "events.log"
    history, writer = machine.folder("history"), Writer(log)
    config = {"Podman": {"Enabled": "yes", "EventsLog": log}}
    with Bus() as bus:
        client = bus.client()
        heard = client.listen()
        with Service(bus, history=history, config=config):
            writer.write(1)
            wait_until(lambda: client.get("NewestSeq") == 1, "the first")
            heard.wait_count(1)
        with Service(bus, history=history, config=config,
                     **strace(fdatasync="error=EIO")) as service:
            writer.write(5)
            wait_until(lambda: client.get("Degraded"), "a disk that fails")
            writer.write(5)
            wait_until(lambda: service.log().count("is sealed") >= 2, "two tries", RETRIED)
            equal([event.seq for event in heard.events], [1], "signals")
            assert "nothing is published" in service.log(), service.log()
            equal(service.log().count("nothing is published"), 1, "told once")
            with raises(LOG_UNAVAILABLE):
                client.emit(name="refused")
            service.kill()
        with Service(bus, history=history, config=config):
            wait_until(lambda: client.get("NewestSeq") >= 11, "what waited")
            equal(without_seq(client.history("engine=podman")),
                  [expected(line) for line in writer.truth])
            equal(losses(client), [])


@test(deadline=120)
def a_power_cut_while_the_disk_is_full() -> None:
    with Ext4() as disk, Bus() as bus:
        scene = Scene(bus, disk.folder)
        client, writer = scene.client, scene.writer
        with scene.service as service:
            scene.record(5)
            scene.fill()
            writer.write(100)
            scene.wait_for_signals()
            signalled = scene.heard.events[-1].seq
            assert signalled > client.get("NewestSeq"), signalled
            disk.cut_power()
            service.kill()
            disk.restore_power()
            (disk.folder / "filler").unlink()
            service.start()
            wait_until(lambda: client.get("Lost") == 1 and
                       len(client.history("engine=podman")) == len(writer.truth), "all events")
            equal(without_seq(client.history("engine=podman")),
                  [expected(line) for line in writer.truth])
            assert losses(client)[0].details["lost_last_seq"] >= signalled
            never_twice(scene.heard, client)


@test
def a_call_whose_event_was_dropped_is_told_so() -> None:
    with on_tmpfs("16m") as scene:
        client, writer = scene.client, scene.writer
        scene.record(5)
        filler = fill(scene.disk)
        answers: list[str] = []
        while not client.get("Degraded"):
            client.connection.call_async(
                "org.containers.Events", "/org/containers/Events", "org.containers.Events", "Emit",
                "ssssssta{sv}", ("container", "start", "", "called", "", "test", 0, {}),
                lambda seq: answers.append(f"recorded {seq}"),
                lambda error: answers.append(error.get_dbus_message()), 100)
            settle()
        recorded = client.get("NewestSeq")
        while not any("dropped" in answer for answer in answers):
            writer.write(50, Attributes={"large": "x" * 4000})
            scene.wait_for_signals()
        filler.unlink()
        scene.wait_for_room()
        dropped = {int(answer.split()[1]) for answer in answers if "dropped" in answer}
        assert dropped and min(dropped) > recorded, answers
        equal(dropped & {event.seq for event in client.history()}, set())
        equal(len(losses(client)), 2, "of Podman, and of those who called")


if __name__ == "__main__":
    main()
