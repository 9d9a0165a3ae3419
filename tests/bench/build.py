# SPDX-License-Identifier: Apache-2.0
"""Builds the service and the programs of the benchmark, in release mode.

    build.make()            in build-bench/ of the source, or in $BUILD
    build.use(folder)       takes what another build made
    build.program("call")   the path of bench-call
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
_FOLDER = "CE_BUILD"


def _names() -> list[str]:
    text = Path(__file__).with_name("meson.build").read_text()
    return re.findall(r"^  '([\w-]+)': \[", text, re.MULTILINE)


def use(folder: Path) -> None:
    """Takes the programs from this build folder; so do the processes that we start."""
    os.environ[_FOLDER] = str(folder)
    os.environ["CE_DAEMON"] = str(folder / "service" / "containers-eventsd")
    os.environ["CE_CEVCTL"] = str(folder / "client" / "cevctl" / "cevctl")


def make() -> None:
    """Builds, and takes that."""
    folder = Path(os.environ.get("BUILD", SOURCE / "build-bench"))
    use(folder)
    if not (folder / "build.ninja").exists():
        _run("meson", "setup", "--buildtype=release", str(folder), str(SOURCE))
    _run("ninja", "-C", str(folder), "service/containers-eventsd",
         *(f"tests/bench/bench-{name}" for name in _names()))


def _run(*command: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}:\n{result.stdout}{result.stderr}")


def folder() -> Path:
    """The build that is used."""
    return Path(os.environ[_FOLDER])


def daemon() -> str:
    """The service."""
    return os.environ["CE_DAEMON"]


def program(name: str) -> str:
    """One of the benchmark's own programs."""
    return str(folder() / "tests" / "bench" / f"bench-{name}")
