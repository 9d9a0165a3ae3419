# SPDX-License-Identifier: Apache-2.0
"""The command: options, the table, the JSON."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import shutil
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import build, host, progress
from bench.data import name_of, number_of
from bench.rows import Row, all_rows
from support import machine
from support.tap import Skip

SIZES = "10k,1M,10M"
QUICK_SIZES = "2k,10k,20k"

# Where the data lie, for the program inside the private machine.
_FOLDER = "CE_BENCH_FOLDER"

_DESCRIPTION = """\
Measures the service against what it cannot be faster than, or against what people have today, each
pair in the same minute and on the same events, and prints a table of ratios. It builds the service
in release mode in build-bench/ (or $BUILD), makes its own events, and runs on a private bus with
dbus-daemon's production limits and our policy. tests/bench/README.md says what each figure means.
"""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="tests/bench/run", description=_DESCRIPTION, epilog=_list_rows(),
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", metavar="N,...", type=_sizes,
                        help="numbers of events: the smallest, the one for slow competitors and "
                        f"the largest (default: {SIZES})")
    parser.add_argument("--only", metavar="KEY", action="append", default=[],
                        help="only this row; may be given again")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write all that was found there")
    parser.add_argument("--data", metavar="FOLDER", type=Path,
                        help="keep events and histories in this folder, and use what is there "
                        "(default: a folder in $TMPDIR or /var/tmp, removed at the end)")
    parser.add_argument("--quick", action="store_true",
                        help=f"a trial that it works: {QUICK_SIZES}, one short round each")
    parser.add_argument("--built", metavar="FOLDER", type=Path,
                        help="take what this build folder has, and build nothing")
    options = parser.parse_args(arguments)
    options.sizes = options.sizes or _sizes(QUICK_SIZES if options.quick else SIZES)
    if unknown := set(options.only) - set(all_rows()):
        parser.error(f"there is no row {', '.join(sorted(unknown))}")
    for path in ("json", "data", "built"):
        if getattr(options, path):
            setattr(options, path, getattr(options, path).resolve())
    return options


def _sizes(text: str) -> list[int]:
    return [number_of(word) for word in text.split(",")]


def _list_rows() -> str:
    lines = ["rows, each with the bound of its ratio:"]
    for item in all_rows().values():
        lines += [f"\n{item.key}", f"  {item.what},", f"  {item.bound} against: {item.against}"]
        lines += textwrap.wrap(" ".join(item.measure.__doc__.split()), 90, initial_indent="    ",
                               subsequent_indent="    ")
    return "\n".join(lines)


@contextlib.contextmanager
def data_folder(options: argparse.Namespace) -> Iterator[Path]:
    """Where the data lie. Outside of the private machine it is made, and removed at the end."""
    if _FOLDER in os.environ:
        yield Path(os.environ[_FOLDER])
        return
    if options.data:
        options.data.mkdir(parents=True, exist_ok=True)
        folder = options.data
    else:
        run = os.environ.get("CE_TEST_RUN", "alone")
        folder = Path(tempfile.mkdtemp(prefix=f"containers-events-test-{run}-bench-",
                                       dir=os.environ.get("TMPDIR", "/var/tmp")))
    os.environ[_FOLDER] = str(folder)
    try:
        yield folder
    finally:
        if not options.data:
            shutil.rmtree(folder, ignore_errors=True)


def measure(item: Row, lab: Any) -> dict[str, Any]:
    """One row, as it is written to the JSON."""
    from bench.lab import NotThere, WrongAnswer
    found = {"key": item.key, "what": item.what, "against": item.against, "bound": item.bound}
    started = time.monotonic()
    lab.runs.clear()
    try:
        measured = item.measure(lab)
    except (NotThere, Skip) as reason:
        return {**found, "verdict": "not there", "why": str(reason)}
    except WrongAnswer as reason:
        return {**found, "verdict": "wrong", "why": str(reason), "runs": list(lab.runs)}
    except Exception as reason:  # noqa: B902: what fails costs one row, not those behind it
        return {**found, "verdict": "failed", "why": f"{type(reason).__name__}: {reason}"}
    return {**found, "ours": measured.ours, "theirs": measured.theirs, "ratio": measured.ratio,
            "verdict": "met" if item.is_met(measured) else "missed", "detail": measured.detail,
            "took_s": time.monotonic() - started, "runs": list(lab.runs)}


def table(results: list[dict[str, Any]]) -> str:
    """For people."""
    head = f"{'row':14}{'ours':>18}{'against':>18}{'ratio':>10}  {'bound':9}verdict"
    return "\n".join([head, *map(table_line, results)])


def table_line(found: dict[str, Any]) -> str:
    """One row of it."""
    if "ratio" not in found:
        return f"{found['key']:14}{found['verdict']}: {found['why']}"
    return (f"{found['key']:14}{found['ours']:>18}{found['theirs']:>18}"
            f"{found['ratio']:>10.4g}  {found['bound']:9}{found['verdict']}")


def run(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measures all rows that are wanted."""
    from bench.lab import Lab
    report = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
              "machine": host.describe(folder),
              "sizes": [name_of(size) for size in options.sizes], "quick": options.quick}
    for name, value in report["machine"].items():
        print(f"{name + ':':14}{value}", flush=True)
    print(f"{'events:':14}{', '.join(report['sizes'])}", flush=True)
    results = report["rows"] = []
    with Lab(folder, options.sizes, options.quick) as lab:
        for item in all_rows().values():
            if options.only and item.key not in options.only:
                continue
            progress.say(f"{item.key}: {item.what}")
            results.append(measure(item, lab))
            progress.tell(table_line(results[-1]))
            if options.json:
                options.json.write_text(json.dumps(report, indent=1) + "\n")
    return report


def main() -> None:
    """Exits with 0 unless something answered wrongly, or failed."""
    options = parse_arguments()
    if _FOLDER not in os.environ:
        if options.built:
            build.use(options.built)
        else:
            progress.say("building")
            build.make()
            progress.done()
    with data_folder(options) as folder:
        try:
            machine.enter()
        except machine.Unavailable as reason:
            sys.exit(f"tests/bench/run: {reason}")
        try:
            report = run(options, folder)
        except Skip as reason:
            sys.exit(f"tests/bench/run: {reason}")
    print(f"\n{table(report['rows'])}")
    sys.exit(any(found["verdict"] in ("wrong", "failed") for found in report["rows"]))


if __name__ == "__main__":
    main()
