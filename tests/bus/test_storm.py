#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Everything at once: a history of tiny segments that are sealed, indexed, thinned, joined and
removed while it is written, asked and streamed, and that dies by SIGKILL at any moment. What was
answered once stays true: no number stands for two events, nothing rare is gone before its time, an
exit code is the right one, and what an index tells is what a walk over everything tells.

CE_SEED chooses another storm, CE_ROUNDS a longer one."""

from __future__ import annotations

import contextlib
import json
import os
import random
from typing import Any

import dbus

from support.bus import Bus
from support.client import INTERFACE, NAME, PATH, Client, signature, wait_until
from support.service import Service
from support.tap import equal, main, note, test

SEED = int(os.environ.get("CE_SEED", "7"))
ROUNDS = int(os.environ.get("CE_ROUNDS", "6"))
UNDER_WAY = 60
CONTAINERS = 6
THINNED = "health_status"
EXPIRED = "org.containers.Events.Error.CursorExpired"
QUESTIONS = [(), ("event=start",), ("container=web1",), ("type=container", "event=exec_died"),
             ("label=team=t2",), ("label=team", "event=died"), ("container!=web2",),
             ("event=health_status", "container=web3"), (f"container={'%012x' % 4}",),
             ("container=nobody",), ("label=odd",)]


def container_id(number: int) -> str:
    """The ID of a container."""
    return f"{number:012x}".ljust(64, "c")


def exec_id(number: int) -> str:
    """The ID of an exec."""
    return f"{number:012x}".ljust(64, "e")


class Storm:
    """Who emits, and what he knows."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.known: dict[int, int] = {}     # number -> which event
        self.events: list[dict[str, Any]] = []
        self.waiting = 0
        self.codes: dict[str, int] = {}     # execs that were answered for
        self.deaths: dict[str, tuple[int, int]] = {}  # container -> (number, code), answered for

    def make(self) -> dict[str, Any]:
        """The next event."""
        which, pick = len(self.events), self.random.random
        number = self.random.randrange(CONTAINERS)
        status = (THINNED if pick() < 0.6 else
                  self.random.choice(["start", "exec_died", "exec_died", "died"]))
        event = {"which": which, "status": status, "id": container_id(number),
                 "name": f"web{number}",
                 "attributes": {"which": str(which), "team": f"t{self.random.randrange(4)}"},
                 "time": 1_700_000_000_000_000_000 + self.random.randrange(10**12)}
        if pick() < 0.02:
            event["attributes"]["odd"] = "x" * self.random.randrange(6000)
        if status == "exec_died":
            event["exec_id"] = exec_id(which)
            if pick() < 0.4:
                event["reason"] = "health_check"
        if status in ("exec_died", "died"):
            event["exit_code"] = self.random.randrange(256)
        self.events.append(event)
        return event

    def emit_soon(self, client: Client) -> None:
        """Emits one, and does not wait."""
        event = self.make()
        details: dict[str, Any] = {"attributes": dbus.Dictionary(event["attributes"], "ss")}
        if "exec_id" in event:
            details["exec_id"] = event["exec_id"]
        if "exit_code" in event:
            details["exit_code"] = dbus.Int32(event["exit_code"])
        if event["status"] == THINNED:
            details["health_status"] = "healthy"
        if "reason" in event:
            details["reason"] = event["reason"]
        self.waiting += 1

        def on_answer(seq: int) -> None:
            self.waiting -= 1
            self.learn(int(seq), event)

        def on_error(_error: dbus.DBusException) -> None:
            self.waiting -= 1

        client.connection.call_async(
            NAME, PATH, INTERFACE, "Emit", signature("Emit"),
            ("container", event["status"], event["id"], event["name"], "img", "test",
             event["time"], dbus.Dictionary(details, "sv")), on_answer, on_error, 100)

    def learn(self, seq: int, event: dict[str, Any]) -> None:
        """It has this number, for ever."""
        equal(self.known.setdefault(seq, event["which"]), event["which"],
              f"{seq} was used twice: now for")
        if "exec_id" in event:
            if not is_thinned(event):
                self.codes[event["exec_id"]] = event["exit_code"]
        elif event["status"] == "died" and self.deaths.get(event["id"], (0, 0))[0] <= seq:
            self.deaths[event["id"]] = (seq, event["exit_code"])


def is_thinned(event: dict[str, Any]) -> bool:
    """Whether it goes before what is rare."""
    return event["status"] == THINNED or "reason" in event


def fits(event: dict[str, Any], terms: tuple[str, ...]) -> bool:
    """A walk's answer."""
    for term in terms:
        key, value = term.split("=", 1)
        negative = key.endswith("!")
        if key.rstrip("!") == "container":
            told = event["name"] == value or event["id"].startswith(value)
        elif key == "type":
            told = value == "container"
        elif key == "event":
            told = event["status"] == value
        else:
            label, _, text = value.partition("=")
            told = label in event["attributes"] and text in ("", event["attributes"][label])
        if told == negative:
            return False
    return True


def settled(client: Client, terms: tuple[str, ...] = ()) -> list[Any]:
    """The history, at a moment when nothing is taken out of it."""
    while True:
        before = (client.get("OldestSeq"), client.get("LogSize"))
        try:
            events = client.history(*terms)
        except dbus.DBusException as error:
            if error.get_dbus_name() != EXPIRED:
                raise
            continue
        if (client.get("OldestSeq"), client.get("LogSize")) == before:
            return events


def which_of(event: Any) -> int:
    """Its number in the storm."""
    return int(event.details["attributes"]["which"])


def check_all(storm: Storm, client: Client) -> int:
    """Everything that was answered for is there, and nothing else. Returns how many events."""
    events = settled(client)
    oldest = client.get("OldestSeq")
    numbers = [event.seq for event in events]
    equal(numbers, sorted(set(numbers)), "seq")
    found = {event.seq: which_of(event) for event in events}
    equal(len(set(found.values())), len(found), "events that are there twice")
    for seq, which in found.items():
        storm.learn(seq, storm.events[which])
    lost = [seq for seq, which in storm.known.items()
            if seq >= oldest > 0 and not is_thinned(storm.events[which]) and seq not in found]
    equal(lost, [], f"rare, not older than {oldest}, and gone")
    return len(events)


def check_questions(storm: Storm, client: Client) -> None:
    """Whatever an index says, it is what a walk says."""
    everything = [which_of(event) for event in settled(client)]
    for terms in QUESTIONS:
        told = [which_of(event) for event in settled(client, terms)]
        equal(told, [which for which in everything if fits(storm.events[which], terms)], terms)


def check_codes(storm: Storm, client: Client) -> None:
    """Of what is long gone, too."""
    known = list(storm.codes.items())
    for name, code in storm.random.sample(known, min(len(known), 80)):
        equal(client.exec_exit_code(name), code, f"exec {name[:12]}")
    for name, (_, code) in storm.deaths.items():
        equal(client.container_exit_code(name), code, f"container {name[:12]}")


class Reader:
    """A stream that is read while it lasts."""

    def __init__(self, client: Client, terms: tuple[str, ...]) -> None:
        self.fd = client.call("Stream", "", 0, 0, list(terms), True)
        os.set_blocking(self.fd, False)
        self.terms = terms
        self.last = self.count = 0
        self.rest = b""

    def read(self, storm: Storm) -> None:
        """Takes a piece, which must be right; whole lines alone count."""
        with contextlib.suppress(BlockingIOError):
            *lines, self.rest = (self.rest + os.read(self.fd, 16384)).split(b"\n")
            for line in lines:
                fields = json.loads(line)
                which = int(fields["Attributes"]["which"])
                assert fields["Seq"] > self.last, (fields["Seq"], self.last)
                self.last = fields["Seq"]
                storm.learn(self.last, storm.events[which])
                assert fits(storm.events[which], self.terms), (self.terms, line)
                self.count += 1


def rage(storm: Storm, bus: Bus, service: Service, count: int) -> None:
    """Emits, reads and asks, until it dies in the middle."""
    client, asking = bus.client(), bus.client()
    readers = [Reader(asking, terms) for terms in ((), ("event=start",), ("label=team=t2",))]
    target = len(storm.events) + count

    def step() -> bool:
        while storm.waiting < UNDER_WAY and len(storm.events) < target:
            storm.emit_soon(client)
        for reader in readers:
            if storm.random.random() < 0.5:
                reader.read(storm)
        if storm.random.random() < 0.05:
            terms = storm.random.choice(QUESTIONS)
            for event in asking.query_after("", 0, terms).events:
                storm.learn(event.seq, storm.events[which_of(event)])
                assert fits(storm.events[which_of(event)], terms), (terms, event)
        if storm.codes and storm.random.random() < 0.1:
            name = storm.random.choice(list(storm.codes))
            equal(asking.exec_exit_code(name), storm.codes[name], f"exec {name[:12]}")
        return len(storm.events) >= target and storm.waiting < UNDER_WAY

    wait_until(step, "the events", 60)
    service.kill()
    wait_until(lambda: storm.waiting == 0, "the answers")
    for reader in readers:
        os.close(reader.fd)
    client.close()
    asking.close()


@test
def nothing_that_was_answered_is_lost_in_a_storm() -> None:
    storm = Storm(SEED)
    config = {"Log": {"SegmentSize": "8K", "MaxSize": "256K", "KeepFree": "0"}}
    with Bus() as bus, Service(bus, config=config) as service:
        for number in range(ROUNDS):
            rage(storm, bus, service, storm.random.randrange(100, 600))
            if number % 3 == 2:
                service.configure(Log={"SegmentSize": storm.random.choice(["4K", "8K", "20K"]),
                                       "MaxSize": storm.random.choice(["64K", "256K", "1M"])})
            service.start()
            client = bus.client()
            kept = check_all(storm, client)
            check_codes(storm, client)
            check_questions(storm, client)
            note(f"round {number}: {len(storm.events)} tried, {kept} kept")
            client.close()
        assert "damaged" not in service.log(), service.log()


if __name__ == "__main__":
    main()
