#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""cevctl against the real service: what it prints, how it ends, and that following has no hole."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import termios
import threading
import time
from typing import IO

import dbus

from support import machine
from support.bus import BROKERS, Bus
from support.client import settle, wait_until
from support.forger import forge
from support.journal import needs_files
from support.proxy import Proxy
from support.service import REPORT, Service, cevctl
from support.tap import equal, main, note, patience, test

CONTAINER = "c" * 64
EXEC = "e" * 64
SANITIZED = {"ASAN_OPTIONS": "detect_leaks=1:exitcode=99", "UBSAN_OPTIONS": "print_stacktrace=1"}


def run(bus: Bus, *arguments: str, user: str = machine.ROOT, status: int = 0,
        **variables: str) -> subprocess.CompletedProcess:
    """Runs cevctl, which must end with this status and leave no report of a sanitizer."""
    command = [cevctl(), *arguments]
    if user != machine.ROOT:
        uid, gid = machine.ids(user)
        command = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--init-groups", *command]
    result = subprocess.run(command, env={**bus.environment, **SANITIZED, **variables}, text=True,
                            stdin=subprocess.DEVNULL, capture_output=True, check=False,
                            timeout=patience(30))
    assert not REPORT.search(result.stderr), result.stderr
    equal(result.returncode, status, f"{arguments}: {result.stdout}{result.stderr}")
    return result


def refused(bus: Bus, *arguments: str, status: int = 2, says: str, **options: str) -> None:
    """Runs cevctl, which must print nothing but a sentence that says this."""
    result = run(bus, *arguments, status=status, **options)
    equal(result.stdout, "")
    assert says in result.stderr, f"{arguments}: {result.stderr!r} does not say {says!r}"
    assert result.stderr.startswith("cevctl: "), result.stderr


class Follower:
    """A cevctl that follows; what it prints is collected."""

    def __init__(self, bus: Bus, *arguments: str, command: str = "events",
                 form: str = "{{.Seq}}", environment: dict[str, str] | None = None) -> None:
        self.lines: list[str] = []
        self.errors: list[str] = []
        self.process = subprocess.Popen(
            [cevctl(), command, "--format", form, *arguments], text=True,
            env={**(environment or bus.environment), **SANITIZED}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._threads = [threading.Thread(target=self._collect, args=pair) for pair in (
            (self.process.stdout, self.lines), (self.process.stderr, self.errors))]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _collect(pipe, lines: list[str]) -> None:
        for line in pipe:
            lines.append(line.rstrip("\n"))

    def wait(self, last: object, deadline: float = 20) -> None:
        """Waits until it has printed this line."""
        wait_until(lambda: str(last) in self.lines[-1:],
                   f"{last} (it has {self.lines[-3:]}, and says {self.errors})", deadline)

    def end(self, number: int | None = signal.SIGTERM, status: int = 0) -> list[str]:
        """Sends it the signal, if any; it must end with this status. Returns all it printed."""
        if number is not None:
            self.process.send_signal(number)
        equal(self.process.wait(patience(20)), status, f"{self.errors}")
        for thread in self._threads:
            thread.join()
        assert not REPORT.search("\n".join(self.errors)), self.errors
        return self.lines

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, *_) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join()


def until_it_follows(bus: Bus, follower: Follower, first: int = 1) -> int:
    """Emits until the follower has heard one: it follows from there on. Returns its number."""
    client = bus.client()
    sent = []

    def heard() -> bool:
        if not sent or time.monotonic() - sent[-1][1] > 0.2:
            sent.append((client.emit(name="first"), time.monotonic()))
        return bool(follower.lines)

    wait_until(heard, f"the first event (it says {follower.errors})", 20)
    follower.wait(sent[-1][0])
    assert int(follower.lines[0]) >= first
    return sent[-1][0]


def numbers(first: int, last: int) -> list[str]:
    """These numbers, as printed."""
    return [str(number) for number in range(first, last + 1)]


# ---- what it prints ----

@test
def query_prints_what_podman_prints() -> None:
    with Bus() as bus, Service(bus):
        client = bus.client()
        stamp = 1_795_348_800_500_000_000
        client.emit("container", "died", CONTAINER, "web", "busybox", time_nsec=stamp,
                    details={"exit_code": 3, "attributes": {"b": "2", "a": "1"}})
        client.emit("network", "connect", CONTAINER, time_nsec=stamp, details={"network": "net"})
        client.emit("volume", "create", name="vol", time_nsec=stamp)
        at = "2026-11-22 13:00:00.5 +0100 CET"
        equal(run(bus, "query", TZ="Europe/Berlin").stdout,
              f"{at} container died {CONTAINER} (image=busybox, name=web, a=1, b=2)\n"
              f"{at} network connect {CONTAINER} (container={CONTAINER}, name=net)\n"
              f"{at} volume create vol\n")
        equal(run(bus, "query", "--no-trunc=false", "-f", "type=container", TZ="UTC").stdout,
              f"2026-11-22 12:00:00.5 +0000 UTC container died {CONTAINER[:12]} "
              "(image=busybox, name=web, a=1, b=2)\n")
        equal(run(bus, "events", "--stream=false", "--format",
                  '{{.Seq}} {{.Name}} {{.ContainerExitCode}} {{index .Attributes "a"}}').stdout,
              "1 web 3 1\n2   \n3 vol  \n")


@test
def json_has_the_keys_of_podman_and_ours() -> None:
    with Bus() as bus, Service(bus):
        client = bus.client()
        client.emit("container", "exec_died", CONTAINER, "web", "busybox",
                    time_nsec=1_795_348_800_123_456_789,
                    details={"exit_code": 0, "exec_id": EXEC, "attributes": {"a": "1"},
                             "oom_killed": True, "reason": "r", "uid": dbus.UInt32(1000),
                             "evidence": "exit-file",
                             "pid": dbus.UInt64(2 ** 63), "Seq": dbus.UInt64(666)})
        expected = {
            "ContainerExitCode": 0, "OOMKilled": True, "ID": CONTAINER, "Image": "busybox",
            "Name": "web", "Status": "exec_died", "Time": "2026-11-22T12:00:00.123456789Z",
            "Type": "container", "Attributes": {"a": "1"}, "time": 1_795_348_800,
            "timeNano": 1_795_348_800_123_456_789, "Seq": 1, "Engine": "test", "ExecID": EXEC,
            "UID": 1000, "Reason": "r", "Evidence": "exit-file", "pid": 2 ** 63,
            "Extra": {"Seq": 666},
            "Cursor": f"{client.get('Epoch')}:1"}
        for arguments in (("--json",), ("--format", "json"), ("--format", "{{json .}}")):
            output = run(bus, "query", *arguments).stdout
            equal(json.loads(output), expected)
            equal(output.count("\n"), 1)


@test
def a_label_cannot_drive_the_terminal() -> None:
    with Bus() as bus, Service(bus):
        evil = "\x1b]0;gotcha\x07\x1b[31m\u009b31m\x7f\r\n"
        client = bus.client()
        client.emit("container", "start", CONTAINER, evil, evil,
                    details={"attributes": {evil: evil}, "pod_id": evil})
        output = run(bus, "query").stdout
        equal(output.count("\n"), 1)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", output), repr(output)
        assert r"\x1b]0;gotcha\x07\x1b[31m\x9b31m\x7f\x0d\x0a" in output, output
        output = run(bus, "query", "--json").stdout
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", output), repr(output)
        equal(json.loads(output)["Name"], evil)
        # For a program a template gives the value itself.
        equal(run(bus, "query", "--format", "{{.Attributes}}").stdout.rstrip("\n")[:5], "map[\x1b")


@test
def colors_are_for_terminals() -> None:
    with Bus() as bus, Service(bus):
        bus.client().emit()
        assert "\x1b" not in run(bus, "query").stdout
        script = shutil.which("script")
        if not script:
            note("script is not installed: only without a terminal")
            return
        for variables, colored in (({}, True), ({"NO_COLOR": "1"}, False),
                                   ({"TERM": "dumb"}, False)):
            result = subprocess.run(
                [script, "-qec", f"{cevctl()} query", "/dev/null"], capture_output=True,
                env={**bus.environment, "TERM": "xterm", **variables}, text=True, check=True,
                timeout=patience(20))
            equal("\x1b[" in result.stdout, colored, result.stdout)


@test
def a_range_is_half_open_and_times_are_exact() -> None:
    with Bus() as bus, Service(bus):
        client = bus.client()
        base = 1_795_348_800_000_000_000
        for offset in (0, 1, 2):
            client.emit(time_nsec=base + offset)
        seqs = ("--format", "{{.Seq}}")
        equal(run(bus, "query", *seqs, "--since", "1795348800.000000001").stdout, "2\n3\n")
        equal(run(bus, "query", *seqs, "--until", "1795348800.000000001").stdout, "1\n")
        equal(run(bus, "query", *seqs, "-S", "2026-11-22T12:00:00.000000001Z",
                  "-U", "2026-11-22T13:00:00,000000002+01:00").stdout, "2\n")
        equal(run(bus, "query", *seqs, "--until", "0").stdout, "")
        equal(run(bus, "query", *seqs, "--until", "-5").stdout, "")
        equal(run(bus, "query", *seqs, "--since", "0").stdout, "1\n2\n3\n")
        equal(run(bus, "query", *seqs, "--since", "2026-11-22 13:00:00.000000002",
                  TZ="Europe/Berlin").stdout, "3\n")


@test(deadline=120)
def more_than_a_page_is_printed_whole() -> None:
    with Bus() as bus, Service(bus):
        client = bus.client()
        for number in range(2345):
            client.emit(name="even" if number % 2 else "odd")
        equal(run(bus, "query", "--format", "{{.Seq}}").stdout.split(), numbers(1, 2345))
        equal(run(bus, "query", "--format", "{{.Seq}}", "-f", "name=even").stdout.split(),
              numbers(1, 2345)[1::2])
        equal(run(bus, "query", "--format", "{{.Seq}}", "--after",
                  f"{client.get('Epoch')}:2300").stdout.split(), numbers(2301, 2345))


@test
def emit_prints_the_number() -> None:
    with Bus() as bus, Service(bus):
        equal(run(bus, "emit", "container", "died", "--id", CONTAINER, "--name", "web",
                  "--image", "busybox", "--engine", "hook", "--time", "1795348800.5",
                  "--attribute", "a=b=c", "--attribute", "d=", "--exit-code", "-1", "--uid", "1000",
                  "--exec-id", EXEC, "--pod-id", "p", "--network", "n", "--health-status", "h",
                  "--error", "e", "--reason", "r", "--evidence", "event", "--oom-killed",
                  "--detail", "x=y").stdout, "1\n")
        equal(json.loads(run(bus, "emit", "--json", "system", "refresh").stdout), {"Seq": 2})
        events = bus.client().history()
        equal(events[0][:7], ("container", "died", CONTAINER, "web", "busybox", "hook",
                              1_795_348_800_500_000_000))
        equal(events[0].details, {
            "exit_code": -1, "uid": 1000, "exec_id": EXEC, "pod_id": "p", "network": "n",
            "health_status": "h", "error": "e", "reason": "r", "evidence": "event",
            "oom_killed": True, "x": "y",
            "attributes": {"a": "b=c", "d": ""}})
        equal(events[1].engine, "cevctl")


@test
def exit_codes_and_what_is_known_of_them() -> None:
    with Bus() as bus, Service(bus):
        client = bus.client()
        client.emit("container", "died", CONTAINER, details={"exit_code": 3})
        client.emit("container", "exec_died", CONTAINER, details={"exec_id": EXEC, "exit_code": 0})
        client.emit("container", "exec", CONTAINER, details={"exec_id": "a" * 64})
        client.emit("container", "exec_died", CONTAINER, details={"exec_id": "b" * 64})
        equal(run(bus, "exit-code", EXEC).stdout, "0\n")
        equal(run(bus, "exit-code", EXEC[:12]).stdout, "0\n")
        equal(run(bus, "exit-code", CONTAINER).stdout, "3\n")
        equal(run(bus, "exit-code", "--container", CONTAINER).stdout, "3\n")
        shown = json.loads(run(bus, "--json", "exit-code", CONTAINER).stdout)
        equal(shown.pop("Event")["Seq"], 1)
        equal(shown, {"ID": CONTAINER, "Kind": "container", "ExitCode": 3})
        refused(bus, "exit-code", "a" * 64, status=3, says="a" * 12)
        refused(bus, "exit-code", "b" * 64, status=4, says="b" * 12)
        refused(bus, "exit-code", "--exec", CONTAINER, status=5, says=CONTAINER[:12])
        refused(bus, "exit-code", "d" * 64, status=5, says="neither an exec session nor")
        refused(bus, "exit-code", EXEC[:11], status=2, says="at least 12 characters")
        refused(bus, "exit-code", "", status=2, says="")


@test
def status_shows_the_history_and_the_sources() -> None:
    with Bus() as bus, Service(bus):
        client = bus.client()
        for _ in range(3):
            client.emit()
        page = run(bus, "status").stdout
        for word in ("containers-eventsd", client.get("Version"), "recording", "events 1 to 3",
                     client.get("Epoch"), client.get("Backend")):
            assert word in page, f"{word} is not in\n{page}"
        shown = json.loads(run(bus, "status", "--json").stdout)
        sources = sorted(client.engines().values(), key=lambda source: source["Name"])
        equal(shown["Sources"], sources)
        equal({key: shown[key] for key in ("Epoch", "NewestSeq", "Degraded")},
              {key: client.get(key) for key in ("Epoch", "NewestSeq", "Degraded")})
        for source in sources:
            assert source["Name"] in page and source["State"] in page, page
        equal(json.loads(run(bus, "version", "--json").stdout)["Service"], client.get("Version"))


@test
def the_users_bus_is_asked_with_user() -> None:
    with Bus() as bus, Service(bus):
        bus.client().emit(name="web")
        variables = {"DBUS_SESSION_BUS_ADDRESS": bus.address,
                     "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}
        for arguments in (("--user", "query"), ("query", "--user")):
            assert "name=web" in run(bus, *arguments, **variables).stdout
        refused(bus, "query", status=1, says="The system bus cannot be used", **variables)


# ---- what it says when it cannot ----

@test
def a_service_that_is_not_there() -> None:
    with Bus() as bus:
        for command in (("events",), ("query",), ("status",), ("exit-code", CONTAINER),
                        ("emit", "system", "refresh")):
            refused(bus, *command, status=1, says='"systemctl start containers-eventsd"')
        refused(bus, "query", "--user", status=1, DBUS_SESSION_BUS_ADDRESS=bus.address,
                says='"systemctl --user start containers-eventsd"')
        assert "is not running" in run(bus, "version").stdout


@test(each=BROKERS)
def who_may_not_read_is_told_how_to(broker: str) -> None:
    with Bus(broker) as bus, Service(bus):
        bus.client().emit()
        for command in (("events",), ("query",), ("status",), ("exit-code", CONTAINER), ("wait",),
                        ("wait", "--timeout=0"), ("cursor",), ("exit-code", "--wait", CONTAINER),
                        ("exit-code", "--wait=0", "--container", CONTAINER)):
            refused(bus, *command, user=machine.STRANGER, status=1,
                    says=f"usermod -aG containers-events {machine.STRANGER}")
        refused(bus, "emit", "system", "refresh", user=machine.READER, status=1,
                says="Only root may record events")
        equal(run(bus, "query", "--format", "{{.Seq}}", user=machine.READER).stdout, "1\n")
        assert "events 1 to 1" in run(bus, "status", user=machine.READER).stdout


@test
def mistakes_are_named_before_any_output() -> None:
    with Bus() as bus, Service(bus):
        bus.client().emit()
        refused(bus, "query", "--since", "soon", says='"soon" is not a time: give a time as')
        refused(bus, "query", "--until", "5 minutes", says='"5 minutes" is not a time')
        refused(bus, "query", "--since", "9999-12-31", says="too far away")
        refused(bus, "query", "-S", "2026-11-22Z", "-U", "2026-11-21Z", says="before it starts")
        refused(bus, "query", "--format", "{{.Foo}}", says='no field "Foo"; they have Attributes,')
        refused(bus, "query", "--format", "{{if .ID}}x{{end}}", says="conditions, loops and blocks")
        refused(bus, "query", "--stream=maybe", says="--stream=maybe: give true or false")
        refused(bus, "query", "extra", says='"extra" is too much')
        refused(bus, "query", "--json", "--format", "{{.ID}}", says="exclude each other")
        refused(bus, "query", "--after", "nowhere", says='"nowhere" is no cursor')
        for command in ("query", "events"):
            refused(bus, command, "-f", "color=red", says="color")
            refused(bus, command, "-f", "exit_code=x", says="exit_code")
        refused(bus, "exit-code", says="Give one ID")
        refused(bus, "emit", "container", says="Give a type and a status")
        refused(bus, "emit", "container", "died", "--exit-code", "x", says='"x" is no value for')
        refused(bus, "emit", "container", "died", "--attribute", "x", says='"x" is not KEY=VALUE')
        refused(bus, "emit", "fish", "died", says="fish")
        refused(bus, "fly", says='no command "fly"')
        wrong = os.fsdecode(b"x=\xff")
        for arguments in (["query", "-f", wrong], ["timeline", "-n", wrong],
                          ["events", "--after", wrong], ["exit-code", wrong],
                          ["emit", "container", wrong], ["emit", wrong, "died"],
                          ["emit", "container", "died", "--name", wrong],
                          ["emit", "container", "died", "--attribute", wrong]):
            refused(bus, *arguments, says='x=\\xff" is not UTF-8')
        assert "Usage: cevctl" in run(bus, status=2).stderr
        for command in ("events", "query", "wait", "timeline", "exit-code", "emit", "export",
                        "import", "cursor", "status", "version"):
            help_text = run(bus, command, "--help").stdout
            assert help_text.startswith(f"Usage: cevctl {command}"), help_text
            equal(run(bus, "help", command).stdout, help_text)
            assert command in run(bus, "--help").stdout


@test
def a_full_disk_is_an_error_and_a_gone_reader_is_none() -> None:
    with Bus() as bus, Service(bus):
        for _ in range(200):
            bus.client().emit()
        for command in ("query", "status", "--version"):
            result = subprocess.run(f"{cevctl()} {command} > /dev/full", shell=True, text=True,
                                    env=bus.environment, stderr=subprocess.PIPE, check=False,
                                    timeout=patience(20))
            equal(result.returncode, 1, command)
            assert "No space left" in result.stderr, result.stderr
        for command in ("query", "events --since=0"):
            result = subprocess.run(["bash", "-c", f"{cevctl()} {command} | head -1 >&2; "
                                     "echo ${PIPESTATUS[0]}"], text=True, env=bus.environment,
                                    capture_output=True, check=False, timeout=patience(20))
            equal(result.stdout, "0\n")
            equal(result.stderr.count("\n"), 1, result.stderr)


# ---- following ----

@test(each=BROKERS)
def following_shows_what_is_new(broker: str) -> None:
    with Bus(broker) as bus, Service(bus):
        client = bus.client()
        for _ in range(5):
            client.emit(name="old")
        with Follower(bus) as follower:
            last = until_it_follows(bus, follower, first=6)
            for _ in range(5):
                client.emit()
            follower.wait(last + 5)
            lines = follower.end(signal.SIGINT, status=130)
            equal(lines, numbers(int(lines[0]), last + 5))


@test
def with_since_the_past_comes_first() -> None:
    with Bus() as bus, Service(bus):
        client = bus.client()
        client.emit(time_nsec=1_000_000_000)
        for _ in range(1500):
            client.emit()
        with Follower(bus, "--since", "1h") as follower:
            follower.wait(1501)
            client.emit(time_nsec=1_000_000_000)  # too old, however late it is told
            client.emit()
            follower.wait(1503)
            equal(follower.end(), numbers(2, 1501) + ["1503"])


@test
def with_until_it_ends_by_itself() -> None:
    with Bus() as bus, Service(bus):
        client = bus.client()
        client.emit()
        started = time.monotonic()
        with Follower(bus, "--until", "3s") as follower:
            follower.wait(1)
            client.emit()
            client.emit(time_nsec=time.time_ns() + 3600 * 10 ** 9)  # past the end
            client.emit()
            equal(follower.end(None), ["1", "2", "4"])
        taken = time.monotonic() - started
        assert 2.9 < taken < 2.9 + patience(3), taken
        with Follower(bus, "--until", "2100-01-01", "--stream=false") as follower:
            equal(follower.end(None), ["1", "2", "3", "4"])
        with Follower(bus, "--until=-1h") as follower:
            equal(follower.end(None), [])


@test(each=BROKERS)
def filters_hold_while_following(broker: str) -> None:
    with Bus(broker) as bus, Service(bus):
        client = bus.client()
        with Follower(bus, "-f", "container=web", "-f", "event=die", "-f", "event=start",
                      "--since", "0", form="{{.Name}} {{.Status}}") as follower:
            expected = []
            for number in range(100):
                name, status = ("web", "db")[number % 2], ("start", "died", "stop")[number % 3]
                client.emit("container", status, CONTAINER, name)
                client.emit("pod", status, CONTAINER, "web")
                if name == "web" and status != "stop":
                    expected.append(f"web {status}")
            client.emit("container", "died", CONTAINER, "web", details={"exit_code": 0})
            wait_until(lambda: len(follower.lines) == len(expected) + 1, "all that match", 20)
            equal(follower.end(), [*expected, "web died"])


@test(each=BROKERS, deadline=180)
def a_restart_makes_no_hole(broker: str) -> None:
    with Bus(broker) as bus, Service(bus) as service:
        client = bus.client()
        with Follower(bus) as plain, Follower(bus, "-f", "type=container") as filtered:
            last = max(until_it_follows(bus, plain), until_it_follows(bus, filtered))
            for round_number in range(4):
                for _ in range(200):
                    client.emit()
                # At once, with signals on their way, and after they were heard.
                if round_number % 2:
                    plain.wait(last + 200)
                service.kill()
                service.start()
                for _ in range(100):
                    client.emit()
                last += 300
            for follower in (plain, filtered):
                follower.wait(last)
                lines = follower.end()
                equal(lines, numbers(int(lines[0]), last))
                equal(follower.errors, [])


@test
def a_stopped_service_is_not_started_again() -> None:
    service = Service(None)
    with Bus(activate=service) as bus, service, Follower(bus) as follower:
        until_it_follows(bus, follower)
        pid = service.pid
        service.stop()
        wait_until(lambda: any("left the bus" in line for line in follower.errors), "a notice", 20)
        assert not service.alive
        bus.client().emit()  # this starts it
        assert service.pid != pid
        wait_until(lambda: any("is back" in line for line in follower.errors), "a notice", 20)
        follower.wait(bus.client().get("NewestSeq"))
        lines = follower.end()
        equal(lines, numbers(int(lines[0]), int(lines[-1])))


@test(each=BROKERS, deadline=180)
def a_reader_that_stands_still_misses_nothing(broker: str) -> None:
    with Bus(broker) as bus, Service(bus):
        client = bus.client()
        with Follower(bus) as follower:
            first = until_it_follows(bus, follower)
            follower.process.send_signal(signal.SIGSTOP)
            for _ in range(3000):  # 24 MB: dbus-broker closes the connection of such a reader
                client.emit(details={"attributes": {"filler": "x" * 8000}})
            follower.process.send_signal(signal.SIGCONT)
            follower.wait(first + 3000, deadline=60)
            lines = follower.end()
            equal(lines, numbers(int(lines[0]), first + 3000))


@test
def a_connection_that_is_cut_makes_no_hole() -> None:
    with Bus() as bus, Service(bus):
        client, proxy = bus.client(), Proxy(bus)
        with Follower(bus, environment=proxy.environment) as follower:
            last = until_it_follows(bus, follower)
            for _ in range(3):
                proxy.cut()
                for _ in range(20):
                    client.emit()
                last += 20
                follower.wait(last)
            lines = follower.end()
            equal(lines, numbers(int(lines[0]), last))
            equal(follower.errors, [])


@test(each=BROKERS)
def a_bus_that_is_restarted_makes_no_hole(broker: str) -> None:
    with Bus(broker) as bus, Service(bus) as service, Follower(bus) as follower:
        last = until_it_follows(bus, follower)
        for _ in range(2):
            bus.stop()
            bus.start()
            service.wait_for_name()
            last = bus.client().emit()
            follower.wait(last)
        lines = follower.end()
        equal(lines, numbers(int(lines[0]), last))
        equal(follower.errors, [])


@test
def a_bus_that_ends_is_an_error() -> None:
    with Bus() as bus, Service(bus):
        proxy = Proxy(bus)
        with Follower(bus, environment=proxy.environment) as follower:
            until_it_follows(bus, follower)
            os.unlink(proxy.environment["DBUS_SYSTEM_BUS_ADDRESS"].partition("path=")[2])
            proxy.cut()
            follower.end(None, status=1)
            assert "The system bus cannot be used" in follower.errors[0], follower.errors


def unread(pipe: IO[bytes]) -> int:
    """How many bytes wait in a pipe."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


@test
def a_stalled_pipe_does_not_make_it_deaf() -> None:
    with Bus() as bus, Service(bus):
        client = bus.client()
        for _ in range(1500):
            client.emit(details={"attributes": {"filler": "x" * 1000}})
        for number in (signal.SIGINT, signal.SIGTERM):
            process = subprocess.Popen([cevctl(), "events", "--since", "0"], env=bus.environment,
                                       stdout=subprocess.PIPE)
            # So much that the next line does not fit.
            wait_until(lambda: unread(process.stdout) > 32 * 1024, "a full pipe")
            equal(process.poll(), None)
            process.send_signal(number)
            assert process.wait(patience(10)) != 0
            process.stdout.close()


@test(each=BROKERS)
def forged_signals_are_ignored(broker: str) -> None:
    with Bus(broker) as bus, Service(bus), Follower(bus) as follower:
        last = until_it_follows(bus, follower)
        client = bus.client()
        forge(bus, last)
        settle()
        client.emit(name="true")
        follower.wait(last + 1)
        lines = follower.end()
        equal(lines, numbers(int(lines[0]), last + 1))
        equal(follower.errors, [])


@test
def a_wiped_history_is_said_and_gone_on_with() -> None:
    needs_files("its history is not in a folder that can be wiped")
    with Bus() as bus, Service(bus) as service:
        client = bus.client()
        with Follower(bus, "--since", "0") as follower:
            last = until_it_follows(bus, follower)
            service.stop()
            for path in service.history.iterdir():
                path.unlink()
            service.start()
            for _ in range(3):
                client.emit()
            follower.wait(3)
            equal(follower.end(), numbers(1, last) + numbers(1, 3))
            equal(len(follower.errors), 1)
            assert "Part of the history is gone" in follower.errors[0], follower.errors


@test
def an_old_cursor_is_said_and_gone_on_with() -> None:
    with Bus() as bus, Service(bus):
        bus.client().emit()
        result = run(bus, "query", "--after", f"{'0' * 32}:7", "--format", "{{.Seq}}")
        equal(result.stdout, "1\n")
        equal(result.stderr.count("Part of the history is gone"), 1)


@test
def a_cursor_file_resumes() -> None:
    with Bus() as bus, Service(bus) as service:
        client = bus.client()
        epoch, path = client.get("Epoch"), machine.folder("cursor") / "cursor"

        def query(*arguments: str) -> list[str]:
            return run(bus, "query", "--format", "{{.Seq}}", "--cursor-file", str(path),
                       *arguments).stdout.split()

        for _ in range(3):
            client.emit(name="web")
        equal(query(), ["1", "2", "3"])
        equal(path.read_text(), f"{epoch}:3\n")
        equal(query(), [])
        client.emit(name="web")
        client.emit(name="db")
        equal(query("-f", "name=web"), ["4"])
        equal(path.read_text(), f"{epoch}:5\n", "what does not match is done, too")

        with Follower(bus, "--cursor-file", str(path)) as follower:
            client.emit()
            follower.wait(6)
            service.restart()
            client.emit()
            follower.wait(7)
            wait_until(lambda: path.read_text() == f"{epoch}:7\n", "the cursor")
            follower.end(signal.SIGKILL, status=-signal.SIGKILL)
        client.emit()
        equal(query(), ["8"])

        path.unlink()
        equal(query("--after", f"{epoch}:6"), ["7", "8"])
        path.write_text("not a cursor\n")
        refused(bus, "query", "--cursor-file", str(path), status=1, says="does not hold a cursor")
        refused(bus, "query", "--cursor-file", "/nonexistent/cursor", status=1,
                says="/nonexistent/cursor")


@test
def many_readers_at_once_all_get_everything() -> None:
    with Bus() as bus, Service(bus):
        client = bus.client()
        for _ in range(1200):
            client.emit()
        command = [cevctl(), "query", "--format", "{{.Seq}}"]
        readers = [subprocess.Popen(command, env=bus.environment, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
                   for _ in range(min(40, 5 * (os.cpu_count() or 2)))]
        for reader in readers:
            output, errors = reader.communicate(timeout=patience(60))
            equal(reader.returncode, 0, errors)
            equal(output.split(), numbers(1, 1200), errors)


if __name__ == "__main__":
    main()
