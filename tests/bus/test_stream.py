#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Streams: what goes through the pipe is what the history holds, at the pace of who reads; and one
who does not read, leaves, or asks for too much costs nobody else anything."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import re
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support import journal, machine
from support.bus import BROKERS, Bus
from support.client import INTERFACE, NAME, PATH, Client, wait_until
from support.journal import BACKEND, needs_files
from support.podman_log import Writer
from support.service import Service
from support.tap import equal, main, note, raises, test

ERROR = "org.containers.Events.Error"
STREAMS_OF_USER, STREAMS = 32, 192
MEBIBYTE = 1 << 20

# What a sanitizer keeps of freed memory would pass for ours.
LEAN = {"ASAN_OPTIONS": "quarantine_size_mb=1:detect_leaks=1:exitcode=99"}


class Stream:
    """The reading end."""

    def __init__(self, client: Client, after: str = "", since: int = 0, until: int = 0,
                 filters: Any = (), follow: bool = False) -> None:
        self.fd = client.call("Stream", after, since, until, list(filters), follow)
        self.lines: list[bytes] = []
        self.ended = False
        self._rest = b""

    def read(self) -> None:
        """Takes what is there."""
        os.set_blocking(self.fd, False)
        with contextlib.suppress(BlockingIOError):
            while not self.ended:
                piece = os.read(self.fd, MEBIBYTE)
                self.ended = not piece
                *lines, self._rest = (self._rest + piece).split(b"\n")
                self.lines += lines
        if self.ended:
            equal(self._rest, b"", "a torn line at the end")

    def all(self) -> list[bytes]:
        """Every line up to the end."""
        def at_end() -> bool:
            self.read()
            return self.ended

        wait_until(at_end, "the end of the stream", 60)
        return self.lines

    def wait(self, count: int, deadline: float = 10) -> list[bytes]:
        """Every line so far, when there are so many."""
        def there() -> bool:
            self.read()
            return len(self.lines) >= count

        wait_until(there, f"{count} lines (got {len(self.lines)})", deadline)
        return self.lines

    def seqs(self) -> list[int]:
        """The numbers of the lines so far."""
        return [json.loads(line)["Seq"] for line in self.lines]

    def close(self) -> None:
        """Leaves."""
        os.close(self.fd)


@contextlib.contextmanager
def scene(broker: str = "dbus-daemon", **log: str) -> Iterator[tuple[Service, Client]]:
    """A service, and somebody who asks it."""
    with Bus(broker) as bus, Service(bus, config={"Log": log}, environment=LEAN) as service:
        yield service, bus.client()


@contextlib.contextmanager
def podman_scene(count: int, broker: str = "dbus-daemon",
                 **log: str) -> Iterator[tuple[Service, Client, Writer]]:
    """A service that has so many events of Podman's, and takes more."""
    writer = Writer(machine.folder("podman") / "events.log", 1 << 40)
    write(writer, count)
    podman = {"Enabled": "yes", "EventsLog": writer.path}
    with Bus(broker) as bus:
        with Service(bus, config={"Podman": podman, "Log": log}, environment=LEAN) as service:
            client = bus.client()
            wait_until(lambda: client.get("NewestSeq") == count, f"{count} events", 60)
            yield service, client, writer


def write(writer: Writer, count: int) -> None:
    """As if Podman had been very fast."""
    writer.raw("".join(writer.event() + "\n" for _ in range(count)).encode())


def segments(service: Service) -> list[Path]:
    """The files of the history, the oldest first."""
    sealed = sorted(service.history.glob("events-*.log"))
    return [*sealed, service.history / "events.log"]


def records(service: Service) -> list[bytes]:
    """The lines of the history, without the headers."""
    if BACKEND == "journald":
        return journal.records(service.history)
    lines = [line for path in segments(service) for line in path.read_bytes().splitlines()]
    return [line for line in lines if b'"Seq":' in line]


def files(service: Service) -> int:
    """How many descriptors the service has open."""
    return len(os.listdir(f"/proc/{service.pid}/fd"))


def pipes(service: Service) -> int:
    """How many of them are pipes."""
    folder = f"/proc/{service.pid}/fd"
    return sum(os.readlink(f"{folder}/{fd}").startswith("pipe:") for fd in os.listdir(folder))


def memory(service: Service) -> int:
    """Bytes that the service takes for itself."""
    text = Path(f"/proc/{service.pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)[1]) * 1024


def emit(client: Client, count: int, start: int = 0) -> None:
    """So many events, each by a call of its own."""
    for number in range(start, start + count):
        client.emit(name=f"e{number}", details={"pad": "x" * 100})


@test
def a_line_is_the_record_as_it_stands_in_the_history() -> None:
    with scene() as (service, client):
        client.emit(status="died", id="a" * 64, name="c1", image="ä:1", time_nsec=5,
                    details={"exit_code": 7, "attributes": {"k": 'v"\n'}})
        client.emit(name="c2")
        lines = Stream(client).all()
        equal(lines, records(service))
        fields = json.loads(lines[0])
        equal((fields["Seq"], fields["Name"], fields["ContainerExitCode"]), (1, "c1", 7))
        assert re.search(rb'"Seq":1,.*"CRC":"[0-9a-f]{8}"\}$', lines[0]), lines[0]


def menagerie(chance: random.Random) -> dict[str, Any]:
    """Some event, that some filters find."""
    event: dict[str, Any] = {
        "type": chance.choice(["container"] * 4 + ["image", "pod", "volume"]),
        "status": chance.choice(["start", "died", "create", "remove", "exec_died"]),
        "id": chance.choice("abc") * 64, "name": f"n{chance.randrange(5)}",
        "engine": chance.choice(["test", "docker"]), "time_nsec": chance.randrange(1, 2000)}
    if event["type"] == "container":
        event["details"] = {"exit_code": chance.randrange(3),
                            "attributes": {"team": chance.choice("xyz"), "pad": "x" * 100}}
    return event


FILTERS = ["type=container", "type!=image", "event=died", "event=rm", "container=n1", "name=n2",
           "name!=n2", "id=a", "exit_code=0", "exit_code!=1", "label=team", "label=team=x",
           "engine=docker", "volume=n", "uid=0"]


@test(deadline=180)
def every_question_has_the_answer_that_query_gives() -> None:
    chance = random.Random(1)
    with scene(SegmentSize="64K") as (service, client):
        for _ in range(1000):
            client.emit(**menagerie(chance))
        if BACKEND == "logfile":
            assert len(segments(service)) > 3, "the history has several segments"
        line_of = {json.loads(line)["Seq"]: line for line in records(service)}
        equal(len(line_of), 1000)
        epoch, sizes = client.get("Epoch"), []
        for _ in range(120):
            filters = chance.sample(FILTERS, chance.choice([0, 0, 1, 1, 2, 3]))
            since, until = sorted([chance.randrange(2000), chance.randrange(2000)])
            since, until = chance.choice([(0, 0), (since, until), (since, 0), (0, until)])
            after = chance.choice([0, chance.randrange(1001), 999, 1000])
            page = client.query(since, until, filters)
            expected = page.events
            while page.more:
                page = client.query_after(page.cursor, until, filters)
                expected += [event for event in page.events if event.time_nsec >= since]
            stream = Stream(client, f"{epoch}:{after}" if after else "", since, until, filters)
            equal(stream.all(), [line_of[event.seq] for event in expected if event.seq > after],
                  f"after {after}, {since} to {until}, {filters}")
            stream.close()
            sizes.append(len(stream.lines))
        note(f"{len(sizes)} questions, {sizes.count(0)} without an answer")
        assert sizes.count(0) < 70 and max(sizes) == 1000, sizes


@test
def without_follow_it_ends_where_the_history_did() -> None:
    with podman_scene(20_000, SegmentSize="8M") as (_, client, writer):
        stream = Stream(client)  # nothing is read yet: the pipe does not hold them all
        write(writer, 3000)
        wait_until(lambda: client.get("NewestSeq") == 23_000, "the new events")
        stream.all()
        equal(stream.seqs(), list(range(1, 20_001)))
        equal(Stream(client, f"{client.get('Epoch')}:23000").all(), [])


@test
def of_an_empty_history_there_is_nothing() -> None:
    with scene() as (_, client):
        equal(Stream(client).all(), [])
        follower = Stream(client, follow=True)
        client.emit(name="first")
        equal(json.loads(follower.wait(1)[0])["Name"], "first")


@test(each=BROKERS)
def a_follower_gets_what_is_committed_later(broker: str) -> None:
    with scene(broker, SegmentSize="16K") as (service, client):
        emit(client, 100)
        everything = Stream(client, follow=True)
        some = Stream(client, f"{client.get('Epoch')}:90", filters=["name=e95", "name=e150"],
                      follow=True)
        equal(len(everything.wait(100)), 100)
        equal(some.wait(1) and some.seqs(), [96])
        emit(client, 100, start=100)
        # Committed before it was answered, and so there at once; over rotations too.
        everything.wait(200, deadline=1)
        equal(everything.seqs(), list(range(1, 201)))
        equal(some.wait(2) and some.seqs(), [96, 151])
        if BACKEND == "logfile":
            assert len(segments(service)) > 2, "the history was rotated meanwhile"
        equal(everything.lines, records(service))
        assert not everything.ended and not some.ended


@test(each=BROKERS, deadline=180)
def one_who_does_not_read_costs_the_others_nothing(broker: str) -> None:
    count = 10_000
    with podman_scene(2000, broker, SegmentSize="1M") as (service, client, writer):
        heard, good = client.listen(), Stream(client, follow=True)
        good.wait(2000)
        idle = [Stream(client, follow=True) for _ in range(STREAMS_OF_USER - 1)]
        idle += [Stream(client.bus.client(machine.READER), follow=True, filters=["type=container"])
                 for _ in range(STREAMS_OF_USER)]
        pings(client, 0.2)
        before, took = memory(service), []
        for _ in range(10):
            write(writer, count // 10)
            took += pings(client, 0.1)
        heard.wait_count(count, deadline=60)
        good.wait(2000 + count, deadline=60)
        equal(good.seqs(), list(range(1, 2001 + count)))
        grown = memory(service) - before
        note(f"{len(idle)} do not read: memory grew by {grown / MEBIBYTE:.1f} MiB; "
             f"a call took {statistics.median(took) * 1e3:.2f} ms, "
             f"at most {max(took) * 1e3:.2f} ms")
        # What is kept of one who stops: a piece that did not fit, and a reader's buffer.
        assert grown < len(idle) * MEBIBYTE / 2, f"memory grew by {grown / MEBIBYTE:.1f} MiB"
        for stream in idle:
            stream.wait(2000 + count, deadline=60)
            equal(stream.lines, good.lines)
            stream.close()


def pings(client: Client, seconds: float) -> list[float]:
    """How long a call takes, again and again."""
    took, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.perf_counter()
        client.message("Ping", interface="org.freedesktop.DBus.Peer")
        took.append(time.perf_counter() - start)
    return took


@test(deadline=120)
def a_long_search_holds_up_nobody() -> None:
    with podman_scene(30_000) as (_, client, _):
        # No index knows what is not there: each record is looked at.
        streams = [Stream(client, filters=["engine!=podman"]) for _ in range(4)]
        start, took = time.monotonic(), []
        while not all(stream.ended for stream in streams):
            took += pings(client, 0.05)
            for stream in streams:
                stream.read()
        search = time.monotonic() - start
        note(f"four searches took {search:.2f} s; a call {statistics.median(took) * 1e3:.2f} ms, "
             f"at most {max(took) * 1e3:.2f} ms")
        assert max(took) < search / 4, max(took)


@test(each=BROKERS)
def a_reader_that_leaves_is_noticed_at_once(broker: str) -> None:
    with podman_scene(10_000, broker) as (service, client, _):
        heard = client.listen()
        client.emit(name="one")
        heard.wait(name="one")  # the emitter has its file open now
        client.query()
        before = files(service)
        full, behind = Stream(client), Stream(client, follow=True)
        waiting = Stream(client, filters=["name=nobody"], follow=True)
        behind.wait(10_001)
        assert files(service) >= before + 3, files(service)
        # Without an event that would have been written to it, and without a call.
        for stream in (full, behind, waiting):
            stream.close()
        wait_until(lambda: files(service) == before, f"{before} files, of {files(service)}", 1)
        # One who leaves the bus keeps its pipe.
        other = client.bus.client()
        stream = Stream(other, follow=True)
        stream.wait(10_001)
        other.close()
        client.emit(name="later")
        equal(json.loads(stream.wait(10_002)[-1])["Name"], "later")
        stream.close()
        wait_until(lambda: files(service) == before, f"{before} files, of {files(service)}", 1)
        assert service.alive


@test
def one_who_never_reads_the_answer_keeps_nothing_open() -> None:
    with scene() as (service, client):
        heard = client.listen()
        client.emit(name="one")
        heard.wait_count(1)  # the emitter has its file open now
        before = files(service)
        for _ in range(20):
            passing = client.bus.client()
            passing.connection.call_async(NAME, PATH, INTERFACE, "Stream", "sttasb",
                                          ("", 0, 0, ["name=nobody"], True), None, None)
            passing.connection.flush()
            passing.close()
        client.emit(name="still here")
        wait_until(lambda: files(service) == before, f"{before} files, of {files(service)}", 5)


@test(each=BROKERS, deadline=120)
def a_user_has_thirty_two(broker: str) -> None:
    with scene(broker) as (_, client):
        client.emit(name="one")
        clients = [client.bus.client(machine.READER) for _ in range(3)]
        streams = [Stream(clients[number % 3], follow=True) for number in range(STREAMS_OF_USER)]
        for reader in clients:
            with raises(f"{ERROR}.LimitsExceeded") as error:
                Stream(reader, follow=True)
            assert str(STREAMS_OF_USER) in error.message, error.message
        # Root is another user.
        Stream(client, follow=True).wait(1)
        equal(len(clients[0].query().events), 1)
        streams[0].close()
        wait_until(lambda: try_stream(clients[1]), "room for another")


def try_stream(client: Client) -> bool:
    """Whether there is room for another stream."""
    try:
        with raises(f"{ERROR}.LimitsExceeded"):
            Stream(client, follow=True)
    except AssertionError:
        return True
    return False


@test
def a_question_that_is_none_is_refused() -> None:
    needs_files("MaxSize= is not its own")
    with scene(SegmentSize="4K", MaxSize="12K") as (service, client):
        emit(client, 100)
        epoch, oldest = client.get("Epoch"), client.get("OldestSeq")
        assert oldest > 2, oldest
        for arguments, name in (
                (("x",), "org.freedesktop.DBus.Error.InvalidArgs"),
                ((f"{epoch}:1",), f"{ERROR}.CursorExpired"),
                ((f"{'0' * 32}:1",), f"{ERROR}.CursorExpired"),
                ((f"{epoch}:101",), f"{ERROR}.CursorExpired"),
                (("", 300, 299), f"{ERROR}.InvalidTime"),
                (("", 0, 0, ["type=dog"]), f"{ERROR}.InvalidFilter"),
                (("", 0, 0, ["colour=red"]), f"{ERROR}.InvalidFilter")):
            with raises(name):
                Stream(client, *arguments)
        equal(pipes(service), 0)
        equal(Stream(client, f"{epoch}:{oldest - 1}").all(), records(service))


@test
def a_stranger_gets_none() -> None:
    with scene() as (_, client):
        with raises("org.freedesktop.DBus.Error.AccessDenied"):
            Stream(client.bus.client(machine.STRANGER))


@test(deadline=120)
def what_is_removed_before_it_is_read_is_passed_over() -> None:
    needs_files("MaxSize= is not its own")
    with podman_scene(10_000, SegmentSize="256K", MaxSize="4M") as (service, client, writer):
        stream = Stream(client, follow=True)
        wait_until(lambda: in_pipe(stream) > 4096, "a pipe with something in it")
        for count in range(15_000, 50_001, 5000):  # several times what is kept
            write(writer, 5000)
            wait_until_there(client, count)
        wait_until(lambda: client.get("LogSize") <= 4 << 20, "a trimmed history")
        oldest = client.get("OldestSeq")
        assert oldest > 10_000, oldest
        wait_until(lambda: stream.read() or (stream.lines and stream.seqs()[-1] == 50_000),
                   "the newest event", 30)
        seqs = stream.seqs()
        jumps = [(one, two) for one, two in zip(seqs, seqs[1:]) if two != one + 1]
        note(f"jumps: {jumps}; the oldest kept: {oldest}")
        equal((seqs[0], len(jumps)), (1, 1))
        assert jumps[0][1] <= oldest, (jumps, oldest)
        kept = [seq for seq in seqs if seq >= oldest]
        equal(kept, list(range(oldest, 50_001)))
        equal([line for line in stream.lines if json.loads(line)["Seq"] >= oldest],
              records(service))


def wait_until_there(client: Client, newest: int) -> None:
    """Waits for the event with that number."""
    wait_until(lambda: client.get("NewestSeq") == newest, f"event {newest}", 60)


def in_pipe(stream: Stream) -> int:
    """Bytes that wait in the pipe."""
    answer = fcntl.ioctl(stream.fd, 0x541B, b"\0\0\0\0")  # FIONREAD
    return int.from_bytes(answer, "little")


@test
def a_damaged_line_is_left_out() -> None:
    needs_files("it has no file to damage")
    with scene() as (service, client):
        emit(client, 600)
        service.stop()
        path = service.history / "events.log"
        path.write_bytes(path.read_bytes().replace(b'"Name":"e299"', b'"Name":"e29X"'))
        service.start()
        stream = Stream(client)
        stream.all()
        equal(stream.seqs(), [*range(1, 300), *range(301, 601)])


@test(each=BROKERS)
def when_the_service_ends_the_streams_end(broker: str) -> None:
    with podman_scene(2000, broker) as (service, client, _):
        following, idle = Stream(client, follow=True), Stream(client, filters=["name=x"],
                                                              follow=True)
        following.wait(2000)
        owner = client.owner()
        service.stop()
        equal(len(following.all()), 2000)
        equal(idle.all(), [])
        service.start()
        assert client.owner() != owner
        equal(len(Stream(client).all()), 2000)


if __name__ == "__main__":
    main()
