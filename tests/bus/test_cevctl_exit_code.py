#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""cevctl exit-code: what it prints and exits with, and that it waits for the end of an exec session
or a container whatever happens to the service, the connection and the clock meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator

from support.bus import BROKERS, Bus
from support.client import Client, wait_until
from support.journal import needs_files
from support.proxy import Proxy
from support.service import Service, cevctl
from support.tap import DeadlinePassed, equal, main, note, patience, test
from support.waiter import Terminal, Waiter

CONTAINER = "c" * 64
EXEC = "e" * 64
KINDS = ["exec", "container"]
SMALL = {"Log": {"SegmentSize": "16K", "MaxSize": "64K", "KeepFree": "0"}}


@contextlib.contextmanager
def scene(broker: str = "dbus-daemon") -> Iterator[tuple[Bus, Service, Client]]:
    """A service that knows a container that runs, and an exec session that does."""
    with Bus(broker) as bus, Service(bus) as service:
        client = bus.client()
        client.emit(status="start", id=CONTAINER, name="web")
        client.emit(status="exec", id=CONTAINER, name="web", details={"exec_id": EXEC})
        yield bus, service, client


def end(client: Client, kind: str, code: int | None = 7, whose: str = "") -> None:
    """The exec session ends, or the container."""
    details = {} if code is None else {"exit_code": code}
    if kind == "exec":
        client.emit(status="exec_died", id=CONTAINER, name="web",
                    details=details | {"exec_id": whose or EXEC})
    else:
        client.emit(status="died", id=whose or CONTAINER, name="web", details=details)


def run(bus: Bus, *arguments: str, status: int = 0, says: str = "") -> str:
    """What it prints, when it does not have to wait for anything."""
    with Waiter(bus, "exit-code", *arguments) as waiter:
        return waiter.end(status, says)


def wait_for(kind: str) -> tuple[str, ...]:
    """The arguments."""
    return ("exit-code", "--wait", EXEC if kind == "exec" else CONTAINER)


@contextlib.contextmanager
def waiting(bus: Bus, kind: str, *more: str) -> Iterator[tuple[Waiter, Proxy]]:
    """One that has asked; of a container, one that has read the past."""
    proxy = Proxy(bus)
    with Waiter(bus, *wait_for(kind), *more, environment=proxy.environment) as waiter:
        if kind == "exec":
            proxy.wait_for("WaitExecExit")
        else:
            proxy.wait_for("Query")
            bus.client().emit(name="other")
            proxy.wait_for("QueryAfter")
        assert waiter.waits
        yield waiter, proxy


# ---- at once ----

@test
def what_is_known_is_printed_at_once() -> None:
    with scene() as (bus, _, client):
        end(client, "exec", 0)
        end(client, "container", 3)
        for more in ((), ("--wait",), ("--wait=0",), ("--wait=1h",)):
            equal(run(bus, *more, EXEC), "0\n")
            equal(run(bus, *more, EXEC[:12]), "0\n")
            equal(run(bus, *more, "--exec", EXEC), "0\n")
            equal(run(bus, *more, CONTAINER), "3\n")
            equal(run(bus, *more, CONTAINER[:12]), "3\n")
            equal(run(bus, *more, "--container", CONTAINER), "3\n")
        client.emit(status="remove", id=CONTAINER)
        equal(run(bus, "--wait", CONTAINER), "3\n", "also when it was removed")


@test(each=[[], ["--wait"], ["--wait=0"]])
def what_nobody_knows_is_said(more: list[str]) -> None:
    with scene() as (bus, _, client):
        end(client, "exec", None)
        end(client, "container", None)
        run(bus, *more, EXEC, status=4, says="nobody said with which exit code")
        run(bus, *more, CONTAINER, status=4, says="nobody said with which exit code")
        run(bus, *more, "d" * 64, status=5, says="neither an exec session nor a container")
        run(bus, *more, "--exec", CONTAINER, status=5, says="no exec session")
        run(bus, *more, "--container", EXEC, status=5, says="no container")
        run(bus, *more, EXEC[:11], status=2, says="at least 12 characters")
        other = CONTAINER[:63] + "d"
        end(client, "container", 1, other)
        run(bus, *more, CONTAINER[:20], status=2, says="more than one")
        equal(run(bus, *more, other), "1\n")


@test
def what_has_not_ended_is_said_with_what_to_do() -> None:
    with scene() as (bus, _, _client):
        run(bus, EXEC[:12], status=3, says="has not ended yet; --wait waits for it.")
        run(bus, CONTAINER, status=4, says="has not ended yet")


# ---- more about it ----

@test
def json_has_the_event_that_told_it() -> None:
    with scene() as (bus, _, client):
        stamp = 1_795_348_800_500_000_000
        client.emit("container", "exec_died", CONTAINER, "web", "busybox", "podman", stamp,
                    {"exec_id": EXEC, "exit_code": 3, "evidence": "exit-file"})
        client.emit("container", "exec_died", CONTAINER, "web", "busybox", "podman", stamp + 1,
                    {"exec_id": EXEC, "exit_code": 3})
        for more in (("--json",), ("--format", "json"), ("--json", "--wait"),
                     ("--format=json", "--json")):
            shown = json.loads(run(bus, *more, EXEC[:12]))
            event = shown.pop("Event")
            equal(shown, {"ID": EXEC, "Kind": "exec", "ExitCode": 3})
            equal({key: event[key] for key in ("ExecID", "ID", "Name", "Image", "Engine", "Time",
                                               "Evidence", "ContainerExitCode", "Seq")},
                  {"ExecID": EXEC, "ID": CONTAINER, "Name": "web", "Image": "busybox",
                   "Engine": "podman", "Time": "2026-11-22T12:00:00.5Z", "Evidence": "exit-file",
                   "ContainerExitCode": 3, "Seq": 3})
        equal(run(bus, "--format", "{{.ContainerExitCode}} {{.Evidence}} {{.Name}}", EXEC),
              "3 exit-file web\n")


@test
def of_a_container_the_last_death_is_meant() -> None:
    with scene() as (bus, _, client):
        for code in (3, 4, 3):
            end(client, "container", code)
        client.emit(status="remove", id=CONTAINER, details={"exit_code": 3})
        event = json.loads(run(bus, "--json", CONTAINER[:20]))["Event"]
        equal((event["Seq"], event["Status"], event["ContainerExitCode"]), (5, "died", 3))


@test
def a_code_outlives_its_event() -> None:
    needs_files("the journal decides by itself what it keeps")
    with Bus() as bus, Service(bus, config=SMALL):
        client = bus.client()
        end(client, "exec", 5)
        end(client, "container", 6)
        for number in range(600):
            end(client, "exec", 1, f"{number:064x}")
        wait_until(lambda: client.get("LogSize") <= 64 * 1024, "a history that is small enough")
        equal(client.history(f"exec={EXEC}"), [])
        for more in ((), ("--wait",)):
            equal(run(bus, *more, EXEC), "5\n")
            equal(run(bus, *more, CONTAINER), "6\n")
            equal(json.loads(run(bus, *more, "--json", EXEC[:12])),
                  {"ID": EXEC[:12], "Kind": "exec", "ExitCode": 5})
            equal(run(bus, *more, "--format", "{{.ID}} {{.ContainerExitCode}} {{.Evidence}}",
                      CONTAINER), f"{CONTAINER} 6 \n")


# ---- waiting ----

@test(each=[(kind, broker) for kind in KINDS for broker in BROKERS])
def an_end_ends_the_wait(which: tuple[str, str]) -> None:
    kind, broker = which
    with scene(broker) as (bus, _, client), waiting(bus, kind) as (waiter, _):
        client.emit(name="other")
        end(client, "exec" if kind == "container" else "container", 1, "f" * 64)
        end(client, kind, 7)
        equal(waiter.end(), "7\n")


@test(each=[(kind, broker) for kind in KINDS for broker in BROKERS], deadline=180)
def no_end_is_missed_whenever_it_comes(which: tuple[str, str]) -> None:
    """Once behind each piece of what the bus says to the waiter."""
    kind, broker = which
    with scene(broker) as (bus, _, client):
        proxy = Proxy(bus)

        def begin(number: int) -> str:
            whose = f"{number:064x}"
            if kind == "exec":
                client.emit(status="exec", id=CONTAINER, details={"exec_id": whose})
            else:
                client.emit(status="start", id=whose)
            return whose

        with Waiter(bus, "exit-code", "--wait=0", begin(999),
                    environment=proxy.environment) as waiter:
            waiter.end(124, says="has not ended in that time")
        pieces = proxy.answers
        note(f"{pieces} pieces")
        assert pieces >= 4, pieces
        for piece in range(pieces):
            whose = begin(piece)
            proxy.hold_answers(piece)
            with Waiter(bus, "exit-code", "--wait", f"--{kind}", whose,
                        environment=proxy.environment) as waiter:
                # The last ones may come as one.
                with contextlib.suppress(DeadlinePassed):
                    proxy.wait_until_held(2)
                end(client, kind, piece, whose)
                proxy.release()
                equal(waiter.end(), f"{piece}\n")


@test(each=[(kind, broker) for kind in KINDS for broker in BROKERS], deadline=180)
def a_service_that_is_killed_is_asked_again(which: tuple[str, str]) -> None:
    kind, broker = which
    with scene(broker) as (bus, service, client):
        with waiting(bus, kind) as (waiter, _):
            for _ in range(2):
                service.kill()
                service.start()
            assert waiter.waits
            end(client, kind, 7)
            equal(waiter.end(), "7\n")
    with scene(broker) as (bus, service, client), waiting(bus, kind) as (waiter, _):
        end(client, kind, 8)  # recorded, and perhaps not told to anybody
        service.kill()
        service.start()
        equal(waiter.end(), "8\n")


@test(each=BROKERS, deadline=180)
def many_wait_over_many_restarts(broker: str) -> None:
    """Whatever they were doing when the service went, each gets its own code."""
    with scene(broker) as (bus, service, client), contextlib.ExitStack() as stack:
        waiters = []
        for number in range(20):
            whose = f"{number:064x}"
            if number % 2:
                client.emit(status="start", id=whose)
            else:
                client.emit(status="exec", id=CONTAINER, details={"exec_id": whose})
            proxy = Proxy(bus)
            waiters.append(stack.enter_context(Waiter(
                bus, "exit-code", "--wait", "--propagate", whose, environment=proxy.environment)))
            proxy.wait_for("ContainerExitCode" if number % 2 else "WaitExecExit")
        for number in range(20):
            end(client, KINDS[number % 2], 100 + number, f"{number:064x}")
            if number % 4 == 3:
                service.kill()
                service.start()
        for number, waiter in enumerate(waiters):
            equal(waiter.end(100 + number, deadline=60), f"{100 + number}\n")


@test(each=KINDS, deadline=120)
def a_service_that_was_stopped_is_waited_for(kind: str) -> None:
    """And not started: its administrator has stopped it."""
    service = Service(None)
    with Bus(activate=service) as bus, service:
        client = bus.client()
        client.emit(status="start", id=CONTAINER, name="web")
        client.emit(status="exec", id=CONTAINER, name="web", details={"exec_id": EXEC})
        with waiting(bus, kind) as (waiter, _):
            service.stop()
            lines: list[str] = []
            read_lines(waiter, lines, 1)
            assert "left the bus; waiting for it" in lines[0], lines
            assert waiter.waits and not service.alive
            end(client, kind, 7)  # this starts it
            read_lines(waiter, lines, 2)
            assert "is back" in lines[1], lines
            equal(waiter.end(), "7\n")


def read_lines(waiter: Waiter, lines: list[str], count: int) -> None:
    """Reads that many lines of its complaints."""
    os.set_blocking(waiter.process.stderr.fileno(), False)

    def complete() -> bool:
        with contextlib.suppress(TypeError):
            lines.extend(waiter.process.stderr.readlines())
        return len(lines) >= count

    wait_until(complete, f"{count} lines, not {lines}", 30)
    os.set_blocking(waiter.process.stderr.fileno(), True)


@test(each=KINDS, deadline=120)
def a_connection_that_is_cut_is_made_again(kind: str) -> None:
    with scene() as (bus, _, client), waiting(bus, kind) as (waiter, proxy):
        for _ in range(3):
            proxy.hold("AUTH")
            proxy.cut()
            proxy.wait_until_held()
            proxy.release()
        proxy.hold("AUTH")
        proxy.cut()
        proxy.wait_until_held()
        end(client, kind, 7)  # while it has no connection
        proxy.release()
        equal(waiter.end(), "7\n")


@test(each=KINDS)
def a_bus_that_ends_is_an_error(kind: str) -> None:
    with scene() as (bus, _, _client), waiting(bus, kind) as (waiter, proxy):
        os.unlink(proxy.environment["DBUS_SYSTEM_BUS_ADDRESS"].partition("path=")[2])
        proxy.cut()
        waiter.end(1, says="The system bus cannot be used")


@test
def a_container_that_runs_again_is_waited_for() -> None:
    with scene() as (bus, _, client):
        end(client, "container", 3)
        equal(run(bus, "--wait", CONTAINER), "3\n")
        client.emit(status="start", id=CONTAINER)
        equal(run(bus, CONTAINER), "3\n", "the last one that is known")
        run(bus, "--wait=0", CONTAINER, status=124, says="has not ended")
        with waiting(bus, "container") as (waiter, _):
            end(client, "container", 4)
            equal(waiter.end(), "4\n")


@test
def a_container_that_was_only_created_is_waited_for() -> None:
    with scene() as (bus, _, client):
        client.emit(status="create", id="d" * 64)
        proxy = Proxy(bus)
        with Waiter(bus, "exit-code", "--wait", "d" * 12, environment=proxy.environment) as waiter:
            proxy.wait_for("Query")
            client.emit(status="start", id="d" * 64)
            end(client, "container", 9, "d" * 64)
            equal(waiter.end(), "9\n")


@test
def an_end_and_a_restart_at_once_are_an_end() -> None:
    """Both are in one answer: it was waiting, so that is the end it has waited for."""
    with scene() as (bus, _, client), waiting(bus, "container") as (waiter, _):
        waiter.signal(signal.SIGSTOP)
        end(client, "container", 7)
        client.emit(status="start", id=CONTAINER)
        waiter.signal(signal.SIGCONT)
        equal(waiter.end(), "7\n")


@test
def what_nobody_can_say_ends_the_wait_too() -> None:
    with scene() as (bus, _, client):
        for kind in KINDS:
            with waiting(bus, kind) as (waiter, _):
                end(client, kind, None)
                equal(waiter.end(4, says="nobody said with which exit code"), "")


# ---- the time ----

@test(each=KINDS)
def the_time_is_kept(kind: str) -> None:
    with scene() as (bus, _, _client):
        whose = EXEC if kind == "exec" else CONTAINER
        started = time.monotonic()
        run(bus, "--wait=1.5", whose, status=124, says=f'"{whose}" has not ended in that time')
        taken = time.monotonic() - started
        assert 1.5 <= taken < 1.5 + patience(2), taken


@test(each=KINDS)
def a_restart_does_not_begin_the_time_anew(kind: str) -> None:
    with scene() as (bus, service, _client):
        started = time.monotonic()
        with waiting(bus, kind, "--wait=4") as (waiter, _):
            wait_until(lambda: time.monotonic() - started > 2.5, "a while")
            service.kill()
            service.start()
            waiter.end(124, says="has not ended in that time")
        taken = time.monotonic() - started
        assert 4 <= taken < 4 + patience(1), taken


@test(each=KINDS)
def the_time_goes_on_while_there_is_no_service(kind: str) -> None:
    with scene() as (bus, service, _client):
        with waiting(bus, kind, "--wait=3") as (waiter, _):
            service.stop()
            waiter.end(124, says="has not ended in that time")
        service.start()


@test
def a_service_that_never_was_there_is_an_error() -> None:
    with Bus() as bus:
        for more in ((), ("--wait",), ("--wait=0",), ("--wait", "--container")):
            run(bus, *more, EXEC, status=1, says='"systemctl start containers-eventsd"')


# ---- what it exits with ----

@test
def the_code_is_passed_on() -> None:
    with scene() as (bus, _, client):
        for number, code in enumerate((0, 1, 2, 3, 5, 124, 137, 255)):
            end(client, "exec", code, f"{number:064x}")
            equal(run(bus, "--propagate", f"{number:064x}", status=code), f"{code}\n")
        end(client, "exec", -1, "a" * 64)
        equal(run(bus, "a" * 64), "-1\n")
        equal(run(bus, "--propagate", "a" * 64, status=125), "-1\n")
        for kind in KINDS:
            with waiting(bus, kind, "--propagate") as (waiter, _):
                end(client, kind, 7)
                equal(waiter.end(7), "7\n")


@test
def a_failure_is_no_code() -> None:
    with scene() as (bus, _, client):
        end(client, "exec", None, "a" * 64)
        for arguments, says in (((EXEC,), "has not ended yet"), (("a" * 64,), "nobody said"),
                                (("d" * 64,), "neither"), (("--exec", "d" * 64), "no exec session"),
                                (("short",), "12 characters"), ((), "Give one ID"),
                                (("--wait=x", EXEC), "is not a duration"),
                                (("--fly", EXEC), "")):
            for order in (("--propagate", *arguments), (*arguments, "--propagate"),
                          (*arguments, "--prop")):
                with Waiter(bus, "exit-code", *order) as waiter:
                    output, errors = waiter.process.communicate(timeout=patience(20))
                    equal((waiter.process.returncode, output), (125, ""), order)
                    assert says in errors, errors
        run(bus, "--propagate", "--wait=0", EXEC, status=124, says="has not ended in that time")
    with Bus() as bus:
        run(bus, "--propagate", EXEC, status=125, says="is not running")
        run(bus, "--propagate", "--wait", EXEC, status=125, says="is not running")


@test
def what_cannot_be_written_is_no_answer() -> None:
    with scene() as (bus, _, client):
        end(client, "exec", 7)
        for more, status in (("", 1), ("--json", 1), ("--propagate", 125), ("--wait", 1)):
            result = subprocess.run(f"{cevctl()} exit-code {more} {EXEC} > /dev/full", shell=True,
                                    env=bus.environment, stderr=subprocess.PIPE, check=False,
                                    text=True, timeout=patience(20))
            equal(result.returncode, status, more)
            assert "No space left" in result.stderr, result.stderr


@test
def mistakes_are_named() -> None:
    with scene() as (bus, _, _client):
        for wrong in ("x", "", "-1", "1h30", "now"):
            run(bus, f"--wait={wrong}", EXEC, status=2,
                says=f'--wait: "{wrong}" is not a duration: give a duration as 30s')
        run(bus, "--wait", "1h", EXEC, status=2, says="Give one ID")
        run(bus, "--wait=99999999w", EXEC, status=2, says="is too long")
        run(bus, "--json", "--format", "{{.ID}}", EXEC, status=2, says="exclude each other")
        run(bus, "--format", "{{.Foo}}", EXEC, status=2, says='no field "Foo"')
        for more in ((), ("--wait",)):
            run(bus, *more, "", status=2, says="is empty")
            run(bus, *more, os.fsdecode(b"\xff" * 20), status=2, says="is not UTF-8")
            run(bus, *more, "\x1b[31m" * 4, status=5, says=r"\x1b[31m")


@test(each=[(kind, number) for kind in KINDS for number in (signal.SIGINT, signal.SIGTERM)])
def a_signal_is_no_answer(which: tuple[str, int]) -> None:
    kind, number = which
    with scene() as (bus, _, _client), waiting(bus, kind, "--propagate") as (waiter, _):
        waiter.signal(number)
        equal(waiter.end(-number), "")


@test
def a_signal_is_heard_while_it_asks_for_the_event() -> None:
    with scene() as (bus, _, client):
        end(client, "exec")
        proxy = Proxy(bus)
        proxy.hold("Query")
        with Waiter(bus, "exit-code", "--wait", "--json", EXEC,
                    environment=proxy.environment) as waiter:
            proxy.wait_until_held()
            waiter.signal(signal.SIGINT)
            equal(waiter.end(-signal.SIGINT), "")
        proxy.release()


@test(each=KINDS)
def a_terminal_shows_how_long_it_has_taken(kind: str) -> None:
    with scene() as (bus, _, client):
        for how in ("an end", "a signal"):
            with Terminal(bus.environment, *wait_for(kind)) as terminal:
                wait_until(lambda: "\r1 s of waiting for the end" in terminal.read(), "it", 20)
                if how == "a signal":
                    terminal.process.send_signal(signal.SIGINT)
                else:
                    end(client, kind, 7)
                    client.emit(status="start", id=CONTAINER)
                status = -signal.SIGINT if how == "a signal" else 0
                equal(terminal.process.wait(patience(20)), status)
                equal(terminal.read().rpartition("the end")[2], "\r\x1b[K", "the line is wiped")
            if kind == "exec":
                break


if __name__ == "__main__":
    main()
