#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What cevctl says of triggers, and the environment file that it shows, with a real systemd: which
units it can start, and that it reads exactly what the event says, whatever that is.

Runs inside the machine that support.host boots, once with each broker."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from support import machine
from support.client import Client, Event
from support.guest import run
from support.host import HostBus
from support.tap import equal, main, test

ROOT = Path("/srv/triggers")
UNITS = Path("/run/systemd/system")
ANSWER = Path("/run/answer")
EXAMPLES = Path("/usr/share/doc/containers-events/examples")

DUMP = """\
[Service]
Type=oneshot
EnvironmentFile=/run/containers-events/trigger/%N.env
ExecStart=/bin/sh -c 'exec env -0 >/run/answer'
"""

NAMES = [
    "my-web", "a b\n\"$(touch /run/executed)`touch /run/executed`'\\", "../../etc/passwd",
    "x" * 2000, "", "-", "a@b", "%n%%", "é鯨💡\u0085", "\x01\t\r\x1b[2J\x7f", "a\\x2db",
    "*?[a-z]", "#", ";",
    " a ", "\n", "a\nCONTAINER_EVENT_ID=other\n", "${HOME}$$", "trailing\\",
]


def unit(name: str, text: str) -> None:
    """Writes a unit for systemd to find."""
    UNITS.mkdir(exist_ok=True)
    (UNITS / name).write_text(text)
    run("systemctl", "daemon-reload")


def trigger(unit_name: str) -> None:
    """Writes the trigger "try"."""
    folder = ROOT / "etc/containers-events/triggers.d"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "try.trigger").write_text(f"[Trigger]\nFilter=event=died\nUnit={unit_name}\n")


def outcome(seq: int, user: str = machine.ROOT) -> dict[str, Any]:
    """What "try" would do with the event."""
    return json.loads(run("cevctl", "trigger", "test", f"--root={ROOT}", "try", f"--event={seq}",
                          "--json", user=user, check=False).stdout)


def client() -> Client:
    run("systemctl", "start", "containers-eventsd.service")
    return Client(HostBus())


def start(result: dict[str, Any]) -> None:
    """Starts the unit as the trigger would."""
    path = Path(result["EnvironmentFile"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(result["Environment"])
    run("systemctl", "start", "--", result["Unit"])
    path.unlink()


def answer(result: dict[str, Any]) -> dict[str, str]:
    """Starts the unit; returns its environment."""
    ANSWER.unlink(missing_ok=True)
    start(result)
    return dict(word.split("=", 1) for word in ANSWER.read_bytes().decode().split("\0") if word)


def check(event: Event) -> None:
    """The unit that the event gives finds exactly that event."""
    result = outcome(event.seq)
    assert result["Starts"] and result["UnitLoadState"] == "loaded", result
    assert result["UnitReadsEnvironment"], result
    variables = answer(result)
    equal({key: variables[f"CONTAINER_EVENT_{key.upper()}"]
           for key in ("type", "status", "id", "name", "image", "engine")},
          {key: getattr(event, key)
           for key in ("type", "status", "id", "name", "image", "engine")})
    equal((variables["CONTAINER_EVENT_SEQ"], variables["CONTAINER_EVENT_EXIT_CODE"]),
          (str(event.seq), "3"))


def random_text(chance: random.Random) -> str:
    letters = "".join(chr(code) for code in range(1, 128)) + "\"\\`$'\n" * 5 + "éß鯨💡\u0085"
    return "".join(chance.choices(letters, k=chance.randrange(1, 300)))


@test
def systemd_reads_what_the_event_says() -> None:
    caller = client()
    unit("dump@.service", DUMP)
    trigger("dump@%n.service")
    chance = random.Random(1)
    names = [*NAMES, *(random_text(chance) for _ in range(60))]
    for name in names:
        caller.emit(status="died", id="4f2d" * 16, name=name, image=name[::-1],
                    details={"exit_code": 3, "error": name})
    events = caller.history("event=died")
    equal(len(events), len(names))
    for event in events:
        check(event)
    assert not Path("/run/executed").exists()


@test
def it_says_what_systemd_can_start() -> None:
    caller = client()
    seq = caller.emit(status="died", name="my-web", details={"exit_code": 3})
    for name, text in {"plain.service": "[Service]\nExecStart=/bin/true\n",
                       "dump@.service": DUMP,
                       "refuses.service": "[Unit]\nRefuseManualStart=yes\n"
                                          "[Service]\nExecStart=/bin/true\n",
                       "bad.service": "[Service]\nType=oneshot\n",
                       "some.target": "[Unit]\nDescription=x\n"}.items():
        unit(name, text)
    (UNITS / "masked.service").symlink_to("/dev/null")
    for name, state, obstacle, reads in [
            ("dump@%n.service", "loaded", None, True),
            ("plain.service", "loaded", None, False),
            ("some.target", "loaded", None, None),
            ("nothing@%n.service", "not-found", "no such unit and no such template", False),
            ("nothing.service", "not-found", "no such unit", False),
            ("masked.service", "masked", "masked", False),
            ("refuses.service", "loaded", "refuses to be started", False),
            ("bad.service", "bad-setting", "cannot load", False)]:
        trigger(name)
        for user in (machine.ROOT, machine.READER):
            result = outcome(seq, user)
            equal((result["UnitLoadState"], result.get("UnitReadsEnvironment"), result["Starts"]),
                  (state, reads, obstacle is None), f"{name} {user}: {result}")
            assert obstacle is None or obstacle in result["Obstacle"], result
    trigger("plain.service")
    text = run("cevctl", "trigger", "test", f"--root={ROOT}", "try", f"--event={seq}").stdout
    assert "it does not read the event" in text, text


@test
def the_example_tells_the_team() -> None:
    caller = client()
    seq = caller.emit(status="died", name="my-web", image="pay:1",
                      details={"exit_code": 3, "attributes": {"team": "payments"}})
    unit("page-team@.service", (EXAMPLES / "page-team@.service").read_text())
    text = run("cevctl", "trigger", "test", EXAMPLES / "page-team.trigger", f"--event={seq}",
               "--json").stdout
    result = json.loads(text)
    assert result["Starts"] and result["UnitReadsEnvironment"], result
    start(result)
    run("journalctl", "--sync")
    lines = run("journalctl", "--output=cat", "--unit", result["Unit"]).stdout
    assert "my-web of pay:1 died with 3\n" in lines, lines
    assert f"cevctl show {seq} has all of it\n" in lines, lines
    assert "Name: my-web" in run("cevctl", "show", seq).stdout


@test
def it_says_when_nobody_runs_the_triggers() -> None:
    client()  # whoever comes first starts the bus, and systemd joins it a moment later
    own = Path("/etc/containers-events/triggers.d/idle.trigger")
    own.write_text("[Trigger]\nFilter=event=never\nUnit=some.target\n")
    unit("some.target", "[Unit]\nDescription=x\n")
    words = "containers-events-triggerd does not run"
    run("systemctl", "stop", "containers-events-triggerd.service")
    for command in (["list"], ["test", "idle"]):
        for user in (machine.ROOT, machine.READER):
            result = run("cevctl", "trigger", *command, user=user)
            assert words in result.stderr, result
        equal(run("cevctl", "--json", "trigger", *command).stderr, "")
    run("systemctl", "start", "containers-events-triggerd.service")
    equal(run("cevctl", "trigger", "list").stderr, "")
    equal(run("cevctl", "trigger", "test", "idle").stderr, "")
    own.unlink()


if __name__ == "__main__":
    main(private=False)
