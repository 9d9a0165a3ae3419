# SPDX-License-Identifier: Apache-2.0
"""Rows about what is written."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from bench import record
from bench.rows import Measured, row

if TYPE_CHECKING:
    from pathlib import Path

    from bench.lab import Lab

MIB = 1024 * 1024


@row("bulk", "first start on an old log, until all is recorded",
     "reading and parsing the same lines with json-c alone", at_least=0.5)
def bulk(lab: Lab) -> Measured:
    """Middle size. From the start of the service to NewestSeq being the last event's; nothing of it
    is signalled. Theirs: getline(3) and json_tokener_parse_ex() with the service's strictness."""
    data = lab.middle
    log = data.log
    used: list[float] = []  # of a processor's time: says more when others have the processors

    def ours() -> float:
        lab.rest()
        folder = lab.new_folder("bulk")
        took, cpu = record.timed(lab, log, data.events, folder)
        lab.rest()
        used.append(cpu)
        return data.events / took

    def theirs() -> float:
        said = lab.tool("parse", log)
        return said["lines"] / said["nsec"] * 1e9

    theirs()
    rates = lab.alternate(ours, theirs)
    theirs_used = statistics.median(run["cpu_s"] for run in lab.runs if run["program"] == "parse")
    return Measured.of_rates(*rates, "events/s", size=data.name,
                             cpu_ratio=theirs_used / statistics.median(used))


def size_of(folder: Path) -> int:
    """All files of a history, by their length."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@row("size", "a history on disk, with its index", "the same events as Podman's plain lines",
     at_most=1.3)
def size(lab: Lab) -> Measured:
    """Largest history: the lengths of all files in its folder and of Podman's log."""
    data = lab.large
    record.history(lab, data)
    ours, theirs = size_of(data.history), data.facts["bytes"]
    lines = sum(path.stat().st_size for path in data.history.glob("events*.log"))
    return Measured(f"{ours / MIB:,.1f} MiB", f"{theirs / MIB:,.1f} MiB", ours / theirs,
                    {"ours_bytes": ours, "ours_lines_bytes": lines, "theirs_bytes": theirs,
                     "size": data.name})
