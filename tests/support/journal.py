# SPDX-License-Identifier: Apache-2.0
"""A journal of the private machine's own: the real systemd-journald, with nobody else's entries.

    with Journal() as journal:                 # before a Bus("dbus-broker"), which has its own sink
    journal.restart()                          # ends it and starts it again
    journal.pause(), journal.resume()          # it hangs, and goes on
    journal.command("--rotate")                # journalctl: what it says
    journal.entries("MESSAGE_ID=...")          # entries that match, as dictionaries, oldest first
    journal.log()                              # what journald itself had to say

It keeps everything in memory, below /run/log/journal.

CE_BACKEND says with which backend every Service of a program runs, so that one program tries them
all; BACKEND is it, and Bus() sees to it that there is a journal for it.

    records(FOLDER)            the records of the history with that folder, from its journal
    needs_history()            skips a test that asks what happened, where nothing is kept
    needs_files(why)           skips one that looks at the files of a history, or breaks them
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

from support import machine
from support.client import wait_until
from support.tap import skip

BACKEND = os.environ.get("CE_BACKEND", "logfile")

_PROGRAMS = ["/usr/lib/systemd/systemd-journald", "/lib/systemd/systemd-journald"]
_SOCKET = Path("/run/systemd/journal/socket")
_FILES = Path("/run/log/journal")
_CONFIGURATION = """\
[Journal]
Storage=volatile
ReadKMsg=no
Audit=no
ForwardToSyslog=no
ForwardToWall=no
SystemMaxFileSize=8M
"""


class Journal:
    """One journald; started on entering the context, ended on leaving it."""

    def __init__(self, settings: str = "RateLimitIntervalSec=0\n") -> None:
        self.folder = machine.folder("journal")
        self._process: subprocess.Popen | None = None
        self._configuration = Path("/run/systemd/journald.conf.d/test.conf")
        self._configuration.parent.mkdir(parents=True, exist_ok=True)
        self._configuration.write_text(_CONFIGURATION + settings)
        (self.folder / "log").touch()

    def start(self) -> Journal:
        """Returns when it takes entries."""
        programs = [path for path in _PROGRAMS if os.access(path, os.X_OK)]
        if not programs:
            skip("systemd-journald is not installed")
        if not Path("/etc/machine-id").exists() or not Path("/etc/machine-id").read_text().strip():
            skip("the machine has no ID, and so no journal")
        if not shutil.which("journalctl"):
            skip("journalctl is not installed")
        _FILES.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            _SOCKET.unlink()
        with (self.folder / "log").open("a") as log:
            self._process = subprocess.Popen(
                [programs[0]], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env={**os.environ, "SYSTEMD_LOG_TARGET": "console"})
        # It makes its files after its sockets; --sync answers when it has.
        wait_until(lambda: self._check() and _SOCKET.exists() and
                   subprocess.run(["journalctl", "--sync"], check=False,
                                  capture_output=True).returncode == 0, "the journal")
        return self

    def stop(self) -> None:
        """Ends it."""
        process, self._process = self._process, None
        if process:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(20)

    def restart(self) -> None:
        """stop() and start()."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """It hangs."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on."""
        self._process.send_signal(signal.SIGCONT)

    def command(self, *arguments: str) -> str:
        """What journalctl says."""
        result = subprocess.run(["journalctl", *arguments], capture_output=True, text=True,
                                check=False, timeout=60)
        if result.returncode != 0:
            raise AssertionError(f"journalctl {arguments}: {result}")
        return result.stdout

    def entries(self, *matches: str) -> list[dict]:
        """The entries that match, oldest first."""
        self.command("--sync")
        text = self.command("--output=json", "--all", "--no-pager", *matches)
        return [json.loads(line) for line in text.splitlines()]

    def files(self) -> list[Path]:
        """Its files."""
        return sorted(_FILES.glob("*/*.journal"))

    def log(self) -> str:
        """What journald had to say."""
        return (self.folder / "log").read_text(errors="replace")

    def _check(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(f"journald ended: {self.log()}")
        return True

    def __enter__(self) -> Journal:
        return self.start()

    def __exit__(self, *_) -> None:
        self.stop()
        shutil.rmtree(_FILES, ignore_errors=True)


_shared: list[Journal] = []


def provide() -> bool:
    """Starts the program's journal, if its backend needs one; it ends with the machine."""
    if BACKEND == "journald" and not _shared:
        _shared.append(Journal().start())
    return bool(_shared)


def records(history: Path) -> list[bytes]:
    """The records of a history in the program's journal, as journalctl shows them."""
    entries = _shared[0].entries("MESSAGE_ID=a0de15be25df40bda57ee24830be910a",
                                 f"CONTAINERS_EVENTS_HISTORY={history}")
    return [entry["CONTAINERS_EVENTS_RECORD"].encode() for entry in entries]


def needs_history() -> None:
    """Ends the test as skipped where nothing is kept."""
    if BACKEND == "none":
        skip("Backend=none keeps nothing to ask for")


def needs_files(why: str) -> None:
    """Ends the test as skipped where the history is no folder of files."""
    if BACKEND != "logfile":
        skip(f"Backend={BACKEND}: {why}")
