# SPDX-License-Identifier: Apache-2.0
"""Rows about questions to a history, and about the process that answers them."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench import build
from bench.lab import PEER, NotThere, WrongAnswer, p50
from bench.rows import Measured, row
from support.client import NAME
from support.podman import Podman

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.data import Data
    from bench.lab import Lab

MIB = 1024 * 1024
MEMORY_MAX = 24 * MIB


@row("container", "all events of one container, over D-Bus",
     "podman events --stream=false --filter container=", at_least=1000)
def container(lab: Lab) -> Measured:
    """Middle size. Ours: Query of a whole life of 12 events, by name and by full ID in turn, to the
    last page; p50. Theirs: the whole run of podman, whose own log holds the same lines."""
    if not shutil.which("podman"):
        raise NotThere("podman is not installed")
    data = lab.middle
    lab.serve(data)
    # Podman's first command writes an event of its own, and would rotate a log of this size.
    log = lab.new_folder("podman") / "events.log"
    shutil.copyfile(data.log, log)
    podman = Podman(log=log, max_size="0")
    known = iter(data.facts["probes"] * 2)

    def theirs() -> float:
        start = time.monotonic()
        result = podman.try_command("events", "--stream=false", "--format", "{{.ID}}", "--filter",
                                    f"container={next(known)[1]}", timeout=3600)
        took = time.monotonic() - start
        if result.returncode != 0:
            raise WrongAnswer(f"podman: {result.stderr.strip()}")
        if len(result.stdout.split()) != data.facts["container_events"]:
            raise WrongAnswer(f"podman gave {len(result.stdout.split())} events")
        return took

    return Measured.of_speedup(
        *lab.alternate(lambda: lab.query(data.probe_queries()), theirs),
        size=data.name)


def _growth(lab: Lab, queries: str) -> Measured:
    def of(data: Data) -> float:
        lab.serve(data)
        return lab.query(getattr(data, queries)())

    times = [(of(lab.small), of(lab.large)) for _ in range(2)]
    return Measured.of_times(statistics.median(pair[1] for pair in times),
                             statistics.median(pair[0] for pair in times),
                             size=lab.large.name, small=lab.small.name)


@row("growth", "all events of one container, largest history", "the same, smallest history",
     at_most=2)
def growth(lab: Lab) -> Measured:
    """Query as above, p50. The 12 events lie within the life of one of thousands that are alive,
    that is in one or two segments."""
    return _growth(lab, "probe_queries")


@row("growth-spread", "the same, of one that lived all the time", "the same, smallest history",
     at_most=2)
def growth_spread(lab: Lab) -> Measured:
    """As many events, but at equal distances over the whole history."""
    return _growth(lab, "spread_queries")


@row("exit-code", "the exit code of one exec session, largest history",
     "an empty call to the same service", at_most=2)
def exit_code(lab: Lab) -> Measured:
    """ExecExitCode(full ID), of up to 4,096 sessions chosen at random from the whole history; p50.
    Theirs: org.freedesktop.DBus.Peer.Ping; p50."""
    lab.serve(lab.large)
    return lab.by_turns(("exec", NAME, lab.large.exec_calls()),
                        ("ping", NAME, lab.large.plan("ping", ["-"])), size=lab.large.name)


@contextmanager
def _peer(lab: Lab, since: int, until: int) -> Iterator[int]:
    """Answers with the events of a range; gives their number."""
    with subprocess.Popen([build.program("serve"), str(since), str(until)], text=True,
                          env=lab.bus.environment, stdout=subprocess.PIPE) as process:
        try:
            word, _, count = process.stdout.readline().partition(" ")
            if word != "ready":
                raise WrongAnswer("the peer is not ready")
            yield int(count)
        finally:
            process.kill()


@row("time-range", "the events of a time range, largest history",
     "an empty call and marshalling as many, by a peer", at_most=2)
def time_range(lab: Lab) -> Measured:
    """Query(since, until), all pages, of 64 ranges of 1,000 events each, all over the history; p50.
    Theirs: Query of a peer on the same bus that has taken 1,000 of these events apart before, and
    does nothing but marshal them with sd-bus for each call; p50."""
    data = lab.large
    lab.serve(data)
    since, until = data.facts["ranges"][len(data.facts["ranges"]) // 2]
    with _peer(lab, since, until) as count:
        if count != data.facts["range_events"]:
            raise WrongAnswer(f"the range has {count} events, not {data.facts['range_events']}")
        return lab.by_turns(("query", NAME, data.range_queries()),
                            ("query", PEER, data.plan("peer", [f"0\t0\t{count}"])),
                            size=data.name, events=count)


@row("rare-label", "the events with a rare label, largest history",
     "grep -c over the same text, warm", at_least=20)
def rare_label(lab: Lab) -> Measured:
    """Query of 10 events all over the history; p50. Theirs: LC_ALL=C grep -c '"KEY":"VALUE"' over
    Podman's lines of the same events, which are in memory if there is enough."""
    data = lab.large
    lab.serve(data)
    key, _, value = data.facts["rare_label"].partition("=")

    def theirs() -> float:
        start = time.monotonic()
        result = subprocess.run(["grep", "-c", f'"{key}":"{value}"', str(data.log)], check=True,
                                capture_output=True, env={**os.environ, "LC_ALL": "C"})
        took = time.monotonic() - start
        if int(result.stdout) != data.facts["rare_events"]:
            raise WrongAnswer(f"grep found {result.stdout}")
        return took

    theirs()
    return Measured.of_speedup(
        *lab.alternate(lambda: lab.query(data.rare_queries()), theirs),
        size=data.name)


@row("stream", "everything, unfiltered, by Stream", "cat of the same files into a pipe",
     at_least=0.5)
def stream(lab: Lab) -> Measured:
    """Largest history. Bytes a second, read by the same reader, which counts the lines."""
    data = lab.large
    lab.serve(data)

    def ours() -> float:
        said = lab.tool("stream", "service")
        if not said["there"]:
            raise NotThere("the service has no method Stream")
        if said["lines"] < data.events:
            raise WrongAnswer(f"Stream gave {said['lines']} lines of {data.events}")
        return said["bytes"] / said["nsec"] * 1e9 / MIB

    def theirs() -> float:
        said = lab.tool("stream", "cat", *sorted(data.history.glob("events*.log")))
        return said["bytes"] / said["nsec"] * 1e9 / MIB

    ours()
    return Measured.of_rates(*lab.alternate(ours, theirs), "MiB/s", size=data.name)


@row("start", "from start to the first answer, largest history", "the same, smallest history",
     at_most=3)
def start(lab: Lab) -> Measured:
    """From before fork(2) of the service to the answer to the first Query, of one container, asked
    as soon as the name has an owner; after a clean end, files in memory; p50."""
    def of(data: Data) -> float:
        config = lab.serve(data).config
        copy = lab.folder / "start.conf"
        shutil.copy(config, copy)
        lab.rest()
        known = data.facts["probes"][len(data.facts["probes"]) // 2]
        return p50(lab.tool("start", 3 if lab.quick else 20, lab.seconds, build.daemon(), copy,
                            known[1], data.facts["container_events"]))

    return Measured.of_times(*lab.alternate(lambda: of(lab.large), lambda: of(lab.small)),
                             size=lab.large.name, small=lab.small.name)


def memory_of(pid: int) -> int:
    """Bytes of the process's own: its share of all pages but those of mapped files."""
    sizes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        key, value, _ = line.split()
        sizes[key] = int(value) * 1024
    return sizes["Pss:"] - sizes["Pss_File:"]


@row("memory", "memory of the service after questions, largest history",
     "the same, smallest history", at_most=2)
def memory(lab: Lab) -> Measured:
    """Pss without that of mapped files, after queries for containers, ranges, a label and exit
    codes. It must also be below 24 MiB."""
    def of(data: Data) -> int:
        lab.rest()
        service = lab.serve(data)
        for plan in (data.probe_queries(), data.range_queries(), data.rare_queries()):
            lab.query(plan)
        lab.call(("exec", NAME, data.exec_calls()))
        return memory_of(service.pid)

    ours, theirs = of(lab.large), of(lab.small)
    return Measured(f"{ours / MIB:.1f} MiB", f"{theirs / MIB:.1f} MiB", ours / theirs,
                    {"ours_bytes": ours, "theirs_bytes": theirs, "size": lab.large.name,
                     "small": lab.small.name, "missed": ours > MEMORY_MAX})
