#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every event once and in order, whatever is restarted meanwhile: this program, containers-eventsd
or the bus. A recipe: copy Subscription into your own program. Needs python3-dbus and python3-gi.

    subscriber.py FILE      prints events. FILE keeps the place behind the last one; as long as
                            there is none, it begins with the oldest event that is kept.

Signals come at once, but some may be missed. The history has all. So a signal is taken as it is if
its number is the next one, and whenever a number is missing the history is asked instead.
"""

import collections
import json
import pathlib
import sys

import dbus
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

NAME, PATH = "org.containers.Events", "/org/containers/Events"
DBUS = "org.freedesktop.DBus"
REST = 1  # seconds until the next try
BURST = 1000  # signals after which the history is asked: the last ones may have been dropped
WAITING = 10_000  # signals; what falls out at the front the history has
PASSING = [f"{NAME}.Error.LimitsExceeded", f"{NAME}.Error.LogUnavailable"] + [
    f"{DBUS}.Error.{word}" for word in ("Disconnected", "FileNotFound", "NameHasNoOwner", "NoReply",
                                        "NoServer", "ServiceUnknown", "Timeout")]

Event = collections.namedtuple("Event", "type status id name image engine time_nsec seq details")


class Subscription:
    """Iterates over all events behind a cursor ("": the oldest one kept), and waits for more.
    `cursor` is always the place behind the last one. Ends of health checks' exec sessions are left
    out: the service need not signal them."""

    def __init__(self, cursor=""):
        self._heard = collections.deque(maxlen=WAITING)
        self._n_heard = 0  # since the history was asked
        self._resting = False
        self._move(cursor)
        self._connect()
        # Starts the service if need be; fails if we may not ask it.
        self._bus.call_blocking(NAME, PATH, f"{DBUS}.Peer", "Ping", "", ())

    def __iter__(self):
        for event in self._all():
            self._move(f"{self._epoch}:{event.seq}")
            if (event.status, event.details.get("reason")) != ("exec_died", "health_check"):
                yield event

    def _move(self, cursor):
        self.cursor = str(cursor)
        self._epoch, _, seq = self.cursor.rpartition(":")
        self._last = int(seq or 0)

    def _all(self):
        while True:
            if not self._bus and not self._resting:
                self._connect_again()
            elif self._ask and self._owner:
                yield from self._recorded()
            elif self._heard and self._heard[0].seq <= self._last:
                self._heard.popleft()
            elif self._heard and self._is_next(self._heard[0]):
                yield self._heard.popleft()
            elif (self._heard or self._n_heard >= BURST) and self._owner and not self._resting:
                self._ask = True
            else:
                GLib.MainContext.default().iteration(True)

    def _is_next(self, event):
        # So many right before it are recorded, and not signalled.
        return event.seq <= self._last + 1 + event.details.get("unsignalled", 0)

    def _recorded(self):
        """What the history has behind the cursor."""
        self._ask, self._n_heard, more = False, 0, True
        try:
            while more:
                page, cursor, more = self._bus.call_blocking(
                    self._owner, PATH, NAME, "QueryAfter", "stas", (self.cursor, 0, []))
                self._epoch = cursor.rpartition(":")[0]
                yield from map(Event._make, page)
                self._move(cursor)
        except dbus.DBusException as error:
            self._failed(error)
        # With a full disk events are signalled first (`unrecorded`), and recorded when there is
        # room: if one of those is missing, nobody can tell it yet.
        if self._heard and self._heard[-1].seq > self._last:
            self._rest()

    def _failed(self, error):
        if error.get_dbus_name() == f"{NAME}.Error.CursorExpired":
            print(f"Some events were gone unread: {error.get_dbus_message()}", file=sys.stderr)
            self._move("")
            self._ask = True
        elif error.get_dbus_name() in PASSING:
            self._rest()
        else:
            raise error

    def _rest(self):
        if not self._resting:
            GLib.timeout_add_seconds(REST, self._on_rested)
        self._resting = True

    def _on_rested(self):
        self._resting, self._ask = False, True

    def _connect(self):
        self._bus, self._owner, self._ask = None, "", False
        bus = dbus.SystemBus(private=True, mainloop=DBusGMainLoop())
        bus.set_exit_on_disconnect(False)
        bus.call_on_disconnection(self._on_cut)
        # First the match, then the question: nothing falls in between. Anybody may send us a signal
        # that looks like one of these. This library compares its sender with the unique name of
        # who owns NAME, as it changes; with one that does not, do that yourself.
        bus.add_signal_receiver(self._on_event, "EventEmitted", NAME, NAME, PATH)
        bus.add_signal_receiver(self._on_changed, "PropertiesChanged", f"{DBUS}.Properties", NAME,
                                PATH)
        bus.watch_name_owner(NAME, self._on_owner)
        self._bus = bus

    def _connect_again(self):
        try:
            self._connect()
        except dbus.DBusException as error:
            self._failed(error)

    def _on_event(self, *values):
        self._heard.append(Event._make(values))
        self._n_heard += 1

    def _on_changed(self, *_):
        # No longer Degraded: what was signalled earlier is recorded now, without another signal.
        self._ask = True

    def _on_owner(self, owner):
        # Called at the beginning, too. While nobody owns the name nothing is asked: it would start
        # the service, and whoever stopped that would not thank us.
        self._owner, self._ask, self._n_heard = str(owner), True, 0
        self._heard.clear()

    def _on_cut(self, _bus):
        self._bus = None
        self._on_owner("")


def main():
    """First does something with an event, and then keeps the place behind it."""
    if len(sys.argv) != 2:
        sys.exit(f"Usage: {sys.argv[0]} FILE")
    place = pathlib.Path(sys.argv[1])
    subscription = Subscription(place.read_text().strip() if place.exists() else "")
    for event in subscription:
        print(event.seq, event.type, event.status, json.dumps(event.name),
              event.details.get("exit_code", ""), flush=True)
        new = place.with_name(f"{place.name}.new")
        new.write_text(f"{subscription.cursor}\n")
        new.replace(place)


if __name__ == "__main__":
    main()
