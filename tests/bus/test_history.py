#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A history keeps what it has answered for, whatever happens while it is written: death by SIGKILL
before each call that changes a disk, and each such call failing. strace does both: it lets the
daemon be killed on entering a call, or the call fail, at the Nth time."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import dbus

from support import machine
from support.bus import Bus
from support.client import Client, wait_until
from support.disk import strace
from support.ledger import PAD, Ledger
from support.service import Service
from support.tap import equal, main, note, test

CALLS = ["unlinkat", "openat", "pwrite64", "fsync", "renameat", "fdatasync"]
# Three events to a segment, so that a dozen make three rotations.
CONFIG = {"Log": {"SegmentSize": "4K"}}
EVENTS = 12
# What many deaths leave must not take longer and longer to open.
BOUNDED = {"Log": {"SegmentSize": "4K", "MaxSize": "64K"}}


def emit_until_death(service: Service, client: Client, ledger: Ledger) -> bool:
    """Emits one event after the other; whether the service died of it."""
    try:
        wait_until(lambda: client.owner() or not service.alive, "a name, or a death")
        for _ in range(EVENTS):
            ledger.emit(client)
    except dbus.DBusException as error:
        assert error.get_dbus_name() in ("org.freedesktop.DBus.Error.NoReply",
                                         "org.freedesktop.DBus.Error.ServiceUnknown"), error
        return True
    return not service.alive


def die_at(client: Client, history: Path, config: dict, ledger: Ledger, call: str,
           number: int) -> bool:
    """Lets it be killed at one call, on a history that other deaths have left; whether it was. What
    it does after its answers and what it does at its end are calls like others."""
    service = Service(client.bus, history=history, config=config,
                      **strace(**{call: f"signal=SIGKILL:when={number}"}))
    with contextlib.ExitStack() as stack:
        service.start(wait=False)
        stack.callback(service.__exit__, None)
        died = emit_until_death(service, client, ledger)
        if not died:
            service.signal(signal.SIGTERM)
        status = service.wait_for_end()
        assert status == -signal.SIGKILL or status == 0 and not died, status
    wait_until(lambda: not client.owner(), "the end of its name")
    return status != 0


@test(each=CALLS, deadline=250)
def killed_at_any_step_it_keeps_what_it_answered(call: str) -> None:
    history, ledger, deaths, misses = machine.folder("history"), Ledger(), 0, 0
    with Bus() as bus:
        client = bus.client()
        heard = client.listen()
        number = 0
        # What comes late enough is never reached. An early call may be: a library is opened.
        while misses < 2 and number < 300:
            number += 1
            if not die_at(client, history, BOUNDED, ledger, call, number):
                misses += 1
                continue
            deaths += 1
            ledger.hear(heard)
            with Service(bus, history=history, config=BOUNDED) as service:
                ledger.check(client)
                ledger.emit(client)
                assert "damaged" not in service.log(), service.log()
        with Service(bus, history=history, config=BOUNDED):
            ledger.hear(heard)
            events = ledger.check(client)
        note(f"{deaths} deaths, {len(events)} events kept, {len(ledger.tried)} tried")
        assert deaths, "it was never killed"
        equal(misses, 2, "after the last call it lives on")


@test(deadline=200)
def killed_while_it_removes_what_is_old() -> None:
    """With a bound on the size, every rotation also ends with a removal."""
    history, ledger, deaths = machine.folder("history"), Ledger(), 0
    config = {"Log": {"SegmentSize": "4K", "MaxSize": "12K"}}
    with Bus() as bus:
        client = bus.client()
        for number in range(1, 9):
            deaths += die_at(client, history, config, ledger, "unlinkat", number)
            with Service(bus, history=history, config=config):
                events = ledger.check(client)
                wait_until(lambda: client.get("LogSize") <= 12 * 1024, "a small history")
        note(f"{deaths} deaths, {len(events)} of {len(ledger.tried)} events kept")
        assert deaths >= 5, deaths
        assert len(events) < len(ledger.tried) // 2, "nothing was ever removed"


@test(each=["killed", "refused"])
def what_a_failed_commit_left_does_not_come_back(then: str) -> None:
    """The second commit is written and not synced; cutting it off again does not work either.
    Behind the first the table of exit codes is synced, twice."""
    history, ledger = machine.folder("history"), Ledger()
    what = "signal=SIGKILL" if then == "killed" else "error=EIO"
    with Bus() as bus:
        client = bus.client()
        heard = client.listen()
        with Service(bus, history=history, config=CONFIG):
            pass
        failing = Service(bus, history=history, config=CONFIG,
                          **strace(fdatasync="error=EIO:when=4", ftruncate=what + ":when=1"))
        with contextlib.ExitStack() as stack:
            failing.start()
            stack.callback(failing.__exit__, None)
            if emit_until_death(failing, client, ledger):
                failing.wait_for_end()
            else:
                equal(len(ledger.check(client)), EVENTS)
                assert "cannot be cut back" in failing.log()
        ledger.hear(heard)
        for _ in range(2):
            with Service(bus, history=history, config=CONFIG) as service:
                ledger.check(client)
                ledger.emit(client)
                ledger.check(client)
                assert "damaged" not in service.log(), service.log()


@test
def a_reader_whom_the_trimming_overtakes_is_told_so() -> None:
    """It gets every event in order, or CursorExpired: never a hole that it does not know of."""
    ledger, expired = Ledger(), 0
    config = {"Log": {"SegmentSize": "4K", "MaxSize": "40K"}}
    with Bus() as bus, Service(bus, config=config):
        client, writer = bus.client(), bus.client()
        cursor, seq = "", 0
        for number in range(60):
            ledger.emit_soon(writer, 1 + number)
            try:
                page = client.query_after(cursor)
            except dbus.DBusException as error:
                equal(error.get_dbus_name(), "org.containers.Events.Error.CursorExpired")
                cursor, seq, expired = "", 0, expired + 1
                continue
            numbers = [event.seq for event in page.events]
            first = seq + 1 if seq or not numbers else numbers[0]
            equal(numbers, list(range(first, first + len(numbers))))
            if numbers and number % 5:  # every fifth time it falls behind
                cursor, seq = page.cursor, numbers[-1]
        wait_until(lambda: not ledger.waiting, "all answers")
        note(f"{len(ledger.known)} events, {expired} cursors expired")
        assert expired, "nobody was overtaken"
        ledger.check(client)


class Patient:
    """A service on a bus of its own whose disk fails once; many of them wait for it together."""

    def __init__(self, stack: contextlib.ExitStack, call: str, error: str, number: int) -> None:
        self.what = f"{error} of {call} at the {number}th time"
        self.bus = stack.enter_context(Bus())
        self.client = self.bus.client()
        self.heard = self.client.listen()
        self.ledger = Ledger()
        self.service = stack.enter_context(Service(
            self.bus, config=CONFIG, **strace(**{call: f"error={error}:when={number}"})))

    def emit_until_it_fails(self) -> bool:
        """One after the other; whether one is not answered, or refused."""
        for _ in range(EVENTS):
            # It may take until the disk works again, so nobody waits for it.
            self.ledger.emit_soon(self.client)
            wait_until(lambda: self.ledger.waiting == 0 or self.client.get("Degraded"),
                       f"an answer, with {self.what}")
            if self.client.get("Degraded"):
                return True
        return False

    def is_well(self, error: str) -> None:
        """Waits until it is, and checks that nothing was lost by then."""
        wait_until(lambda: not self.client.get("Degraded"), f"recovery from {self.what}", 20)
        wait_until(lambda: self.ledger.waiting == 0, f"all answers after {self.what}")
        wait_until(lambda: len(self.heard.events) >= len(self.ledger.tried),
                   f"all signals after {self.what}")
        self.ledger.emit(self.client)
        self.heard.wait_count(len(self.ledger.tried))
        self.ledger.hear(self.heard)
        equal([event.seq for event in self.heard.events],
              list(range(1, len(self.heard.events) + 1)), self.what)
        events = self.ledger.check(self.client)
        if error == "ENOSPC" and "oldest segment was removed" in self.service.log():
            return
        equal({event.name for event in events}, self.ledger.tried, self.what)


def each_time(call: str) -> Iterator[int]:
    """From a dry run: which calls of the kind concern the history."""
    output = machine.folder("strace") / "calls"
    with Bus() as bus, Service(bus, config=CONFIG, **strace(output, **{call: ""})) as service:
        for _ in range(7):
            bus.client().emit(details=PAD)
        service.stop()
    for number, line in enumerate(output.read_text().splitlines(), start=1):
        if "history" in line or '"events.log' in line or "AT_FDCWD" not in line and "(" in line:
            yield number


@test(each=["EIO", "ENOSPC"], deadline=250)
def a_disk_that_fails_once_costs_nothing(error: str) -> None:
    with contextlib.ExitStack() as stack:
        patients = [Patient(stack, call, error, number)
                    for call in CALLS for number in each_time(call)]
        degraded = [patient for patient in patients if patient.emit_until_it_fails()]
        reasons = {patient.client.get("DegradedReason") for patient in degraded}
        for patient in patients:
            patient.is_well(error)
        note(f"{len(patients)} failures, {len(degraded)} of them left it degraded for a while")
        assert len(degraded) >= 5, len(degraded)
        equal([reason for reason in reasons if reason and '"' not in reason], [],
              "reasons that name no file")


if __name__ == "__main__":
    main()
