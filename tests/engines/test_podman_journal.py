#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The real Podman and the real journald: what Podman logs is what we make of it."""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from support.bus import Bus
from support.client import Client, Event, wait_until
from support.journal import Journal
from support.podman import Podman
from support.podman_journal import PERSISTENT, disk
from support.podman_log import expected, without_seq
from support.service import Service
from support.tap import equal, main, note, skip, test


@contextlib.contextmanager
def scene(**settings: str) -> Iterator[tuple[Podman, Journal, Client]]:
    """A Podman that logs to a journal, and a service that listens to both of its ways."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(disk())
        journal = stack.enter_context(Journal(PERSISTENT))
        podman = stack.enter_context(Podman(logger="journald"))
        bus = stack.enter_context(Bus())
        config = {**podman.settings(), "Journal": "yes", **settings}
        stack.enter_context(Service(bus, config={"Podman": config}))
        if podman.command("info", "--format", "{{.Host.EventLogger}}") != "journald":
            skip("this Podman does not log to the journal")
        yield podman, journal, bus.client()


def told_by(podman: Podman) -> list[str]:
    """All that Podman itself reads from the journal, as lines of its file."""
    return podman.command("events", "--stream=false", "--since", "1h", "--format",
                          "json").splitlines()


def endings(events: list[Event]) -> dict[int, int]:
    """Of how many execs each code is told."""
    return dict(collections.Counter(event.details["exit_code"] for event in events
                                    if event.status == "exec_died"))


def others(events: list[Event]) -> list[Event]:
    """Those that are no endings of execs, sorted: image events come late."""
    return sorted((event for event in events if event.status != "exec_died"), key=str)


@test(deadline=120)
def a_life_is_told_as_podman_tells_it() -> None:
    # conmon, which knows more, is not listened to.
    with scene(GraphRoot="/run/nowhere", TmpDir="/run/nowhere") as (podman, _, client):
        podman.run("c1", "sleep", "600", options=("--label", "team=päyments", "--label", "a=b c"))
        for code in (0, 3, 137):
            equal(podman.exec("c1", "sh", "-c", f"exit {code}"), code)
        podman.exec_detached("c1", "sh", "-c", "exit 4")
        podman.command("pause", "c1")
        podman.command("unpause", "c1")
        podman.kill("c1")
        wait_until(lambda: client.history("event=died"), "a death")
        podman.rm("c1")
        equal(podman.once("c2", "sh", "-c", "exit 7", options=("--pull=never",)), 7)
        podman.command("volume", "create", "v1")
        podman.command("volume", "rm", "v1")
        podman.command("tag", podman.image, "localhost/bb:2")
        wait_until(lambda: client.history("type=image", "event=tag", "name=localhost/bb:2") and
                   client.history("event=exec_died", "exit_code=4"), "the last of it")
        events = [event._replace(details={key: value for key, value in event.details.items()
                                          if key != "exec_id"})
                  for event in without_seq(client.history())]
        told = [expected(line, 0) for line in told_by(podman)]
        note(f"{len(events)} events: {dict(collections.Counter(e.status for e in events))}")
        equal(others(events), others(told))
        equal(endings(events), {0: 1, 3: 1, 4: 1, 137: 1})
        equal(client.engine("podman")["State"], "absent")


@test(deadline=200)
def each_exec_ends_once_with_its_id() -> None:
    with scene() as (podman, journal, client):
        podman.run("c1", "sleep", "600")
        for code in range(20):
            equal(podman.exec("c1", "sh", "-c", f"exit {code}"), code)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda code: podman.exec("c1", "sh", "-c", f"exit {code}"),
                          range(20, 60)))
        sessions = [podman.exec_detached("c1", "sh", "-c", f"exit {code}")
                    for code in range(60, 80)]
        wait_until(lambda: len(client.history("event=exec_died")) >= 80, "80 endings")
        wait_until(lambda: client.engine("podman-journal")["Received"] +
                   client.engine("podman-journal")["Duplicates"] >= len(told_by(podman)),
                   "all that Podman logged")
        events = client.history("event=exec_died")
        equal(endings(events), {code: 1 for code in range(80)})
        equal(len({event.details["exec_id"] for event in events}), 80)
        equal([client.exec_exit_code(session) for session in sessions], list(range(60, 80)))
        kinds = collections.Counter(
            "nothing" if "_CMDLINE" not in entry else
            "cleanup" if " container cleanup --exec " in entry["_CMDLINE"] else "front end"
            for entry in journal.entries("PODMAN_EVENT=exec_died"))
        note(f"journald knew the command lines of the writers of endings: {dict(kinds)}")


if __name__ == "__main__":
    main()
