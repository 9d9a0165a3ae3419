#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Started by the bus with the first call that it is needed for, again and again."""

import signal

from support import machine
from support.bus import Bus
from support.client import INTERFACE, NAME, PATH, Client, signature, wait_until
from support.podman_log import Writer
from support.service import Service
from support.tap import equal, main, raises, test

NO_REPLY = "org.freedesktop.DBus.Error.NoReply"


def wait_for_death(service: Service, client: Client) -> None:
    """Until the process is gone, and the bus has noticed."""
    wait_until(lambda: not service.alive and not client.owner(), "its end")


@test
def the_first_call_starts_it_and_is_answered() -> None:
    service = Service(None)
    with Bus(activate=service) as bus, service:
        client = bus.client()
        equal((client.owner(), service.alive), ("", False))
        equal(client.query().events, [])
        assert client.owner() and service.alive
        pid = service.pid
        equal(client.emit(name="one"), 1)
        equal(bus.client(machine.READER).history()[0].name, "one")
        equal(service.pid, pid, "a second one was started")


@test
def calls_that_come_together_start_one() -> None:
    service = Service(None)
    with Bus(activate=service) as bus, service:
        answers: list[int] = []
        crowd = [bus.client() for _ in range(20)]
        for number, client in enumerate(crowd):
            client.connection.call_async(
                NAME, PATH, INTERFACE, "Emit", signature("Emit"),
                ("container", "start", "", f"e{number}", "", "test", 0, {}),
                lambda seq: answers.append(int(seq)), answers.append, 100)
        wait_until(lambda: len(answers) == len(crowd), "all answers", 30)
        equal(sorted(answers), list(range(1, len(crowd) + 1)))
        equal(service.notified.count("READY=1"), 1)


@test(each=[signal.SIGKILL, signal.SIGTERM])
def after_its_end_the_next_call_starts_it_again(number: int) -> None:
    service = Service(None)
    with Bus(activate=service) as bus, service:
        client = bus.client()
        for life in range(1, 6):
            equal(client.emit(name=f"life {life}"), life)
            pid, owner = service.pid, client.owner()
            service.signal(number)
            wait_for_death(service, client)
            equal([event.name for event in client.history()],
                  [f"life {past}" for past in range(1, life + 1)])
            assert service.pid != pid and client.owner() != owner
        service.check_log()


@test
def who_is_asked_when_it_dies_says_nothing_and_the_next_does() -> None:
    service = Service(None)
    with Bus(activate=service) as bus, service:
        client = bus.client()
        client.emit(name="one")
        service.signal(signal.SIGSTOP)
        errors: list[Exception] = []
        client.connection.call_async(
            NAME, PATH, INTERFACE, "Query", "ttas", (0, 0, []), lambda *_: errors.append(None),
            errors.append, 100)
        client.connection.flush()
        bus.client().owner()
        service.signal(signal.SIGKILL)
        wait_until(lambda: errors, "what the bus says of the call")
        with raises(NO_REPLY):
            raise errors[0]
        equal([event.name for event in client.query().events], ["one"])


@test
def it_has_its_name_before_it_signals() -> None:
    """What Podman wrote while it was away is signalled after the start, by the name's owner."""
    writer = Writer(machine.folder("podman") / "events.log")
    writer.write()
    service = Service(None, config={"Podman": {"Enabled": "yes", "EventsLog": writer.path}})
    with Bus(activate=service) as bus, service:
        client = bus.client()
        wait_until(lambda: client.get("NewestSeq") == 1, "the first event")
        equal(client.emit(name="signalled already"), 2)
        service.signal(signal.SIGKILL)
        wait_for_death(service, client)
        writer.write(500)
        # Heard by anybody whom the policy does not keep from it, and by the careful.
        strangers = [bus.client(user).listen_carelessly()
                     for user in (machine.NOBODY, machine.STRANGER)]
        careful, careless = client.listen(), bus.client().listen_carelessly()
        equal(client.owner(), "")
        bus.client().get("Version")
        equal([event.seq for event in careful.wait_count(500)], list(range(3, 503)))
        careless.wait_count(500)
        equal(set(careless.senders), {client.owner()})
        for stranger in strangers:
            stranger.client.owner()
            equal(stranger.signatures, [])


@test
def it_answers_even_when_it_cannot_record() -> None:
    """One that ended at once would leave its caller waiting for the bus's patience, 25 s."""
    service = Service(None)
    service.configure(Log={"Directory": "/proc/nowhere", "SegmentSize": "much"}, Nonsense={"a": 1})
    with Bus(activate=service) as bus, service:
        client = bus.client()
        equal(client.get("Degraded"), True)
        with raises("org.containers.Events.Error.LogUnavailable"):
            client.query()


if __name__ == "__main__":
    main()
