#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""With which code an exec session or a container ended, from whatever the history holds of it."""

import contextlib
from collections.abc import Iterator

from support.bus import Bus
from support.client import Client
from support.journal import needs_history
from support.service import Service
from support.tap import equal, main, raises, test

ERROR = "org.containers.Events.Error"
INVALID_ARGS = "org.freedesktop.DBus.Error.InvalidArgs"
A, B, C = "a" * 64, "b" * 64, "c" * 64


@contextlib.contextmanager
def scene() -> Iterator[tuple[Service, Client]]:
    """A service with an empty history."""
    needs_history()
    with Bus() as bus, Service(bus) as service:
        yield service, bus.client()


def exec_event(client: Client, status: str, exec_id: str, code: int | None = None,
               container: str = C) -> int:
    """An event of an exec session."""
    details = {"exec_id": exec_id} | ({} if code is None else {"exit_code": code})
    return client.emit(status=status, id=container, details=details)


def died(client: Client, container: str, code: int | None = None) -> int:
    """The end of a container."""
    return client.emit(status="died", id=container,
                       details={} if code is None else {"exit_code": code})


@test(each=[0, 1, 7, 126, 137, 255, -1])
def a_code_is_what_was_said(code: int) -> None:
    with scene() as (service, client):
        exec_event(client, "exec", A)
        exec_event(client, "exec_died", A, code)
        died(client, B, code)
        for _ in range(2):
            for length in (64, 63, 20, 12):
                equal(client.exec_exit_code(A[:length]), code)
                equal(client.container_exit_code(B[:length]), code)
            service.restart()


@test(each=["exec_died", "exec_die"])
def of_an_exec_session_the_first_word_counts(status: str) -> None:
    """Podman says it twice: its front end, and conmon's clean-up."""
    with scene() as (_, client):
        exec_event(client, status, A, 3)
        exec_event(client, status, A, 137)
        equal(client.exec_exit_code(A), 3)
        exec_event(client, status, B)
        exec_event(client, status, B, 4)
        equal(client.exec_exit_code(B), 4, "the first that said a code")


@test
def of_a_container_the_last_word_counts() -> None:
    with scene() as (_, client):
        died(client, A, 3)
        died(client, A, 4)
        equal(client.container_exit_code(A), 4)
        client.emit(status="remove", id=A)
        equal(client.container_exit_code(A), 4, "also when it is gone")
        exec_event(client, "exec_died", B, 9, container=A)
        equal(client.container_exit_code(A), 4, "an exec session's end is not the container's")
        died(client, A)
        with raises(f"{ERROR}.ExitCodeUnknown"):
            client.container_exit_code(A)
        client.emit(status="remove", id=A, details={"exit_code": 5})
        equal(client.container_exit_code(A), 5, "Podman 5 says it again when it removes")


@test
def a_removed_container_s_codes_are_known() -> None:
    with scene() as (service, client):
        exec_event(client, "exec", A, container=B)
        exec_event(client, "exec_died", A, 3, container=B)
        exec_event(client, "exec", C, container=B)
        client.emit(status="died", id=B, details={"exit_code": 137, "oom_killed": True})
        exec_event(client, "exec_died", C, 137, container=B)
        client.emit(status="remove", id=B)
        for _ in range(2):
            equal(client.exec_exit_code(A), 3)
            equal(client.exec_exit_code(C), 137)
            equal(client.container_exit_code(B), 137)
            equal([event.details["oom_killed"] for event in client.history("event=died")], [True])
            service.restart()


@test
def who_is_not_known_is_said_so() -> None:
    with scene() as (_, client):
        died(client, A, 1)
        exec_event(client, "exec_died", B, 1)
        for unknown in (C, "d" * 12, A + "0", B[:63] + "0", "no ID at all", A.upper()):
            with raises(f"{ERROR}.NoSuchExec") as error:
                client.exec_exit_code(unknown)
            assert unknown in error.message, error.message
            if unknown != C:
                with raises(f"{ERROR}.NoSuchContainer") as error:
                    client.container_exit_code(unknown)
                assert unknown in error.message, error.message
        for method, other in ((client.exec_exit_code, A), (client.container_exit_code, B)):
            with raises(f"{ERROR}.NoSuch{'Exec' if other == A else 'Container'}"):
                method(other)


@test
def what_has_not_ended_is_said_so() -> None:
    with scene() as (_, client):
        exec_event(client, "exec", A)
        with raises(f"{ERROR}.ExecRunning") as error:
            client.exec_exit_code(A[:12])
        assert A in error.message, error.message
        for status in ("create", "init", "start"):
            client.emit(status=status, id=B)
            with raises(f"{ERROR}.ExitCodeUnknown") as error:
                client.container_exit_code(B)
            assert B in error.message and "not ended" in error.message, error.message


@test
def an_end_without_a_code_is_no_zero() -> None:
    with scene() as (_, client):
        exec_event(client, "exec_died", A)
        died(client, B)
        for call, who in ((client.exec_exit_code, A), (client.container_exit_code, B)):
            with raises(f"{ERROR}.ExitCodeUnknown") as error:
                call(who)
            assert who in error.message and "not ended" not in error.message, error.message


@test(each=["", "a", "a" * 11])
def an_id_that_is_too_short_is_none(short: str) -> None:
    with scene() as (_, client):
        died(client, A, 1)
        exec_event(client, "exec_died", A, 1)
        for call in (client.exec_exit_code, client.container_exit_code):
            with raises(INVALID_ARGS) as error:
                call(short)
            assert f'"{short}"' in error.message, error.message


@test
def a_short_id_that_is_somebody_s_whole_id_is_found() -> None:
    """What Emit records may have IDs of any length."""
    with scene() as (_, client):
        died(client, "short", 6)
        equal(client.container_exit_code("short"), 6)
        died(client, "short-and-longer", 7)
        equal(client.container_exit_code("short"), 6)
        equal(client.container_exit_code("short-and-lo"), 7)


@test
def an_id_that_begins_two_is_ambiguous() -> None:
    with scene() as (_, client):
        first, second, both = "a" * 12 + "1" * 52, "a" * 12 + "2" * 52, "a" * 12
        died(client, first, 1)
        equal(client.container_exit_code(both), 1)
        died(client, second, 2)
        exec_event(client, "exec_died", first, 3)
        exec_event(client, "exec", second)
        for call in (client.container_exit_code, client.exec_exit_code):
            with raises(INVALID_ARGS) as error:
                call(both)
            assert both in error.message, error.message
        died(client, first, 4)
        with raises(INVALID_ARGS):
            client.container_exit_code(both)
        equal(client.container_exit_code(both + "1"), 4)
        equal(client.container_exit_code(second), 2)
        died(client, both, 5)
        equal(client.container_exit_code(both), 5, "a whole ID is not ambiguous")
        died(client, first, 6)
        equal(client.container_exit_code(both), 5, "nor does it become so")


@test
def odd_ids_are_no_trouble() -> None:
    with scene() as (_, client):
        died(client, A, 1)
        for odd in ('"' * 20, "\\" * 20, "%s%n%d" * 10, "x" + "ä" * 100, "\x01" * 30, "a" * 100_000,
                    f'{A}"', "../" * 10, " " * 12):
            with raises(f"{ERROR}.NoSuchContainer") as error:
                client.container_exit_code(odd)
            assert odd[:40] in error.message, error.message
            # What would need an escape in JSON is no ID of any engine's, and need not be found.
            if odd.isprintable() and not set(odd) & set('"\\'):
                died(client, odd[:100], 8)
                equal(client.container_exit_code(odd[:100]), 8, odd[:100])


if __name__ == "__main__":
    main()
