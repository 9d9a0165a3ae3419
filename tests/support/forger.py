# SPDX-License-Identifier: Apache-2.0
"""Whoever wants others to believe that the service said something.

    forge(bus, last)       as root and as a stranger, to everybody at once and to each peer by
                           itself: signals like ours with numbers behind `last`, and one like the
                           bus's own that says that the forger owns our name
"""

from __future__ import annotations

import dbus
import dbus.lowlevel

from support import machine
from support.bus import Bus
from support.client import EVENT, INTERFACE, NAME, PATH, Client

DBUS, DBUS_PATH = "org.freedesktop.DBus", "/org/freedesktop/DBus"


def forge(bus: Bus, last: int) -> None:
    """Returns when the broker has dealt with all of them."""
    peers = [str(name) for name in bus.client().message(
        "ListNames", name=DBUS, path=DBUS_PATH, interface=DBUS).get_args_list()[0]
        if name.startswith(":")]
    for user in (machine.STRANGER, machine.ROOT):
        forger = bus.client(user)
        for destination in (None, *peers):
            _send(forger, _event(last + 1), destination)
            _send(forger, _event(last + 100), destination)
            _send(forger, _owner(forger), destination)
            _send(forger, _event(last + 1), destination)
        forger.owner()  # a round trip


def _event(seq: int) -> dbus.lowlevel.SignalMessage:
    message = dbus.lowlevel.SignalMessage(PATH, INTERFACE, "EventEmitted")
    message.append("container", "died", "c" * 64, "forged", "", "podman", 1, seq,
                   dbus.Dictionary({}, signature="sv"), signature=EVENT)
    return message


def _owner(forger: Client) -> dbus.lowlevel.SignalMessage:
    message = dbus.lowlevel.SignalMessage(DBUS_PATH, DBUS, "NameOwnerChanged")
    message.append(NAME, "", forger.unique_name, signature="sss")
    return message


def _send(forger: Client, message: dbus.lowlevel.SignalMessage, destination: str | None) -> None:
    if destination:
        message.set_destination(destination)
    forger.connection.send_message(message)
    forger.connection.flush()
