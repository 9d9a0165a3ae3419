#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""No reader can hurt: not one who stops reading, not one who asks and does not listen, not many.

The brokers have the limits of a machine. An event may have 64 KiB, so some 2,200 of them make the
127 MiB at which dbus-daemon reads nothing more from who sent them.
"""

import contextlib
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dbus

from support import machine
from support.bus import BROKERS, Bus
from support.client import NAME, Client, wait_until
from support.deaf import Deaf
from support.follower import Follower
from support.podman_log import Writer
from support.service import Service
from support.tap import DeadlinePassed, equal, main, note, patience, test

# What a sanitizer keeps of freed memory would pass for ours.
LEAN = {"ASAN_OPTIONS": "quarantine_size_mb=1:detect_leaks=1:exitcode=99"}

ERROR = f"{NAME}.Error"
MEBIBYTE = 1 << 20
LARGE = {"large": "x" * 60_000}
ENOUGH = 127 * MEBIBYTE // 60_000 + 50  # to be stopped by dbus-daemon


@contextlib.contextmanager
def scene(broker: str = "dbus-daemon", user: str = machine.SERVICE,
          connections: int = 0) -> Iterator[tuple[Service, Client, Writer]]:
    """A service that has seen Podman's log before, so that what comes is new."""
    writer = Writer(machine.folder("podman") / "events.log", 1 << 40)
    writer.write()
    bus = Bus(broker)
    if connections:
        bus.limit("max_connections_per_user", connections)
    config = {"Podman": {"Enabled": "yes", "EventsLog": writer.path}, "Log": {"MaxSize": "1G"}}
    with bus, Service(bus, config=config, environment=LEAN, user=user) as service:
        client = bus.client()
        wait_until(lambda: client.get("NewestSeq") == 1, "the first event")
        yield service, client, writer


def write_at_once(writer: Writer, count: int, **fields) -> None:
    """As if Podman had been very fast."""
    writer.raw("".join(writer.event(**fields) + "\n" for _ in range(count)).encode())


def memory(pid: int, what: str = "VmRSS") -> int:
    """Bytes that a process takes, or took at most (VmHWM)."""
    return int(re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1]) * 1024


class Faithful(Follower):
    """Follows by the recipe: it also asks when the owner of the name changes."""

    def __init__(self, client: Client) -> None:
        self.owners: list[str] = []
        super().__init__(client)
        client.connection.watch_name_owner(NAME, self._on_owner)

    def _on_owner(self, owner: str) -> None:
        self.owners.append(owner)

    def catch_up(self) -> None:
        """A call that the service's old connection did not answer is made again."""
        try:
            super().catch_up()
        except dbus.DBusException as error:
            assert error.get_dbus_name().endswith("NoReply"), error
            super().catch_up()

    def wait_for(self, seq: int, deadline: float = 10) -> None:
        """Signals, and after a change of the owner a question."""
        changes = len(self.owners)

        def arrived() -> bool:
            nonlocal changes
            self.take()
            if len(self.owners) > changes:
                changes = len(self.owners)
                if self.owners[-1]:
                    self.catch_up()
            return self.seq >= seq

        wait_until(arrived, f"event {seq} at the follower, who is at {self.seq}", deadline)


def at_last(call: Callable, *arguments: Any, **named: Any) -> float:
    """Calls as who does not take no answer for an answer; returns how long that took."""
    start = time.monotonic()
    while True:
        try:
            call(*arguments, **named)
            return time.monotonic() - start
        except dbus.DBusException as error:
            assert error.get_dbus_name().endswith("NoReply"), error


def unread(client: Client) -> int:
    """Bytes of the service's messages that dbus-daemon holds for those who do not read them."""
    reply = client.message("GetConnectionStats", client.owner(), name="org.freedesktop.DBus",
                           path="/org/freedesktop/DBus", signature="s",
                           interface="org.freedesktop.DBus.Debug.Stats")
    return int(reply.get_args_list()[0]["IncomingBytes"])


@test(each=BROKERS, deadline=60)
def one_who_stops_reading_stops_nobody(broker: str) -> None:
    with scene(broker) as (service, client, writer):
        deaf, owner = Deaf(client.bus.address, machine.READER), client.owner()
        deaf.listen()
        follower = Faithful(client.bus.client(machine.READER))
        session = {"exec_id": "e" * 64}
        client.emit(status="exec", details=session)
        waiting = client.wait_exec_exit("e" * 64)
        broker_pid = client.bus.pid
        before, broker_before = memory(service.pid), memory(broker_pid)
        longest = longest_emit = 0.0
        for _ in range(0, ENOUGH, 100):
            start, want = time.monotonic(), follower.seq + 100
            write_at_once(writer, 100, Attributes=LARGE)
            follower.wait_for(want, deadline=15)
            longest = max(longest, time.monotonic() - start)
            longest_emit = max(longest_emit, at_last(client.emit, name="between"))
        follower.wait_for(client.get("NewestSeq"))
        equal([event.seq for event in follower.events], list(range(1, follower.seq + 1)))
        grown = memory(service.pid, "VmHWM") - before
        broker_grown = memory(broker_pid) - broker_before
        note(f"{follower.seq} events, {follower.heard} of them heard; at most {longest:.1f} s for "
             f"100 of them, {longest_emit:.1f} s for Emit; memory grew by {grown / MEBIBYTE:.0f} "
             f"MiB, the broker's by {broker_grown / MEBIBYTE:.0f} MiB")
        # Or it was not put to the test at all.
        moved = client.owner() != owner
        equal(moved, broker == "dbus-daemon")
        if moved:
            equal(waiting.error()[0], "org.freedesktop.DBus.Error.NoReply")
            waiting = client.wait_exec_exit("e" * 64)
        client.emit(status="exec_died", details=session | {"exit_code": 7})
        equal(waiting.code(), 7, "what waited goes on, or is told to ask again")
        follower.wait_for(client.get("NewestSeq"))
        assert follower.heard > follower.seq - 150, follower.heard
        assert max(longest, longest_emit) < patience(8)
        assert grown < 64 * MEBIBYTE, grown
        assert broker_grown < 200 * MEBIBYTE, broker_grown

        # Awake again, it finds what it missed. The other broker keeps more, or sends it away.
        if broker == "dbus-daemon":
            assert deaf.drain() < follower.seq - 1
            equal(deaf.answer(deaf.call("Query", 0, 0, ["name=between"])), "")
        deaf.close()
        equal(len(Faithful(client.bus.client(machine.READER)).events), follower.seq)


@test(deadline=60)
def one_who_stops_reading_does_not_keep_the_name_from_a_new_service() -> None:
    """dbus-daemon does not see that a connection is gone that it does not read from."""
    with scene() as (service, client, writer):
        deaf = Deaf(client.bus.address, machine.READER)
        deaf.listen()
        owner = client.owner()
        write_at_once(writer, ENOUGH, Attributes=LARGE)
        wait_until(lambda: unread(client) >= 127 * MEBIBYTE, "the end of reading", 20)
        service.kill()
        equal(client.owner(), owner, "the owner, who is dead")
        service.start(wait=False)
        wait_until(lambda: client.owner() not in ("", owner), "another owner")
        service.wait_for_name()
        assert client.emit(name="after") > 1
        deaf.close()


@test(each=BROKERS)
def answers_that_nobody_reads(broker: str) -> None:
    with scene(broker) as (service, client, writer):
        write_at_once(writer, 200, Attributes=LARGE)
        wait_until(lambda: client.get("NewestSeq") == 201, "the events")
        before, took = memory(service.pid), []
        deaf, owner = Deaf(client.bus.address, machine.READER), client.owner()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for number in range(2000):
                deaf.call("Query", 0, 0, [])  # 1 MiB each, as long as he is answered at all
                if number % 10 == 0:
                    took.append(at_last(client.emit, name="between"))
        took.append(at_last(client.query, 0, 0, ["name=c1"]))
        grown = memory(service.pid, "VmHWM") - before
        note(f"{len(took)} calls of another, at most {max(took):.1f} s; memory grew by "
             f"{grown / MEBIBYTE:.0f} MiB")
        equal(client.owner() != owner, broker == "dbus-daemon")
        assert max(took) < patience(8), took
        assert grown < 64 * MEBIBYTE, grown
        deaf.close()


@test
def a_thousand_connections() -> None:
    with scene(connections=2000) as (service, client, writer):
        heard = client.listen()
        client.emit(name="n")
        heard.wait(name="n")  # whoever publishes has its file open from now on
        before, files = memory(service.pid), len(os.listdir(f"/proc/{service.pid}/fd"))
        many = [Deaf(client.bus.address, machine.READER) for _ in range(1000)]
        for deaf in many:
            deaf.listen()
        start = time.monotonic()
        for deaf in many:
            equal(deaf.answer(deaf.call("Query", 0, 0, ["name=c1"])), "")
        note(f"a thousand questions took {time.monotonic() - start:.1f} s")
        for number in range(10):
            client.emit(name=f"n{number}")
        equal([deaf.drain() for deaf in many[::100]], [10] * 10)
        grown = memory(service.pid) - before
        note(f"memory grew by {grown / MEBIBYTE:.1f} MiB")
        assert grown < 16 * MEBIBYTE, grown
        equal(len(os.listdir(f"/proc/{service.pid}/fd")), files)
        for deaf in many:
            deaf.close()


@test(each=BROKERS)
def a_member_of_the_group_does_not_keep_root_out(broker: str) -> None:
    """Fifty connections of his ask for what takes long, again and again."""
    with scene(broker) as (_, client, writer):
        write_at_once(writer, 10_000)
        wait_until(lambda: client.get("NewestSeq") == 10_001, "the events", 30)
        many = [Deaf(client.bus.address, machine.READER) for _ in range(50)]
        took, calls = [], []
        for _ in range(5):
            calls += [(deaf, deaf.call("Query", 0, 0, ["name=nobody"]))
                      for deaf in many for _ in range(3)]
            start = time.monotonic()
            equal(len(client.query_after("").events), 1000)
            took.append(time.monotonic() - start)
        said = Counter(deaf.answer(serial, 30) for deaf, serial in calls)
        note(f"an answer for root took at most {max(took):.2f} s; for him {said}")
        equal(set(said), {"", f"{ERROR}.LimitsExceeded"})
        assert max(took) < patience(5), took
        for deaf in many:
            deaf.close()


@test(each=BROKERS)
def a_bus_that_comes_back_is_joined_again(broker: str) -> None:
    with scene(broker, user=machine.ROOT) as (service, client, writer):
        bus, pid = client.bus, service.pid
        bus.stop()
        write_at_once(writer, 1)
        bus.start()
        service.wait_for_name()
        equal(service.pid, pid)
        client = bus.client()
        heard = client.listen()
        wait_until(lambda: client.get("NewestSeq") == 2, "what was written meanwhile")
        equal(client.emit(name="after"), 3)
        heard.wait(seq=3)


if __name__ == "__main__":
    main()
