# SPDX-License-Identifier: Apache-2.0
"""The events: a log as Podman writes it, and what is known of it. workload.h says what is in it.

    data = Data(folder, 1_000_000)
    data.log          the lines; made when it is first asked for, and the same each time
    data.facts        see workload_print_facts()
    data.history      where the service keeps the history of it; record.py makes it
    data.plan("probes", lines)      a file with these lines
    data.probe_queries(), ...       lines for bench-call
    data.drop_log()   gives the room back
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from bench import build, progress

# Whoever changes what bench-generate writes changes this too: what is kept is known by it.
SEED = 20260801
# Another seed: what is written while somebody listens.
LIVE_SEED = 20260802


def name_of(events: int) -> str:
    """10000 is "10k"."""
    for factor, letter in ((10**6, "M"), (10**3, "k")):
        if events >= factor and events % factor == 0:
            return f"{events // factor}{letter}"
    return str(events)


def number_of(name: str) -> int:
    """The other way round."""
    factor = {"k": 10**3, "M": 10**6}.get(name[-1:], 1)
    return int(name.rstrip("kM")) * factor


class Data:
    """So many events."""

    def __init__(self, folder: Path, events: int, seed: int = SEED) -> None:
        self.events = events
        self.name = name_of(events)
        self._seed = seed
        self._folder = folder / f"{self.name}-{seed}"
        self._folder.mkdir(parents=True, exist_ok=True)
        self.history = self._folder / "history"

    @property
    def log(self) -> Path:
        """Podman's events.log."""
        path = self._folder / "events.log"
        if not path.exists():
            progress.say(f"{self.name}: writing the events")
            part = path.with_suffix(".part")
            subprocess.run([build.program("generate"), str(self.events), str(self._seed),
                            str(part), str(self._folder / "facts.json")], check=True)
            os.rename(part, path)
            progress.done(f"{path.stat().st_size / 1e6:.0f} MB")
        return path

    @functools.cached_property
    def facts(self) -> dict[str, Any]:
        """What is known of them."""
        path = self._folder / "facts.json"
        if not path.exists():
            self.log  # noqa: B018: it is made with the lines
        return json.loads(path.read_text())

    def drop_log(self) -> None:
        """What was made can be made again."""
        (self._folder / "events.log").unlink(missing_ok=True)

    def plan(self, name: str, lines: list[str]) -> str:
        """A file of these lines."""
        path = self._folder / f"{name}.plan"
        path.write_text("".join(f"{line}\n" for line in lines))
        return str(path)

    def probe_queries(self) -> str:
        """Containers whose lives are a stretch of the history, by name and by ID in turn."""
        return self._container_queries("probes")

    def spread_queries(self) -> str:
        """Containers with as many events all over the history."""
        return self._container_queries("spread")

    def range_queries(self) -> str:
        """Stretches of time with a known number of events."""
        return self.plan("ranges", [f"{since}\t{until}\t{self.facts['range_events']}"
                                    for since, until in self.facts["ranges"]])

    def rare_queries(self) -> str:
        """A label that few events have."""
        return self.plan("rare", [f"0\t0\t{self.facts['rare_events']}"
                                  f"\tlabel={self.facts['rare_label']}"])

    def exec_calls(self) -> str:
        """Exec sessions all over the history, with their exit codes."""
        return self.plan("execs", [f"{id}\t{code}" for id, code in self.facts["execs"]])

    def _container_queries(self, kind: str) -> str:
        count = self.facts["container_events"]
        return self.plan(kind, [f"0\t0\t{count}\tcontainer={known[number % 2]}"
                                for number, known in enumerate(self.facts[kind])])
