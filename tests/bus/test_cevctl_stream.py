#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""cevctl reads what is longer than a page through Stream, and by pages where there is none: what it
prints is the same, whole and in order, whatever happens on the way."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from typing import Any

from support.bus import Bus
from support.calls import Calls
from support.client import Client, wait_until
from support.service import REPORT, Service, cevctl
from support.tap import equal, main, note, patience, test

NOON = 1_763_812_800 * 10**9
COUNT = 5000


def run(bus: Bus, *arguments: str, status: int = 0, errors: str = "") -> list[str]:
    """The lines that cevctl prints."""
    result = subprocess.run([cevctl(), *arguments], check=False, env=bus.environment, text=True,
                            capture_output=True, stdin=subprocess.DEVNULL, timeout=patience(60))
    assert not REPORT.search(result.stderr), result.stderr
    equal((result.returncode, result.stderr), (status, errors))
    return result.stdout.splitlines()


def fill(service: Service, count: int = COUNT, first: int = 0) -> None:
    """So many events, by import."""
    lines = [json.dumps({
        "Status": "died" if number % 3 else "start", "ContainerExitCode": number % 256,
        "Time": f"2025-11-22T12:00:00.{number:09}Z", "Type": "container", "ID": f"{number:064x}",
        "Image": "image", "Name": f"c{number}", "Engine": "engine", "UID": number,
        "Attributes": {"number": str(number), "a": "ä\u009b"}, "Synthetic": number % 2 == 0,
        "Extra": {"big": 2**64 - 1, "small": -1, "half": 0.5, "yes": True, "text": "\x1b"},
    }) for number in range(first, first + count)]
    result = service.cevctl("import", input="\n".join(lines), stdin=None)
    assert result.stdout.startswith(f"{count} imported"), result


FORMS = (["--json"], [], ["--format", "{{.Seq}} {{.ID}} {{.ContainerExitCode}} {{json .}}"],
         ["--no-trunc=false"], ["--filter", "event=died", "--json"],
         ["--since", "2025-11-22T12:00:00.000000500Z", "--until", "2025-11-22T12:00:00.000004000Z",
          "--json"], ["--after", "", "--json"])


@test(deadline=200)
def a_stream_prints_what_pages_print() -> None:
    with Bus() as bus, Service(bus) as service:
        fill(service)
        with Calls(bus) as calls:
            streamed = [run(bus, "query", *form) for form in FORMS]
            wait_until(lambda: calls.count("Stream") == len(FORMS), "streams")
            assert calls.count("QueryAfter") <= 2 * len(FORMS), calls.seen
        with hoard(bus):
            paged = [run(bus, "query", *form) for form in FORMS]
        for form, one, other in zip(FORMS, streamed, paged, strict=True):
            equal(len(one), len(other), str(form))
            for first, second in zip(one, other, strict=True):
                equal(first, second, str(form))
        equal(len(streamed[0]), COUNT)
        equal(len(streamed[4]), COUNT - 1667)
        equal(len(streamed[5]), 3500)


@contextlib.contextmanager
def hoard(bus: Bus) -> Any:
    """Takes all streams that a user may have, so that there is none for cevctl."""
    client = bus.client()
    pipes = [client.call("Stream", "", 0, 0, [], True) for _ in range(32)]
    try:
        yield
    finally:
        for pipe in pipes:
            os.close(pipe)


@test(deadline=120)
def an_export_is_the_same_either_way() -> None:
    def content(lines: list[str]) -> list[dict[str, Any]]:
        return [{key: value for key, value in json.loads(line).items()
                 if key not in ("CRC", "Position")} for line in lines]

    with Bus() as bus, Service(bus) as service:
        fill(service)
        streamed = run(bus, "export")
        recorded = [line for path in service.history.glob("events*.log")
                    for line in path.read_text().splitlines() if '"Seq"' in line]
        equal(streamed[1000:], recorded[1000:], "what came through the pipe is what is recorded")
        with hoard(bus):
            equal(content(run(bus, "export")), content(streamed))
        equal(content(streamed), content(recorded))


@test(deadline=120)
def following_goes_on_behind_the_stream() -> None:
    with Bus() as bus, Service(bus) as service:
        fill(service)
        client = bus.client()
        with Calls(bus) as calls, subprocess.Popen(
                [cevctl(), "events", "--since", "0", "--format", "{{.Seq}}"], text=True,
                env=bus.environment, stdout=subprocess.PIPE) as process:
            lines = [process.stdout.readline() for _ in range(COUNT)]
            for _ in range(10):
                client.emit()
            lines += [process.stdout.readline() for _ in range(10)]
            wait_until(lambda: calls.count("Stream"), "a stream")
            process.send_signal(signal.SIGTERM)
        equal([int(line) for line in lines], list(range(1, COUNT + 11)))
        equal(process.returncode, 0)


@test(deadline=200)
def a_service_that_dies_in_the_middle_makes_no_hole() -> None:
    with Bus() as bus, Service(bus) as service:
        fill(service)
        with subprocess.Popen([cevctl(), "events", "--since", "0", "--format", "{{.Seq}}"],
                              text=True, env=bus.environment, stdout=subprocess.PIPE) as process:
            lines = [process.stdout.readline() for _ in range(1100)]
            service.kill()
            service.start()
            lines += [process.stdout.readline() for _ in range(COUNT - 1100)]
            process.send_signal(signal.SIGTERM)
        equal([int(line) for line in lines], list(range(1, COUNT + 1)))


@test(each=[(1, 4000, "3M"), (1500, 12000, "6M")], deadline=200)
def what_was_pruned_meanwhile_is_said(case: tuple[int, int, str]) -> None:
    """Before the pipe is asked for, and while it is read, ahead of what is in it."""
    n_read, n_first, size = case
    config = {"Log": {"SegmentSize": "256K", "MaxSize": size}}
    with Bus() as bus, Service(bus, config=config) as service:
        fill(service, n_first)
        with subprocess.Popen([cevctl(), "query", "--json"], text=True, env=bus.environment,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            first = [process.stdout.readline() for _ in range(n_read)]
            assert first[0], process.stderr.read()
            fill(service, 8000, n_first)
            oldest = bus.client().get("OldestSeq")
            text, errors = process.stdout.read(), process.stderr.read()
        numbers = [json.loads(line)["Seq"] for line in [*first, *text.splitlines()]]
        note(f"the oldest is {oldest}, {numbers[-1] - len(numbers)} are missing")
        equal(numbers[0], 1)
        equal(numbers, sorted(set(numbers)))
        assert len(numbers) < numbers[-1], "it was read before it was pruned"
        assert "Part of the history is gone" in errors, errors


@test(each=["pipe", "interrupt", "term"])
def it_ends_at_once(how: str) -> None:
    with Bus() as bus, Service(bus) as service:
        fill(service)
        for command in (["query", "--json"], ["export"], ["timeline"]):
            with subprocess.Popen([cevctl(), *command], env=bus.environment, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                if command != ["timeline"]:
                    process.stdout.readline()
                start = time.monotonic()
                if how == "pipe":
                    process.stdout.close()
                else:
                    process.send_signal(signal.SIGINT if how == "interrupt" else signal.SIGTERM)
                process.wait(patience(10))
                assert time.monotonic() - start < patience(3)
                equal(process.stderr.read().strip(), "")
                if how == "pipe":
                    equal(process.returncode, 0)


@test
def a_short_listing_needs_one_call() -> None:
    with Bus() as bus, Service(bus) as service:
        fill(service, 400)
        with Calls(bus) as calls:
            before = calls.count("Query")
            equal(len(run(bus, "query")), 400)
            wait_until(lambda: calls.count("Query") == before + 1, "a query")
            equal((calls.count("Stream"), calls.count("QueryAfter")), (0, 0))


if __name__ == "__main__":
    main()
