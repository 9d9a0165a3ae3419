#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The real Podman and the real journald: what Podman logs is what we make of it."""

from __future__ import annotations

import collections
import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from support.bus import Bus
from support.client import Client, wait_until
from support.journal import Journal
from support.podman import Podman
from support.podman_journal import PERSISTENT, disk, expected_from
from support.podman_log import without_seq
from support.service import Service
from support.tap import equal, main, note, skip, test

DIED = "PODMAN_EVENT=exec_died"


@contextlib.contextmanager
def scene() -> Iterator[tuple[Podman, Journal, Client]]:
    """A Podman that logs to a journal, and a service that listens to both of its ways."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(disk())
        journal = stack.enter_context(Journal(PERSISTENT))
        podman = stack.enter_context(Podman(logger="journald"))
        bus = stack.enter_context(Bus())
        stack.enter_context(Service(bus, config={"Podman": {**podman.settings(),
                                                            "Journal": "yes"}}))
        if "journald" not in podman.command("info", "--format", "{{.Host.EventLogger}}"):
            skip("this Podman does not log to the journal")
        yield podman, journal, bus.client()


def told_by(podman: Podman) -> list[str]:
    """All that Podman itself reads from the journal, as lines of its file."""
    return podman.command("events", "--stream=false", "--since", "1h", "--format",
                          "json").splitlines()


def settled(podman: Podman, client: Client) -> list[str]:
    """When all is in the history: what Podman tells."""
    wait_until(lambda: client.get("NewestSeq") >= len(told_by(podman)), "all events")
    return told_by(podman)


@test(deadline=120)
def a_life_is_told_as_podman_tells_it() -> None:
    with scene() as (podman, _, client):
        podman.run("c1", "sleep", "600", options=("--label", "team=päyments", "--label", "a=b c"))
        for code in (0, 3, 137):
            equal(podman.exec("c1", "sh", "-c", f"exit {code}"), code)
        podman.exec_detached("c1", "true")
        podman.command("pause", "c1")
        podman.command("unpause", "c1")
        podman.kill("c1")
        wait_until(lambda: client.history("event=died"), "a death")
        podman.rm("c1")
        equal(podman.once("c2", "sh", "-c", "exit 7", options=("--pull=never",)), 7)
        podman.command("volume", "create", "v1")
        podman.command("volume", "rm", "v1")
        podman.command("tag", podman.image, "localhost/bb:2")
        lines = settled(podman, client)
        events = without_seq(client.history())
        note(f"{len(events)} events: {dict(collections.Counter(e.status for e in events))}")
        for event in events:
            event.details.pop("exec_id", None)  # which Podman itself does not tell
        # Podman sorts nothing, but its image events come late.
        equal(sorted(events, key=str), sorted((expected_from(line, 0) for line in lines), key=str))
        equal(client.engine("podman")["State"], "absent")


@test(deadline=200)
def the_writers_of_endings_of_execs_are_known() -> None:
    with scene() as (podman, journal, client):
        podman.run("c1", "sleep", "600")
        for code in range(20):
            equal(podman.exec("c1", "sh", "-c", f"exit {code}"), code)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda code: podman.exec("c1", "sh", "-c", f"exit {code}"),
                          range(20, 60)))
        for _ in range(20):
            podman.exec_detached("c1", "true")
        settled(podman, client)
        entries = journal.entries(DIED)
        kinds = collections.Counter(
            "nothing" if "_CMDLINE" not in entry else
            "cleanup" if " container cleanup --exec " in entry["_CMDLINE"] else "front end"
            for entry in entries)
        note(f"of {len(entries)} endings journald knew the command line: {dict(kinds)}")
        named = [event for event in client.history("event=exec_died")
                 if "exec_id" in event.details]
        equal(len(named), kinds["cleanup"])
        for entry in entries:
            json.dumps(entry)


if __name__ == "__main__":
    main()
