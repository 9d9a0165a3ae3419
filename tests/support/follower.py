# SPDX-License-Identifier: Apache-2.0
"""A client that misses nothing, as introspection/org.containers.Events.xml tells how to be one.

    follower = Follower(bus.client())      # listens, then asks for what there is
    follower.take()                        # takes what was signalled so far
    follower.catch_up()                    # after the service's owner changed
    follower.events                        # all events, in order
    follower.heard, follower.asked         # how many came by signal, and how many by QueryAfter

Where a signal's seq jumps it asks, unless what is between is not signalled by configuration: that
it does not have. It fails at once if an event comes twice or a number is missing.
"""

from __future__ import annotations

from support.client import Client, Event, settle, wait_until


class Follower:
    """Listens, and remembers how far it got."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.events: list[Event] = []
        self.heard = self.asked = 0
        self._listener = client.listen()
        self._signals_seen = 0
        self._cursor = ""
        self.catch_up()

    @property
    def seq(self) -> int:
        """The last number that it has."""
        return self.events[-1].seq if self.events else 0

    def take(self) -> None:
        """Takes what was signalled."""
        settle()
        while self._signals_seen < len(self._listener.events):
            event = self._listener.events[self._signals_seen]
            self._signals_seen += 1
            if self.seq < event.seq <= self.seq + 1 + event.details.get("unsignalled", 0):
                self.events.append(event)
                self.heard += 1
            elif event.seq > self.seq:
                self.catch_up()

    def catch_up(self) -> None:
        """Asks for what comes behind the last cursor."""
        more = True
        while more:
            page = self.client.query_after(self._cursor)
            self._cursor, more = page.cursor, page.more
            for event in page.events:
                if event.seq > self.seq:
                    assert event.seq == self.seq + 1, f"{event.seq} follows {self.seq}"
                    self.events.append(event)
                    self.asked += 1

    def wait_for(self, seq: int, deadline: float = 10) -> None:
        """Takes signals until it has an event."""
        def arrived() -> bool:
            self.take()
            return self.seq >= seq

        wait_until(arrived, f"event {seq} at the follower, who is at {self.seq}", deadline)
