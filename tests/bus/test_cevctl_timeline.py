#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""cevctl timeline against the real service: what it draws, and on what."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
import time

from support.bus import Bus
from support.client import Client
from support.service import REPORT, Service, cevctl
from support.tap import equal, main, patience, test

HOUR = 3600 * 10**9
NOON = 1_763_812_800 * 10**9  # 2025-11-22 12:00:00 UTC
RANGE = ["--since", "2025-11-22T00:00:00Z", "--until", "2025-11-22T12:00:00Z"]
UTF8 = {"LC_ALL": "C.UTF-8", "TZ": "UTC"}


def run(bus: Bus, *arguments: str, status: int = 0, **variables: str) -> str:
    """What cevctl timeline prints, on standard output or, if it must fail, on standard error."""
    result = subprocess.run([cevctl(), "timeline", *arguments], check=False, text=True,
                            env={**bus.environment, **UTF8, **variables}, capture_output=True,
                            stdin=subprocess.DEVNULL, timeout=patience(30))
    assert not REPORT.search(result.stderr), result.stderr
    equal(result.returncode, status, result.stderr)
    equal(result.stdout if status else result.stderr, "")
    return result.stderr if status else result.stdout


def happen(client: Client, status: str, name: str, hour: float, **details) -> None:
    """Something happens to a container at an hour of that day."""
    identity = (name.encode().hex() + 64 * "0")[:64]
    client.emit("container", status, identity, name, "image",
                time_nsec=NOON + int((hour - 12) * HOUR), details=details)


def play(client: Client) -> None:
    """A day with something of everything."""
    happen(client, "create", "database", -100)
    happen(client, "start", "database", -99.5)
    happen(client, "start", "web", 2)
    happen(client, "exec", "web", 2.5)
    happen(client, "died", "web", 5, exit_code=137)
    happen(client, "start", "web", 6.5)
    happen(client, "pause", "web", 8)
    happen(client, "unpause", "web", 9)
    happen(client, "health_status", "web", 10, health_status="unhealthy")
    happen(client, "start", "job", 3)
    happen(client, "died", "job", 4, exit_code=0)
    happen(client, "remove", "job", 4.1)
    for number in range(5):
        happen(client, "start", "loop", 7 + number / 100)
        happen(client, "died", "loop", 7 + number / 100 + 0.005, exit_code=1)
    happen(client, "start", "loop", 7.1)


DRAWN = """\
2025-11-22 00:00 to 2025-11-22 12:00 UTC
CONTAINER  │Nov 22 │02:00  │04:00  │06:00  │08:00  │10:00
database   ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇
web                ▇▇▇▇▇▇▇▇▇▇▇▇✗137──▇▇▇▇▇▇░░░░▇▇▇▇▞▞▞▞▞▞▞▞
job                    ▇▇▇▇✓
loop                                   ↻5▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇

▇ up   ▞ unhealthy   ░ paused   ─ stopped
✗ died, with its exit code   ✓ ended with 0
↻ restarted, how often
"""


@test
def a_day_is_drawn() -> None:
    with Bus() as bus, Service(bus):
        play(bus.client())
        equal(run(bus, *RANGE, "--width", "59"), DRAWN)
        ascii_only = run(bus, *RANGE, "--width", "59", LC_ALL="C")
        assert ascii_only.isascii(), ascii_only
        equal(ascii_only.splitlines()[3],
              "web                ############x137--######::::####!!!!!!!!")
        for width in (24, 40, 80, 133, 200):
            lines = run(bus, *RANGE, "--width", str(width)).splitlines()
            assert max(map(len, lines)) <= max(width, 27), (width, lines)
            equal(len(lines[lines.index("") - 4]), width, "up to the right edge")
            assert width < 40 or "2025-11-22 12:00" in lines[0], lines[0]
        equal(len(run(bus, *RANGE, COLUMNS="100").splitlines()[2]), 100)
        equal(len(run(bus, *RANGE).splitlines()[2]), 80)


@test
def what_is_drawn_can_be_chosen() -> None:
    with Bus() as bus, Service(bus):
        client = bus.client()
        equal(run(bus), "No container was up, and none changed.\n")
        play(client)
        lines = run(bus, *RANGE, "--filter", "name=job").splitlines()
        equal([line.split()[0] for line in lines[1:3]], ["CONTAINER", "job"])
        equal(run(bus, *RANGE, "-n", "nobody"), "No container was up, and none changed.\n")
        stories = [json.loads(line) for line in run(bus, *RANGE, "--json").splitlines()]
        equal([story["Name"] for story in stories], ["database", "web", "job", "loop"])
        equal(stories[0]["Spans"], [
            {"State": "up", "SinceNano": NOON - 12 * HOUR, "UntilNano": NOON}])
        equal([span["State"] for span in stories[1]["Spans"]],
              ["up", "stopped", "up", "paused", "up", "unhealthy"])
        equal(stories[1]["Deaths"], [{"TimeNano": NOON - 7 * HOUR, "ContainerExitCode": 137}])
        equal(len(stories[3]["Deaths"]), 5)
        for wrong, says in ((["--width", "5"], '"5"'), (["--width", "x"], '"x"'),
                            (["--since", "soon"], "soon"), (["more"], "more"),
                            (["--since", "1h", "--until", "-2h"], "range"),
                            (["--filter", "dog=1"], "dog")):
            text = run(bus, *wrong, status=2)
            assert text.startswith("cevctl: ") and says in text, text


@test
def without_a_range_it_is_a_day_or_less() -> None:
    with Bus() as bus, Service(bus):
        client = bus.client()
        now = time.time_ns()
        client.emit("container", "start", "1" * 64, "young", time_nsec=now - HOUR)
        line = run(bus).splitlines()[2]
        assert line.startswith("young ") and line.endswith("▇" * 69), line
        client.emit("container", "start", "2" * 64, "old", time_nsec=now - 48 * HOUR)
        old, young = run(bus).splitlines()[2:4]
        assert old.startswith("old ") and old.endswith("▇" * 69), old
        assert young.endswith(" ▇▇▇") or young.endswith(" ▇▇▇▇"), young


@test
def containers_of_one_name_can_share_a_row() -> None:
    with Bus() as bus, Service(bus):
        client = bus.client()
        for number, hour in enumerate((1, 4, 7)):
            for status, at in (("create", 0), ("start", 0), ("died", 2), ("remove", 2)):
                client.emit("container", status, f"{number}" * 64, "web",
                            time_nsec=NOON + (hour + at - 12) * HOUR, details=(
                                {"exit_code": 0} if status == "died" else {}))
        equal(len([line for line in run(bus, *RANGE).splitlines() if line.startswith("web")]), 3)
        lines = run(bus, *RANGE, "--by-name", "--width", "35").splitlines()
        equal([line for line in lines if line.startswith("web")],
              ["web          ▇▇▇▇✓ ▇▇▇▇✓ ▇▇▇▇✓"])


@test
def a_name_cannot_control_the_terminal() -> None:
    with Bus() as bus, Service(bus):
        bus.client().emit("container", "start", "1" * 64, "a\x1b]0;title\x07\u202eb\u009b31m",
                          time_nsec=NOON - HOUR)
        for variables in (UTF8, {"LC_ALL": "C"}):
            text = run(bus, *RANGE, **variables)
            assert all(character == "\n" or character.isprintable() for character in text), text
            assert "\\x1b" in text, text


def on_terminal(bus: Bus, columns: int, **variables: str) -> str:
    """What it prints on a terminal of that width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {**bus.environment, **UTF8, "TERM": "xterm", **variables}
    environment.pop("COLUMNS", None)
    with subprocess.Popen([cevctl(), "timeline", *RANGE], env=environment, stdout=theirs,
                          stdin=subprocess.DEVNULL) as process:
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 4096):
                text += piece
        except OSError:  # the other side was closed
            pass
    os.close(ours)
    equal(process.returncode, 0)
    return text.decode()


@test
def a_terminal_has_colors_and_a_width() -> None:
    with Bus() as bus, Service(bus):
        play(bus.client())
        text = on_terminal(bus, 59)
        assert "\x1b[32m▇▇▇" in text and "\x1b[1;31m✗137" in text, text
        plain = on_terminal(bus, 59, NO_COLOR="1")
        equal(plain.replace("\r\n", "\n"), DRAWN)


if __name__ == "__main__":
    main()
