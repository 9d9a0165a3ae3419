#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What can be asked of the history: pages, cursors, times, filters, exit codes, and all the ways in
which a question is none."""

import contextlib
import statistics
import time
from collections import Counter
from collections.abc import Iterator

import dbus

from support import machine
from support.bus import Bus
from support.client import INTERFACE, NAME, PATH, Client, Event, settle, signature, wait_until
from support.journal import needs_files, needs_history
from support.podman_log import Writer
from support.service import Service
from support.tap import equal, main, note, raises, test

ERROR = "org.containers.Events.Error"
INVALID_ARGS = "org.freedesktop.DBus.Error.InvalidArgs"
PAGE_EVENTS, PAGE_BYTES = 1000, 1 << 20


@contextlib.contextmanager
def scene(**log: str) -> Iterator[tuple[Service, Client]]:
    """A service, and somebody who asks it."""
    needs_history()
    with Bus() as bus, Service(bus, config={"Log": log}) as service:
        yield service, bus.client()


@contextlib.contextmanager
def filled(count: int) -> Iterator[tuple[Service, Client]]:
    """A service whose history holds so many events, which it read from a log of Podman's."""
    needs_history()
    writer = Writer(machine.folder("podman") / "events.log")
    writer.raw("".join(writer.event() + "\n" for _ in range(count)).encode())
    podman = {"Enabled": "yes", "EventsLog": writer.path}
    with Bus() as bus, Service(bus, config={"Podman": podman}) as service:
        client = bus.client()
        wait_until(lambda: client.get("NewestSeq") == count, f"{count} events", 60)
        yield service, client


def names(events: list[Event]) -> list[str]:
    """Their names."""
    return [event.name for event in events]


@test
def a_page_holds_a_thousand_events() -> None:
    with filled(2500) as (_, client):
        first = client.query()
        equal((len(first.events), first.more), (PAGE_EVENTS, True))
        second = client.query_after(first.cursor)
        equal((len(second.events), second.more), (PAGE_EVENTS, True))
        third = client.query_after(second.cursor)
        equal((len(third.events), third.more), (500, False))
        events = first.events + second.events + third.events
        equal([event.seq for event in events], list(range(1, 2501)))
        nothing = client.query_after(third.cursor)
        equal((nothing.events, nothing.cursor, nothing.more), ([], third.cursor, False))
        equal(client.query_after("").events, first.events)


@test
def an_exactly_full_page_is_the_last() -> None:
    with filled(PAGE_EVENTS) as (_, client):
        page = client.query()
        equal((len(page.events), page.more), (PAGE_EVENTS, False))
        equal(client.query(0, 0, ["name=c1000"]).more, False)


@test
def a_page_holds_a_mebibyte() -> None:
    """A reply that the broker refuses would cost the service its connection."""
    with scene() as (_, client):
        for number in range(60):
            client.emit(name=f"e{number}", details={"attributes": {"label": "x" * 50_000}})
        cursor, events, pages, more = "", [], 0, True
        while more:
            reply = client.message("QueryAfter", cursor, 0, dbus.Array([], signature="s"),
                                   signature="stas")
            page = client.query_after(cursor)
            size = sum(len(event.details["attributes"]["label"]) for event in page.events)
            assert size <= PAGE_BYTES, size
            assert len(reply.get_args_list()[0]) == len(page.events)
            events += page.events
            pages, cursor, more = pages + 1, page.cursor, page.more
        equal(names(events), [f"e{number}" for number in range(60)])
        assert 3 <= pages <= 6, f"{pages} pages of 1 MiB for 3 MB"


@test
def a_page_of_what_matches_says_where_to_go_on() -> None:
    with filled(2500) as (_, client):
        page = client.query(0, 0, ["name=c7"])
        equal((names(page.events), page.more), (["c7"], False))
        equal(page.cursor.split(":")[1], "2500", "it looked at all of them")
        client.emit(name="new")
        equal(names(client.query_after(page.cursor).events), ["new"])
        equal(client.query_after(page.cursor, 0, ["name=c7"]).events, [])


@test
def a_cursor_of_another_history_has_expired() -> None:
    with scene() as (_, client):
        client.emit(name="one")
        cursor = client.query().cursor
        epoch, seq = cursor.split(":")
        equal((epoch, seq), (client.get("Epoch"), "1"))
        for wrong in (f"{'0' * 32}:1", f"{epoch}:2", f"{epoch}:18446744073709551615"):
            with raises(f"{ERROR}.CursorExpired") as error:
                client.query_after(wrong)
            assert wrong in error.message and f"{epoch}:0" in error.message, error.message
        for garbage in ("x", ":", "1", f"{epoch}", f"{epoch}:", f"{epoch}:-1", f"{epoch}:1x",
                        f"{epoch}: 1", f" {epoch}:1", f"{epoch}:1:1", f"{epoch[:-1]}:1",
                        f"{epoch}:18446744073709551616", "ä" * 5000, "x" + "ä" * 5000):
            with raises(INVALID_ARGS) as error:
                client.query_after(garbage)
            assert garbage[:30] in error.message, error.message


@test
def a_cursor_before_the_oldest_event_has_expired() -> None:
    needs_files("MaxSize= is not its own; tests/bus/test_journal.py tries the same")
    with scene(SegmentSize="4K", MaxSize="12K") as (service, client):
        client.emit(name="first")
        early = client.query().cursor
        for _ in range(30):
            client.emit(name="later", details={"pad": "x" * 1000})
        wait_until(lambda: client.get("LogSize") <= 12 * 1024, "a trimmed history")
        oldest = client.get("OldestSeq")
        with raises(f"{ERROR}.CursorExpired") as error:
            client.query_after(early)
        kept = f"{client.get('Epoch')}:{oldest - 1}"
        assert early in error.message and kept in error.message, error.message
        equal(client.query_after(kept).events, client.query_after("").events)
        equal(client.query_after(kept).events[0].seq, oldest)
        service.restart()
        equal(client.query_after(kept).events[0].seq, oldest)


@test
def a_time_range_is_half_open() -> None:
    with scene() as (_, client):
        for moment in (300, 100, 200, 200):
            client.emit(name=f"t{moment}", time_nsec=moment)
        everything = ["t300", "t100", "t200", "t200"]  # in order of seq, not of time
        for since, until, expected in (
                (0, 0, everything), (100, 301, everything), (0, 300, everything[1:]),
                (200, 300, ["t200", "t200"]), (200, 201, ["t200", "t200"]), (200, 200, []),
                (201, 300, []), (301, 0, []), (0, 1, []), (100, 0, everything),
                (2**64 - 1, 0, []), (0, 2**64 - 1, everything)):
            equal(names(client.query(since, until).events), expected, f"{since} to {until}")
        equal(names(client.query_after("", 200).events), ["t100"])
        with raises(f"{ERROR}.InvalidTime") as error:
            client.query(300, 299)
        assert "300" in error.message and "299" in error.message, error.message


MENAGERIE = [
    {"name": "web", "id": "aa11", "image": "nginx:1", "status": "start",
     "details": {"attributes": {"role": "front", "tier": ""}, "uid": dbus.UInt32(1000)}},
    {"name": "web", "id": "aa11", "image": "nginx:1", "status": "exec_died", "engine": "docker",
     "details": {"exec_id": "ee55", "exit_code": 3, "attributes": {"role": "front"}}},
    {"name": "webby", "id": "aa22", "status": "died", "engine": "podman",
     "details": {"exit_code": 0, "attributes": {"role": "back", "tier": "1"}}},
    {"type": "image", "name": "nginx:1", "id": "bb33", "status": "pull"},
    {"type": "image", "name": "web", "id": "aa44", "status": "remove"},
    {"type": "pod", "name": "pod1", "id": "cc55", "status": "create"},
    {"type": "volume", "name": "data1", "status": "create"},
    {"type": "volume", "name": "data2", "status": "destroy"},
    {"type": "network", "name": "web", "id": "aa11", "status": "connect",
     "details": {"network": "net1"}},
    {"type": "network", "name": "net1", "id": "dd66", "status": "create"},
    {"type": "system", "status": "refresh", "details": {"exit_code": -1}},
]

FILTERS: dict[tuple[str, ...], list[int]] = {
    ("type=image",): [4, 5], ("type=image", "type=pod"): [4, 5, 6], ("type!=container",): [
        4, 5, 6, 7, 8, 9, 10, 11],
    ("event=start",): [1], ("status=start",): [1], ("event=start", "status=pull"): [1, 4],
    ("event=die",): [3], ("event=died",): [3], ("event=exec_die",): [2],
    ("event=remove",): [5, 8], ("event=rm",): [5, 8], ("event=delete",): [5, 8],
    ("event!=destroy", "type=volume"): [7],
    ("container=web",): [1, 2], ("container=aa",): [1, 2, 3], ("container=we",): [],
    ("container!=web", "type=container"): [3], ("container=aa11", "container=webby"): [1, 2, 3],
    ("image=nginx:1",): [4], ("image=aa",): [5], ("pod=pod1",): [6], ("pod=cc",): [6],
    ("volume=data",): [7, 8], ("volume=data1",): [7], ("network=net1",): [9, 10],
    ("network=dd",): [10], ("name=web",): [1, 2, 5, 9], ("name!=web", "type=container"): [3],
    ("id=aa",): [1, 2, 3, 5, 9], ("id=aa11", "type=container"): [1, 2],
    ("engine=docker",): [2], ("engine!=test",): [2, 3], ("exec=ee",): [2], ("exec=ee55",): [2],
    ("exec!=ee",): [1, 3, 4, 5, 6, 7, 8, 9, 10, 11], ("exit_code=3",): [2],
    ("exit_code=0",): [3], ("exit_code=-1",): [11], ("exit_code=0", "exit_code=3"): [2, 3],
    ("exit_code!=0", "type=container"): [1, 2], ("uid=1000",): [1], ("uid=0",): [],
    ("label=role",): [1, 2, 3], ("label=role=front",): [1, 2], ("label=tier=",): [1],
    ("label=role", "label=tier"): [1, 3], ("label=role=front", "label=tier"): [1],
    ("label!=role=front", "type=container"): [3], ("label=none",): [],
    ("type=container", "engine=test", "label=role"): [1], (): list(range(1, 12)),
}


@test
def every_filter_finds_what_it_says() -> None:
    with scene() as (_, client):
        for fields in MENAGERIE:
            client.emit(**fields)
        for filters, expected in FILTERS.items():
            for events in (client.query(0, 0, filters).events, client.history(*filters)):
                equal([event.seq for event in events], expected, str(filters))
        note(f"{len(FILTERS)} filters")


@test
def a_filter_that_cannot_be_is_named() -> None:
    with scene() as (_, client):
        for wrong in ("colour=red", "type", "", "=", "=x", "!=x", "type=", "type!=", "type=dog",
                      "exit_code=x", "exit_code=256", "exit_code=-2", "exit_code=1.0", "uid=root",
                      "uid=-1", "uid=4294967296", "label==x", "label=", "Type=image", " type=pod",
                      "name=" + "x" * 100_000, "ä=ö"):
            for call in (lambda bad: client.query(0, 0, ["type=pod", bad]),
                         lambda bad: client.query_after("", 0, [bad])):
                with raises(f"{ERROR}.InvalidFilter") as error:
                    call(wrong)
                assert f'"{wrong[:60]}' in error.message, (wrong, error.message)
                assert len(error.message) < 1000, len(error.message)
        with raises(f"{ERROR}.InvalidFilter"):
            client.query(0, 0, ["type=pod"] * 10_000)


# No index narrows it, so each event is looked at; filled() makes containers alone.
SLOW = "type!=container"


def ask(client: Client, count: int, answers: Counter) -> None:
    """Asks many times at once, and counts the answers by the name of the error."""
    def on_answer(reply: dbus.lowlevel.Message) -> None:
        answers[str(reply.get_error_name() or "")] += 1

    for _ in range(count):
        message = dbus.lowlevel.MethodCallMessage(NAME, PATH, INTERFACE, "Query")
        message.append(0, 0, [SLOW], signature=signature("Query"))
        client.connection.send_message_with_reply(message, on_answer, 100)


@test
def too_many_questions_at_once_are_refused() -> None:
    with filled(10_000) as (service, client):
        # A broker lets nobody have more than 128 calls open, so they come from several.
        answers = [Counter(), Counter(), Counter()]
        for user, said in zip((machine.ROOT, machine.ROOT, machine.READER), answers):
            ask(client.bus.client(user), 70, said)
        # One who asks once meanwhile is answered; python-dbus sends in order, so it comes last.
        equal(len(client.query().events), PAGE_EVENTS)
        wait_until(lambda: sum(map(Counter.total, answers)) == 210, "all answers", 60)
        note(f"answered and refused: {[sorted(said.values()) for said in answers]}")
        for said in answers:
            equal(set(said), {"", f"{ERROR}.LimitsExceeded"})
            assert said[""] >= 16, said
        equal(len(client.query().events), PAGE_EVENTS)
        assert service.alive


def latency(client: Client, seconds: float) -> list[float]:
    """How long a Ping takes, again and again."""
    took, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.perf_counter()
        client.message("Ping", interface="org.freedesktop.DBus.Peer")
        took.append(time.perf_counter() - start)
    return took


@test(deadline=120)
def a_long_search_holds_up_nobody() -> None:
    """Searches through 300,000 events go on while others are answered."""
    needs_files("so many entries do not fit into the journal of a test")
    searches = 3
    with filled(300_000) as (_, client):
        client.emit(type="volume", name="v")
        idle = statistics.median(latency(client, 0.5))
        searcher, found = client.bus.client(), []
        start, busy = time.monotonic(), []
        for _ in range(searches):
            searcher.connection.call_async(
                NAME, PATH, INTERFACE, "Query", "ttas", (0, 0, [SLOW]),
                lambda events, *_: found.append(len(events)), found.append, 100)
        searcher.connection.flush()
        while len(found) < searches:
            busy += latency(client, 0.05)
            settle()
        took = (time.monotonic() - start) / searches
        equal(found, [1] * searches)
        note(f"a search took {took:.2f} s; Ping: {idle * 1e3:.2f} ms idle, "
             f"{statistics.median(busy) * 1e3:.2f} ms busy, at most {max(busy) * 1e3:.2f} ms")
        # Nobody waits for more than a small part of a search, however many there are. One in fifty
        # may meet a machine that is busy with something else.
        slow = sorted(busy)[-1 - len(busy) // 50]
        assert slow < took / 4, f"a Ping took {slow:.2f} s"
        assert len(busy) > 10 * searches, len(busy)


if __name__ == "__main__":
    main()
