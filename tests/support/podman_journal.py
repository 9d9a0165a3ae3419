# SPDX-License-Identifier: Apache-2.0
"""Podman's events in the journal, written as Podman writes them, and what the service must make of
them.

    writer = JournalWriter()
    writer.write(3)                          # events of root's Podman, one entry each
    writer.write(uid=1000, Status="died")    # of somebody else's; fields as in events.log
    writer.truth                             # what write() wrote: (line of events.log, uid)
    writer.send({"MESSAGE": "hello"})        # any entry, with SYSLOG_IDENTIFIER=podman
    same(events, writer.truth), sound(client, writer.truth)     # as in support.podman_scene

    with disk(), Journal(PERSISTENT):        # a journal on a disk of its own

Entries carry the credentials of whatever user is asked for: root may claim any, and journald
notes what the kernel passed on.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.client import Client, Event
from support.podman_log import Writer, expected, without_seq
from support.podman_scene import wait_for
from support.tap import equal

# With these settings journald keeps a file for each user, as it does on a real machine.
PERSISTENT = "Storage=persistent\nRateLimitIntervalSec=0\n"

_SOCKET = "/run/systemd/journal/socket"
_EVERY = {"Type": "PODMAN_TYPE", "Status": "PODMAN_EVENT", "Time": "PODMAN_TIME"}
_OBJECT = {"Image": "PODMAN_IMAGE", "Name": "PODMAN_NAME", "ID": "PODMAN_ID",
           "ContainerExitCode": "PODMAN_EXIT_CODE", "PodID": "PODMAN_POD_ID",
           "health_status": "PODMAN_HEALTH_STATUS", "health_log": "PODMAN_HEALTH_LOG",
           "health_failing_streak": "PODMAN_HEALTH_FAILING_STREAK",
           "ContainerInspectData": "PODMAN_CONTAINER_INSPECT_DATA"}
_FIELDS = {
    "container": _OBJECT, "pod": _OBJECT,
    "image": {"Name": "PODMAN_NAME", "ID": "PODMAN_ID", "error": "ERROR"},
    "network": {"ID": "PODMAN_ID", "network": "PODMAN_NETWORK_NAME"},
    "volume": {"Name": "PODMAN_NAME"},
}


@contextlib.contextmanager
def disk(flushed: bool = True) -> Iterator[Path]:
    """A /var/log of our own, and of nobody's past. Until what is in memory was flushed to the disk,
    as systemd-journal-flush.service does, journald writes nothing there."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/var/log"], check=True)
    flag = Path("/run/systemd/journal/flushed")
    flag.parent.mkdir(parents=True, exist_ok=True)
    if flushed:
        Path("/var/log/journal").mkdir()
        flag.touch()
    try:
        yield Path("/var/log/journal")
    finally:
        flag.unlink(missing_ok=True)
        subprocess.run(["umount", "--lazy", "/var/log"], check=True)


def fields_of(line: str) -> dict[str, str]:
    """What Podman logs for the event of which events.log has this line."""
    event = json.loads(line)
    names = {**_EVERY, **_FIELDS.get(event["Type"], {})}
    fields = {"SYSLOG_IDENTIFIER": "podman", "PRIORITY": "6",
              "MESSAGE": f"{event['Time']} {event['Type']} {event['Status']}"}
    fields |= {names[key]: str(value) for key, value in event.items() if key in names}
    if event["Type"] in ("container", "pod"):
        fields.setdefault("PODMAN_HEALTH_STATUS", "")  # as Podman has it
    if event.get("OOMKilled"):
        fields["PODMAN_OOM_KILLED"] = "true"
    if event.get("Attributes"):
        fields["PODMAN_LABELS"] = json.dumps(event["Attributes"], separators=(",", ":"))
    return fields


class JournalWriter:
    """Logs as any number of Podmans would."""

    def __init__(self) -> None:
        self.truth: list[tuple[str, int]] = []
        self._lines = Writer(Path("/nowhere"))

    def write(self, count: int = 1, uid: int = 0, **fields: Any) -> None:
        """Events, as Writer.write()."""
        for _ in range(count):
            line = self._lines.event(**fields)
            self.send(fields_of(line), uid)
            self.truth.append((line, uid))

    def send(self, fields: dict[str, str | bytes] | list[tuple[str, str | bytes]],
             uid: int = 0) -> None:
        """One entry, as it is, by the journal's own protocol."""
        pairs = list(fields.items()) if isinstance(fields, dict) else fields
        if not any(name == "SYSLOG_IDENTIFIER" for name, _ in pairs):
            pairs = [*pairs, ("SYSLOG_IDENTIFIER", "podman")]
        data = b""
        for name, text in pairs:
            value = text.encode() if isinstance(text, str) else text
            data += name.encode() + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"
        self._send(data, uid)

    @staticmethod
    def _send(data: bytes, uid: int) -> None:
        credentials = struct.pack("3i", os.getpid(), uid, uid)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(_SOCKET)
            rights = [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, credentials)]
            if len(data) < 100_000:
                sender.sendmsg([data], rights)
                return
            # What is too large for a datagram goes through a sealed file.
            fd = os.memfd_create("entry", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            with open(fd, "wb") as file:
                file.write(data)
                file.flush()
                import fcntl
                fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK |
                            fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
                rights.append((socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", fd)))
                sender.sendmsg([b""], rights)


def same(events: list[Event], truth: list[tuple[str, int]]) -> None:
    """Fails with the first difference."""
    for number, (event, one) in enumerate(zip(without_seq(events), truth), start=1):
        equal(event, expected(*one), f"event {number}")
    equal(len(events), len(truth), "number of events")
    equal([event.seq for event in events], list(range(1, len(events) + 1)), "seq")


def sound(client: Client, truth: list[tuple[str, int]]) -> None:
    """Fails unless the history is what was written, and nothing was ever missed or doubled."""
    wait_for(client, len(truth))
    same(client.history(), truth)
    source = client.engine("podman-journal")
    equal((source["Lost"], source["Duplicates"]), (0, 0))
