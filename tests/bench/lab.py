# SPDX-License-Identifier: Apache-2.0
"""Where it is measured: a private bus, one service on it at a time, and the tools.

    with Lab(folder, sizes, quick) as lab:
        lab.small, lab.middle, lab.large        Data
        service = lab.serve(data)               the service on the history of these events
        service, log = lab.listen()             a new one, with an empty log of Podman's to write to
        lab.rest()                              ends it
        lab.tool("call", "ping", ...)           what one of our programs says, from its JSON
        lab.query(plan)                         seconds of a query; fails on a wrong answer
        lab.by_turns(ours, theirs)              two calls, each ("exec", DESTINATION, plan)
        lab.alternate(ours, theirs, 3)          each thrice, in turn; a pair of medians
        lab.runs                                all that the tools said

A measurement is a function that returns seconds. What takes long is cut short by `lab.seconds`,
but for one round.
"""

from __future__ import annotations

import contextlib
import re
import json
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import build
from bench.data import LIVE_SEED, Data
from bench.rows import Measured
from support.bus import Bus
from support.client import NAME, wait_until
from support.service import Service

PEER = "org.containers.EventsBench"

SESSION = re.compile(rb'"execID":"[0-9a-f]{64}"')

# The peer's name, for root. Ours is in policy/.
_POLICY = f"""\
<busconfig>
  <policy user="root">
    <allow own="{PEER}"/>
    <allow send_destination="{PEER}"/>
  </policy>
</busconfig>
"""

# More than ten million events need.
MAX_SIZE = "32G"
# In the quick mode segments are small, so that there are several.
QUICK_SEGMENT_SIZE = "256K"


class WrongAnswer(Exception):
    """Something answered wrongly, so that its speed does not matter."""


class NotThere(Exception):
    """What is to be measured does not exist (yet, or on this machine)."""


class Lab:
    """All that is needed to measure."""

    def __init__(self, folder: Path, sizes: list[int], quick: bool) -> None:
        self.folder = folder
        self.quick = quick
        self.rounds = 50 if quick else 20000
        self.seconds = 1 if quick else 6
        self.times = 1 if quick else 3
        datas = [Data(folder, size) for size in sorted(sizes)]
        self.small, self.middle, self.large = datas[0], datas[len(datas) // 2], datas[-1]
        self.bus = Bus()
        self._live = Data(folder, 4_000 if quick else 120_000, LIVE_SEED)
        self._stack = contextlib.ExitStack()
        self._served: tuple[Data, Service] | None = None
        self._anew = 0
        self.runs: list[dict[str, Any]] = []

    def __enter__(self) -> Lab:
        (self.bus.folder / "policy.d" / "bench.conf").write_text(_POLICY)
        self.bus.start()
        return self

    def __exit__(self, *_) -> None:
        self.rest()
        self.bus.stop()

    # ---- the service ----

    def configuration(self, log: Path | None = None) -> dict[str, dict[str, Any]]:
        """For a Service."""
        podman = {"Enabled": "yes", "EventsLog": log} if log else {"Enabled": "no"}
        size = QUICK_SEGMENT_SIZE if self.quick else None
        return {"Podman": podman, "Log": {"MaxSize": MAX_SIZE, "SegmentSize": size}}

    def serve(self, data: Data) -> Service:
        """The service on the history of these events, which is recorded if need be."""
        from bench import record
        if self._served and self._served[0] is data and self._served[1].alive:
            return self._served[1]
        record.history(self, data)
        self.rest()
        service = self._stack.enter_context(
            Service(self.bus, history=data.history, config=self.configuration()))
        wait_until_idle(service)
        self._served = data, service
        return service

    def listen(self) -> tuple[Service, Path]:
        """A service without a history that listens to a log, to which nothing was written yet."""
        self.rest()
        folder = self.new_folder("live")
        log = folder / "events.log"
        log.touch()
        service = self._stack.enter_context(
            Service(self.bus, history=folder / "history", config=self.configuration(log)))
        client = self.bus.client()
        wait_until(lambda: client.engine("podman")["State"] == "live", "a source that listens")
        return service, log

    def live_lines(self) -> tuple[Path, int]:
        """Lines to be written to the log, and how many there are. Of what Podman writes twice, that
        an exec session ended, the service makes one event: there it stands once."""
        path, ended, count = self.folder / "live-lines.log", set(), 0
        with self._live.log.open("rb") as lines, path.open("wb") as once:
            for line in lines:
                session = SESSION.search(line) if b'"exec_died"' in line else None
                if not session or session[0] not in ended:
                    once.write(line)
                    count += 1
                if session:
                    ended.add(session[0])
        return path, count

    def new_folder(self, name: str) -> Path:
        """Empty, on the disk where the histories are."""
        self._anew += 1
        path = self.folder / f"{name}-{self._anew}"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        self._stack.callback(shutil.rmtree, path, ignore_errors=True)
        return path

    def rest(self) -> None:
        """Ends the service, if there is one."""
        self._served = None
        self._stack.close()

    # ---- tools ----

    def tool(self, name: str, *arguments: Any) -> dict[str, Any]:
        """Runs one of our programs, which must succeed."""
        result = subprocess.run([build.program(name), *map(str, arguments)], check=False, text=True,
                                env=self.bus.environment, capture_output=True)
        if result.returncode != 0:
            raise WrongAnswer(f"bench-{name} {arguments[0]}: {result.stderr.strip()}")
        said = json.loads(result.stdout)
        self.runs.append({"program": name, "arguments": [str(word) for word in arguments], **said})
        return said

    def call(self, *calls: tuple[str, str, str]) -> list[dict[str, Any]]:
        """Calls one or two things, by turns: WHAT, DESTINATION, plan."""
        sides = self.tool("call", self.rounds, self.seconds,
                          *(word for call in calls for word in call))["sides"]
        for said in sides:
            if said["wrong"]:
                raise WrongAnswer(f"{said['wrong']} wrong, the first: {said['first_wrong']}")
        return sides

    def query(self, plan: str) -> float:
        """Asks the service; seconds, the median."""
        return p50(self.call(("query", NAME, plan))[0])

    def by_turns(self, ours: tuple[str, str, str], theirs: tuple[str, str, str],
                 **detail: Any) -> Measured:
        """Two things that are called by turns; times over, the run in the middle."""
        runs = sorted((self.call(ours, theirs) for _ in range(self.times)),
                      key=lambda sides: p50(sides[0]) / p50(sides[1]))
        mine, other = runs[len(runs) // 2]
        return Measured.of_times(p50(mine), p50(other), ours_p99_s=mine["p99"] / 1e9,
                                 theirs_p99_s=other["p99"] / 1e9,
                                 pages=mine["pages"] / mine["rounds"], **detail)

    def alternate(self, ours: Callable[[], float], theirs: Callable[[], float],
                  times: int = 0) -> tuple[float, float]:
        """Measures both in turn; the median of each."""
        pairs = [(ours(), theirs()) for _ in range(times or self.times)]
        return statistics.median(pair[0] for pair in pairs), \
            statistics.median(pair[1] for pair in pairs)


def p50(said: dict[str, Any]) -> float:
    """In seconds."""
    return said["p50"] / 1e9


def cpu_seconds(pid: int) -> float:
    """What a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


# What it makes of ten million events beside answering takes some seconds.
IDLE_DEADLINE = 120


def wait_until_idle(service: Service) -> None:
    """Until the service does nothing any more: what it makes beside answering is made."""
    before, quiet = cpu_seconds(service.pid), 0
    end = time.monotonic() + IDLE_DEADLINE
    while quiet < 3:
        if time.monotonic() > end:
            raise WrongAnswer(f"the service is busy for {IDLE_DEADLINE} s though nothing is asked")
        time.sleep(0.1)
        now = cpu_seconds(service.pid)
        quiet = quiet + 1 if now == before else 0
        before = now
