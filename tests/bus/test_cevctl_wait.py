#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""cevctl wait: the first event that matches and is recorded behind a place, whatever happens to the
service, the connection and the clock meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator

from support import machine
from support.bus import BROKERS, Bus
from support.client import Client, wait_until
from support.proxy import Proxy
from support.service import Service, cevctl
from support.tap import DeadlinePassed, equal, main, note, patience, test
from support.waiter import Terminal, Waiter

SEQ = ("--format", "{{.Seq}}")
WEB = ("-f", "name=web")


@contextlib.contextmanager
def scene(broker: str = "dbus-daemon") -> Iterator[tuple[Bus, Service, Client]]:
    """A service that has recorded something already."""
    with Bus(broker) as bus, Service(bus) as service:
        client = bus.client()
        client.emit(name="web")
        client.emit(name="db")
        yield bus, service, client


def run(bus: Bus, *arguments: str, status: int = 0, says: str = "") -> str:
    """What it prints, when it does not have to wait for anything."""
    with Waiter(bus, *arguments) as waiter:
        return waiter.end(status, says)


def cursor(bus: Bus) -> str:
    """The place behind the newest event."""
    return run(bus, "cursor").strip()


@test
def the_cursor_is_behind_the_newest_event() -> None:
    with Bus() as bus, Service(bus):
        client = bus.client()
        epoch = client.get("Epoch")
        equal(run(bus, "cursor"), f"{epoch}:0\n")
        client.emit()
        equal(run(bus, "cursor"), f"{epoch}:1\n")
        equal(json.loads(run(bus, "cursor", "--json")), {"Cursor": f"{epoch}:1"})
        run(bus, "cursor", "x", status=2, says='"x" is too much')


@test
def without_a_history_there_is_no_cursor() -> None:
    with Bus() as bus, Service(bus, config={"Log": {"Backend": "none"}}):
        for arguments in (["cursor"], ["wait"]):
            run(bus, *arguments, status=1, says="No history")
    with Bus() as bus:
        for arguments in (["cursor"], ["wait"], ["wait", "--timeout=0"]):
            run(bus, *arguments, status=1, says='"systemctl start containers-eventsd"')


# ---- which event ----

@test(each=BROKERS)
def what_was_recorded_behind_the_cursor_is_there_at_once(broker: str) -> None:
    with scene(broker) as (bus, _, client):
        place = cursor(bus)
        client.emit(name="db")
        client.emit(name="web")
        client.emit(name="web")
        equal(run(bus, "wait", *SEQ, *WEB, "--after", place), "4\n", "the first one")
        equal(run(bus, "wait", *SEQ, "--after", place), "3\n")
        equal(run(bus, "wait", *SEQ, "--since", "0"), "1\n")
        equal(run(bus, "wait", *SEQ, "--name", "db", "--since", "1h"), "2\n")
        assert "name=web" in run(bus, "wait", *WEB, "--since", "0")
        shown = json.loads(run(bus, "wait", *WEB, "--json", "--after", place))
        equal((shown["Seq"], shown["Name"]), (4, "web"))
        equal(run(bus, "wait", *SEQ, *WEB, "--after", shown["Cursor"]), "5\n", "and so on")


@test(each=BROKERS)
def an_event_that_comes_later_ends_the_wait(broker: str) -> None:
    with scene(broker) as (bus, _, client):
        proxy = Proxy(bus)
        with Waiter(bus, "wait", *SEQ, *WEB, "-f", "event=died", "--timeout=1h",
                    environment=proxy.environment) as waiter:
            # Its first page is on its way: from now on nothing may be missed.
            proxy.wait_for("QueryAfter")
            client.emit(name="db", status="died")
            client.emit(name="web", status="start")
            assert waiter.waits
            client.emit(name="web", status="died")
            client.emit(name="web", status="died")
            equal(waiter.end(), "5\n")


@test
def what_happened_before_does_not_count() -> None:
    with scene() as (bus, _, client):
        proxy = Proxy(bus)
        with Waiter(bus, "wait", *SEQ, *WEB, environment=proxy.environment) as waiter:
            proxy.wait_for("QueryAfter")
            client.emit(name="web", details={"backlog": True})
            client.emit(name="web")
            equal(waiter.end(), "4\n", "nor what another history brings")


# ---- in between ----

@test(each=BROKERS, deadline=120)
def nothing_is_missed_whenever_it_comes(broker: str) -> None:
    """Once behind each piece of what the bus says to the waiter: before it listens, while it asks
    for the owner, while its page is on its way."""
    with scene(broker) as (bus, _, client):
        proxy, place = Proxy(bus), cursor(bus)
        with Waiter(bus, "wait", "--timeout=0", "--after", place,
                    environment=proxy.environment) as waiter:
            waiter.end(124, says="No event")
        pieces = proxy.answers
        note(f"{pieces} pieces")
        assert pieces >= 4, pieces
        for piece in range(pieces):
            proxy.hold_answers(piece)
            with Waiter(bus, "wait", *SEQ, *WEB, "--after", place,
                        environment=proxy.environment) as waiter:
                # The last ones may come as one.
                with contextlib.suppress(DeadlinePassed):
                    proxy.wait_until_held(2)
                seq = client.emit(name="web")
                proxy.release()
                equal(waiter.end(), f"{seq}\n")
            place = cursor(bus)


@test
def a_page_that_was_asked_for_too_early_is_none() -> None:
    """The event is recorded before the page is asked for and after the place was taken."""
    with scene() as (bus, _, client):
        proxy = Proxy(bus)
        proxy.hold("QueryAfter")
        with Waiter(bus, "wait", *SEQ, *WEB, environment=proxy.environment) as waiter:
            proxy.wait_until_held()
            client.emit(name="web")
            proxy.release()
            equal(waiter.end(), "3\n")


@test(deadline=120)
def a_script_that_takes_the_cursor_first_misses_nothing() -> None:
    with scene() as (bus, _, client):
        for _ in range(20):
            place = cursor(bus)
            with Waiter(bus, "wait", *SEQ, *WEB, "--after", place) as waiter:
                seq = client.emit(name="web")  # before it runs, or while it asks
                equal(waiter.end(), f"{seq}\n")


@test(each=BROKERS, deadline=120)
def a_service_that_is_killed_makes_no_hole(broker: str) -> None:
    with scene(broker) as (bus, service, client):
        for number in range(4):
            proxy = Proxy(bus)
            with Waiter(bus, "wait", *SEQ, *WEB, environment=proxy.environment) as waiter:
                proxy.wait_for("QueryAfter")
                if number % 2:  # recorded, and perhaps not heard by anybody
                    client.emit(name="db")
                    service.kill()
                    service.start()
                    seq = client.emit(name="web")
                else:
                    seq = client.emit(name="web")
                    service.kill()
                    service.start()
                equal(waiter.end(), f"{seq}\n")


@test
def a_connection_that_is_cut_makes_no_hole() -> None:
    with scene() as (bus, _, client):
        proxy = Proxy(bus)
        with Waiter(bus, "wait", *SEQ, *WEB, "--timeout=1h",
                    environment=proxy.environment) as waiter:
            proxy.wait_for("QueryAfter")
            client.emit(name="db")
            proxy.wait_for("QueryAfter", 2)  # the answer to the first has come
            for number in range(2):
                proxy.cut()
                proxy.wait_for("QueryAfter", 3 + number)
            proxy.hold("AUTH")
            proxy.cut()
            proxy.wait_until_held()
            seq = client.emit(name="web")  # while it has no connection
            proxy.release()
            equal(waiter.end(), f"{seq}\n")


@test
def a_bus_that_ends_is_an_error() -> None:
    with scene() as (bus, _, client):
        proxy = Proxy(bus)
        with Waiter(bus, "wait", *SEQ, *WEB, environment=proxy.environment) as waiter:
            proxy.wait_for("QueryAfter")
            client.emit(name="db")
            proxy.wait_for("QueryAfter", 2)
            os.unlink(proxy.environment["DBUS_SYSTEM_BUS_ADDRESS"].partition("path=")[2])
            proxy.cut()
            waiter.end(1, says="The system bus cannot be used")


@test(deadline=180)
def more_wait_than_may_ask_at_once() -> None:
    """Each event makes all of them ask, and of a user 16 questions are answered at once."""
    with scene() as (bus, _, client):
        place = cursor(bus)
        with contextlib.ExitStack() as stack:
            waiters = [stack.enter_context(Waiter(bus, "wait", *SEQ, *WEB, "--after", place,
                                                  user=machine.READER)) for _ in range(40)]
            for number in range(300):
                client.emit(name=f"other{number}")
            seq = client.emit(name="web")
            for waiter in waiters:
                equal(waiter.end(deadline=60), f"{seq}\n")


# ---- the time ----

@test
def the_time_is_kept() -> None:
    with scene() as (bus, _, client):
        started = time.monotonic()
        run(bus, "wait", *WEB, "--timeout=1.5", status=124, says="No event that matches")
        taken = time.monotonic() - started
        assert 1.5 <= taken < 1.5 + patience(2), taken
        # Without any time it says what is there.
        place = cursor(bus)
        run(bus, "wait", "--timeout=0", "--after", place, status=124, says="No event that matches")
        client.emit(name="web")
        for timeout in ("0", "0s", "1ns", "1h"):
            equal(run(bus, "wait", *SEQ, *WEB, "--timeout", timeout, "--after", place), "3\n")


@test
def the_time_goes_on_while_there_is_no_service() -> None:
    with scene() as (bus, service, _):
        proxy = Proxy(bus)
        with Waiter(bus, "wait", *WEB, "--timeout=3", environment=proxy.environment) as waiter:
            proxy.wait_for("QueryAfter")
            bus.client().emit(name="db")
            proxy.wait_for("QueryAfter", 2)
            service.stop()
            waiter.end(124, says="No event that matches")
            service.start()


# ---- how it ends ----

@test
def the_code_of_the_event_is_passed_on() -> None:
    with scene() as (bus, _, client):
        def died(code: int | None, *more: str) -> tuple[str, ...]:
            place = cursor(bus)
            client.emit(name="web", status="died",
                        details={} if code is None else {"exit_code": code})
            return ("wait", *SEQ, "--after", place, *more)

        for code in (0, 1, 2, 124, 137, 255):
            assert run(bus, *died(code, "--propagate"), status=code)
        assert run(bus, *died(-1, "--propagate"), status=125)
        assert run(bus, *died(7)), "only if asked to"
        assert run(bus, *died(None, "--propagate"), status=125, says="has no exit code")
        place = cursor(bus)
        run(bus, "wait", "--propagate", "--timeout=0", "--after", place, status=124,
            says="No event")
        for wrong in (["--timeout=x"], ["--fly"], ["-f", "color=red"], ["--after", "nowhere"]):
            with Waiter(bus, "wait", *wrong, "--propagate") as waiter:
                waiter.process.wait(patience(20))
                equal(waiter.process.returncode, 125)
                equal(waiter.process.stdout.read(), "")


@test
def mistakes_are_named() -> None:
    with scene() as (bus, _, _client):
        for timeout in ("x", "", "-1", "-5s", "1h30", "1 h", "5y", "now", "today", "2026-01-01"):
            run(bus, "wait", f"--timeout={timeout}", status=2,
                says=f'--timeout: "{timeout}" is not a duration: give a duration as 30s')
        run(bus, "wait", "--timeout=99999999w", status=2, says="is too long")
        run(bus, "wait", "web", status=2, says='"web" is too much')
        run(bus, "wait", "-f", "color=red", status=2, says="color")
        run(bus, "wait", "--since", "soon", status=2, says='"soon" is not a time')
        run(bus, "wait", "--after", "nowhere", status=2, says='"nowhere" is no cursor')
        run(bus, "wait", "--format", "{{.Foo}}", status=2, says='no field "Foo"')
        run(bus, "wait", "-f", os.fsdecode(b"x=\xff"), status=2, says="is not UTF-8")


@test
def a_cursor_file_goes_from_one_event_to_the_next() -> None:
    with scene() as (bus, _, client):
        path = machine.folder("cursor") / "cursor"
        wait = ("wait", *SEQ, *WEB, "--cursor-file", str(path), "--timeout=0")
        path.write_text(cursor(bus) + "\n")
        client.emit(name="web")
        client.emit(name="web")
        equal(run(bus, *wait), "3\n")
        equal(run(bus, *wait), "4\n")
        run(bus, *wait, status=124, says="No event")
        client.emit(name="web")
        equal(run(bus, *wait), "5\n")


@test(each=[signal.SIGINT, signal.SIGTERM])
def a_signal_is_no_answer(number: int) -> None:
    with scene() as (bus, _, _client):
        proxy = Proxy(bus)
        with Waiter(bus, "wait", *WEB, environment=proxy.environment) as waiter:
            proxy.wait_for("QueryAfter")
            waiter.signal(number)
            waiter.end(-number)


@test
def a_reader_that_has_gone_is_no_answer() -> None:
    with scene() as (bus, _, _client):
        proxy = Proxy(bus)
        with Waiter(bus, "wait", *WEB, environment=proxy.environment) as waiter:
            proxy.wait_for("QueryAfter")
            waiter.process.stdout.close()
            equal(waiter.process.wait(patience(20)), -signal.SIGPIPE)


@test
def a_full_disk_is_an_error() -> None:
    with scene() as (bus, _, client):
        client.emit(status="died", details={"exit_code": 0})
        for more, status in (("", 1), ("--propagate", 125)):
            result = subprocess.run(
                f"{cevctl()} wait -f event=died --since 0 {more} > /dev/full", shell=True,
                env=bus.environment, stderr=subprocess.PIPE, check=False, text=True,
                timeout=patience(20))
            equal(result.returncode, status)
            assert "No space left" in result.stderr, result.stderr


@test(each=["an event", "a signal", "the deadline"])
def a_terminal_shows_how_long_it_has_taken(how: str) -> None:
    with scene() as (bus, _, client):
        arguments = ["--timeout=2.5"] if how == "the deadline" else []
        with Terminal(bus.environment, "wait", *WEB, *arguments) as terminal:
            wait_until(lambda: "\r2 s of waiting for an event" in terminal.read(), "the second", 20)
            assert "\r1 s of waiting for an event" in terminal.shown, terminal.shown
            if how == "an event":
                client.emit(name="web")
            elif how == "a signal":
                terminal.process.send_signal(signal.SIGINT)
            status = {"an event": 0, "a signal": -signal.SIGINT, "the deadline": 124}[how]
            equal(terminal.process.wait(patience(20)), status)
            rest = terminal.read().rpartition("an event")[2]
            if how == "the deadline":
                assert "\r\x1b[Kcevctl: No event" in terminal.shown, terminal.shown
            else:
                equal(rest, "\r\x1b[K", "the line is wiped")


if __name__ == "__main__":
    main()
