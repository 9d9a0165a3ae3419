# SPDX-License-Identifier: Apache-2.0
"""Counts the checks that `meson test` ran.

    python3 -m support.tally BUILD LOG...

reads meson's testlog.json, and files NAME.tap with the output of one program; prints what failed,
what was skipped, and why; and ends with one line: N passed, N failed, N skipped. Exits with 0
only if something passed and nothing failed.

Meson calls a program that prints no TAP at all skipped, and takes output without a plan for whole.
Here a program that crashed, hung, printed no plan, or not as many checks as it had planned, has
failed once for that, whatever else it printed.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

_CHECK = re.compile(r"(not )?ok\b(?:\s+\d+)?\s*(?:-\s*)?(.*)")
_PLAN = re.compile(r"1\.\.(\d+)(?:\s*#\s*skip\w*\s*(.*))?", re.IGNORECASE)
_SKIP = re.compile(r"(.*?)\s*#\s*skip\w*\s*(.*)", re.IGNORECASE)
# Lines that a failure may show. A sanitizer begins with what matters, a traceback ends with it.
_HEAD, _TAIL = 20, 30


@dataclass
class Tally:
    """The sums, and the lines that explain them."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    complaints: list[str] = field(default_factory=list)
    skips: list[str] = field(default_factory=list)

    def fail(self, name: str, what: str, lines: list[str]) -> None:
        """Counts a failure, and shows what belongs to it."""
        self.failed += 1
        if len(lines) > _HEAD + _TAIL:
            lines = [*lines[:_HEAD], "# ...", *lines[-_TAIL:]]
        self.complaints.append("\n".join([f"FAILED {name}: {what}", *lines]))

    def skip(self, name: str, what: str, reason: str) -> None:
        """Counts a skip."""
        self.skipped += 1
        self.skips.append(f"SKIPPED {name}: {what}{': ' if what and reason else ''}{reason}")

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def count_tap(tally: Tally, run: dict) -> None:
    """Adds a program that speaks TAP."""
    name, seen, plan, failed = run["name"], 0, None, False
    before: list[str] = []
    lines = (run.get("stdout") or "").splitlines()
    for number, line in enumerate(lines):
        if match := _PLAN.match(line):
            plan = int(match[1])
            if plan == 0 and match[2] is not None:
                tally.skip(name, "", match[2])
                return
        elif match := _CHECK.match(line):
            seen += 1
            skipped = _SKIP.match(match[2])
            if match[1]:
                failed = True
                # Diagnostics stand before the verdict (Python) or behind it (C).
                after = []
                for later in lines[number + 1:]:
                    if not later.startswith("#"):
                        break
                    after.append(later)
                tally.fail(name, match[2], before or after)
            elif skipped:
                tally.skip(name, skipped[1], skipped[2])
            else:
                tally.passed += 1
            before = []
        elif line.startswith("Bail out!"):
            before += lines[number:]
            break
        elif line.startswith("#"):
            before.append(line)
    wrong = ""
    if run["result"] == "TIMEOUT":
        wrong = f"it took longer than {run['duration']:.0f} s"
    elif run["returncode"] and (not failed or run["returncode"] != 1):
        wrong = f"it ended with {run['returncode']}"
    elif plan is None:
        wrong = "it printed no plan"
    elif plan == 0 or plan != seen:
        wrong = f"it planned {plan} checks and made {seen}"
    if wrong:
        errors = (run.get("stderr") or "").splitlines()
        tally.fail(name, wrong, [*before, *errors])


def count_exit(tally: Tally, run: dict) -> None:
    """Adds a program that has nothing to say but its exit status."""
    if run["result"] == "SKIP":
        tally.skip(run["name"], "", "it says so")
    elif run["result"] == "OK":
        tally.passed += 1
    else:
        output = (run.get("stdout") or "") + (run.get("stderr") or "")
        tally.fail(run["name"], f"it ended with {run['returncode']} ({run['result']})",
                   output.splitlines())


def main(build: str, logs: list[str]) -> int:
    """Counts, prints, and returns the exit status."""
    tests = json.loads((Path(build) / "meson-info" / "intro-tests.json").read_text())
    protocols = {test["name"]: test["protocol"] for test in tests}
    tally = Tally()
    for log in map(Path, logs):
        if log.suffix == ".tap":
            count_tap(tally, {"name": log.stem, "stdout": log.read_text(), "result": "OK",
                              "returncode": 0})
            continue
        for line in log.read_text().splitlines():
            run = json.loads(line)
            run["name"] = run["name"].split(" / ")[-1]  # without what meson says of the suite
            count = count_exit if protocols.get(run["name"]) == "exitcode" else count_tap
            count(tally, run)
    for text in tally.skips + tally.complaints:
        print(text)
    print(tally, flush=True)
    return 0 if tally.passed and not tally.failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
