#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Podman's log under all that can happen to a file: truncation, renaming, removal, and lines that
are torn, foreign or far too long."""

import os
import shutil
import signal

from support import machine
from support.bus import Bus
from support.client import settle, wait_until
from support.podman_log import Writer, expected, without_seq
from support.podman_scene import is_lost, scene, sound, wait_for
from support.service import Service
from support.tap import equal, main, test


def truncate(writer: Writer) -> None:
    """As `: > events.log` does."""
    os.truncate(writer.path, 0)


def write_anew(writer: Writer) -> None:
    """Truncates it, and writes more than was in it."""
    os.truncate(writer.path, 0)
    writer.write(12)


def rename(writer: Writer) -> None:
    """As logrotate does."""
    writer.path.rename(writer.path.with_name("events.log.1"))


def remove(writer: Writer) -> None:
    """As somebody does who needs room."""
    writer.path.unlink()


def remove_folder(writer: Writer) -> None:
    """As a reset of Podman does."""
    shutil.rmtree(writer.path.parent)
    writer.path.parent.mkdir()


def move_folder(writer: Writer) -> None:
    """The folder goes, and comes later."""
    away = writer.path.parent.with_name("away")
    shutil.rmtree(away, ignore_errors=True)
    writer.path.parent.rename(away)
    settle()
    writer.path.parent.mkdir()


def put_a_folder_there(writer: Writer) -> None:
    """What has the log's name is no file for a while."""
    writer.path.unlink()
    writer.path.mkdir()
    settle()
    writer.path.rmdir()


MISHAPS = [truncate, write_anew, rename, remove, remove_folder, move_folder, put_a_folder_there]


@test(each=["live", "stopped"])
def mishaps_cost_no_event(state: str) -> None:
    """All was read before, so nothing is lost, and nothing must be read again."""
    with scene() as (service, client, writer):
        for mishap in MISHAPS * 2:
            writer.write(10)
            wait_for(client, len(writer.truth))
            if state == "stopped":
                service.signal(signal.SIGSTOP)
            mishap(writer)
            writer.write(5)
            service.signal(signal.SIGCONT)
            wait_until(lambda: client.get("NewestSeq") >= len(writer.truth),
                       f"the events after {mishap.__name__}")
            equal(client.get("NewestSeq"), len(writer.truth), mishap.__name__)
        sound(client, writer.truth)


@test
def mishaps_while_we_are_down_may_have_cost_events() -> None:
    """Nobody knows what was in a file that is gone, so it is said, and nothing comes twice."""
    with scene() as (service, client, writer):
        for mishap in MISHAPS:
            writer.write(10)
            newest = expected(writer.truth[-1]).id
            wait_until(lambda: client.history(f"id={newest}"), "what came before")
            service.kill()
            mishap(writer)
            writer.write(5)
            service.start()
            newest = expected(writer.truth[-1]).id
            wait_until(lambda: client.history(f"id={newest}"), "what came after")
        events = client.history()
        equal(without_seq([event for event in events if not is_lost(event)]),
              [expected(line) for line in writer.truth])
        equal(sum(is_lost(event) for event in events), len(MISHAPS))


FOREIGN = [b"not an event\n", b"\n", b"\0\0\0\0\n", b"\xff\xfe\n", b"{}\n", b"[1,2]\n", b"null\n",
           b'{"Type":"container"}\n', b'{"Type":"container","Status":"start","Time":"soon"}\n',
           b'{"Type":5,"Status":"start","Time":"2026-11-22T01:02:03Z"}\n',
           b"[" * 100_000 + b"\n", b'{"a":' * 100_000 + b"\n", b"x" * (3 << 20) + b"\n"]


@test
def foreign_lines_are_left_out_and_said() -> None:
    with scene() as (service, client, writer):
        writer.limit = 1 << 30
        for line in FOREIGN:
            writer.write()
            writer.raw(line)
            wait_until(lambda: client.engine("podman")["LastError"], "an error")
        writer.write()
        sound(client, writer.truth)
        assert str(writer.path) in client.engine("podman")["LastError"]
        equal(client.engine("podman")["State"], "live")
        writer.raw(FOREIGN[0])
        service.kill()
        writer.raw(FOREIGN[-1])
        service.start()
        writer.write()
        sound(client, writer.truth)


@test
def times_of_all_zones_are_one_time() -> None:
    """Podman writes the local time, with as many digits as it needs."""
    moment = 1_795_309_323 * 10**9
    times = {"2026-11-22T01:02:03Z": 0, "2026-11-22T06:32:03+05:30": 0,
             "2026-11-21T20:02:03.5-05:00": 500_000_000, "2026-11-22T01:02:03.000000001Z": 1,
             "2026-11-22T13:47:03.999999999+12:45": 999_999_999}
    with scene() as (_, client, writer):
        for text in times:
            writer.write(Time=text)
        sound(client, writer.truth)
        equal([event.time_nsec - moment for event in client.history()], list(times.values()))


@test
def a_line_counts_when_it_is_whole() -> None:
    with scene() as (service, client, writer):
        for cut in (1, 50, 200, -1):
            line = writer.event()
            writer.raw(line[:cut].encode())
            # Whatever the service made of the half it had seen by the time it answers this.
            wait_for(client, len(writer.truth))
            client.engine("podman")
            if cut == 50:
                service.kill()
                service.start()
            writer.raw(line[cut:].encode() + b"\n")
            writer.truth.append(line)
            wait_for(client, len(writer.truth))
        sound(client, writer.truth)


@test
def a_torn_line_costs_podman_two_events_and_no_more() -> None:
    """Podman does not see that its last line was torn, and appends to it."""
    with scene() as (_, client, writer):
        writer.write()
        writer.raw(writer.event()[:100].encode())
        writer.put(writer.event())
        writer.write()
        sound(client, writer.truth)
        assert "is no event" in client.engine("podman")["LastError"]


@test
def an_event_that_is_too_large_loses_labels_and_nothing_else() -> None:
    with scene() as (_, client, writer):
        writer.limit = 1 << 30
        writer.write(Attributes={f"label-{number:05}": "x" * 100 for number in range(10_000)})
        writer.write()
        wait_for(client, 2)
        large, small = client.history()
        equal((large.details["truncated"], "truncated" in small.details), (True, False))
        assert 0 < len(large.details["attributes"]) < 10_000
        equal(large[:7], expected(writer.truth[0])[:7])
        equal(without_seq([small]), [expected(writer.truth[1])])


@test(each=["storage", "~/storage", "$NOTHING"])
def a_storage_without_an_absolute_path_is_said(path: str) -> None:
    file = machine.folder("configuration") / "storage.conf"
    file.write_text(f'[storage]\ngraphroot = "{path}"\n')
    with Bus() as bus, Service(bus, config={"Podman": {"Enabled": "yes", "EventsLog": "/run/none"}},
                               environment={"CONTAINERS_STORAGE_CONF": str(file)}) as service:
        assert "is no absolute path: exit files are not read" in service.log()


if __name__ == "__main__":
    main()
