#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Units that start when something happens to containers: each once, whoever is killed meanwhile;
with whatever a name has in it as data; and with a limit that holds.

Runs inside the machine that support.host boots, once with each broker."""

from __future__ import annotations

import concurrent.futures
import json
import os
import re
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any

import dbus
from gi.repository import Gio

from support.bus import SOURCE
from support.client import Client, Event, Waiting, settle, wait_until
from support.guest import IMAGE, Podman, Unit, journal, run
from support.podman_log import Writer
from support.tap import equal, main, note, test

README = (SOURCE / "README.md").read_text()
TRIGGERD = "containers-events-triggerd.service"
TRIGGERS = Path("/etc/containers-events/triggers.d")
ENVIRONMENTS = Path("/run/containers-events/trigger")
STATE = Path("/var/lib/containers-events-triggerd")
STARTS = Path("/srv/starts")
EXECUTED = Path("/srv/executed")
LEFT_OUT = "f7bbc9358e3c4ceb852881f4bb91bc8e"  # MESSAGE_ID of what a limit left out
DEADLINE = 40

CONTAINERS, STREAMS, KILLS, AT_A_TIME = 100, 4, 5, 3
DEATHS, BURST, AT_ONCE = 1000, 5, 100
PACE = 0.003  # seconds
SLACK = 0.5  # ms, in which a machine with nothing to do wakes up, or not

TEMPLATE = """\
[Service]
Type=oneshot
EnvironmentFile={environments}/%N.env
ExecStart=/bin/sh -c 'env -0 >{starts}/$$INVOCATION_ID'
"""


def make(name: str, instance: str, *lines: str) -> None:
    """A trigger, and no other, with the template of the units that it starts: each start writes its
    environment to a file of its own."""
    for folder in (TRIGGERS, STARTS):
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
    Path(f"/etc/systemd/system/{name}@.service").write_text(
        TEMPLATE.format(environments=ENVIRONMENTS, starts=STARTS))
    settings = "\n".join([*lines, f"Unit={name}@{instance}.service"])
    (TRIGGERS / f"{name}.trigger").write_text(f"[Trigger]\n{settings}\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "reload-or-restart", TRIGGERD)
    wait_for(name)


def wait_for(trigger: str) -> None:
    """Until it has a place in the history, where it begins."""
    wait_until((STATE / f"{trigger}.state").exists, f"a place of the trigger {trigger}")


def example(word: str) -> tuple[Path, str]:
    """A file that README shows, and where it belongs."""
    found = re.findall(r"`(/etc/[^`]+)`[^`]*```ini\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return next((Path(path), text) for path, text in found if word in text)


def starts() -> list[dict[str, str]]:
    """What each unit that has ended found in its environment about its event."""
    found = []
    for path in STARTS.iterdir():
        pairs = dict(pair.partition("=")[::2] for pair in
                     path.read_bytes().decode(errors="surrogateescape").split("\0") if pair)
        found.append({key.removeprefix("CONTAINER_EVENT_"): value for key, value in pairs.items()
                      if key.startswith("CONTAINER_EVENT_")})
    return sorted(found, key=lambda variables: int(variables.get("SEQ", 0)))


def expected(event: Event, trigger: str, epoch: str) -> dict[str, str]:
    """What the unit has to find, but for the time as people write it."""
    variables = {"TRIGGER": trigger, "TYPE": event.type, "STATUS": event.status, "ID": event.id,
                 "NAME": event.name, "IMAGE": event.image, "ENGINE": event.engine,
                 "SEQ": str(event.seq), "CURSOR": f"{epoch}:{event.seq}",
                 "TIME_NSEC": str(event.time_nsec), "COALESCED": "1"}
    for key in ("exit_code", "uid"):
        if key in event.details:
            variables[key.upper()] = str(event.details[key])
    return variables


def compare(client: Client, trigger: str, *filters: str) -> None:
    """Each event that matches has started its unit, once, and with its own environment."""
    events, epoch = client.history(*filters), client.get("Epoch")
    wait_until(lambda: len(starts()) >= len(events) and not leftovers(),
               f"{len(events)} starts; there are {len(starts())}, and {leftovers()}", DEADLINE)
    found = starts()
    equal({seq: count for seq, count in Counter(one["SEQ"] for one in found).items() if count > 1},
          {}, f"started more than once, of {len(events)}")
    for variables, event in zip(found, events, strict=True):
        del variables["TIME"]
        equal(variables, expected(event, trigger, epoch))


def leftovers() -> list[str]:
    """Environment files whose unit has not come to rest."""
    return sorted(os.listdir(ENVIRONMENTS))


class Folder:
    """The names that ever were in a folder."""

    def __init__(self, path: Path) -> None:
        self.names: set[str] = set()
        self._monitor = Gio.File.new_for_path(str(path)).monitor_directory(
            Gio.FileMonitorFlags.WATCH_MOVES, None)
        self._monitor.connect("changed", self._changed)

    def _changed(self, _monitor: Any, file: Gio.File, other: Gio.File | None, _kind: Any) -> None:
        self.names |= {one.get_path() for one in (file, other) if one}


def kill_triggerd() -> None:
    """SIGKILL; returns when systemd has started another."""
    pid = run("systemctl", "show", "--value", "--property=MainPID", TRIGGERD).stdout
    run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", TRIGGERD)

    def back() -> bool:
        shown = run("systemctl", "show", "--value", "--property=MainPID,ActiveState", TRIGGERD)
        return "active" in shown.stdout.split() and pid.strip() not in shown.stdout.split()

    wait_until(back, "another trigger daemon", 20)


@test
def what_README_shows_works() -> None:
    service, podman = Unit(), Podman()
    service.ctl("start")
    for path, text in (example("[Trigger]"), example("[Service]")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    run("systemctl", "daemon-reload")
    run("systemctl", "start", TRIGGERD)
    assert (STATE / "page-team.state").exists(), "it is started before it knows where to begin"
    podman.once("fine", 0, "--label=team=payments")
    podman.once("other", 3, "--label=team=web")
    podman.once("my-web", 3, "--label=team=payments")
    wait_until(lambda: journal("MESSAGE=my-web died with 3"), "a word to the team", DEADLINE)
    units = {entry["UNIT"] for entry in journal("_PID=1") if "page-team" in entry.get("UNIT", "")}
    equal(units, {"page-team@my\\x2dweb.service"})


@test(deadline=110)
def each_container_that_dies_starts_its_unit_once() -> None:
    podman, service = Podman(), Unit()
    service.ctl("start")
    client = service.client()
    client.query()
    make("died", "%i", "Filter=type=container", "Filter=event=died", "Filter=exit_code!=0",
         "Filter=label=set=hundred")
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(STREAMS) as pool:
        lives = [pool.submit(podman.run, f"c{number}", "sh", "-c", f"exit {1 + number % 255}",
                             options=("--label=set=hundred",))
                 for number in range(CONTAINERS)]
        for turn in range(2 * KILLS):
            count = (turn + 1) * CONTAINERS // (2 * KILLS + 1)
            wait_until(lambda count=count: sum(life.done() for life in lives) >= count,
                       f"{count} containers", DEADLINE)
            if turn % 2:
                service.kill(client)
            else:
                # At once again: what one left in doubt is so for the next.
                for _ in range(AT_A_TIME):
                    kill_triggerd()
            if turn == KILLS:
                run("systemctl", "daemon-reload")
    for life in lives:
        life.result()
    wait_until(lambda: len(client.history("event=died", "label=set=hundred")) == CONTAINERS,
               "all deaths", DEADLINE)
    note(f"{CONTAINERS} containers in {time.monotonic() - began:.0f} s; {len(starts())} starts")
    compare(client, "died", "event=died", "label=set=hundred")
    names = {variables["NAME"]: variables["EXIT_CODE"] for variables in starts()}
    equal(names, {f"c{number}": str(1 + number % 255) for number in range(CONTAINERS)})
    equal(run("systemctl", "show", "--value", "--property=NRestarts", TRIGGERD).stdout.strip(),
          str(KILLS * AT_A_TIME))


HOSTILE = [
    "a\nb\r\n", "\nCONTAINER_EVENT_ID=forged\n", "\"'`", f"$(touch {EXECUTED})", "%n %i %% %",
    f"`touch {EXECUTED}`", f"\"; touch {EXECUTED}; \"", f"' ; touch {EXECUTED} #", "$HOME ${PATH}",
    "../../../../srv/executed", "/srv/executed", "..", ".", "/", "-rf", "\\", "a\\\n b", "\\x2d\\",
    " a b ", "\t", "#", "=", "@", "a@b.service", "[a-z]?*", "ä 😀 \u202e", "\x01\x1b[31m\x7f",
    "x" * 10_240, "é" * 5_120, "\n" * 300, "a" * 255 + ".service",
]


@test
def what_names_have_in_them_is_data() -> None:
    client = Unit().client()
    make("hostile", "%n", "Filter=type=container", "Filter=event=died", "Filter=engine=hostile")
    folder = Folder(ENVIRONMENTS)
    before = paths()
    for number, text in enumerate(HOSTILE):
        short = text[:100]
        client.emit(status="died", id=f"{number:064x}", name=text, image=short, engine="hostile",
                    details={"exit_code": 1, "attributes": {short: short}, "error": short})
    events = client.history("engine=hostile")
    equal(len(events), len(HOSTILE))
    for event, text in zip(events, HOSTILE, strict=True):
        # More than 2 KiB of a name the service does not keep.
        whole = not event.details.get("truncated")
        assert text == event.name if whole else text.startswith(event.name[:1000]), event
    wait_until(lambda: len(starts()) == len(events) and not leftovers(), "all starts", DEADLINE)
    for variables, event in zip(starts(), events, strict=True):
        equal({key: variables.get(key) for key in ("ID", "NAME", "IMAGE", "ERROR", "SEQ")},
              {"ID": event.id, "NAME": event.name, "IMAGE": event.image,
               "ERROR": event.details["error"], "SEQ": str(event.seq)})
        equal("TRUNCATED" in variables, "truncated" in event.details)
    settle()
    assert len(folder.names) >= len(HOSTILE), folder.names
    for path in map(Path, folder.names):
        equal(path.parent, ENVIRONMENTS, "a path")
    equal(EXECUTED.exists(), False)
    equal(paths() - before, set(), "what is left")


def paths() -> set[str]:
    """All that there is on the machine where somebody could have left something."""
    found = run("find", "/run", "/srv", "/tmp", "/etc", "/root", "/home", STATE, "/usr/lib/systemd",
                "-xdev", "(", "-path", "/run/systemd", "-o", "-path", "/srv/source", "-o", "-path",
                STARTS, "-o", "-path", "/run/log", ")", "-prune", "-o", "-print",
                check=False).stdout
    return set(found.splitlines())


@test
def what_podman_lets_pass_is_data_too() -> None:
    """Labels with anything in them; and lines of its log that it would not write."""
    podman, client = Podman(), Unit().client()
    make("label", "%n", "Filter=type=container", "Filter=event=died", "Filter=label=hostile")
    label = f"a\n\"'`$(touch {EXECUTED})`../../x%n" + "y" * 10_240
    podman.run("labelled", "sh", "-c", "exit 9", options=(f"--label=hostile={label}",))
    wait_until(lambda: client.history("name=labelled", "event=died"), "a death")
    log = Writer(Path("/run/libpod/events/events.log"), limit=1 << 30)
    line = log.event(Status="died", Name="NAME", ID="e" * 64, Image="$(id)",
                     Attributes={"hostile": "VALUE"}, ContainerExitCode=8)
    line = line.replace("2026-11-22T01:02:03", time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()))
    raw = f"\udcff\udc80$(touch {EXECUTED})\udcc3".encode(errors="surrogateescape")
    log.raw(line.encode().replace(b"NAME", raw).replace(b"VALUE", raw) + b"\n")
    wait_until(lambda: client.history("id=" + "e" * 64), "what was forged")
    compare(client, "label", "event=died", "label=hostile")
    one, other = client.history("event=died", "label=hostile")
    equal(one.details["attributes"]["hostile"], label)
    equal(other.name, f"\ufffd\ufffd$(touch {EXECUTED})\ufffd")
    shown = json.loads(run("cevctl", "show", "--format=json", starts()[0]["SEQ"]).stdout)
    equal(shown["Attributes"]["hostile"], label)
    equal(EXECUTED.exists(), False)


def pour(client: Client, count: int, time_nsec: int) -> None:
    """So many deaths, as many at once as dbus-daemon lets us."""
    for _ in range(count // AT_ONCE):
        calls = [Waiting(client, "Emit", "container", "died", "b" * 64, "loop", IMAGE, "loop",
                         time_nsec, dbus.Dictionary({"exit_code": dbus.Int32(1)}, signature="sv"))
                 for _ in range(AT_ONCE)]
        for call in calls:
            call.wait()


@test
def of_a_crash_loop_the_limit_holds_and_one_record_tells() -> None:
    client = Unit().client()
    make("loop", "%s", "Filter=event=died", "Filter=engine=loop", "RateLimitIntervalSec=3s",
         f"RateLimitBurst={BURST}")
    since = f"--since=@{int(time.time())}"
    pour(client, DEATHS, time.time_ns())
    records = wait_until(lambda: journal(since, f"MESSAGE_ID={LEFT_OUT}"), "a record", DEADLINE)
    events = client.history("engine=loop")
    equal(len(events), DEATHS)
    wait_until(lambda: len(starts()) == BURST and not leftovers(), "the starts")
    equal([variables["SEQ"] for variables in starts()],
          [str(event.seq) for event in events[:BURST]])
    equal([(record["CONTAINERS_EVENTS_TRIGGER"], record["CONTAINERS_EVENTS_LEFT_OUT"],
            record["CONTAINERS_EVENTS_FIRST_SEQ"], record["CONTAINERS_EVENTS_LAST_SEQ"])
           for record in records],
          [("loop", str(DEATHS - BURST), str(events[BURST].seq), str(events[-1].seq))])


def latency(client: Client) -> list[float]:
    """How long the recorder takes for a death in a crash loop, in ms, each. A death every 3 ms is
    more than containers manage."""
    took = []
    for _ in range(100):
        time.sleep(PACE)
        start = time.perf_counter()
        client.emit(status="died", name="loop", engine="loop", details={"exit_code": 1})
        took.append((time.perf_counter() - start) * 1000)
    return took


@test
def a_crash_loop_under_a_trigger_makes_the_recorder_no_slower() -> None:
    """Nor does a trigger daemon that stands still. In turns, so that each has the same of whatever
    else the machine does."""
    client = Unit().client()
    make("loop", "%s", "Filter=event=died", "Filter=engine=loop", "RateLimitIntervalSec=1h",
         f"RateLimitBurst={BURST}")
    took: dict[str, list[float]] = {"without it": [], "with it": [], "when it stands still": []}
    for _ in range(4):
        took["with it"] += latency(client)
        run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", TRIGGERD)
        took["when it stands still"] += latency(client)
        run("systemctl", "kill", "--kill-whom=main", "--signal=CONT", TRIGGERD)
        run("systemctl", "stop", TRIGGERD)
        took["without it"] += latency(client)
        run("systemctl", "start", TRIGGERD)
        wait_for("loop")
    quantiles = {name: statistics.quantiles(times, n=20) for name, times in took.items()}
    for name, of in quantiles.items():
        note(f"{name}: median {of[9]:.2f} ms, 95 % {of[18]:.2f} ms")
    without = quantiles.pop("without it")
    # The recorder comes before others; whoever was in its way would cost it far more.
    for name, of in quantiles.items():
        for part in (9, 18):
            assert of[part] < 3 * without[part] + SLACK, f"{name}: {of}, and without: {without}"


if __name__ == "__main__":
    main(private=False)
