#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Emit: what goes in comes out, in the signal, in the answers and after a restart; what cannot be
is refused by name; and the answer comes when the event is safe, and not before."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import dbus

from support import machine
from support.bus import BROKERS, Bus
from support.client import INTERFACE, NAME, PATH, Client, Event, plain, signature, wait_until
from support.journal import BACKEND, needs_history
from support.service import Service
from support.tap import equal, main, note, raises, test

ERROR = "org.containers.Events.Error"
INVALID_ARGS = "org.freedesktop.DBus.Error.InvalidArgs"
EVENT_MAX = 64 * 1024


@contextlib.contextmanager
def scene() -> Iterator[tuple[Service, Client]]:
    """A service with an empty history."""
    with Bus() as bus, Service(bus) as service:
        yield service, bus.client()


KNOWN: dict[str, Any] = {
    "exit_code": dbus.Int32(-1), "exec_id": "e" * 64, "pod_id": "p" * 64, "network": "net",
    "health_status": "healthy", "error": "it broke", "oom_killed": True,
    "uid": dbus.UInt32(4294967295), "attributes": {"a": "1", "": "", "ä 鯨 \n\t\"\\": "💡\x01"},
    "synthetic": True, "reason": "because", "evidence": "event",
}
EXTRA: dict[str, Any] = {
    "byte": dbus.Byte(255), "yes": True, "no": False, "int16": dbus.Int16(-32768),
    "uint16": dbus.UInt16(65535), "int32": dbus.Int32(-2**31), "uint32": dbus.UInt32(2**32 - 1),
    "int64": dbus.Int64(-2**63), "uint64": dbus.UInt64(2**64 - 1), "double": 0.1, "text": "ö\n",
    "path": dbus.ObjectPath("/a/b"), "signature": dbus.Signature("a{sv}"), " ": "x",
    "Seq": "not ours", "CRC": "not ours", 'quo"te': "x", "tiny": 5e-324, "whole": 3.0,
    ',"Seq":99': ',"Seq":99', ',"Position":"podman x"': "x", ',"CRC":"00000000"}': "x",
}


@test
def every_detail_comes_out_as_it_went_in() -> None:
    needs_history()
    details = KNOWN | EXTRA
    fields = {"type": "container", "status": "a-b_c.d:E9", "id": "i" * 64, "name": 'n"ä\\',
              "engine": "my.engine-2", "image": "docker.io/nginx:1", "time_nsec": 2**63 - 1}
    expected = plain(dbus.Dictionary(details, signature="sv"))
    with scene() as (service, client):
        heard = client.listen()
        equal(client.emit(**fields, details=details), 1)
        signalled = heard.wait(seq=1)
        for _ in range(2):
            recorded, = client.history()
            equal(recorded.details, expected)
            equal(recorded, signalled)
            for key, value in fields.items():
                equal(getattr(recorded, key), value)
            service.restart()
        for key in KNOWN:
            equal(type(recorded.details[key]), type(expected[key]), key)


@test
def every_type_is_taken_and_no_other() -> None:
    with scene() as (_, client):
        for kind in ("container", "pod", "image", "volume", "network", "secret", "artifact",
                     "machine", "system"):
            client.emit(type=kind)
        equal(client.get("NewestSeq"), 9)
        for wrong in ("", "dog", "Container", "container ", "x" * 1000, "x" + "ä" * 100):
            with raises(INVALID_ARGS) as error:
                client.emit(type=wrong)
            assert wrong[:60] in error.message, error.message
        for wrong in ("", "a b", "x" * 65, "ä" * 60, "x" + "ä" * 100, "a/b", "a\n", '"', "\\"):
            for field in ("status", "engine"):
                with raises(INVALID_ARGS) as error:
                    client.emit(**{field: wrong})
                assert field in error.message and wrong[:60] in error.message, error.message
        with raises(INVALID_ARGS):
            client.emit(engine="a:b")
        equal(client.get("NewestSeq"), 9)


WRONG: dict[str, list[Any]] = {
    "exit_code": ["7", dbus.UInt32(7), dbus.Int64(7), True], "exec_id": [dbus.Int32(7), {"a": "b"}],
    "oom_killed": ["true", dbus.Int32(1)], "uid": [dbus.Int32(0), "0", dbus.UInt64(0)],
    "attributes": ["a=b", dbus.Dictionary({"a": 1}, signature="si"),
                   dbus.Dictionary({"a": "b"}, signature="sv"), dbus.Array(["a"], signature="s")],
    "pod_id": [dbus.ObjectPath("/a")], "truncated": ["yes"], "backlog": [dbus.Int32(1)],
    "unrecorded": [True], "evidence": [True], "unsignalled": [dbus.UInt32(1), True],
    "own": [dbus.Array(["a"], signature="s"), dbus.Dictionary({}, signature="sv"),
            dbus.Struct(("a", 1)), float("inf"), float("nan")],
    "x" + "ä" * 100: [dbus.Array([], signature="s")], "": ["no key"],
}


@test
def a_detail_that_cannot_be_is_named() -> None:
    with scene() as (_, client):
        for key, values in WRONG.items():
            for value in values:
                wrong = dbus.Dictionary({"fine": "yes", key: value}, signature="sv")
                with raises(INVALID_ARGS) as error:
                    client.call("Emit", "container", "start", "", "", "", "test", 0, wrong)
                assert key[:40] in error.message, (key, value, error.message)
        for number in (2**31, -2**31 - 1):
            with raises(INVALID_ARGS):
                client.emit(details={"exit_code": dbus.Int64(number)})
        equal(client.get("NewestSeq"), 0)
        equal(client.emit(), 1)


@test
def what_is_backlog_is_recorded_and_not_signalled() -> None:
    needs_history()
    details = {"backlog": True, "truncated": True, "exit_code": -70000}
    with scene() as (service, client):
        heard = client.listen()
        equal(client.emit("unheard of", "health_status: fine", time_nsec=0, details=details), 1)
        equal(client.emit("container", "start", details={"backlog": False}), 2)
        equal(heard.wait(seq=2).details, {})
        equal([event.seq for event in heard.events], [2])
        for _ in range(2):
            event = client.history()[0]
            equal((event.type, event.status, event.time_nsec, event.details),
                  ("unheard of", "health_status: fine", 0, details))
            service.restart()
        for fields in ({"type": ""}, {"status": ""}, {"type": "x" * 65}, {"status": "x" * 65},
                       {"engine": "a b"}):
            with raises(INVALID_ARGS) as error:
                client.emit(**fields, details={"backlog": True})
            assert next(iter(fields)) in error.message, error.message
        with raises(INVALID_ARGS):
            client.emit("unheard of", details={"backlog": False})
        equal(client.get("NewestSeq"), 2)


@test
def no_time_is_now() -> None:
    needs_history()
    with scene() as (_, client):
        before = time.time_ns()
        client.emit(time_nsec=0)
        client.emit(time_nsec=1)
        after = time.time_ns()
        now, given = client.history()
        assert before <= now.time_nsec <= after, (before, now.time_nsec, after)
        equal(given.time_nsec, 1)


@test
def it_answers_when_the_event_is_safe() -> None:
    needs_history()
    with scene() as (service, client):
        other = client.bus.client()
        for number in range(1, 21):
            equal(client.emit(name=f"e{number}"), number)
            if number % 2:
                service.kill()
                service.start()
            events = other.query(0, 0, [f"name=e{number}"]).events
            equal([event.seq for event in events], [number])
        equal(len(other.history()), 20)


def size(event: Event) -> int:
    """At least what it takes as text."""
    return sum(len(key) + len(value) for key, value in event.details["attributes"].items())


@test
def what_is_too_large_loses_attributes_and_says_so() -> None:
    needs_history()
    with scene() as (service, client):
        heard = client.listen()
        attributes = {f"key-{number:04}": "x" * 100 for number in range(2000)}
        client.emit(name="large", id="i" * 64, details={
            "attributes": attributes, "exit_code": 7, "exec_id": "e" * 64})
        client.emit(name="just right", details={
            "attributes": {f"key-{number:04}": "x" * 100 for number in range(500)}})
        client.emit(name="n" * 100_000, image="i" * 100_000, details={"error": "e" * 100_000})
        client.emit(name="ä" * 100_000, details={"attributes": {"ö" * 50_000: "ü" * 50_000}})
        client.emit(name="escapes", details={"attributes": {"k": "\x01" * 60_000}})
        heard.wait_count(5)
        service.restart()
        events = client.history()
        equal(events, heard.events)
        large, right, long_name, long_label, escapes = events
        equal([event.details.get("truncated", False) for event in events],
              [True, False, True, True, True])
        equal((large.id, large.details["exit_code"], large.details["exec_id"]),
              ("i" * 64, 7, "e" * 64))
        assert large.details["attributes"].items() <= attributes.items()
        assert EVENT_MAX / 2 < size(large) < EVENT_MAX, size(large)
        equal(len(right.details["attributes"]), 500)
        assert 1000 < len(long_name.name) < EVENT_MAX and set(long_name.name) == {"n"}
        assert set(long_label.name) == {"ä"}
        equal(escapes.name, "escapes")
        if BACKEND != "logfile":
            return
        for line in (service.history / "events.log").read_bytes().splitlines():
            assert len(line) < EVENT_MAX + 4096, len(line)


@test(each=BROKERS)
def only_root_may(broker: str) -> None:
    """The bus refuses a member of the group, and without the bus's policy the service does."""
    needs_history()
    policy = machine.folder("policy") / "lax.conf"
    policy.write_text('<busconfig><policy user="root"><allow own="*"/></policy>'
                      '<policy context="default"><allow send_destination="*"/></policy>'
                      "</busconfig>")
    with Bus(broker, policy=policy) as bus, Service(bus):
        for user in (machine.NOBODY, machine.READER, machine.STRANGER, machine.SERVICE):
            client = bus.client(user)
            for _ in range(2):
                with raises(f"{ERROR}.NotAuthorized") as error:
                    client.emit(name=user)
                assert str(machine.ids(user)[0]) in error.message, error.message
                equal(client.query().events, [])
        equal(bus.client().emit(), 1)
        equal(len(bus.client().history()), 1)


@test(each=BROKERS, deadline=120)
def twenty_at_once_get_numbers_of_their_own(broker: str) -> None:
    needs_history()
    clients, each = 20, 100
    with Bus(broker) as bus, Service(bus) as service:
        heard = bus.client().listen()
        answers: dict[str, int] = {}
        errors: list[Exception] = []

        def emit(client: Client, name: str) -> None:
            client.connection.call_async(
                NAME, PATH, INTERFACE, "Emit", signature("Emit"),
                ("container", "start", "", name, "", "test", 0, dbus.Dictionary(signature="sv")),
                lambda seq: answers.update({name: int(seq)}), errors.append, 100)

        crowd = [bus.client() for _ in range(clients)]
        for number in range(each):
            for who, client in enumerate(crowd):
                emit(client, f"{who}-{number}")
        wait_until(lambda: len(answers) + len(errors) == clients * each, "all answers", 60)
        refused = [error for error in errors
                   if error.get_dbus_name() != f"{ERROR}.LimitsExceeded"]
        equal(refused, [])
        taken = len(answers)
        note(f"{taken} taken, {len(errors)} to be tried again later")
        assert taken >= clients * each / 2, taken
        equal(sorted(answers.values()), list(range(1, taken + 1)), "numbers")
        for who in range(clients):  # what one says comes in the order in which it is said
            own = [seq for name, seq in answers.items() if name.split("-")[0] == str(who)]
            equal(own, sorted(own), f"client {who}")
        service.kill()
        service.start()
        events = crowd[0].history()
        equal({event.name: event.seq for event in events}, answers)
        equal([event.seq for event in heard.events], sorted(answers.values())[:len(heard.events)])


@test
def one_who_leaves_before_the_answer_is_recorded_all_the_same() -> None:
    needs_history()
    with scene() as (_, client):
        for number in range(40):
            hasty = client.bus.client()
            hasty.emit(name="hello")  # so that the service knows who it is when it is gone
            message = dbus.lowlevel.MethodCallMessage(NAME, PATH, INTERFACE, "Emit")
            message.append("container", "start", "", f"h{number}", "", "test", 0,
                           dbus.Dictionary(signature="sv"), signature=signature("Emit"))
            message.set_no_reply(number % 2 == 1)
            hasty.connection.send_message(message)
            hasty.connection.flush()
            hasty.close()
        wait_until(lambda: client.get("NewestSeq") == 80, "what they left")
        equal({event.name for event in client.history()},
              {"hello", *(f"h{number}" for number in range(40))})


if __name__ == "__main__":
    main()
