# SPDX-License-Identifier: Apache-2.0
"""A service that reads a log of Podman's, which support.podman_log.Writer writes.

    with scene() as (service, client, writer):
        writer.write(5)
        wait_for(client, 5)           # until so many events are in the history
        sound(client, writer.truth)   # the history is what was written, each once; nothing was lost
        is_lost(event)
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from support import machine
from support.bus import Bus
from support.client import Client, Event, wait_until
from support.podman_log import Writer, expected, without_seq
from support.service import Service
from support.tap import equal

LIMIT = 16_000  # some 60 lines; a rotation keeps some 30
BURST = 20  # so many lines hold at most one rotation, which keeps them all


@contextlib.contextmanager
def scene(*, markers: bool = True,
          **log: str) -> Iterator[tuple[Service, Client, Writer]]:
    """A log that is not there yet, so that it is new from its start; `log` configures [Log]."""
    path = machine.folder("podman") / "events.log"
    config = {"Podman": {"Enabled": "yes", "EventsLog": path}, "Log": log}
    with Bus() as bus, Service(bus, config=config) as service:
        yield service, bus.client(), Writer(path, LIMIT, markers=markers)


def is_lost(event: Event) -> bool:
    """Whether it says that something was lost."""
    return (event.type, event.status) == ("system", "lost")


def wait_for(client: Client, count: int) -> None:
    """Waits until so many events are in the history."""
    wait_until(lambda: client.get("NewestSeq") >= count, f"{count} events")


def same(events: list[Event], lines: list[str]) -> None:
    """Fails with the first difference."""
    for number, (event, line) in enumerate(zip(without_seq(events), lines), start=1):
        equal(event, expected(line), f"event {number}")
    equal(len(events), len(lines), "number of events")
    equal([event.seq for event in events], list(range(1, len(events) + 1)), "seq")


def sound(client: Client, lines: list[str]) -> None:
    """Fails unless the history is what was written, and nothing was ever missed or doubled."""
    wait_for(client, len(lines))
    same(client.history(), lines)
    equal(client.engine("podman")["Lost"], 0)
