#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Closed by default: on the system bus, root and the group see events, and nobody else does."""

import subprocess

import dbus
import dbus.lowlevel

from support import machine
from support.bus import BROKERS, NAME, Bus
from support.client import EVENT, INTERFACE, PATH, Event, settle, signature, wait_until
from support.service import Service
from support.tap import equal, main, raises, test

DENIED = "org.freedesktop.DBus.Error.AccessDenied"
OUTSIDERS = [machine.NOBODY, machine.STRANGER]

FORGED = Event("container", "died", "f" * 64, "forged", "", "podman", 1, 1, {})


def forge(bus: Bus, user: str, destination: str | None = None) -> None:
    """Sends a signal that looks like ours, as another user."""
    forger = bus.client(user)
    message = dbus.lowlevel.SignalMessage(PATH, INTERFACE, "EventEmitted")
    if destination:
        message.set_destination(destination)
    message.append(*FORGED[:8], dbus.Dictionary({}, signature="sv"), signature=EVENT)
    forger.connection.send_message(message)
    forger.connection.flush()
    forger.owner()  # a round trip: the broker has dealt with the signal


@test(each=BROKERS)
def outsiders_hear_nothing(broker: str) -> None:
    with Bus(broker) as bus, Service(bus):
        root = bus.client()
        heard = root.listen()
        outside = [bus.client(user).listen() for user in OUTSIDERS]
        outside += [bus.client(user).listen_carelessly() for user in OUTSIDERS]
        for _ in range(10):
            root.emit(status="died")
        heard.wait_count(10)
        # What the broker had for them it has sent by now: an answer comes after it.
        for listener in outside:
            listener.client.owner()
        settle()
        equal([len(listener.signatures) for listener in outside], [0] * len(outside))


@test(each=BROKERS)
def outsiders_get_a_clear_refusal(broker: str) -> None:
    with Bus(broker) as bus, Service(bus):
        for user in OUTSIDERS:
            client = bus.client(user)
            with raises(DENIED):
                client.query()
            with raises(DENIED):
                client.emit()
            with raises(DENIED):
                client.get("Version")
            with raises(DENIED):
                client.introspect()
            with raises(DENIED):
                client.message("Ping", interface="org.freedesktop.DBus.Peer")
            with raises(DENIED):
                client.message("Query", interface=None)
            with raises(DENIED):
                client.get("LogLevel", interface="org.freedesktop.LogControl1",
                           path="/org/freedesktop/LogControl1")


@test(each=BROKERS)
def a_process_of_another_uid_is_refused(broker: str) -> None:
    with Bus(broker) as bus, Service(bus):
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "busctl",
                   f"--address={bus.address}", "call", NAME, PATH, INTERFACE, "Query", "ttas",
                   "0", "0", "0"]
        refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        assert refused.returncode != 0, refused.stdout
        equal(refused.stdout, "")
        assert "denied" in refused.stderr.lower(), refused.stderr
        allowed = subprocess.run(command[4:], capture_output=True, text=True, check=False,
                                 timeout=30)
        equal(allowed.returncode, 0, allowed.stderr)


@test(each=BROKERS)
def a_member_of_the_group_hears_and_asks(broker: str) -> None:
    with Bus(broker) as bus, Service(bus):
        reader = bus.client(machine.READER)
        heard = reader.listen()
        seq = bus.client().emit(status="died", name="c1", details={"exit_code": 7})
        event = heard.wait(name="c1")
        equal(event.seq, seq)
        equal(event.details, {"exit_code": 7})
        equal(heard.senders, [reader.owner()])
        equal(reader.query().events, [event])
        equal(reader.get("NewestSeq") >= 0, True)
        assert reader.engines() is not None
        assert reader.introspect() is not None
        reader.message("Ping", interface="org.freedesktop.DBus.Peer")


@test(each=BROKERS)
def a_member_of_the_group_changes_nothing(broker: str) -> None:
    with Bus(broker) as bus, Service(bus):
        reader = bus.client(machine.READER)
        with raises(DENIED):
            reader.emit()
        with raises(DENIED):  # nor by leaving out what the policy looks at
            reader.message("Emit", "container", "died", "", "", "", "test", 0,
                           dbus.Dictionary({}, signature="sv"), interface=None,
                           signature=signature("Emit"))
        with raises(DENIED):
            reader.message("Set", "org.freedesktop.LogControl1", "LogLevel", "debug",
                           interface="org.freedesktop.DBus.Properties",
                           path="/org/freedesktop/LogControl1", signature="ssv")
        equal(bus.client().history(), [])


@test(each=BROKERS)
def nobody_takes_the_name(broker: str) -> None:
    with Bus(broker) as bus:
        for user in [*OUTSIDERS, machine.READER]:
            client = bus.client(user)
            with raises(DENIED):
                client.connection.request_name(NAME)
        equal(bus.client().owner(), "")


@test
def outsiders_do_not_even_start_it() -> None:
    service = Service(None)
    with Bus(activate=service) as bus, service:
        for user in OUTSIDERS:
            client = bus.client(user)
            with raises(DENIED):
                client.query()
            message = dbus.lowlevel.SignalMessage(PATH, INTERFACE, "Nudge")
            message.set_destination(NAME)
            client.connection.send_message(message)
            client.owner()
        equal(bus.client().owner(), "")
        assert not service.alive
        bus.client(machine.READER).query()  # who may ask may start it
        assert service.alive


@test(each=BROKERS)
def a_forged_broadcast_does_not_pass_for_ours(broker: str) -> None:
    with Bus(broker) as bus, Service(bus):
        root = bus.client()
        careful, careless = root.listen(), bus.client().listen_carelessly()
        forge(bus, machine.STRANGER)
        # It is on the bus, and looks like ours; the sender is what tells.
        equal(careless.wait(name="forged"), FORGED)
        root.emit(name="real")
        careful.wait(name="real")
        equal([event.name for event in careful.events], ["real"])


@test(each=BROKERS)
def a_forged_broadcast_does_not_pass_while_the_service_is_away(broker: str) -> None:
    with Bus(broker) as bus:
        careful, careless = bus.client(), bus.client()
        nothing, forged = careful.listen(), careless.listen_carelessly()
        forge(bus, machine.STRANGER)
        forged.wait(name="forged")
        careful.owner()
        settle()
        equal(nothing.events, [])


@test(each=BROKERS)
def a_forged_unicast_has_another_sender(broker: str) -> None:
    with Bus(broker) as bus, Service(bus):
        client = bus.client()
        heard = client.listen()
        forge(bus, machine.STRANGER, destination=client.unique_name)
        # A broker delivers a directed signal whatever the match rules say, so a client must compare
        # the sender with the owner of the name.
        wait_until(lambda: heard.senders, "the directed signal")
        assert heard.senders[0] != client.owner()


if __name__ == "__main__":
    main()
