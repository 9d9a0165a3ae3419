# SPDX-License-Identifier: Apache-2.0
"""Rows about exec sessions: who waits for their ends, and what it costs to remember them."""

from __future__ import annotations

import functools
import json
import random
import statistics
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bench import build
from bench.data import Data
from bench.lab import PEER, WrongAnswer, p50, wait_until_idle
from bench.lookups import memory_of
from bench.rows import Measured, row
from support.client import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.lab import Lab
    from support.service import Service


def _crowd(lab: Lab) -> int:
    return 300 if lab.quick else 10_000


def _service(lab: Lab) -> Service:
    service, _ = lab.listen()
    return service


@contextmanager
def _process(lab: Lab, *arguments: Any) -> Iterator[subprocess.Popen]:
    """bench-wait, when it is ready."""
    with subprocess.Popen([build.program("wait"), *map(str, arguments)], text=True,
                          env=lab.bus.environment, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        try:
            if process.stdout.readline() != "ready\n":
                raise WrongAnswer(f"bench-wait {arguments[0]} is not ready")
            yield process
        finally:
            process.kill()


@row("waiters", "from an end to the one who waits for it, while 10,000 wait for others",
     "the same, while 10,000 calls wait for a peer on the same bus", at_most=1.5)
def waiters(lab: Lab) -> Measured:
    """WaitExecExit, one after the other: from before the call of Emit with the exec_died to the
    handler of the answer, which comes when the event is committed; p50. dbus-daemon, too, has
    more to do when many calls are unanswered: theirs are, and our service knows nothing of them.
    How long it takes while nobody waits for anything is in the JSON."""
    rounds, crowd = (30 if lab.quick else 300), _crowd(lab)
    lab.listen()

    def of(count: int) -> float:
        return p50(lab.tool("wait", "crowd", count, rounds))

    def theirs() -> float:
        with _process(lab, "peer"), _process(lab, "hold", crowd, PEER):
            return of(0)

    ours, other = lab.alternate(lambda: of(crowd), theirs)
    return Measured.of_times(ours, other, waiters=crowd, alone_s=of(0))


@row("waiters-all", "from an end until all 10,000 who wait for it have the code",
     "as many empty calls at once, over the same connections", at_most=1.5)
def waiters_all(lab: Lab) -> Measured:
    """WaitExecExit for one exec session, 100 calls of a connection: from before the call of Emit to
    the handler of the last answer. Theirs: org.freedesktop.DBus.Peer.Ping, from before the first is
    sent to the handler of the last answer."""
    crowd = _crowd(lab)
    _service(lab)
    ours, theirs = lab.alternate(lambda: lab.tool("wait", "all", crowd)["nsec"] / 1e9,
                                 lambda: lab.tool("wait", "pings", crowd)["nsec"] / 1e9)
    return Measured.of_times(ours, theirs, waiters=crowd)


def _held(lab: Lab, pid: int, destination: str) -> int:
    """Bytes that a process needs more while calls wait."""
    before = memory_of(pid)
    with _process(lab, "hold", _crowd(lab), destination):
        return memory_of(pid) - before


@row("waiters-memory", "memory that 10,000 waiters need, for 10,000 exec sessions",
     "a peer that keeps as many calls, and nothing else", at_most=1.5)
def waiters_memory(lab: Lab) -> Measured:
    """Pss without that of mapped files. Theirs: a service that does nothing with a call of
    WaitExecExit but keep it; a call is what can be answered."""
    def ours() -> float:
        service = _service(lab)
        # What the history itself needs is there before.
        with _process(lab, "hold", _crowd(lab), NAME):
            wait_until_idle(service)
        wait_until_idle(service)
        return _held(lab, service.pid, NAME)

    def theirs() -> float:
        with _process(lab, "peer") as peer:
            return _held(lab, peer.pid, PEER)

    mine, other = lab.alternate(ours, theirs)
    count = _crowd(lab)
    return Measured(f"{mine / count:.0f} bytes each", f"{other / count:.0f} bytes each",
                    mine / other, {"ours_bytes": mine, "theirs_bytes": other, "waiters": count})


class Execs(Data):
    """So many exec sessions, each with its beginning and its end."""

    def __init__(self, folder: Path, execs: int) -> None:
        super().__init__(folder / "execs", 2 * execs)
        self.execs = execs

    @property
    def log(self) -> Path:
        """Podman's events.log."""
        path = self._folder / "events.log"
        with path.open("w") as log:
            for number, (exec_id, code) in enumerate(self._all()):
                for status in ("exec", "exec_died"):
                    log.write(self._line(number, status, exec_id, code))
        return path

    @functools.cached_property
    def facts(self) -> dict[str, Any]:
        """What is known of them."""
        known = list(self._all())
        return {"execs": random.Random(1).sample(known, min(len(known), 4096))}

    def _all(self) -> Iterator[tuple[str, int]]:
        numbers = random.Random(self.execs)
        return ((f"{numbers.getrandbits(256):064x}", numbers.randrange(256))
                for _ in range(self.execs))

    @staticmethod
    def _line(number: int, status: str, exec_id: str, code: int) -> str:
        event = {"ID": f"{number % 5000:064x}", "Image": "localhost/bb:1",
                 "Name": f"c{number % 5000}", "Status": status,
                 "Time": time.strftime("%FT%TZ", time.gmtime(1_785_000_000 + number)),
                 "Type": "container", "Attributes": {"execID": exec_id}}
        if status == "exec_died":
            event["ContainerExitCode"] = code
        return json.dumps(event, separators=(",", ":")) + "\n"


@row("execs", "the exit code of one of 100,000 exec sessions", "the same, of one of 100",
     at_most=1.2)
def execs(lab: Lab) -> Measured:
    """ExecExitCode(full ID), of up to 4,096 sessions chosen at random; p50. The memory of the
    service with both is in the JSON: Pss without that of mapped files."""
    many, few = (Execs(lab.folder, n) for n in ((2_000, 100) if lab.quick else (100_000, 100)))
    memory: dict[int, list[int]] = {many.execs: [], few.execs: []}

    def of(data: Execs) -> float:
        service = lab.serve(data)
        took = p50(lab.call(("exec", NAME, data.exec_calls()))[0])
        memory[data.execs].append(memory_of(service.pid))
        return took

    ours, theirs = lab.alternate(lambda: of(many), lambda: of(few))
    return Measured.of_times(ours, theirs, execs=many.execs,
                             ours_bytes=statistics.median(memory[many.execs]),
                             theirs_bytes=statistics.median(memory[few.execs]))
