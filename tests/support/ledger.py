# SPDX-License-Identifier: Apache-2.0
"""What somebody outside knows of a history, and may rely on.

    ledger = Ledger()
    ledger.emit(client)                 # emits an event, and knows its number from the answer
    ledger.emit_soon(client)            # does not wait; it is learnt when the answer comes
    ledger.waiting                      # how many are not answered yet
    ledger.refused                      # how many were refused: they must never appear
    ledger.hear(listener)               # what was signalled is known, too
    ledger.check(client)                # all that is known is in the history, and nothing else that
                                        # was not at least tried; gives all events

A number that stands for two events fails at once, over any number of lives of the service.
"""

from __future__ import annotations

import dbus

from support.client import INTERFACE, NAME, PATH, Client, Event, Listener, signature
from support.tap import equal

LOG_UNAVAILABLE = "org.containers.Events.Error.LogUnavailable"
PAD = {"pad": "x" * 1100}  # an event with it is a third of a segment of 4K


class Ledger:
    """The knowledge of one who emits and listens."""

    def __init__(self) -> None:
        self.known: dict[int, str] = {}
        self.tried: set[str] = set()
        self.waiting = self.refused = 0
        self._count = 0

    def emit(self, client: Client, count: int = 1) -> None:
        """Emits events, one after the other."""
        for _ in range(count):
            name = self._name()
            self._learn(client.emit(name=name, details=PAD), name)

    def emit_soon(self, client: Client, count: int = 1) -> None:
        """Emits events, and waits for nothing."""
        for _ in range(count):
            name = self._name()
            self.waiting += 1

            def on_answer(seq: int, name: str = name) -> None:
                self.waiting -= 1
                self._learn(int(seq), name)

            def on_error(error: dbus.DBusException, name: str = name) -> None:
                self.waiting -= 1
                # Only this says that it was not taken; a death says nothing.
                if error.get_dbus_name() == LOG_UNAVAILABLE:
                    self.refused += 1
                    self.tried.discard(name)

            client.connection.call_async(
                NAME, PATH, INTERFACE, "Emit", signature("Emit"),
                ("container", "start", "", name, "", "test", 0, PAD), on_answer, on_error, 100)

    def hear(self, listener: Listener) -> None:
        """What was signalled is committed, unless it says that it is not."""
        for event in listener.events:
            if not event.details.get("unrecorded"):
                self._learn(event.seq, event.name)

    def check(self, client: Client) -> list[Event]:
        """Compares the history with what is known, and learns from it."""
        # Old events may be removed while we ask.
        oldest, events = 0, None
        while events is None or client.get("OldestSeq") != oldest:
            oldest = client.get("OldestSeq")
            events = client.history()
        found = {event.seq: event.name for event in events}
        lost = {seq: name for seq, name in self.known.items()
                if seq >= oldest and found.get(seq) != name}
        equal(lost, {}, "committed, and lost")
        equal(set(found.values()) - self.tried, set(), "never emitted")
        equal(len(found), len(set(found.values())), "events that are there twice")
        numbers = [event.seq for event in events]
        if numbers:
            equal(numbers, list(range(oldest, numbers[-1] + 1)), "seq")
        self.known.update(found)
        return events

    def _name(self) -> str:
        self._count += 1
        self.tried.add(f"e{self._count}")
        return f"e{self._count}"

    def _learn(self, seq: int, name: str) -> None:
        equal(self.known.setdefault(seq, name), name, f"the number {seq} was used twice: now for")
