#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""cevctl trigger and cevctl show: which triggers there are, what one would do with an event of the
history and why not, and all that is known of an event."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support import machine
from support.bus import BROKERS, SOURCE, Bus
from support.client import Client
from support.service import REPORT, Service
from support.tap import equal, main, test

ID = "4f2d8c2e9d8b" + "0" * 52
SECOND = 10**9
NOON = 1_763_812_800 * SECOND  # 2025-11-22 12:00:00 UTC

PAGE_TEAM = """\
[Trigger]
Description=Tell the team when a payment container dies with an error
Filter=type=container
Filter=event=died
Filter=exit_code!=0
Filter=label=team=payments
Unit=page-team@%n.service
RateLimitIntervalSec=1min
RateLimitBurst=5
"""

NASTY = "../a b\n\"$(touch /tmp/executed)`id`'\\ \t\x01é鯨"


class Host:
    """A service with a history, and a root with triggers."""

    def __init__(self, service: Service, client: Client, root: Path) -> None:
        self.service, self.client, self.root = service, client, root

    def write(self, name: str, text: str, folder: str = "etc") -> Path:
        """A trigger, or a drop-in of one."""
        path = self.root / folder / "containers-events/triggers.d" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run(self, *arguments: str, status: int = 0, says: str = "", **options: Any) -> str:
        """Runs cevctl, which must end with this status; returns what it prints."""
        result = self.service.cevctl(*arguments, **options)
        assert not REPORT.search(result.stderr), result.stderr
        equal(result.returncode, status, f"{arguments}: {result.stderr}")
        assert says in result.stderr if says else not result.stderr, result.stderr
        return result.stdout

    def trigger(self, verb: str, *arguments: str, **options: Any) -> str:
        """Runs cevctl trigger on the root."""
        return self.run("trigger", verb, f"--root={self.root}", *arguments, **options)

    def outcome(self, trigger: str, seq: int, status: int = 0) -> dict[str, Any]:
        """What the trigger would do with the event."""
        return json.loads(self.trigger("test", trigger, f"--event={seq}", "--json", status=status))

    def death(self, **changes: Any) -> int:
        """An event that PAGE_TEAM is for."""
        values = {"status": "died", "id": ID, "name": "my-web", "image": "web:1",
                  "engine": "podman", "time_nsec": NOON,
                  "details": {"exit_code": 137, "attributes": {"team": "payments"}}}
        return self.client.emit(**{**values, **changes})


@contextlib.contextmanager
def scene(broker: str = "dbus-daemon") -> Iterator[Host]:
    root = machine.folder("triggers")
    try:
        with Bus(broker) as bus, Service(bus) as service:
            host = Host(service, bus.client(), root)
            host.write("page-team.trigger", PAGE_TEAM)
            yield host
    finally:
        shutil.rmtree(root)


def passes(outcome: dict[str, Any]) -> dict[str, bool]:
    """Of each filter."""
    return {row["Filter"]: row["Passes"] for row in outcome["Filters"]}


def sourced(text: str, folder: Path) -> dict[str, str]:
    """The variables, as a shell reads them."""
    (folder / "environment").write_text(text)
    command = ["sh", "-c", f"set -a; . {folder}/environment; exec env -0"]
    variables = subprocess.run(command, capture_output=True, check=True, env={"PATH": "/usr/bin"})
    return dict(word.split("=", 1) for word in variables.stdout.decode().split("\0") if word)


@test
def the_list_has_each_trigger_and_what_is_wrong_with_it() -> None:
    with scene() as host:
        host.write("page-team.trigger", "[Trigger]\nUnit=hidden.service\n", folder="usr/lib")
        host.write("off.trigger", PAGE_TEAM, folder="usr/lib")
        (host.root / "etc/containers-events/triggers.d/off.trigger").symlink_to("/dev/null")
        bad = host.write("bad.trigger", "[Trigger]\nFilter=event=died\nUnit=%n.service\n",
                         folder="run")
        host.write("page-team.trigger.d/more.conf", "[Trigger]\nColour=red\nFilter=engine=podman\n")
        warning = "more.conf:2: the key Colour= is not known"

        text = host.trigger("list", says=warning)
        lines = text.splitlines()
        equal([line.split()[:3] for line in lines[1:4]],
              [["bad", "broken", "-"], ["off", "masked", "-"],
               ["page-team", "loaded", "page-team@%n.service"]])
        assert "Tell the team when" in lines[3] and "exit_code!=0" in lines[3], lines[3]
        assert f"bad is broken: {bad}:3: Unit=%n.service: a specifier may" in text, text

        rows = [json.loads(line) for line in host.trigger("list", "--json", "page-team",
                                                          says=warning).splitlines()]
        equal(len(rows), 1)
        equal(rows[0]["Filters"][-1], "engine=podman")
        equal((rows[0]["RateLimitIntervalUSec"], rows[0]["RateLimitBurst"], rows[0]["CatchUp"]),
              (60_000_000, 5, True))
        equal(len(rows[0]["DropIns"]), 1)
        assert host.trigger("list", "nobody", status=5, says="no trigger") == ""

        # What is odd about others is not told to who asks for one.
        assert "bad" in host.trigger("list", "bad")
        host.trigger("cat", "page-team.trigger", says=warning)


@test
def the_list_has_how_far_a_trigger_has_come() -> None:
    with scene() as host:
        folder = host.root / "var/lib/containers-events-triggerd"
        folder.mkdir(parents=True)
        epoch = host.client.get("Epoch")
        first = "containers-events-triggerd 1\n"
        for text, seq, cursor in ((f"{first}cursor {epoch}:4711\n", "4711", f"{epoch}:4711"),
                                  (first, "-", None), ("nonsense\n", "-", None)):
            (folder / "page-team.state").write_text(text)
            equal(host.trigger("list").splitlines()[1].split()[3], seq)
            equal(json.loads(host.trigger("list", "--json")).get("Cursor"), cursor)


@test
def the_files_are_shown_as_they_are_read() -> None:
    with scene() as host:
        main_file = host.write("page-team.trigger", PAGE_TEAM)
        drop_in = host.write("page-team.trigger.d/x.conf", "[Trigger]\nFilter=\x1b[2Jname=a", "run")
        equal(host.trigger("cat", "page-team"),
              f"# {main_file}\n{PAGE_TEAM}\n# {drop_in}\n[Trigger]\nFilter=\\x1b[2Jname=a\n")
        empty = host.write("a.trigger", "")
        equal(host.trigger("cat").splitlines()[0], f"# {empty} masks it")
        host.trigger("cat", "nobody", status=5, says='There is no trigger "nobody"')
        host.trigger("cat", "--event=1", status=2, says="--event goes with test alone")


@test(each=BROKERS)
def an_event_that_passes_would_start_the_unit(broker: str) -> None:
    with scene(broker) as host:
        host.client.emit()
        seq = host.death()
        host.client.emit(time_nsec=NOON)
        outcome = host.outcome("page-team", seq)
        assert outcome["Starts"] and all(passes(outcome).values()), outcome
        equal(outcome["Unit"], "page-team@my\\x2dweb.service")
        equal(outcome["EnvironmentFile"],
              "/run/containers-events/trigger/page-team@myx2dweb.env")
        epoch = host.client.get("Epoch")
        equal(outcome["Environment"],
              'CONTAINER_EVENT_TRIGGER="page-team"\n'
              'CONTAINER_EVENT_TYPE="container"\n'
              'CONTAINER_EVENT_STATUS="died"\n'
              f'CONTAINER_EVENT_ID="{ID}"\n'
              'CONTAINER_EVENT_NAME="my-web"\n'
              'CONTAINER_EVENT_IMAGE="web:1"\n'
              'CONTAINER_EVENT_ENGINE="podman"\n'
              f'CONTAINER_EVENT_CURSOR="{epoch}:{seq}"\n'
              f"CONTAINER_EVENT_SEQ={seq}\n"
              "CONTAINER_EVENT_TIME=2025-11-22T12:00:00.000000000Z\n"
              f"CONTAINER_EVENT_TIME_NSEC={NOON}\n"
              "CONTAINER_EVENT_EXIT_CODE=137\n"
              "CONTAINER_EVENT_COALESCED=1\n")
        # There is no systemd on this bus.
        assert "UnitLoadState" not in outcome and outcome["UnitError"], outcome

        text = host.trigger("test", "page-team", f"--event={seq}")
        for part in (f"Event: {seq}, container died of my-web\n", "yes  event=died\n",
                     "Unit: page-team@my\\x2dweb.service\n", "unknown: ",
                     "Limit: 5 starts in 60 s\n", "Starts it: yes\n", outcome["Environment"]):
            assert part in text, f"{part!r} is not in {text}"


@test
def it_says_which_filter_an_event_does_not_pass() -> None:
    with scene() as host:
        good = host.death()
        other_team = host.death(details={"exit_code": 1, "attributes": {"team": "web"}})
        start = host.client.emit(name="my-web", time_nsec=NOON)
        outcome = host.outcome("page-team", other_team, status=6)
        equal(passes(outcome), {"type=container": True, "event=died": True, "exit_code!=0": True,
                                "label=team=payments": False})
        equal(outcome["Obstacle"], "The event does not pass the filters.")
        assert "no   label=team=payments\n" in host.trigger("test", "page-team",
                                                            f"--event={other_team}", status=6)
        assert not passes(host.outcome("page-team", start, status=6))["event=died"]

        # The same key twice is either.
        host.write("page-team.trigger.d/or.conf",
                   "[Trigger]\nFilter=\nFilter=event=start\nFilter=event=died\n")
        outcome = host.outcome("page-team", good)
        equal(passes(outcome), {"event=start": False, "event=died": True})

        host.write("page-team.trigger.d/wrong.conf", "[Trigger]\nFilter=\nFilter=colour=red\n")
        host.trigger("test", "page-team", f"--event={good}", status=2, says="unknown key")
        host.trigger("test", "page-team", status=2, says="unknown key")
        host.service.stop()
        assert "Filters: colour=red" in host.trigger("test", "page-team")


@test
def what_cannot_be_tried_is_said() -> None:
    with scene() as host:
        seq = host.death()
        host.trigger("test", "page-team", "--event=4711", status=5,
                     says="The history has no event 4711")
        host.trigger("test", "page-team", "--event=0", status=2, says='"0" is no event')
        host.trigger("test", "page-team", "--event=-1", status=2, says='"-1" is no event')
        host.trigger("test", "nobody", f"--event={seq}", status=5, says='no trigger "nobody"')
        host.trigger("test", "./nobody.trigger", status=5, says="./nobody.trigger: No such file")
        host.trigger("test", status=2, says="Say which trigger")
        host.trigger("test", "page-team", "x", status=2, says='"x" is too much')
        bad = host.write("bad.trigger", PAGE_TEAM + "CatchUp=maybe\n")
        equal(host.outcome("bad", seq, status=6)["Problem"],
              f"{bad}:10: CatchUp=maybe is neither yes nor no")
        assert "Starts it: no\n" in host.trigger("test", "bad", status=6)


@test
def a_file_anywhere_can_be_tried() -> None:
    with scene() as host:
        path = host.root / "new.trigger"
        path.write_text(PAGE_TEAM)
        seq = host.death()
        equal(json.loads(host.trigger("test", str(path), f"--event={seq}", "--json"))["Trigger"],
              "new")
        assert "Starts it: when an event passes\n" in host.trigger("test", str(path))
        assert "Trigger: new (" in host.trigger("test", "new.trigger", cwd=host.root)
        path.write_text("nonsense")
        assert "new.trigger:1: the line is no" in host.trigger("test", str(path), status=6)


@test
def what_an_event_says_stays_data() -> None:
    with scene() as host:
        for name in (NASTY, "x" * 2000, "", "-", ".", "..", "%n", "a" * 300 + "\n"):
            seq = host.death(name=name)
            outcome = host.outcome("page-team", seq)
            kept = host.client.history("event=died")[-1].name
            unit = outcome["Unit"]
            assert len(unit) <= 255 and "/" not in unit and "\n" not in unit, unit
            assert unit.startswith("page-team@") and unit.endswith(".service"), unit
            folder, file = outcome["EnvironmentFile"].rsplit("/", 1)
            equal(folder, "/run/containers-events/trigger")
            assert file.startswith("page-team@") and "\\" not in file, file
            variables = sourced(outcome["Environment"], host.root)
            equal(variables["CONTAINER_EVENT_NAME"], kept)
            equal(variables["CONTAINER_EVENT_SEQ"], str(seq))
        assert not Path("/tmp/executed").exists()
        text = host.trigger("test", "page-team", f"--event={host.death(name=NASTY)}")
        assert "\x01" not in text and "\\x01" in text, text


@test
def the_example_and_the_manual_are_right() -> None:
    """The example runs as it is, README and the manual have it, and the manual each key, specifier
    and variable."""
    manual = (SOURCE / "docs/containers-events.trigger.5").read_text()
    example = (SOURCE / "examples/page-team.trigger").read_text()
    settings = example[example.index("[Trigger]"):]
    assert settings in manual and settings in (SOURCE / "README.md").read_text(), settings
    source = (SOURCE / "client/triggerd/trigger-file.c").read_text()
    keys = re.findall(r'\{ "(\w+)", (?:set|add)_', source)
    assert len(keys) == 7, keys
    for key in keys:
        assert f"Cm {key}=" in manual, key
    source = (SOURCE / "client/triggerd/specifier.c").read_text()
    for letter in re.findall(r'#define SPECIFIERS "(.*)"', source)[0]:
        assert f".It Li %{letter}\n" in manual, letter
    source = (SOURCE / "client/triggerd/environment-file.c").read_text()
    names = re.findall(r'(?:\{ |number\(f, |text\(f, |f, PREFIX )"([A-Z_]+)[="]', source)
    assert len(names) >= 20, names
    for name in names:
        assert re.search(rf"CONTAINER_EVENT_{name}\b", manual), name
    with scene() as host:
        path = SOURCE / "examples/page-team.trigger"
        outcome = json.loads(host.trigger("test", str(path), f"--event={host.death()}", "--json"))
        equal((outcome["Unit"], outcome["Starts"]), ("page-team@my\\x2dweb.service", True))


@test
def show_has_all_that_is_known_of_an_event() -> None:
    with scene() as host:
        seq = host.death(details={"exit_code": 137, "error": "it\nbroke", "colour": "red",
                                  "attributes": {"team": "payments", "b": "\x1b[2J"}})
        host.client.emit(name="other")
        text = host.run("show", str(seq))
        for part in ("             Type: container\n", "           Status: died\n",
                     "ContainerExitCode: 137\n", f"ID: {ID}\n", "Name: my-web\n",
                     "       Attributes: b=\\x1b[2J\n                   team=payments\n",
                     "error: it\\x0abroke\n", "red\n", f"Seq: {seq}\n", "Cursor: "):
            assert part in text, f"{part!r} is not in {text}"
        event = json.loads(host.run("show", "--json", str(seq)))
        equal((event["Seq"], event["Attributes"]["team"]), (seq, "payments"))
        equal(host.run("show", "--format=json", str(seq)), host.run("--json", "show", str(seq)))
        equal(host.run("show", "--format", "{{.Seq}} {{.Name}}", str(seq), str(seq + 1)),
              f"{seq} my-web\n{seq + 1} other\n")
        equal(host.run("show", str(seq), str(seq + 1)).count("\n\n"), 1)


@test
def show_says_what_is_not_there() -> None:
    with scene() as host:
        host.death()
        host.run("show", "2", status=5, says="The history has no event 2")
        host.run("show", status=2, says="Say which event")
        host.run("show", "first", status=2, says='"first" is no event')
        host.run("show", "18446744073709551616", status=2, says="is no event")
        host.run("show", "--format={{.Colour}}", "1", status=2, says="Colour")
        host.run("show", "--json", "--format={{.Name}}", "1", status=2, says="exclude")
        host.service.stop()
        host.run("show", "1", status=1, says="containers-eventsd is not running")


main()
