#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""libcontainers-events against the real service: that following has no hole and nothing twice,
whatever happens, and what its calls give. examples/subscriber.c, and the programs in tests/library.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import dbus

from support import machine
from support.bus import BROKERS, Bus
from support.calls import Calls
from support.client import Client, Event, wait_until
from support.disk import fill, tmpfs
from support.forger import forge
from support.journal import needs_files
from support.podman_log import Writer
from support.program import Program, run
from support.proxy import Proxy
from support.service import Service
from support.tap import equal, main, note, test

CALLS, FOLLOW = "tests/library/library-calls", "tests/library/library-follow"
SUBSCRIBER = "examples/subscriber"
LOOPS = ["own", "user", "attached", "bus", "bus-attached", "fd"]
EXEC, CONTAINER = "e" * 64, "c" * 64
GONE = "0" * 32 + ":7"  # a cursor of another history
MANY = 10_000
LARGE = {"filler": "x" * 3000}  # so that they are 30 MB: more than any socket and quota takes


@contextlib.contextmanager
def scene(broker: str = "dbus-daemon", events: int = 3) -> Iterator[tuple[Bus, Service, Client]]:
    """A service that has recorded some events."""
    with Bus(broker) as bus, Service(bus) as service:
        client = bus.client()
        for number in range(events):
            client.emit(name=f"c{number + 1}", details={"attributes": {"number": str(number)}})
        yield bus, service, client


def recorded(service: Service) -> list[str]:
    """The history, as "cevctl query" prints it."""
    return service.cevctl("query", "--format", "json").stdout.splitlines()


def events_of(lines: list[str]) -> list[str]:
    """What of the lines is an event."""
    return [line for line in lines if line.startswith("{")]


def same(lines: list[str], history: list[str]) -> None:
    """The lines are those of the history. (Before all of it is printed: where they begin to
    differ.)"""
    pairs = enumerate(zip(lines, history))
    first = next((i for i, (a, b) in pairs if a != b), min(len(lines), len(history)))
    equal((len(lines), lines[first:first + 2]), (len(history), history[first:first + 2]))


def names(lines: list[str]) -> list[str]:
    """The names in events."""
    return [json.loads(line)["Name"] for line in events_of(lines)]


# ---- a subscriber, and all that can happen to it ----

class Scene:
    """The service, an engine that is fast, and the example with its cursor file."""

    def __init__(self, broker: str) -> None:
        self.writer = Writer(machine.folder("podman") / "events.log", 1 << 40)
        self.writer.write()
        self.bus = Bus(broker)
        log = {"Podman": {"Enabled": "yes", "EventsLog": self.writer.path}}
        self.service = Service(self.bus, config=log | {"Log": {"MaxSize": "1G"}})
        self.cursor = machine.folder("subscriber") / "cursor"
        self.printed: list[str] = []

    @contextlib.contextmanager
    def running(self) -> Iterator[Scene]:
        """From its first event on."""
        with self.bus, self.service:
            client = self.bus.client()
            wait_until(lambda: client.get("NewestSeq") == 1, "the first event")
            self.cursor.write_text(client.get("Epoch") + ":0\n")
            yield self

    def write(self, count: int, large: bool = False) -> None:
        """As if Podman had been very fast."""
        labels = LARGE if large else {}
        lines = "".join(self.writer.event(Attributes=labels) + "\n" for _ in range(count))
        self.writer.raw(lines.encode())

    def newest(self, at_least: int, deadline: float = 60) -> int:
        """The last number, when it has come so far."""
        client = self.bus.client()
        wait_until(lambda: client.get("NewestSeq") >= at_least, f"event {at_least}", deadline)
        return client.get("NewestSeq")

    def publish(self, count: int, large: bool = False) -> int:
        """Writes, and waits until the last one was signalled; returns its number."""
        client = self.bus.client()
        heard = client.listen("arg1='marker'")
        last = self.newest(1)
        self.write(count, large)
        self.newest(last + count)
        marker = client.emit(status="marker")
        heard.wait(seq=marker, deadline=60)
        return marker

    def subscriber(self) -> Program:
        """The example, from its cursor on."""
        return Program(self.bus, SUBSCRIBER, str(self.cursor))

    def stored(self) -> int:
        """The number in its cursor file."""
        return int(self.cursor.read_text().rpartition(":")[2])

    def wait_for_stored(self, seq: int) -> None:
        """Until the example has stored this place."""
        wait_until(lambda: self.stored() >= seq, f"the cursor of {seq}", 60)

    def take(self, lines: list[str]) -> None:
        """What it printed, as far as its cursor stands for that: the rest it prints again."""
        self.printed += [line for line in lines if int(line.split()[0]) <= self.stored()]

    def check(self) -> int:
        """It printed the history, in order, once; returns how many events that is."""
        def line(event: Event) -> str:
            code = event.details.get("exit_code")
            words = [event.seq, event.type, event.status, event.name]
            return " ".join(map(str, words + ([] if code is None else [code])))
        history = [line(event) for event in self.bus.client().history()]
        equal([int(line.split()[0]) for line in history], list(range(1, len(history) + 1)))
        same(self.printed, history)
        return len(history)


@test(each=BROKERS, deadline=240)
def a_subscriber_gets_exactly_what_is_recorded(broker: str) -> None:
    with Scene(broker).running() as it:
        with it.subscriber() as subscriber:
            it.publish(100)
            it.wait_for_stored(100)

            subscriber.pause()
            last = it.publish(MANY, large=True)
            it.service.kill()
            it.write(50)
            it.service.start()
            it.newest(last + 50)
            forge(it.bus, last + 50)
            start = time.monotonic()
            subscriber.resume()
            it.wait_for_stored(last + 50)
            note(f"caught up with {MANY} events of 3 kB in {time.monotonic() - start:.1f} s")

            it.service.restart()
            forge(it.bus, it.publish(20))

            it.bus.stop()
            it.write(30)
            it.bus.start()
            it.service.wait_for_name()
            last = it.publish(30)
            forge(it.bus, last)
            it.wait_for_stored(last)

            it.write(3000)
            wait_until(lambda: it.stored() > last, "some of them")
            subscriber.kill()
            it.take(subscriber.lines)
        with it.subscriber() as subscriber:
            last = it.publish(10)
            it.wait_for_stored(last)
            it.take(subscriber.end(signal.SIGTERM))
        note(f"{it.check()} events, each once")


@test(each=BROKERS, deadline=120)
def a_bus_that_is_restarted_again_and_again_makes_no_hole(broker: str) -> None:
    with Scene(broker).running() as it:
        with it.subscriber() as subscriber:
            it.wait_for_stored(1)
            for _ in range(3):
                it.write(20)
                it.bus.stop()
                it.write(20)
                it.bus.start()
                it.service.wait_for_name()
                it.service.kill()
                it.service.start()
            it.wait_for_stored(it.publish(10))
            it.take(subscriber.end(signal.SIGTERM))
        it.check()


@test(each=BROKERS)
def forged_signals_are_never_delivered(broker: str) -> None:
    with scene(broker) as (bus, service, client):
        with Program(bus, FOLLOW, "own") as follower:
            follower.wait_for("caught up")
            forge(bus, 3)
            equal(follower.lines, ["caught up"])
            client.emit(name="true")
            follower.wait_for(lambda lines: len(lines) == 2)
            equal(follower.lines[1:], recorded(service)[3:])
        equal(run(bus, FOLLOW, "own", "follow no"), recorded(service) + end_of(service, 4))




# ---- subscriptions ----

@test(each=LOOPS)
def every_kind_of_loop_will_do(loop: str) -> None:
    with scene(events=1200) as (bus, service, client):
        user = {**bus.environment, "DBUS_SESSION_BUS_ADDRESS": bus.address}
        with Program(bus, FOLLOW, loop, "cursor ", "return 1 1203",
                     environment=user) as follower:
            follower.wait_for("caught up")
            for _ in range(3):
                client.emit(name="live")
            lines = follower.end()
        history = recorded(service)
        same(lines, [*history[:1200], "caught up", *history[1200:], *end_of(service, 1203)])


def end_of(service: Service, seq: int, result: str = "0", cursor: int = 0) -> list[str]:
    """What the follower prints at the end, and the event that it kept."""
    epoch = service.cevctl("cursor").stdout.rpartition(":")[0]
    return [f"end {result} {epoch}:{cursor or seq} ", f"kept {seq}"]


@test
def what_is_wanted_can_be_said() -> None:
    with scene() as (bus, service, client):
        client.emit(status="died", name="old", time_nsec=5)
        client.emit(status="died", name="new", time_nsec=7, details={"backlog": True})
        history = recorded(service)
        epoch = client.get("Epoch")
        for settings, numbers in ((["follow no"], (1, 2, 3, 4, 5)),
                                  (["cursor ", "follow no"], (1, 2, 3, 4, 5)),
                                  ([f"cursor {epoch}:3", "follow no"], (4, 5)),
                                  ([f"cursor {epoch}:3", "since 6", "follow no"], (5,)),
                                  ([f"cursor {epoch}:3", "backlog no", "follow no"], (4,)),
                                  (["since 0", "until 8"], (4, 5)),
                                  (["since 6", "until 8"], (5,)),
                                  (["name=c2", "name=old", "follow no"], (2, 4)),
                                  (["event=died", "name=old", "since 0", "follow no"], (4,)),
                                  (["event=pause", "follow no"], ()),
                                  (["until 8"], ())):
            equal(events_of(run(bus, FOLLOW, "own", *settings)),
                  [history[number - 1] for number in numbers], str(settings))


@test
def from_now_on_there_is_no_past() -> None:
    with scene() as (bus, service, client):
        for settings in ([], ["backlog no"], ["backlog yes"]):
            with Program(bus, FOLLOW, "own", *settings, "status=start") as follower:
                follower.wait_for("caught up")
                client.emit(name="backlog", details={"backlog": True})
                seq = client.emit(name="live")
                follower.wait_for(lambda lines: "live" in names(lines))
                want = ["backlog"] * (settings == ["backlog yes"]) + ["live"]
                equal(names(follower.lines), want, str(settings))
                equal(events_of(follower.lines), recorded(service)[seq - len(want):seq])


@test(each=[1, -28], deadline=60)
def a_handler_can_end_it(result: int) -> None:
    """In a page, in a pipe and live. What it refused is not behind the cursor."""
    with scene(events=2600) as (bus, service, client):
        said, less = ("0", 0) if result == 1 else ("ENOSPC", 1)
        history = recorded(service)
        for seq in (1, 500, 2500):
            want = end_of(service, seq, said, seq - less)
            if seq == 1 and less:
                want[0] = "end ENOSPC  "
            equal(run(bus, FOLLOW, "own", "cursor ", f"return {result} {seq}"),
                  history[:seq] + want)
        with Program(bus, FOLLOW, "own", f"return {result} 2602") as follower:
            follower.wait_for("caught up")
            client.emit()
            client.emit()
            equal(follower.end(), ["caught up", *recorded(service)[2600:],
                                   *end_of(service, 2602, said, 2602 - less)])


@test(each=["s", "c", "sc"], deadline=60)
def a_handler_can_drop_what_called_it(what: str) -> None:
    """Nothing is called any more then, and nothing is leaked or used again."""
    with scene(events=2600) as (bus, service, _):
        for where, settings in (("event", ["cursor ", "return 0 1"]),
                                ("event", ["cursor ", "return 0 700"]),
                                ("event", ["cursor ", "return 0 2300"]),
                                ("idle", ["cursor "]),
                                ("caught-up", []),
                                ("caught-up", ["since 0"]),
                                ("notice", [f"cursor {GONE}"]),
                                ("end", ["cursor ", "follow no"]),
                                ("end", ["type=x", "no such=filter"]),
                                ("end", ["cursor ", "return 1 2300"])):
            lines = run_until_dropped(bus, what, where, settings)
            assert f"dropped in {where}" in lines, lines
            if what != "c":
                rest = [line for line in lines[lines.index(f"dropped in {where}"):]
                        if not line.startswith("kept")]
                equal(rest, [f"dropped in {where}"], f"{where} {settings}")


def run_until_dropped(bus: Bus, what: str, where: str, settings: list[str]) -> list[str]:
    """A client that is dropped alone leaves the subscription going."""
    if what != "c" or where == "end":
        return run(bus, FOLLOW, "attached", f"drop {where} {what}", *settings)
    with Program(bus, FOLLOW, "attached", f"drop {where} {what}", *settings) as follower:
        follower.wait_for(f"dropped in {where}")
        bus.client().emit(name="last")
        follower.wait_for(lambda lines: names(lines)[-1:] == ["last"])
        return follower.lines


@test
def a_handler_may_make_calls_that_block() -> None:
    with scene(events=1100) as (bus, service, client):
        with Program(bus, FOLLOW, "own", "cursor ", "asks yes", "return 1 1102") as follower:
            follower.wait_for("caught up", 60)
            client.emit()
            client.emit()
            lines = follower.end()
        same(events_of(lines), recorded(service))
        equal(lines.count("asked 0 1"), 1102)


@test
def an_expired_cursor_is_said_and_gone_on_with() -> None:
    with scene() as (bus, service, client):
        lines = run(bus, FOLLOW, "own", f"cursor {GONE}", "follow no")
        assert lines[0].startswith("expired ") and GONE in lines[0], lines[0]
        equal(lines[1:4], recorded(service))


@test(deadline=90)
def who_comes_while_the_disk_is_full_has_all_when_there_is_room() -> None:
    needs_files("its history is on no disk of its own")
    with tmpfs("256k") as disk, Bus() as bus, contextlib.ExitStack() as stack:
        log = machine.folder("podman") / "events.log"
        service = stack.enter_context(Service(bus, history=disk / "history", config={
            "Log": {"SegmentSize": "64K"}, "Podman": {"Enabled": "yes", "EventsLog": log}}))
        client, writer = bus.client(), Writer(log, limit=1 << 30)
        writer.write(5)
        wait_until(lambda: client.get("NewestSeq") == 5, "the first events")
        first = stack.enter_context(Program(bus, FOLLOW, "own", "cursor "))
        first.wait_for(lambda lines: len(events_of(lines)) == 5)
        filler = fill(disk)
        while not client.get("Degraded"):
            writer.write(20)
            wait_until(lambda: len(events_of(first.lines)) == len(writer.truth), "all signals")
        calls = stack.enter_context(Calls(bus))
        second = stack.enter_context(Program(bus, FOLLOW, "own", "cursor "))
        wait_until(lambda: calls.count("QueryAfter") > 0, "a question")
        filler.unlink()
        wait_until(lambda: len(events_of(second.lines)) == len(writer.truth), "all events", 30)
        same(events_of(second.lines), recorded(service))


@test
def a_wrong_filter_ends_it_with_the_sentence_of_the_service() -> None:
    with scene() as (bus, _, client):
        for settings in (["colour=red"], ["colour=red", "follow no"]):
            lines = run(bus, FOLLOW, "own", *settings)
            assert lines[0].startswith("end EINVAL ") and "colour" in lines[0], lines
        equal(run(bus, FOLLOW, "own", b"name=\xff", status=1), ["failed: EINVAL"])
        equal(run(bus, FOLLOW, "own", b"cursor \xff", status=1), ["failed: EINVAL"])
        lines = run(bus, FOLLOW, "own", user=machine.STRANGER)
        assert lines[0].startswith("end EACCES"), lines


@test(each=["bus", "bus-attached"])
def a_connection_of_the_caller_is_not_made_again(loop: str) -> None:
    with scene() as (bus, service, client):
        proxy = Proxy(bus)
        for settings in (["cursor "], ["since 0", "event=start"]):
            with Program(bus, FOLLOW, loop, *settings,
                         environment=proxy.environment) as follower:
                follower.wait_for("caught up")
                proxy.cut()
                equal(follower.end()[3:], ["caught up", *end_of(service, 3, "ENOTCONN")])


@test(each=["own", "attached", "fd"])
def a_connection_of_its_own_is_made_again(loop: str) -> None:
    """However often, and wherever it is when that happens."""
    with scene() as (bus, service, client):
        proxy = Proxy(bus)
        with Program(bus, FOLLOW, loop, "cursor ", "return 1 63",
                     environment=proxy.environment) as follower:
            follower.wait_for("caught up")
            for number in range(3):
                proxy.cut()
                for _ in range(20):
                    client.emit()
                last = 3 + 20 * (number + 1)
                follower.wait_for(lambda lines: len(events_of(lines)) == last, 40)
            same(events_of(follower.end()), recorded(service))


@test
def calls_that_block_and_a_connection_that_is_cut_do_not_mix_up_events() -> None:
    """A call makes the connection anew while an event is handed over on the old one."""
    with scene(events=1) as (bus, service, client):
        proxy = Proxy(bus)
        with Program(bus, FOLLOW, "own", "cursor ", "asks yes", "return 1 301",
                     environment=proxy.environment) as follower:
            follower.wait_for("caught up")
            for number in range(10):
                for _ in range(30):
                    client.emit()
                proxy.cut()
                follower.wait_for(lambda lines: len(events_of(lines)) > 30 * number, 40)
            same(events_of(follower.end(deadline=60)), recorded(service))


@test
def a_cut_does_not_show_what_is_not_signalled() -> None:
    """The ends of health checks' exec sessions, which a page has."""
    health = {"exec_id": EXEC, "exit_code": 0, "reason": "health_check"}
    with scene() as (bus, service, client):
        proxy = Proxy(bus)
        with Program(bus, FOLLOW, "own", environment=proxy.environment) as follower, \
                Program(bus, "client/cevctl/cevctl", "events", "--json",
                        environment=proxy.environment) as events:
            for program in (follower, events):
                until_it_follows(client, program)
            client.emit(status="exec_died", details=health)
            seen = [client.emit(name="before")]
            for _ in range(3):
                for program in (follower, events):
                    program.wait_for(lambda lines: f'"Seq":{seen[-1]},' in events_of(lines)[-1])
                proxy.cut()
                client.emit(status="exec_died", details=health)
                seen.append(client.emit(name="meanwhile"))
            for program in (follower, events):
                program.wait_for(lambda lines: f'"Seq":{seen[-1]},' in events_of(lines)[-1])
                numbers = [json.loads(line)["Seq"] for line in events_of(program.lines)]
                equal(numbers[numbers.index(seen[0]):], seen)


def until_it_follows(client: Client, program: Program) -> None:
    """Events come until it has printed one."""
    def printed() -> bool:
        client.emit(name="early")
        return bool(events_of(program.lines))
    wait_until(printed, "it to follow")


@test(each=["subscription", "query"])
def reading_the_past_outlives_service_and_bus(what: str) -> None:
    """Also where the service comes to the new bus later."""
    program, words, second = (FOLLOW, ["own", "follow no"], "Stream") \
        if what == "subscription" else (CALLS, ["query"], "QueryAfter")
    with scene(events=2300) as (bus, service, _):
        history, proxy = recorded(service), Proxy(bus)
        proxy.hold(second)
        with Program(bus, program, *words, environment=proxy.environment) as reader:
            proxy.wait_until_held()
            equal(len(events_of(reader.lines)), 1000)
            service.stop()
            bus.stop()
            proxy.cut()
            proxy.release()
            bus.start()
            proxy.wait_for("Hello", 2)
            service.start()
            same(events_of(reader.end(deadline=40)), history)


@test
def a_bus_that_throws_it_out_is_not_asked_in_a_circle() -> None:
    with scene() as (bus, service, client):
        with Program(bus, FOLLOW, "own", environment=bus.environment) as follower:
            follower.wait_for("caught up")
            path = Path(bus.address.partition("path=")[2].partition(",")[0])
            bus.stop()
            attempts = count_attempts(path, 4)
            path.unlink()
            bus.start()
            service.wait_for_name()
            bus.client().emit(name="after")
            follower.wait_for(lambda lines: names(lines) == ["after"], 40)
        note(f"{attempts} attempts in 4 s")
        # 0.1, 0.2, 0.4, 0.8, 1.6 s: the service itself tries, too, every second or so.
        assert 1 <= attempts <= 14, attempts


def count_attempts(path: Path, seconds: float) -> int:
    """Takes connections, and closes them at once."""
    attempts = 0
    with socket.socket(socket.AF_UNIX) as listener:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(0.1)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                listener.accept()[0].close()
                attempts += 1
    return attempts


@test(each=["service", "bus"])
def who_is_gone_for_long_is_said_to_be(what: str) -> None:
    with scene() as (bus, service, client):
        with Program(bus, FOLLOW, "own") as follower:
            follower.wait_for("caught up")
            service.stop()
            if what == "bus":
                bus.stop()
            follower.wait_for("absent ")
            if what == "bus":
                bus.start()
            service.start()
            follower.wait_for("back ", 40)
            bus.client().emit(name="after")
            follower.wait_for(lambda lines: names(lines) == ["after"])
            equal([follower.lines.count(word) for word in ("absent ", "back ")], [1, 1])


# ---- calls ----

@test
def a_query_gives_one_event_after_the_other() -> None:
    with scene(events=2300) as (bus, service, client):
        history, epoch = recorded(service), client.get("Epoch")
        equal(run(bus, CALLS, "query", status=0), [*history, f"end {epoch}:2300"])
        equal(events_of(run(bus, CALLS, "query", f"cursor {epoch}:2298")), history[2298:])
        equal(events_of(run(bus, CALLS, "query", "name=c7", "name=c2299", "event=start")),
              [history[6], history[2298]])
        client.emit(name="early", time_nsec=5)
        history = recorded(service)
        equal(events_of(run(bus, CALLS, "query", "until 6")), history[2300:])
        equal(events_of(run(bus, CALLS, "query", "cursor ", "until 6")), history[2300:])
        equal(events_of(run(bus, CALLS, "query", "cursor ", "since 6")), history[:2300])
        equal(run(bus, CALLS, "query", "event=pause"), [f"end {epoch}:2301"])


@test
def a_query_that_cannot_be_says_why() -> None:
    with scene() as (bus, service, client):
        for words, error in ((["colour=red"], "-EINVAL: "), ([f"cursor {GONE}"], "-ESTALE: "),
                             (["since 7", "until 6"], "-EINVAL: ")):
            lines = run(bus, CALLS, "query", *words, status=1)
            assert lines[0].startswith(error) and len(lines[0]) > len(error) + 10, lines
        equal(run(bus, CALLS, "query", b"name=\xff", status=1), ["-EINVAL: "])
        assert run(bus, CALLS, "query", status=1, user=machine.STRANGER)[0].startswith("-EACCES")
        service.stop()
        assert run(bus, CALLS, "query", status=1)[0].startswith("-EHOSTUNREACH: ")
    with Bus() as bus, Service(bus, config={"Log": {"Backend": "none"}}):
        assert run(bus, CALLS, "query", status=1)[0].startswith("-ENOTRECOVERABLE: ")


@test
def one_event_can_be_had_by_its_number() -> None:
    with scene() as (bus, service, client):
        for number, line in enumerate(recorded(service), start=1):
            equal(run(bus, CALLS, "event", str(number)), [line])
        for number in ("0", "4", str(2 ** 64 - 1)):
            equal(run(bus, CALLS, "event", number, status=1), ["-ENOENT: "])
        equal(run(bus, CALLS, "cursor"), [f"{client.get('Epoch')}:3"])


@test
def every_part_of_an_event_can_be_had() -> None:
    with scene() as (bus, _, client):
        details = {"exec_id": EXEC, "pod_id": "p", "network": "n", "health_status": "h",
                   "error": "e", "reason": "r", "evidence": "told", "exit_code": 0,
                   "uid": dbus.UInt32(1000), "oom_killed": True, "synthetic": True,
                   "backlog": True, "colour": dbus.UInt64(2 ** 63),
                   "attributes": {"b": "2", "a": "1\t"}}
        seq = client.emit("container", "exec_died", CONTAINER, "web", "busybox", "x", 123, details)
        equal(run(bus, CALLS, "getters", str(seq)), [
            f"container exec_died {CONTAINER} web busybox x 123 {seq}",
            f"{EXEC} p n h e r told", "0 0 0 1000 11100 9223372036854775808 -",
            "a=1\t 1", "b=2 1", "-"])
        equal(run(bus, CALLS, "getters", "1")[1:], ["- - - - - - -", "-61 -1 -61 0 00000 - -",
                                                   "number=0 1", "-"])


@test
def exit_codes_and_why_there_is_none() -> None:
    with scene() as (bus, service, client):
        for session, code in ((EXEC, 7), ("f" * 64, None)):
            client.emit(status="exec", id=CONTAINER, details={"exec_id": session})
            if code is not None:
                client.emit(status="exec_died", id=CONTAINER,
                            details={"exec_id": session, "exit_code": code})
        client.emit(status="exec_died", id=CONTAINER, details={"exec_id": "a" * 64})
        client.emit(status="died", id=CONTAINER, details={"exit_code": 3})
        client.emit(status="create", id="d" * 64)
        for kind, name, answer in (("exec", EXEC, "7"), ("exec", EXEC[:12], "7"),
                                   ("exec", "f" * 64, "-EBUSY"), ("exec", "a" * 64, "-ENODATA"),
                                   ("exec", "0" * 64, "-ESRCH"), ("exec", "x", "-EINVAL"),
                                   ("container", CONTAINER, "3"),
                                   ("container", "0" * 64, "-ESRCH"),
                                   ("container", "d" * 64, "-ENODATA")):
            lines = run(bus, CALLS, kind, name, status=1 if answer[0] == "-" else 0)
            equal(lines[0].partition(":")[0], answer, f"{kind} {name}: {lines}")


@test(each=BROKERS)
def a_wait_for_an_exit_code_outlives_service_and_bus(broker: str) -> None:
    with scene(broker) as (bus, service, client):
        proxy = Proxy(bus)
        client.emit(status="exec", id=CONTAINER, details={"exec_id": EXEC})
        with Program(bus, CALLS, "wait", EXEC, "0", environment=proxy.environment) as waiter:
            proxy.wait_for("WaitExecExit")
            service.restart()
            service.kill()
            service.start()
            bus.stop()
            proxy.cut()
            bus.start()
            service.wait_for_name()
            proxy.wait_for("WaitExecExit", 4)
            service.restart()
            bus.client().emit(status="exec_died", id=CONTAINER,
                              details={"exec_id": EXEC, "exit_code": 42})
            equal(waiter.end(deadline=40), ["42"])
        equal(run(bus, CALLS, "wait", EXEC, "1"), ["42"])


@test
def a_wait_for_an_exit_code_ends_with_what_is_wrong() -> None:
    with scene() as (bus, service, client):
        client.emit(status="exec", id=CONTAINER, details={"exec_id": EXEC})
        client.emit(status="exec_died", id=CONTAINER, details={"exec_id": "a" * 64})
        for name, answer in (("0" * 64, "-ESRCH"), ("a" * 64, "-ENODATA"), ("x", "-EINVAL"),
                             (EXEC, "-ETIMEDOUT"), (b"\xff", "-EINVAL")):
            lines = run(bus, CALLS, "wait", name, "300000", status=0 if name != b"\xff" else 1)
            equal(lines[0].partition(":")[0], answer, f"{name}: {lines}")
        proxy = Proxy(bus)
        with Program(bus, CALLS, "wait", EXEC, "3000000",
                     environment=proxy.environment) as waiter:
            proxy.wait_for("WaitExecExit")
            service.stop()
            equal(waiter.end()[0].partition(":")[0], "-ETIMEDOUT")


@test
def what_is_emitted_is_recorded_as_it_was_said() -> None:
    with scene() as (bus, service, client):
        heard = client.listen()
        equal(run(bus, CALLS, "emit", "container", "died", "job", "3", "colour=red", "size=7"),
              ["4"])
        event = heard.wait(seq=4)
        equal((event.type, event.status, event.name), ("container", "died", "job"))
        equal(event.details, {"exit_code": 3, "colour": "red", "size": "7",
                              "attributes": {"colour": "red", "size": "7"}})
        equal(run(bus, CALLS, "emit", "pod", "start", "p"), ["5"])
        equal(heard.wait(seq=5).details, {})
        run(bus, CALLS, "emit", "pod", "stop", "p", "0", "uid=4294967295", "oom_killed=true",
            "lost_since_nsec=18446744073709551615")
        details = heard.wait(seq=6).details
        equal([details[key] for key in ("uid", "oom_killed", "lost_since_nsec")],
              [2 ** 32 - 1, True, 2 ** 64 - 1])
        for wrong in ("uid=-1", "uid=4294967296", "uid=", "oom_killed=1", "lost_since_nsec=x"):
            equal(run(bus, CALLS, "emit", "pod", "stop", "p", "0", wrong, status=1), ["-EINVAL: "])
        assert run(bus, CALLS, "emit", "x", "y", "z", status=1)[0].startswith("-EINVAL: ")
        equal(run(bus, CALLS, "emit", "pod", "start", b"\xff", status=1), ["-EINVAL: "])
        refused = run(bus, CALLS, "emit", "pod", "start", "p", status=1, user=machine.READER)
        assert refused[0].startswith("-EACCES: "), refused


if __name__ == "__main__":
    main()
