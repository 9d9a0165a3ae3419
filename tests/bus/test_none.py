#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Backend=none: signals, and nothing to ask for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from support import machine
from support.bus import Bus
from support.client import Client, wait_until
from support.podman_log import Writer, expected, without_seq
from support.service import Service
from support.tap import equal, main, raises, test

UNAVAILABLE = "org.containers.Events.Error.LogUnavailable"
COUNT = 5000


@contextlib.contextmanager
def scene() -> Iterator[tuple[Service, Client, Writer]]:
    """A service without a history, on a log of Podman's."""
    writer = Writer(machine.folder("podman") / "events.log", 10_000_000)
    config = {"Log": {"Backend": "none"}, "Podman": {"Enabled": "yes", "EventsLog": writer.path}}
    with Bus() as bus, Service(bus, config=config) as service:
        yield service, bus.client(), writer


@test
def it_publishes_what_happens() -> None:
    with scene() as (service, client, writer):
        heard = client.listen()
        writer.write(COUNT)
        assert client.emit(name="own") > 0
        heard.wait_count(COUNT + 1)
        equal([event.seq for event in heard.events], list(range(1, COUNT + 2)))
        equal(without_seq([event for event in heard.events if event.engine == "podman"]),
              [expected(line) for line in writer.truth])
        equal(list(service.history.iterdir()), [])


@test
def every_question_says_why_there_is_no_answer() -> None:
    with scene() as (_, client, _):
        client.emit(name="c1")
        for ask in (client.query, lambda: client.query_after(""),
                    lambda: client.query_after(f"{client.get('Epoch')}:0"),
                    lambda: client.exec_exit_code("a" * 64),
                    lambda: client.container_exit_code("a" * 64)):
            with raises(UNAVAILABLE) as error:
                ask()
            assert "Backend=none" in error.message, error.message
        equal({key: client.get(key) for key in ("Backend", "OldestSeq", "NewestSeq", "LogSize",
                                                "Recorded", "Degraded")},
              {"Backend": "none", "OldestSeq": 0, "NewestSeq": 1, "LogSize": 0, "Recorded": 1,
               "Degraded": False})


@test
def each_start_is_another_epoch() -> None:
    with scene() as (service, client, writer):
        writer.write(3)
        wait_until(lambda: client.get("NewestSeq") == 3, "three")
        epoch, heard = client.get("Epoch"), client.listen()
        service.restart()
        assert client.get("Epoch") != epoch
        # What the log holds already is no news.
        wait_until(lambda: client.get("NewestSeq") == 3, "three again")
        writer.write()
        equal(heard.wait(seq=4).name, expected(writer.truth[-1]).name)
        equal([event.seq for event in heard.events], [4])


if __name__ == "__main__":
    main()
