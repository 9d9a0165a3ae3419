#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""containers-events-autoupdated where Podman is not as it should be: on a private bus, with a
Podman that says what it is told to. There is no systemd, so nothing is restarted: tests/host has
that."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dbus

from support import machine
from support.bus import Bus
from support.client import Client, wait_until
from support.service import REPORT, Service
from support.tap import equal, main, patience, test

OLD, NEW = "a" * 64, "b" * 64
CONTAINER = "c" * 64
UNIT = "web.service"
NAME = "localhost/web:latest"
PROGRAM = Path(os.environ.get("CE_BUILD", "build"), "client/autoupdated",
               "containers-events-autoupdated")

_FAKE = """\
#!/bin/sh
echo "$*" >> {folder}/calls
while [ -e {folder}/hold ]; do sleep 0.02; done
if [ -e {folder}/fail ]; then echo warning >&2; cat {folder}/fail >&2; exit 125; fi
cat {folder}/$1
"""


class Scene:
    """The program, its Podman, and who hears what it says."""

    def __init__(self, bus: Bus) -> None:
        self.bus, self.client = bus, bus.client()
        self.folder = machine.folder("auto-update")
        self.log = self.folder / "log"
        self.state = self.folder / "state"
        self.state.mkdir()
        self.podman = self.folder / "podman"
        self.podman.write_text(_FAKE.format(folder=self.folder))
        self.podman.chmod(0o755)
        self.config = self.folder / "autoupdated.conf"
        self.config.write_text(f"[Update]\nPodman={self.podman}\nSettleSec=0\n")
        self.process: subprocess.Popen[str] | None = None
        self.says(outdated=False)

    def says(self, *, outdated: bool = True, **texts: str) -> None:
        """What Podman says: one container, whose image is the one that its name gives or not; or
        these texts for ps, images, container."""
        labels = {"io.containers.autoupdate": "local", "PODMAN_SYSTEMD_UNIT": UNIT}
        answers = {
            "ps": json.dumps([{"Id": CONTAINER, "Names": ["web"], "Image": NAME, "ImageID": OLD,
                               "Labels": labels}]),
            "images": f"{NEW if outdated else OLD} {NAME}\n",
            "container": json.dumps([{"Id": CONTAINER, "Image": OLD,
                                      "State": {"Running": True, "ConmonPid": os.getpid()}}]),
            **texts,
        }
        for name, text in answers.items():
            (self.folder / name).write_text(text)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """To its end."""
        return subprocess.run([str(PROGRAM), *arguments], env=self.bus.environment, text=True,
                              capture_output=True, check=False, timeout=patience(20))

    def start(self) -> None:
        """It has looked at what runs, or tried to."""
        calls = len(self.calls())
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [str(PROGRAM), f"--config={self.config}", f"--state={self.state}"], text=True,
                env=self.bus.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(lambda: len(self.calls()) > calls, f"the first look: {self.log.read_text()}")

    def stop(self) -> None:
        """SIGTERM ends it well."""
        if not self.process:
            return
        self.process.send_signal(signal.SIGTERM)
        equal(self.process.wait(patience(10)), 0, self.log.read_text())
        self.process = None

    def calls(self) -> list[str]:
        """What Podman was asked."""
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def logged(self, text: str) -> None:
        """It says so, or will."""
        wait_until(lambda: text in self.log.read_text(), f"{text} in {self.log.read_text()}")

    def tag(self) -> None:
        """An event of an image."""
        self.client.emit(type="image", status="tag", name=NAME, engine="podman")

    def results(self) -> list[str]:
        """What was published."""
        return [event.details["result"]
                for event in self.client.history("type=system", "event=auto-update")]


@contextlib.contextmanager
def scene() -> Iterator[tuple[Scene, Service, Client]]:
    """A recorder, and a Scene that is not started."""
    with Bus() as bus, Service(bus) as service:
        here = Scene(bus)
        try:
            yield here, service, here.client
            here.stop()
            text = here.log.read_text() if here.log.exists() else ""
            assert not REPORT.search(text), text
        finally:
            if here.process:
                here.process.kill()
                here.process.wait()
            shutil.rmtree(here.folder)


@test
def options_are_as_help_says() -> None:
    with scene() as (here, _, _):
        assert here.run("--help").stdout.startswith("containers-events-autoupdated [OPTION...]")
        assert here.run("--version").stdout.startswith("containers-events-autoupdated ")
        for wrong in (["--frobnicate"], ["now"], ["--config=/no/such.conf"], ["--state=/no/such"]):
            assert here.run(*wrong).returncode == 1, wrong
        assert "use --state=DIR" in here.run(f"--config={here.config}").stderr


@test
def what_podman_cannot_say_is_asked_again() -> None:
    with scene() as (here, _, client):
        here.podman.rename(here.folder / "away")
        log = here.log.open("a")
        here.process = subprocess.Popen(
            [str(PROGRAM), f"--config={here.config}", f"--state={here.state}"], text=True,
            env=here.bus.environment, stderr=log, stdin=subprocess.DEVNULL)
        log.close()
        here.logged("cannot be run: No such file or directory")
        (here.folder / "away").rename(here.podman)
        (here.folder / "fail").write_text("it is broken\n")
        here.tag()      # and who is there nobody knows, so each image may be one that is used
        here.logged(f'"{here.podman} ps" ended with exit code 125: it is broken.')
        (here.folder / "fail").unlink()
        for texts in ({"ps": "rubbish"}, {"ps": "{}"}, {"images": "rubbish"}, {"ps": ""},
                      {"ps": "[" * 100000}, {"ps": "[[]]"}, {"container": "rubbish"}):
            here.says(**texts)
            lines = here.log.read_text().count("cannot be asked")
            here.tag()
            wait_until(lambda lines=lines: here.log.read_text().count("cannot be asked") > lines,
                       f"a complaint about {str(texts)[:40]}")
        here.says()
        here.tag()
        wait_until(lambda: here.results() == ["failed"], "and at last")
        event = client.history("event=auto-update")[0]
        assert f"not run by the unit {UNIT}" in event.details["error"], event
        equal((event.details["old_image"], event.details["new_image"]), (OLD, NEW))


@test
def output_without_end_is_cut_off() -> None:
    with scene() as (here, _, _):
        here.start()
        here.podman.write_text("#!/bin/sh\nyes\n")
        here.tag()
        here.logged("ps\" failed: File too large")


@test
def what_cannot_be_published_is_kept() -> None:
    with scene() as (here, service, _):
        here.start()
        here.says()
        hold = here.folder / "hold"
        hold.touch()
        calls = len(here.calls())
        here.tag()
        wait_until(lambda: len(here.calls()) > calls, "a look")
        service.kill()
        hold.unlink()
        here.logged("cannot be published now, and is kept")
        here.process.kill()
        here.process.wait()
        service.start()
        here.start()
        wait_until(lambda: here.results() == ["failed"], "what was kept")
        here.stop()
        here.start()
        equal(here.results(), ["failed"])


@test
def only_one_has_the_state() -> None:
    with scene() as (here, _, _):
        here.start()
        other = here.run(f"--config={here.config}", f"--state={here.state}")
        equal(other.returncode, 1)
        assert "another one of us does" in other.stderr, other.stderr


@test
def a_state_that_is_damaged_is_set_aside() -> None:
    with scene() as (here, _, _):
        (here.state / "state.json").write_text("{")
        here.start()
        here.logged("state.json.broken")
        equal((here.state / "state.json.broken").read_text(), "{")


@test
def an_event_of_another_user_is_no_reason_to_look() -> None:
    with scene() as (here, _, client):
        here.start()
        wait_until(lambda: len(here.calls()) == 2, "the first look")
        client.emit(type="image", status="tag", name=NAME, engine="podman",
                    details={"uid": dbus.UInt32(4711)})
        client.emit(type="image", status="tag", name="localhost/other:1", engine="podman")
        client.emit(type="image", status="tag", name=NAME, engine="docker")
        client.emit(type="image", status="untag", name=NAME, engine="podman")
        here.tag()
        wait_until(lambda: len(here.calls()) == 4, "the second")
        here.stop()     # which has dealt with all of them
        equal(len(here.calls()), 4)


if __name__ == "__main__":
    main()
