# SPDX-License-Identifier: Apache-2.0
"""Disks that are full, fail, or lose their power. All is in the mounts of the private machine.

    Service(bus, **strace(fsync="error=EIO:when=3"))          the third fsync fails
    Service(bus, **strace(fsync="signal=SIGKILL:when=3"))     it is killed on entering it
    with tmpfs("1m") as folder:                      a small disk
        filler = fill(folder)                        that is full, until filler.unlink()
    with Ext4() as disk:                             a real one, on a loop device
        disk.cut_power(); disk.restore_power()       what was not synced is gone; at disk.folder

strace runs as the child of the daemon's child (-D), so that the Service's process is the daemon.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support import machine
from support.tap import skip


def strace(output: Path | str = "/dev/null", **calls: str) -> dict[str, Any]:
    """Options of a Service that is traced, with what to inject into which system calls, if any."""
    if not shutil.which("strace"):
        skip("strace is not installed")
    wrapper = ["strace", "-D", "-f", "-o", str(output), "-e", f"trace={','.join(calls)}"]
    for call, what in calls.items():
        wrapper += ["-e", f"inject={call}:{what}"] if what else []
    # LeakSanitizer cannot trace what is traced.
    return {"wrapper": wrapper, "environment": {"ASAN_OPTIONS": "detect_leaks=0:exitcode=99"}}


@contextlib.contextmanager
def tmpfs(size: str) -> Iterator[Path]:
    """A disk that has room for so much."""
    folder = machine.folder("disk")
    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    """Leaves no room on a disk."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        os.fsync(file)  # it is still there after a power cut
    return path


def mount(*arguments: str | Path) -> None:
    """Mounts, or fails with what mount says."""
    result = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True,
                            check=False)
    if result.returncode != 0:
        raise OSError(f"mount: {result.stderr.strip()}")


class Ext4:
    """A file system in a file, whose power can be cut; skips the test where that cannot be had."""

    def __init__(self, megabytes: int = 16) -> None:
        for program in ("mkfs.ext4", "xfs_io", "losetup"):
            if not shutil.which(program):
                skip(f"{program} is not installed")
        self.folder = machine.folder("power")
        self._image = machine.folder("image") / "ext4"
        with self._image.open("wb") as image:
            image.truncate(megabytes << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", self._image], check=True)

    def cut_power(self) -> None:
        """From now on nothing reaches the disk, and what had not is lost."""
        result = subprocess.run(["xfs_io", "-x", "-c", "shutdown", self.folder],
                                capture_output=True, text=True, check=False)
        if result.returncode != 0 or result.stderr:
            skip(f"this file system knows no power cut: {result.stderr.strip()}")

    def restore_power(self) -> None:
        """As after the next boot; nobody must have a file open there."""
        subprocess.run(["umount", self.folder], check=True)
        mount("-o", "loop", self._image, self.folder)

    def __enter__(self) -> Ext4:
        try:
            mount("-o", "loop", self._image, self.folder)
        except OSError as error:
            skip(f"no loop device here: {error}")
        return self

    def __exit__(self, *_) -> None:
        subprocess.run(["umount", "--lazy", self.folder], check=False)
