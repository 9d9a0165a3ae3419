#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is published: everything, once, in order; however much there is, and whoever does not
listen."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dbus.bus
from gi.repository import GLib

from support import machine
from support.bus import BROKERS, Bus
from support.client import NAME, Client, Listener, wait_until
from support.disk import strace
from support.podman_log import Writer, expected, without_seq
from support.service import Service
from support.tap import equal, main, note, test

# What a sanitizer keeps of freed memory would pass for ours.
LEAN = {"ASAN_OPTIONS": "quarantine_size_mb=1:detect_leaks=1:exitcode=99"}

MANY = 100_000
MEBIBYTE = 1 << 20

# A subscriber that reads nothing, once it says that the broker knows of it.
DEAF = f"""
import signal, sys
from support.bus import connect
connection = connect(sys.argv[1], sys.argv[2])
connection.add_match_string("type='signal',sender='{NAME}'")
connection.get_name_owner("{NAME}")
print("deaf", flush=True)
signal.pause()
"""


@contextlib.contextmanager
def scene(broker: str = "dbus-daemon") -> Iterator[tuple[Service, Client, Writer]]:
    """A service that has seen Podman's log before, so that what comes is new."""
    writer = Writer(machine.folder("podman") / "events.log", 1 << 40)
    writer.write()
    podman = {"Enabled": "yes", "EventsLog": writer.path}
    with Bus(broker) as bus:
        with Service(bus, config={"Podman": podman}, environment=LEAN) as service:
            client = bus.client()
            wait_until(lambda: client.get("NewestSeq") == 1, "the first event")
            yield service, client, writer


def write_at_once(writer: Writer, count: int) -> None:
    """As if Podman had been very fast."""
    lines = [writer.event() for _ in range(count)]
    writer.truth += lines
    writer.raw("".join(line + "\n" for line in lines).encode())


def memory(service: Service, what: str = "VmHWM") -> int:
    """Bytes that the daemon takes, or took at most."""
    status = Path(f"/proc/{service.pid}/status").read_text()
    return int(re.search(rf"{what}:\s+(\d+) kB", status)[1]) * 1024


def heard_all(heard: Listener, writer: Writer, since: int = 1) -> None:
    """Every event was signalled, once, in order, as it was written."""
    equal([event.seq for event in heard.events], list(range(since + 1, len(writer.truth) + 1)))
    for event, line in zip(without_seq(heard.events), writer.truth[since:]):
        equal(event, expected(line))


@test(deadline=120)
def a_hundred_thousand_at_once_come_all_and_in_order() -> None:
    with scene() as (service, client, writer):
        asker = client.bus.client()
        heard = client.listen()
        before, start, calls = memory(service), time.monotonic(), []
        write_at_once(writer, MANY)
        while len(heard.events) < MANY:
            called = time.monotonic()
            asker.get("NewestSeq")
            calls.append(time.monotonic() - called)
            for _ in range(500):
                GLib.MainContext.default().iteration(False)
            assert time.monotonic() < start + 100, f"only {len(heard.events)} after 100 s"
        took, grown = time.monotonic() - start, memory(service) - before
        note(f"{MANY} signals in {took:.1f} s; {len(calls)} calls meanwhile, at most "
             f"{max(calls):.2f} s; memory grew by {grown / MEBIBYTE:.1f} MiB")
        heard_all(heard, writer)
        assert grown < 32 * MEBIBYTE, f"memory grew by {grown / MEBIBYTE:.1f} MiB"
        # It was asked all the time, and nobody waited for the whole to be over.
        assert len(calls) > 10 and max(calls) < took / 4, calls


@test(each=BROKERS, deadline=120)
def one_who_does_not_read_costs_the_others_nothing(broker: str) -> None:
    """10 MB of signals: far from the 127 MiB at which dbus-daemon stops the sender, see
    test_readers.py."""
    count = 20_000
    with scene(broker) as (service, client, writer):
        heard = client.listen()
        deaf = subprocess.Popen([sys.executable, "-c", DEAF, client.bus.address, machine.READER],
                                stdout=subprocess.PIPE, text=True)
        try:
            equal(deaf.stdout.readline().strip(), "deaf")
            deaf.send_signal(signal.SIGSTOP)
            before = memory(service)
            for _ in range(10):
                write_at_once(writer, count // 10)
                client.query(0, 0, ["name=c1"])
            heard.wait_count(count, deadline=30)
            heard_all(heard, writer)
            grown = memory(service) - before
            note(f"memory grew by {grown / MEBIBYTE:.1f} MiB")
            assert grown < 32 * MEBIBYTE, grown
            equal(client.emit(name="still here"), count + 2)
        finally:
            deaf.kill()
            deaf.wait()
            deaf.stdout.close()
        write_at_once(writer, 1)
        heard.wait_count(count + 2)


@test(each=BROKERS)
def readers_who_come_and_go_leave_nothing_behind(broker: str) -> None:
    with scene(broker) as (service, client, writer):
        heard = client.listen()
        for number in range(50):
            passing = client.bus.client()
            passing.listen()
            write_at_once(writer, 20)
            if number % 2:
                passing.query()
            passing.close()
        heard.wait_count(1000)
        heard_all(heard, writer)
        files = len(os.listdir(f"/proc/{service.pid}/fd"))
        assert files < 25, f"{files} open files"


@test(each=BROKERS)
def its_name_cannot_be_taken_from_it(broker: str) -> None:
    with scene(broker) as (service, client, writer):
        heard, thief = client.listen(), client.bus.client()
        owner = client.owner()
        for flags in (0, dbus.bus.NAME_FLAG_REPLACE_EXISTING,
                      dbus.bus.NAME_FLAG_REPLACE_EXISTING | dbus.bus.NAME_FLAG_DO_NOT_QUEUE):
            got = thief.connection.request_name(NAME, flags)
            assert got not in (dbus.bus.REQUEST_NAME_REPLY_PRIMARY_OWNER,
                               dbus.bus.REQUEST_NAME_REPLY_ALREADY_OWNER), got
            equal(client.owner(), owner)
        write_at_once(writer, 1)
        heard.wait_count(1)
        assert service.alive


@test
def without_its_name_it_publishes_nothing_and_goes() -> None:
    """The policy that keeps signals from others holds for the owner of the name only."""
    with scene() as (first, client, writer):
        # As if it had listened before: what comes after is no backlog, and would be signalled.
        history = shutil.copytree(first.history, machine.folder("copy") / "history")
        careless = client.bus.client().listen_carelessly()
        writer.write(300)
        careless.wait_count(300)
        podman = {"Enabled": "yes", "EventsLog": writer.path}
        second = Service(client.bus, history=history, config={"Podman": podman})
        second.start(wait=False)
        equal(second.wait_for_end(), 1)
        write_at_once(writer, 1)
        careless.wait(seq=302)
        equal(set(careless.senders), {client.owner()})
        equal(len(careless.events), 301)


@test
def when_the_bus_does_not_come_back_it_goes_too() -> None:
    bus = Bus()
    with bus:
        service = Service(bus)
        with contextlib.ExitStack() as stack:
            service.start()
            stack.callback(service.__exit__, None)
            bus.client().emit(name="kept")
            bus.stop()
            equal(service.wait_for_end(deadline=20), 1)
    assert "connection to the bus was closed" in service.log(), service.log()
    with Bus() as new_bus, Service(new_bus, history=service.history):
        equal([event.name for event in new_bus.client().history()], ["kept"])


@test
def what_could_not_be_read_for_a_while_is_published_later() -> None:
    """Without another event that would remind it, and however often it is tried in vain."""
    output = machine.folder("strace") / "calls"
    with Bus() as bus, Service(bus, **strace(output, openat="")) as service:
        bus.client().emit()
        service.stop()
    number, = [number for number, line in enumerate(output.read_text().splitlines(), start=1)
               if '"events.log", O_RDONLY' in line]
    fault = f"error=EMFILE:when={number}..{number + 3}"
    with Bus() as bus, Service(bus, **strace(openat=fault)) as service:
        heard = bus.client().listen()
        bus.client().emit(name="late")
        heard.wait(name="late", deadline=15)
        bus.client().emit(name="next")
        heard.wait(name="next")
        equal([event.name for event in heard.events], ["late", "next"])
        equal(service.log().count("cannot be read for publishing: Too many open files"), 1,
              "told once")


if __name__ == "__main__":
    main()
