#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""That the benchmark works: its events are what it takes them for, and it notices wrong answers.

How fast anything is says nothing here: the build may have sanitizers, and the machine be busy.
"""

import collections
import functools
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from bench import build
from bench.rows import all_rows
from support.podman_log import nanoseconds
from support.tap import equal, main, patience, skip, test

BUILD = Path(os.environ.get("CE_BUILD", build.SOURCE / "build"))
EVENTS = 20_000
FOLDER = tempfile.TemporaryDirectory(prefix="containers-events-test-", dir="/var/tmp")


def generate(name: str, seed: int = 1) -> tuple[bytes, dict[str, Any]]:
    """Lines, and what is said of them."""
    log, facts = Path(FOLDER.name) / f"{name}.log", Path(FOLDER.name) / f"{name}.json"
    subprocess.run([BUILD / "tests" / "bench" / "bench-generate", str(EVENTS), str(seed), log,
                    facts], check=True)
    return log.read_bytes(), json.loads(facts.read_text())


@functools.cache
def generated() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The events, parsed."""
    lines, facts = generate("events")
    return [json.loads(line) for line in lines.splitlines()], facts


def bench(*arguments: str) -> subprocess.CompletedProcess:
    """tests/bench/run, on the programs of this build."""
    return subprocess.run([build.SOURCE / "tests" / "bench" / "run", "--built", BUILD, "--data",
                           Path(FOLDER.name) / "data", *arguments], capture_output=True,
                          text=True, check=False, timeout=patience(60))


@test
def the_same_seed_gives_the_same_events() -> None:
    assert generate("once") == generate("again")
    assert generate("once") != generate("other", 2)


@test
def what_is_known_of_them_is_so() -> None:
    events, facts = generated()
    equal(len(events), EVENTS)
    ids = collections.Counter(event.get("ID") for event in events if event["Type"] == "container")
    for kind in ("probes", "spread"):
        assert facts[kind], kind
        for known, name in facts[kind]:
            equal(ids[known], facts["container_events"], f"events of {name}")
            equal({event["Name"] for event in events if event.get("ID") == known
                   and event["Type"] == "container"}, {name})
    key, _, value = facts["rare_label"].partition("=")
    equal(sum((event["Attributes"] or {}).get(key) == value for event in events),
          facts["rare_events"])
    codes = {event["Attributes"]["execID"]: event["ContainerExitCode"] for event in events
             if event["Status"] == "exec_died"}
    equal({known: codes[known] for known, _ in facts["execs"]}, dict(facts["execs"]))
    times = [nanoseconds(event["Time"]) for event in events]
    assert times != sorted(times), "they are in order of time"
    for since, until in facts["ranges"]:
        equal(sum(since <= time < until for time in times), facts["range_events"])


@test(deadline=100)
def every_row_is_measured() -> None:
    path = Path(FOLDER.name) / "report.json"
    result = bench("--quick", "--json", str(path))
    if not path.exists() and "no private machine" in result.stderr:
        skip(result.stderr.strip())
    equal(result.returncode, 0, result.stdout + result.stderr)
    rows = {row["key"]: row for row in json.loads(path.read_text())["rows"]}
    equal(list(rows), list(all_rows()))
    for key, row in rows.items():
        assert key in result.stdout, f"{key} is not in the table"
        assert row["verdict"] in ("met", "missed", "not there"), row
        assert row["verdict"] == "not there" or row["ratio"] > 0, row


@test
def a_wrong_answer_is_noticed() -> None:
    equal(bench("--sizes", "2k", "--quick", "--only", "growth").returncode, 0)
    for path in (Path(FOLDER.name) / "data").glob("2k-*/facts.json"):
        facts = json.loads(path.read_text())
        path.write_text(json.dumps({**facts, "container_events": 13}))
    result = bench("--sizes", "2k", "--quick", "--only", "growth")
    equal(result.returncode, 1, result.stdout + result.stderr)
    assert "wrong" in result.stdout, result.stdout


if __name__ == "__main__":
    with FOLDER:
        main(private=False)
