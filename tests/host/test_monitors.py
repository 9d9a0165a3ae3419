#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What others print who listen to the service on a booted machine, busctl, gdbus and the subscriber
in Python: to root, to a member of the group and to somebody else; and that README shows just that.

Runs inside the machine that support.host boots, once with each broker."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from support import machine
from support.bus import SOURCE
from support.client import Client, Event, wait_until
from support.guest import Podman, Unit, run
from support.tap import equal, main, test

README = (SOURCE / "README.md").read_text()
SUBSCRIBER = "/usr/share/doc/containers-events/examples/subscriber.py"
MATCH = "type='signal',sender='org.containers.Events'"

BUSCTL = ["busctl", "monitor", "org.containers.Events"]
BUSCTL_MATCH = ["busctl", "monitor", f"--match={MATCH}"]
BUSCTL_JSON = ["busctl", "--json=short", "monitor", f"--match={MATCH}"]
GDBUS = ["gdbus", "monitor", "--system", "--dest", "org.containers.Events",
         "--object-path", "/org/containers/Events"]


class Program:
    """Somebody's program that listens, and what it has printed so far."""

    def __init__(self, user: str, command: list[str]) -> None:
        entry = pwd.getpwnam(user)
        self._path = machine.folder("program") / "output"
        with self._path.open("w") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                user=entry.pw_uid, group=entry.pw_gid, extra_groups=os.getgrouplist(
                    user, entry.pw_gid))

    @property
    def text(self) -> str:
        """All of it."""
        return self._path.read_text()

    def says(self, pattern: str) -> None:
        """Waits until it has printed that."""
        wait_until(lambda: re.search(pattern, self.text), f"{pattern!r} in {self.text}")

    def end(self) -> int:
        """Ends it, if it has not ended by itself."""
        self.process.terminate()
        return self.process.wait(10)


@contextlib.contextmanager
def listening(user: str, *commands: list[str]) -> Iterator[tuple[Client, list[Program]]]:
    """Programs that are known to hear."""
    client = Unit().client()
    programs = [Program(user, command) for command in commands]
    try:
        for program in programs:
            def hears(program: Program = program) -> bool:
                equal(program.process.poll(), None, program.text)
                client.emit(name="ready")
                return "ready" in program.text
            wait_until(hears, "a program that listens")
        yield client, programs
    finally:
        for program in programs:
            program.end()


def death(client: Client) -> Event:
    """A container dies; the event as the history has it."""
    podman = Podman()
    podman.once("web", 3)
    podman.rm("web")
    wait_until(lambda: client.history("name=web", "event=remove"), "the end")
    event = client.history("name=web", "event=died")[-1]
    equal(event.details, {"exit_code": 3, "uid": 0, "evidence": "event"})
    return event


def block(language: str, word: str) -> str:
    """The README's block in a language, or in none, that has a word in it."""
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    found = [text for language_of, text in fences if language_of == language and word in text]
    equal(len(found), 1, f"blocks in the README with {word!r}")
    return found[0]


def shape(text: str) -> str:
    """The text without what is another each time."""
    for pattern, word in ((r'Timestamp="[^"]*"', "Timestamp"), (r"Cookie=\d+", "Cookie"),
                          (r":1\.\d+", ":1.N"), (r"\b[0-9a-f]{64}\b", "ID"),
                          (r"\b[0-9a-f]{32}:\d+", "CURSOR"), (r"\b\d{19}\b", "TIME"),
                          (r"^\d+(?= container)|(?<=UINT64 )\d+|(?<=uint64 )\d+|(?<=TIME )\d+"
                           r"|(?<=^t )\d+", "SEQ")):
        text = re.sub(pattern, word, text, flags=re.MULTILINE)
    return text


def shown(text: str, word: str) -> None:
    """Somewhere in what was printed is what README shows."""
    expected = shape(block("", word))
    assert expected in shape(text), f"not what README shows:\n{expected}\nbut:\n{shape(text)}"


@test
def busctl_shows_root_what_README_shows() -> None:
    with listening(machine.ROOT, BUSCTL_MATCH, BUSCTL, BUSCTL_JSON) as (client, programs):
        event = death(client)
        for program in programs:
            program.says('"remove"')
        only, everything, lines = (program.text for program in programs)
        shown(only, "‣ Type=signal")
        shown(everything, "‣ Type=signal")
        equal(only.count("Type="), only.count("Type=signal"))
        messages = [json.loads(line) for line in lines.splitlines() if line.startswith("{")]
        data = next(message["payload"]["data"] for message in messages
                    if message["payload"]["data"][1:4:2] == ["died", "web"])
        equal(data[:8], list(event[:8]))
        equal({key: value["data"] for key, value in data[8].items()}, event.details)


@test
def a_line_of_jq_is_enough() -> None:
    pipeline = block("sh", "jq --unbuffered").replace("sudo ", "")
    with listening(machine.ROOT, ["sh", "-ec", pipeline]) as (client, programs):
        event = death(client)
        programs[0].says(rf"\n{event.seq} container died web 3\n")


@test
def gdbus_shows_a_member_of_the_group_what_README_shows() -> None:
    for user in (machine.ROOT, machine.READER):
        with listening(user, GDBUS) as (client, programs):
            event = death(client)
            programs[0].says("'remove'")
            shown(programs[0].text, "/Events: ")
            assert f"uint64 {event.time_nsec}, uint64 {event.seq}, " in programs[0].text


@test
def the_subscriber_shows_what_README_shows() -> None:
    for user in (machine.ROOT, machine.READER):
        place = machine.folder("place")
        place.chmod(0o777)
        command = ["/usr/bin/python3", SUBSCRIBER, str(place / "place")]
        with listening(user, command) as (client, programs):
            event = death(client)
            programs[0].says("remove")
            shown(programs[0].text, '7 container died "')
            assert f'{event.seq} container died "web" 3\n' in programs[0].text
            last = client.history()[-1].seq
            wait_until(lambda: (place / "place").read_text().endswith(f":{last}\n"), "its place")
            equal([line.split()[0] for line in programs[0].text.splitlines()],
                  [str(one.seq) for one in client.history()])


@test
def busctl_answers_what_README_shows() -> None:
    client = Unit().client()
    event = death(client)
    script = re.sub(r"\\\n\s*", "", block("sh", "busctl call"))
    # README's machine has but one death.
    script = script.replace(" ttas 0 0 ", f" ttas {event.time_nsec} 0 ")
    equal(shape(run("sh", "-ec", script).stdout), shape(block("", "sb 1 ")))


@test
def others_see_nothing() -> None:
    commands = [BUSCTL, BUSCTL_MATCH]
    for user in (machine.READER, machine.NOBODY):
        for command in commands:
            program = Program(user, command)
            equal(program.process.wait(20), 1, program.text)
            assert "BecomeMonitor failed: Access denied" in program.text, program.text
    program = Program(machine.NOBODY, ["/usr/bin/python3", SUBSCRIBER, "/nonexistent/place"])
    equal(program.process.wait(20), 1, program.text)
    assert "AccessDenied" in program.text, program.text
    deaf = Program(machine.NOBODY, GDBUS)
    deaf.says("The name org.containers.Events is owned by")
    with listening(machine.READER, GDBUS) as (client, programs):
        death(client)
        programs[0].says("'remove'")
    deaf.end()
    assert "EventEmitted" not in deaf.text, deaf.text


if __name__ == "__main__":
    main(private=False)
