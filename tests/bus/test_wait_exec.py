#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""WaitExecExit answers when an exec session ends, and not before, whatever happens meanwhile."""

import contextlib
from collections.abc import Iterator

from support import machine
from support.bus import BROKERS, Bus
from support.client import NAME, Client, Waiting, plain, wait_until
from support.deaf import Deaf
from support.journal import needs_files, needs_history
from support.service import Service
from support.tap import equal, main, test

ERROR = "org.containers.Events.Error"
INVALID_ARGS = "org.freedesktop.DBus.Error.InvalidArgs"
NO_REPLY = "org.freedesktop.DBus.Error.NoReply"
A, B, C = "a" * 64, "b" * 64, "c" * 64


@contextlib.contextmanager
def scene(broker: str = "dbus-daemon", **limits: int) -> Iterator[tuple[Bus, Service, Client]]:
    """A service with an empty history."""
    needs_history()
    bus = Bus(broker)
    for name, value in limits.items():
        bus.limit(name, value)
    with bus, Service(bus) as service:
        yield bus, service, bus.client()


def begin(client: Client, exec_id: str) -> int:
    """An exec session begins."""
    return client.emit(status="exec", id=C, details={"exec_id": exec_id})


def end(client: Client, exec_id: str, code: int | None = None) -> int:
    """And ends."""
    details = {"exec_id": exec_id} | ({} if code is None else {"exit_code": code})
    return client.emit(status="exec_died", id=C, details=details)


def settled(client: Client) -> None:
    """All calls before this one were taken, and the history has been asked for them."""
    # Two queries, one after the other: waiters have their turns in between.
    for _ in range(20):
        client.query(0, 0, ["exec=" + "0" * 64])


@test(each=BROKERS)
def it_waits_for_the_end(broker: str) -> None:
    with scene(broker) as (bus, _, client):
        other = bus.client(machine.READER)
        begin(client, A)
        begin(client, B)
        waits = [who.wait_exec_exit(A[:length]) for who in (client, other) for length in (64, 12)]
        not_yet = client.wait_exec_exit(B)
        settled(client)
        assert not any(wait.answered for wait in waits), [wait.reply for wait in waits]
        end(client, A, 7)
        equal([wait.code() for wait in waits], [7] * 4)
        assert not not_yet.answered, not_yet.reply
        end(client, B, 0)
        equal(not_yet.code(), 0)


@test
def what_has_ended_is_answered_at_once() -> None:
    with scene() as (_, service, client):
        begin(client, A)
        end(client, A, 3)
        for _ in range(2):
            for length in (64, 63, 12):
                equal(client.wait_exec_exit(A[:length]).code(), 3)
            service.restart()


@test(each=[0, 1, 255, -1])
def the_code_is_what_was_said(code: int) -> None:
    with scene() as (_, _, client):
        begin(client, A)
        wait = client.wait_exec_exit(A)
        end(client, A, code)
        equal(wait.code(), code)


@test
def the_first_word_counts() -> None:
    with scene() as (_, _, client):
        begin(client, A)
        wait = client.wait_exec_exit(A)
        end(client, A, 3)
        end(client, A, 137)
        equal(wait.code(), 3)
        equal(client.wait_exec_exit(A).code(), 3)


@test(each=["exec_died", "exec_die"])
def an_end_without_a_code_is_one(status: str) -> None:
    with scene() as (_, _, client):
        begin(client, A)
        wait = client.wait_exec_exit(A)
        client.emit(status=status, id=C, details={"exec_id": A})
        name, sentence = wait.error()
        equal(name, f"{ERROR}.ExitCodeUnknown")
        assert A in sentence, sentence
        equal(client.wait_exec_exit(A).error()[0], f"{ERROR}.ExitCodeUnknown")


@test
def other_events_are_no_end() -> None:
    with scene() as (_, _, client):
        begin(client, A)
        wait = client.wait_exec_exit(A)
        end(client, B, 1)
        client.emit(status="died", id=A, details={"exit_code": 2})
        client.emit(status="exec_died", id=A, details={"exit_code": 3})
        client.emit(type="pod", status="exec_died", details={"exec_id": A, "exit_code": 4})
        client.emit(status="exec_died_later", details={"exec_id": A, "exit_code": 5})
        end(client, A + "0", 6)
        end(client, A[:63], 7)
        settled(client)
        assert not wait.answered, wait.reply
        end(client, A, 8)
        equal(wait.code(), 8)


@test
def what_nobody_knows_is_not_waited_for() -> None:
    with scene() as (_, _, client):
        begin(client, A)
        for unknown in (B, B[:12], A + "0", "x" * 100_000):
            name, sentence = client.wait_exec_exit(unknown).error()
            equal(name, f"{ERROR}.NoSuchExec")
            assert unknown[:64] in sentence, sentence
        for wrong in ("", "a", A[:11]):
            name, sentence = client.wait_exec_exit(wrong).error()
            equal(name, INVALID_ARGS)
            assert f'"{wrong}"' in sentence, sentence
        begin(client, A[:20] + "0" * 44)
        name, sentence = client.wait_exec_exit(A[:12]).error()
        equal(name, INVALID_ARGS)
        assert "more than one" in sentence, sentence


@test
def a_prefix_stays_with_whom_it_found() -> None:
    with scene() as (_, _, client):
        begin(client, A)
        wait = client.wait_exec_exit(A[:12])
        settled(client)
        begin(client, A[:20] + "0" * 44)
        end(client, A[:20] + "0" * 44, 1)
        settled(client)
        assert not wait.answered, wait.reply
        end(client, A, 2)
        equal(wait.code(), 2)


@test
def when_the_time_is_up_it_is_said_so() -> None:
    with scene() as (_, _, client):
        begin(client, A)
        waits = [client.wait_exec_exit(A, usec) for usec in (300_000, 1, 100_000, 200_000)]
        forever = [client.wait_exec_exit(A, usec) for usec in (0, 2**64 - 1)]
        for wait, seconds in zip(waits, (0.3, 0, 0.1, 0.2), strict=True):
            name, sentence = wait.error()
            equal(name, f"{ERROR}.TimedOut")
            assert A in sentence, sentence
            assert wait.took >= seconds, (wait.took, seconds)
        late = client.wait_exec_exit(A, 3600 * 10**6)
        end(client, A, 5)
        equal([wait.code() for wait in [late, *forever]], [5] * 3)


@test
def none_is_missed_between_asking_and_waiting() -> None:
    """Ends come before, while and after it is asked for them."""
    with scene() as (_, _, client):
        ids = [f"{number:064x}" for number in range(1, 301)]
        waits: list[Waiting] = []
        for number, exec_id in enumerate(ids):
            begin(client, exec_id)
            waits.append(client.wait_exec_exit(exec_id))
            if number >= 3:
                end(client, ids[number - 3], (number - 3) % 256)
            if number % 7 == 0:
                end(client, exec_id, number % 256)
        for number, exec_id in enumerate(ids[-3:], len(ids) - 3):
            end(client, exec_id, number % 256)
        equal([wait.code() for wait in waits], [number % 256 for number in range(len(ids))])


@test
def it_waits_over_a_segment_s_end() -> None:
    """The reader that follows goes from one file to the next."""
    needs_files("there are no segments")
    with Bus() as bus, Service(bus, config={"Log": {"SegmentSize": "16K"}}) as service:
        client = bus.client()
        begin(client, A)
        wait = client.wait_exec_exit(A)
        for _ in range(40):
            client.emit(status="start", id=B, name="x" * 1000)
        assert list(service.history.glob("events-*.log")), "a sealed segment"
        end(client, A, 9)
        equal(wait.code(), 9)


def rules(client: Client, broker: str) -> int:
    """How many match rules the service has."""
    def stats(member: str, *arguments: str) -> dict:
        reply = client.message(member, *arguments, name="org.freedesktop.DBus",
                               path="/org/freedesktop/DBus", signature="s" * len(arguments),
                               interface="org.freedesktop.DBus.Debug.Stats")
        return plain(reply.get_args_list())[0]

    if broker == "dbus-daemon":
        return stats("GetConnectionStats", NAME)["MatchRules"]
    peers = stats("GetStats")["org.bus1.DBus.Debug.Stats.PeerAccounting"]
    return next(counts["Matches"] for name, _, counts in peers if name == client.owner())


@test(each=BROKERS)
def who_leaves_the_bus_waits_no_longer(broker: str) -> None:
    """And the service hears of others' leaving only while somebody waits."""
    with scene(broker) as (bus, _, client):
        begin(client, A)
        before = rules(client, broker)
        for _ in range(2):
            others = [bus.client() for _ in range(5)]
            # One whom the service knows, and who is gone before it can hear of that.
            others[0].query(0, 0, ["exec=" + A])
            waits = [others[0].wait_exec_exit(A)]
            others.pop(0).close()
            waits += [other.wait_exec_exit(A) for other in others for _ in range(100)]
            settled(client)
            equal(rules(client, broker), before + 1, "one rule for all who wait")
            assert not any(wait.answered for wait in waits)
            for other in others:
                other.close()
            wait_until(lambda: rules(client, broker) == before, "nobody who waits")
        stays = client.wait_exec_exit(A)
        end(client, A, 1)
        equal(stays.code(), 1)
        wait_until(lambda: rules(client, broker) == before, "nobody who waits")


@test
def one_who_does_not_read_his_answer_stops_nobody() -> None:
    with scene() as (bus, _, client):
        begin(client, A)
        deaf = Deaf(bus.address, machine.READER)
        calls = [deaf.call("WaitExecExit", A, 0) for _ in range(100)]
        wait = client.wait_exec_exit(A)
        settled(client)
        end(client, A, 6)
        equal(wait.code(), 6)
        equal([deaf.answer(call) for call in calls], [""] * 100, "and his are kept for him")
        deaf.close()


@test(each=BROKERS)
def the_end_of_the_service_ends_the_call(broker: str) -> None:
    with scene(broker) as (_, service, client):
        begin(client, A)
        wait = client.wait_exec_exit(A)
        settled(client)
        service.restart()
        equal(wait.error()[0], NO_REPLY)
        again = client.wait_exec_exit(A)
        end(client, A, 4)
        equal(again.code(), 4)


@test(each=BROKERS)
def a_bus_that_comes_back_can_be_waited_on(broker: str) -> None:
    """Those who waited on the old one are gone with it."""
    with scene(broker) as (bus, service, client):
        begin(client, A)
        client.wait_exec_exit(A)
        client.wait_exec_exit(A, 1_000_000)
        settled(client)
        bus.stop()
        bus.start()
        service.wait_for_name()
        client = bus.client()
        wait = client.wait_exec_exit(A)
        end(client, A, 8)
        equal(wait.code(), 8)


@test
def who_may_not_read_may_not_wait() -> None:
    with scene() as (bus, _, client):
        begin(client, A)
        nobody = bus.client(machine.NOBODY)
        equal(nobody.wait_exec_exit(A).error()[0], "org.freedesktop.DBus.Error.AccessDenied")


if __name__ == "__main__":
    main()
