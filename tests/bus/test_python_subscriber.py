#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""examples/subscriber.py, as it is installed: it prints what is recorded, once and in order."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from support import machine
from support.bus import BROKERS, SOURCE, Bus
from support.calls import Calls
from support.client import Client, Event, wait_until
from support.disk import fill, tmpfs
from support.forger import forge
from support.journal import needs_files
from support.podman_log import Writer
from support.service import Service
from support.tap import equal, main, patience, test

PROGRAM = SOURCE / "examples" / "subscriber.py"
MANY = 10_000


class Subscriber:
    """The program, which can be ended and started again with what it kept."""

    def __init__(self, bus: Bus) -> None:
        folder = machine.folder("subscriber")
        self.bus, self.place = bus, folder / "place"
        self._output, self._errors = folder / "output", folder / "errors"
        self.process: subprocess.Popen | None = None

    def start(self, **options: object) -> Subscriber:
        """Starts it; what it prints is added to what it printed."""
        with self._output.open("a") as output, self._errors.open("a") as errors:
            self.process = subprocess.Popen(
                [sys.executable, PROGRAM, self.place], env=self.bus.environment, stdout=output,
                stdin=subprocess.DEVNULL, stderr=errors, **options)
        return self

    def end(self) -> None:
        """Ends it in the middle of waiting."""
        self.process.terminate()
        equal(self.process.wait(patience(10)), -signal.SIGTERM, self.errors)

    def forget(self) -> None:
        """What it printed, and what it kept."""
        self.place.unlink()
        self._output.write_text("")

    @property
    def errors(self) -> str:
        """What it complained of."""
        return self._errors.read_text()

    @property
    def lines(self) -> list[str]:
        """What it printed."""
        return self._output.read_text().splitlines()

    def wait(self, last: int, deadline: float = 30) -> None:
        """Until it has printed the event of that number, and kept the place behind it."""
        def there() -> bool:
            equal(self.process.poll(), None, self.errors)
            return self.place.exists() and self.place.read_text().endswith(f":{last}\n")

        wait_until(there, f"{last}; it is at {self.lines[-1:]}", deadline)
        assert self.lines[-1].startswith(f"{last} "), self.lines[-1]

    def __enter__(self) -> Subscriber:
        return self.start()

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.wait()


def line(event: Event) -> str:
    """What it prints of an event."""
    return " ".join([str(event.seq), event.type, event.status, json.dumps(event.name),
                     str(event.details.get("exit_code", ""))])


def recorded(client: Client) -> list[str]:
    """What it has to print."""
    return [line(event) for event in client.history()]


@contextlib.contextmanager
def scene(broker: str = "dbus-daemon") -> Iterator[tuple[Bus, Service, Client, Writer]]:
    """A service that listens to a Podman."""
    with Bus(broker) as bus:
        log = machine.folder("podman") / "events.log"
        with Service(bus, config={"Podman": {"Enabled": "yes", "EventsLog": log}}) as service:
            yield bus, service, bus.client(), Writer(log, limit=1 << 30)


def happen(client: Client, writer: Writer, count: int) -> int:
    """So many events at once, and the number of the last one, when it is recorded."""
    last = client.get("NewestSeq") + count
    lines = [writer.event(Status="died", ContainerExitCode=number % 256)
             for number in range(count)]
    writer.raw("".join(f"{text}\n" for text in lines).encode())
    wait_until(lambda: client.get("NewestSeq") == last, f"{last} in the history", 60)
    return last


@test(each=BROKERS, deadline=120)
def it_prints_exactly_what_is_recorded(broker: str) -> None:
    with scene(broker) as (bus, service, client, writer), Subscriber(bus) as subscriber:
        client.emit(name="a\nb \x1b[31m\"", details={"exit_code": 0})
        last = happen(client, writer, 100)
        subscriber.wait(last)
        forge(bus, last)

        subscriber.process.send_signal(signal.SIGSTOP)
        happen(client, writer, MANY)
        forge(bus, last)
        service.kill()
        service.start()
        last = happen(client, writer, 100)
        subscriber.process.send_signal(signal.SIGCONT)
        subscriber.wait(last, 60)

        subscriber.end()
        last = happen(client, writer, 2000)
        subscriber.start()
        subscriber.wait(last)
        service.restart()
        forge(bus, last)
        for _ in range(3):
            last = happen(client, writer, 1)
            subscriber.wait(last)
        client.emit(name="no signal", details={"backlog": True})
        subscriber.wait(client.emit(name="a signal"))
        equal(subscriber.lines, recorded(client))
        equal(subscriber.errors, "")


@test(each=BROKERS)
def it_begins_while_signals_pour_in(broker: str) -> None:
    with scene(broker) as (bus, _, client, _writer), Subscriber(bus) as subscriber:
        for _ in range(4):
            wait_until(lambda: client.emit() and subscriber.place.exists(), "its first event")
            subscriber.wait(client.emit())
            subscriber.end()
            equal(subscriber.lines, recorded(client))
            subscriber.forget()
            subscriber.start()


@test(each=BROKERS)
def it_joins_a_bus_that_comes_back(broker: str) -> None:
    with scene(broker) as (bus, service, client, writer), Subscriber(bus) as subscriber:
        subscriber.wait(happen(client, writer, 10))
        bus.stop()
        bus.start()
        service.wait_for_name()
        client = bus.client()
        subscriber.wait(happen(client, writer, 10))
        equal(subscriber.lines, recorded(client))
        equal(subscriber.errors, "")


@test
def it_starts_the_service_and_waits_for_it_later() -> None:
    service = Service(None)
    with Bus(activate=service) as bus, service, Subscriber(bus) as subscriber:
        wait_until(lambda: service.alive, "a service")
        pid = service.pid
        client = bus.client()
        subscriber.wait(client.emit(name="first"))
        service.stop()
        last = client.emit(name="second")
        assert service.pid != pid
        subscriber.wait(last)


@test
def who_may_not_read_is_told() -> None:
    with scene() as (bus, _, client, writer), Subscriber(bus) as subscriber:
        subscriber.wait(happen(client, writer, 1))
        subscriber.end()
        printed = subscriber.lines
        uid, gid = machine.ids(machine.STRANGER)
        subscriber.start(user=uid, group=gid, extra_groups=[])
        assert subscriber.process.wait(patience(20)) == 1
        assert "AccessDenied" in subscriber.errors, subscriber.errors
        equal(subscriber.lines, printed)


@test
def another_history_is_said_and_read_from_its_beginning() -> None:
    needs_files("its history is not in a folder that can be wiped")
    with scene() as (bus, service, client, writer), Subscriber(bus) as subscriber:
        subscriber.wait(happen(client, writer, 10))
        before = recorded(client)
        service.stop()
        for path in service.history.iterdir():
            path.unlink()
        service.start()
        client.emit(name="new")
        wait_until(lambda: "gone unread" in subscriber.errors, "what it says")
        subscriber.wait(client.emit(name="newer"))
        equal(subscriber.lines, before + recorded(client))


@test
def health_checks_are_left_out_and_make_no_hole() -> None:
    with scene() as (bus, _, client, _writer), Calls(bus) as calls, Subscriber(bus) as subscriber:
        for turn in range(2):
            for number in range(3):
                client.emit(status="exec_died", id="c" * 64, name="web", details={
                    "exec_id": f"{turn}{number}" + "0" * 62, "exit_code": 1,
                    "reason": "health_check"})
                subscriber.wait(client.emit(name=f"c{number}"))
            if turn == 0:
                subscriber.end()
                client.emit(name="meanwhile")
                subscriber.start()
        equal(subscriber.lines, [line(event) for event in client.history("event!=exec_died")])
        wait_until(lambda: calls.count("QueryAfter") >= 3, "all questions")
        equal(calls.count("QueryAfter"), 3, "questions: one at each start, and ours")


@test(deadline=90)
def what_a_full_disk_keeps_from_being_recorded_is_printed_in_order() -> None:
    needs_files("its history is on no disk of its own")
    with tmpfs("256k") as disk, Bus() as bus, contextlib.ExitStack() as stack:
        log = machine.folder("podman") / "events.log"
        service = stack.enter_context(Service(bus, history=disk / "history", config={
            "Log": {"SegmentSize": "64K"}, "Podman": {"Enabled": "yes", "EventsLog": log}}))
        client, writer = bus.client(), Writer(log, limit=1 << 30)
        subscriber = stack.enter_context(Subscriber(bus))
        writer.write(5)
        subscriber.wait(5)
        filler = fill(disk)
        while not client.get("Degraded"):
            writer.write(20)
            wait_until(lambda: len(subscriber.lines) == len(writer.truth), "all that happened")
        writer.write(20)
        subscriber.wait(len(writer.truth))  # before it is recorded

        subscriber.end()
        writer.write(20)
        calls = stack.enter_context(Calls(bus))
        subscriber.start()
        wait_until(lambda: calls.count("QueryAfter"), "a question")
        writer.write(20)
        wait_until(lambda: calls.count("QueryAfter") > 1, "another question")
        filler.unlink()
        subscriber.wait(len(writer.truth), 60)
        assert calls.count("QueryAfter") < 30, "it asks without a rest"
        equal(subscriber.lines, recorded(client))


if __name__ == "__main__":
    main()
