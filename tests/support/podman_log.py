# SPDX-License-Identifier: Apache-2.0
"""Podman's events.log, from two sides that our reader does not share.

    expected(line, uid=0)  the Event that the service must make of a line of it, with seq 0
    without_seq(events)    events as the service gave them, in the form of expected()

    witness = Witness(path)
    witness.look()         sees which file the log is now; from any thread, as often as you like
    witness.lines()        every event that was ever written since the first look, each once
    witness.rotations      how often another file took the log's place

    writer = Writer(path, limit=20_000)     # Podman's own way of writing, since 4.5 with markers
    writer.write(type="container", ...)     # one event; rotates before it as Podman does
    writer.event(...)                       # the same as a line that is not written
    writer.raw(b"...")                      # bytes as they are, torn, garbage, whatever
    writer.truth                            # the lines of all events that write() wrote
"""

from __future__ import annotations

import datetime
import fcntl
import itertools
import json
import os
import re
import tempfile
import threading
from pathlib import Path
from typing import Any

from support.client import Event

_TIME = re.compile(r"(.{19})(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")
_STRINGS = {"PodID": "pod_id", "network": "network", "health_status": "health_status",
            "error": "error"}


def nanoseconds(text: str) -> int:
    """An RFC 3339 time as ns since the epoch."""
    seconds, fraction, zone = _TIME.fullmatch(text).groups()
    moment = datetime.datetime.fromisoformat(seconds + zone.replace("Z", "+00:00"))
    return int(moment.timestamp()) * 10**9 + int((fraction or "").ljust(9, "0"))


def expected(line: str, uid: int = 0) -> Event:
    """What an event of a user's Podman is, as the interface and Podman have it."""
    fields = json.loads(line)
    details: dict[str, Any] = {ours: fields[key] for key, ours in _STRINGS.items() if key in fields}
    if fields.get("Attributes"):
        details["attributes"] = fields["Attributes"]
    if fields.get("OOMKilled"):
        details["oom_killed"] = True
    details["uid"] = uid
    if "ContainerExitCode" in fields:
        details["exit_code"] = fields["ContainerExitCode"]
    if fields["Type"] == "container" and fields["Status"] in ("died", "exec_died"):
        details.setdefault("exit_code", 0)  # before 5.0 an exit code of 0 was not written
        details["evidence"] = "event"
    return Event(fields["Type"], fields["Status"], fields.get("ID", ""), fields.get("Name", ""),
                 fields.get("Image", ""), "podman", nanoseconds(fields["Time"]), 0, details)


def is_mark(line: str) -> bool:
    """Whether it is what Podman writes for itself when it rotates, and no event."""
    fields = json.loads(line)
    return (fields["Type"], fields["Status"]) == ("system", "log-rotation")


def without_seq(events: list[Event]) -> list[Event]:
    """The events without what the service adds to those of Podman's."""
    return [event._replace(seq=0, details={key: value for key, value in event.details.items()
                                           if key != "backlog"}) for event in events]


class Witness:
    """
    Keeps every generation of a log that rotates, by holding each open: Podman renames a new file
    over the old one, whose content stays whole for whoever has it open, and which is never written
    to again. The new one starts with the newer half of the old one; that is what joins them, and
    what tells if a generation came and went between two looks.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: list[int] = []
        self._last: tuple[int, int] | None = None
        self._lock = threading.Lock()

    @property
    def rotations(self) -> int:
        """Generations after the first."""
        return max(0, len(self._held) - 1)

    def look(self) -> int:
        """Opens the log if it is a file not seen yet; returns the number of rotations."""
        with self._lock:
            try:
                fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return self.rotations
            status = os.fstat(fd)
            # While the last one is held, no other can have its number.
            if (status.st_dev, status.st_ino) == self._last:
                os.close(fd)
            else:
                self._held.append(fd)
                self._last = status.st_dev, status.st_ino
            return self.rotations

    def lines(self) -> list[str]:
        """The events that were written, in order, without Podman's marks of a rotation."""
        self.look()
        generations = [[line for line in os.pread(fd, os.fstat(fd).st_size, 0).decode().splitlines()
                        if not is_mark(line)] for fd in self._held]
        lines = list(generations[0])
        for before, now in itertools.pairwise(generations):
            lines += now[self._kept(before, now):]
        return lines

    def close(self) -> None:
        """Lets go of all of them."""
        while self._held:
            os.close(self._held.pop())

    @staticmethod
    def _kept(before: list[str], now: list[str]) -> int:
        """How many lines of a generation are the end of the one before."""
        for kept in range(min(len(before), len(now)), 0, -1):
            if now[:kept] == before[-kept:]:
                return kept
        raise AssertionError("the witness itself has missed a rotation")


class Writer:
    """Writes events.log as Podman does since 4.5 (libpod/events/logfile.go), or before."""

    def __init__(self, path: Path, limit: int = 1_000_000, *, markers: bool = True) -> None:
        self.path = path
        self.limit = limit
        self.markers = markers
        self.truth: list[str] = []
        self.rotations = 0
        self._count = itertools.count(1)

    def event(self, **fields: Any) -> str:
        """A line; what is not given is filled in so that no two are equal."""
        number = next(self._count)
        values = {"ID": f"{number:064x}", "Image": "localhost/bb:1", "Name": f"c{number}",
                  "Status": "start", "Time": f"2026-11-22T01:02:03.{number:09}Z",
                  "Type": "container", "Attributes": {"n": str(number)}}
        given = {key: value for key, value in fields.items()}
        values.update(given)
        return json.dumps(values, separators=(",", ":"))

    def write(self, count: int = 1, **fields: Any) -> None:
        """Writes events, each as a Podman process of its own would."""
        for _ in range(count):
            line = self.event(**fields)
            self.put(line)
            self.truth.append(line)

    def put(self, line: str) -> None:
        """Writes a line as Podman writes one: locked, rotated if need be, with one write."""
        with self.path.with_name(self.path.name + ".lock").open("a") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            if self.path.exists() and self.path.stat().st_size + len(line) >= self.limit:
                self._rotate()
            self.raw(line.encode() + b"\n")

    def raw(self, data: bytes) -> None:
        """Appends bytes with one write."""
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            written = os.write(fd, data)
            assert written == len(data), "a short write"
        finally:
            os.close(fd)

    def _rotate(self) -> None:
        text = self.path.read_bytes()
        half = text[len(text) // 2:]
        kept = half[half.find(b"\n") + 1:] if b"\n" in half else b""
        if self.markers:
            kept = self._marker("begin") + kept + self._marker("end")
        fd, name = tempfile.mkstemp(dir=self.path.parent)
        with open(fd, "wb") as file:
            file.write(kept)
        os.rename(name, self.path)
        self.rotations += 1

    def _marker(self, what: str) -> bytes:
        line = {"Name": str(self.path), "Status": "log-rotation",
                "Time": f"2026-11-22T01:02:04.{next(self._count):09}Z", "Type": "system",
                "Attributes": {"io.podman.event.rotate": what}}
        return json.dumps(line, separators=(",", ":")).encode() + b"\n"
