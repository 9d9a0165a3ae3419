#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Exec sessions of health checks: recorded, not signalled unless it is configured, and no hole."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator

import dbus

from support.bus import BROKERS, Bus
from support.client import Client, wait_until
from support.follower import Follower
from support.service import REPORT, Service, cevctl
from support.tap import equal, main, patience, test

CONTAINER = "c" * 64


@contextlib.contextmanager
def scene(broker: str = "dbus-daemon", *, signalled: str | None = None) -> \
        Iterator[tuple[Service, Client]]:
    """A service with an empty history."""
    with Bus(broker) as bus:
        with Service(bus, config={"Podman": {"HealthCheckExecs": signalled}}) as service:
            yield service, bus.client()


def exec_id(number: int) -> str:
    """The ID of an exec."""
    return f"{number:012x}" + "0" * 52


def check(client: Client, number: int, code: int = 0, **details: object) -> int:
    """A health check's exec session ends."""
    return client.emit(status="exec_died", id=CONTAINER, name="web", details={
        "exec_id": exec_id(number), "exit_code": code, "reason": "health_check",
        "evidence": "exit-file", **details})


def streamed(client: Client) -> list[dict]:
    """The records of the history."""
    fd = client.call("Stream", "", dbus.UInt64(0), dbus.UInt64(0), dbus.Array([], "s"), False)
    with os.fdopen(fd, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@test(each=BROKERS)
def they_are_recorded_and_not_signalled(broker: str) -> None:
    with scene(broker) as (service, client):
        heard = client.listen()
        check(client, 1, 3)
        client.emit(name="a")
        check(client, 3)
        check(client, 4, 1)
        client.emit(name="b")
        client.emit(name="c")
        heard.wait_count(3)
        equal([(event.seq, event.details) for event in heard.events],
              [(2, {"unsignalled": 1}), (5, {"unsignalled": 2}), (6, {})])
        for _ in range(2):
            events = client.history()
            equal([event.seq for event in events], [1, 2, 3, 4, 5, 6])
            equal(events[0].details, {"exec_id": exec_id(1), "exit_code": 3,
                                      "reason": "health_check", "evidence": "exit-file"})
            equal([event.details for event in events if event.name in ("a", "b", "c")], [{}] * 3)
            equal([(r["Seq"], r.get("Reason"), r.get("Evidence"), r.get("ContainerExitCode"))
                   for r in streamed(client)][2:5],
                  [(3, "health_check", "exit-file", 0), (4, "health_check", "exit-file", 1),
                   (5, None, None, None)])
            equal([client.exec_exit_code(exec_id(number)) for number in (1, 3, 4)], [3, 0, 1])
            equal(client.exec_exit_code(exec_id(4)[:12]), 1, "by a prefix")
            service.restart()
        text = "".join(path.read_text() for path in service.history.glob("events*.log"))
        assert "nsignalled" not in text, text


@test(each=BROKERS)
def if_it_is_configured_they_are_signalled(broker: str) -> None:
    with scene(broker, signalled="yes") as (_, client):
        heard = client.listen()
        check(client, 1, 3)
        client.emit(name="a")
        heard.wait_count(2)
        equal([event.seq for event in heard.events], [1, 2])
        equal(heard.events[0].details["reason"], "health_check")
        equal(heard.events[1].details, {})


@test
def only_the_ends_of_their_execs_are_left_out() -> None:
    """Whoever gives something else the same reason is heard."""
    with scene() as (_, client):
        heard = client.listen()
        for kind, status in (("container", "exec"), ("container", "died"),
                             ("container", "health_status"), ("pod", "exec_died")):
            client.emit(kind, status, details={"reason": "health_check"})
        client.emit(status="exec_died", details={"attributes": {"reason": "health_check"}})
        client.emit(status="exec_died", details={"Reason": "health_check"})
        client.emit(status="exec_died", details={"reason": "health_checks"})
        client.emit(status="exec_die", details={"reason": "health_check"})
        client.emit(name="last")
        heard.wait(name="last")
        equal([event.seq for event in heard.events], [1, 2, 3, 4, 5, 6, 7, 9])
        equal(heard.events[-1].details, {"unsignalled": 1})


@test(each=BROKERS)
def who_follows_need_not_ask(broker: str) -> None:
    with scene(broker) as (service, client):
        follower = Follower(client)
        for number in range(1, 51):
            check(client, number)
            check(client, number + 100)
            client.emit(name=f"e{number}")
        follower.wait_for(150)
        equal((follower.heard, follower.asked), (50, 0))
        # After a restart he asks anyway, and is where he was.
        check(client, 51)
        service.restart()
        follower.catch_up()
        equal(follower.events[-1].seq, 151)
        client.emit(name="again")
        follower.wait_for(152)
        equal((follower.heard, follower.asked), (51, 1))


@test
def what_came_as_backlog_is_asked_for() -> None:
    """It is not passed over: another history may have it, and its readers want it."""
    with scene() as (_, client):
        follower = Follower(client)
        check(client, 1)
        check(client, 2, backlog=True)
        client.emit(name="a")
        follower.wait_for(3)
        equal([event.seq for event in follower.events], [1, 2, 3])
        equal(follower.asked, 3)


# ---- cevctl ----

class Shown:
    """A cevctl that shows events as they come."""

    def __init__(self, bus: Bus, *arguments: str) -> None:
        self.path = bus.folder / f"shown-{time.monotonic_ns()}"
        with self.path.open("w") as output:
            self.process = subprocess.Popen(
                [cevctl(), "events", "--format", "{{.Seq}}", *arguments], env=bus.environment,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, text=True)

    @property
    def lines(self) -> list[int]:
        """What it showed."""
        return [int(line) for line in self.path.read_text().splitlines()]

    def wait(self, seq: int) -> None:
        """Until it has shown that one."""
        wait_until(lambda: self.lines[-1:] == [seq], f"event {seq} in {self.lines}", 20)

    def end(self) -> list[int]:
        """Returns all it showed."""
        self.process.terminate()
        errors = self.process.communicate(timeout=patience(20))[1]
        assert not errors and not REPORT.search(errors), errors
        return self.lines


def until_it_follows(client: Client, shown: Shown) -> int:
    """Emits until it shows one. Returns its number."""
    sent: list[tuple[int, float]] = []

    def heard() -> bool:
        if not sent or time.monotonic() - sent[-1][1] > 0.2:
            sent.append((client.emit(name="first"), time.monotonic()))
        return bool(shown.lines)

    wait_until(heard, "the first event", 20)
    shown.wait(sent[-1][0])
    return sent[-1][0]


@test(each=BROKERS)
def cevctl_shows_them_of_the_past_and_not_live(broker: str) -> None:
    with scene(broker) as (_, client):
        check(client, 1)
        live, since = Shown(client.bus), Shown(client.bus, "--since", "1h")
        since.wait(1)
        first = until_it_follows(client, live)
        check(client, 2)
        check(client, 3)
        last = client.emit(name="last")
        for shown in (live, since):
            shown.wait(last)
            lines = shown.end()
            equal([seq for seq in lines if seq > first], [last])
        equal(since.lines[0], 1)


@test
def cevctl_shows_the_same_if_it_has_to_ask() -> None:
    """With filters it asks the history for everything."""
    with scene() as (_, client):
        shown = Shown(client.bus, "--filter", "type=container")
        first = until_it_follows(client, shown)
        for number in range(5):
            check(client, number)
            last = client.emit(name="last")
        shown.wait(last)
        equal([seq for seq in shown.end() if seq > first], list(range(first + 2, last + 1, 2)))


@test
def cevctl_shows_them_live_if_they_are_signalled() -> None:
    with scene(signalled="yes") as (_, client):
        plain, filtered = Shown(client.bus), Shown(client.bus, "--filter", "type=container")
        until_it_follows(client, plain)
        first = until_it_follows(client, filtered)
        check(client, 2)
        last = client.emit(name="last")
        for shown in (plain, filtered):
            shown.wait(last)
            equal([seq for seq in shown.end() if seq > first], [last - 1, last])


if __name__ == "__main__":
    main()
