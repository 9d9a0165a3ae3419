# SPDX-License-Identifier: Apache-2.0
"""What the machine is: a ratio means little without it.

    host.describe(folder)    a dict; `folder` is where the histories lie
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from bench import build


def _first_line(*command: str) -> str:
    if not shutil.which(command[0]):
        return "not installed"
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return (result.stdout.splitlines() or [""])[0]


def _cpu() -> str:
    found = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _memory() -> str:
    found = re.search(r"^MemTotal:\s*(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return f"{int(found[1]) / 2**20:.1f} GiB" if found else ""


def _commit() -> str:
    result = subprocess.run(["git", "-C", str(build.SOURCE), "describe", "--always", "--dirty"],
                            capture_output=True, text=True, check=False)
    return result.stdout.strip() or "no git"


def _distribution() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", "")


def describe(folder: Path) -> dict[str, str]:
    """Name and value, for people."""
    return {
        "service": _commit(),
        "CPU": f"{_cpu()}, {os.cpu_count()} cores",
        "memory": _memory(),
        "load": f"{os.getloadavg()[0]:.2f} when it began",
        "kernel": platform.release(),
        "file system": _first_line("findmnt", "-n", "-o", "FSTYPE,SOURCE,OPTIONS", "-T",
                                   str(folder)),
        "distribution": _distribution(),
        "compiler": _first_line("cc", "--version"),
        "dbus-daemon": _first_line("dbus-daemon", "--version"),
        "systemd": _first_line("pkg-config", "--modversion", "libsystemd"),
        "json-c": _first_line("pkg-config", "--modversion", "json-c"),
        "Podman": _first_line("podman", "--version"),
        "grep": _first_line("grep", "--version"),
    }
