#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Podman on a booted machine as it is by default, with its events in the journal: root's and
alice's, heard by the system's service and by hers, each seen only by those who may.

Runs inside the machine that support.host boots, once with each broker."""

from __future__ import annotations

import json
import random
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support import machine
from support.client import Client, Event, wait_until
from support.guest import (IMAGE, Exec, Podman, Unit, as_user, journal, podman_on_journald, run,
                           uid)
from support.host import ALICE, HostBus
from support.tap import equal, main, note, raises, skip, test

ERROR = "org.containers.Events.Error"
# What a booted machine does in half a minute; tests/engines do all that they are asked for.
SEQUENTIAL, PARALLEL, STREAMS, DETACHED = 60, 40, 4, 20

_podmans: dict[str, Podman] = {}


def podman(user: str = machine.ROOT) -> Podman:
    """A user's Podman, made ready once."""
    if user not in _podmans:
        _podmans[user] = Podman(user)
    return _podmans[user]


def removed(client: Client, podman: Podman, name: str) -> list[Event]:
    """Removes a container; its events, when the service has all of them."""
    container = podman.command("inspect", "--format={{.Id}}", name)
    podman.rm(name)
    wait_until(lambda: client.history(f"container={container}", "event=remove"),
               f"the end of {name}")
    return client.history(f"container={container}")


def only_once(events: list[Event], execs: list[Exec]) -> list[Event]:
    """Checks that each exec's end is told once, with its ID and its code; gives those ends."""
    ends = [event for event in events if event.status == "exec_died"]
    equal(Counter(event.details.get("exec_id", "") for event in ends),
          Counter(done.id for done in execs), "whose ends were told")
    codes = {done.id: done.code for done in execs}
    equal([(end.details, codes[end.details["exec_id"]]) for end in ends
           if end.details.get("exit_code") != codes[end.details["exec_id"]]], [], "wrong codes")
    return ends


@test
def podman_writes_to_the_journal() -> None:
    podman_on_journald()
    Unit().ctl("start")
    podman().once("c0", 0)
    assert not Path("/run/libpod/events").exists()
    entries = journal("SYSLOG_IDENTIFIER=podman", "PODMAN_NAME=c0", "PODMAN_EVENT=died")
    equal([(entry["_UID"], "PODMAN_EXIT_CODE" in entry) for entry in entries], [("0", False)])


@test
def a_death_is_heard_from_the_journal() -> None:
    client = Unit().client()
    heard = client.listen()
    container = podman().once("c1", 7, "--label", "team=a b")
    died = heard.wait(status="died", id=container)
    equal((died.type, died.name, died.image, died.engine), ("container", "c1", IMAGE, "podman"))
    equal((died.details["exit_code"], died.details["uid"]), (7, 0))
    equal(died.details["attributes"], {"team": "a b"})
    events = removed(client, podman(), "c1")
    equal(Counter(event.status for event in events),
          Counter(["create", "init", "start", "attach", "died", "cleanup", "remove"]))
    equal({event.details["uid"] for event in events}, {0})
    equal(client.container_exit_code(container), 7)


@test(deadline=120)
def every_exec_is_told_once_with_its_code() -> None:
    client, service = Unit().client(), Unit()
    heard = client.listen("arg1='exec_died'")
    root = podman()
    root.run("c2", "sleep", "600")
    # None twice, so that whoever mixes two up is found out.
    codes = random.sample(range(256), SEQUENTIAL + PARALLEL + DETACHED)
    execs = [root.exec("c2", codes.pop()) for _ in range(SEQUENTIAL)]
    with ThreadPoolExecutor(STREAMS) as streams:
        execs += streams.map(lambda code: root.exec("c2", code),
                             [codes.pop() for _ in range(PARALLEL)])
    execs += [root.exec_detached("c2", codes.pop()) for _ in range(DETACHED)]
    for done in execs:
        heard.wait(lambda event, done=done: event.details.get("exec_id") == done.id)

    events = removed(client, root, "c2")
    ends = only_once(events, execs)
    note(f"known from: {dict(Counter(end.details.get('evidence') for end in ends))}")
    equal(heard.events, ends, "signals")
    begun = [event.details.get("exec_id") for event in events if event.status == "exec"]
    equal(len(begun), len(execs))
    note(f"{len([session for session in begun if session])} of {len(begun)} beginnings with an ID")
    equal(set(begun) - {None} - {done.id for done in execs}, set())
    service.ctl("restart")
    equal([client.exec_exit_code(done.id) for done in execs], [done.code for done in execs])


@test
def the_sandbox_lets_it_see_conmons_files() -> None:
    """With what Podman says alone no exec could be named."""
    client = Unit().client()
    ends = client.history("container=c2", "event=exec_died")
    assert ends, "there were none"
    seen = [end for end in ends if end.details.get("evidence") == "exit-file"]
    assert len(seen) >= 0.5 * len(ends), f"{len(seen)} of {len(ends)}"


@test
def a_front_end_that_is_killed_takes_no_code_with_it() -> None:
    client = Unit().client()
    root = podman()
    root.run("c3", "sleep", "600")
    execs = [root.start_exec("c3", f"sleep 0.2; exit {code}", code).kill()
             for code in (0, 1, 77, 127, 255)]
    for done in execs:
        wait_until(lambda done=done: client.history(f"exec={done.id}", "event=exec_died"),
                   "its end")
        equal(client.exec_exit_code(done.id), done.code)
    only_once(removed(client, root, "c3"), execs)


@test
def a_container_that_dies_ends_its_execs() -> None:
    client = Unit().client()
    root = podman()
    container = root.run("c4", "sleep", "600")
    running = [root.start_exec("c4", "sleep 600", 137) for _ in range(3)]
    with raises(f"{ERROR}.ExecRunning"):
        client.exec_exit_code(running[0].id)
    root.command("kill", "c4")
    execs = [exec_.wait() for exec_ in running]
    only_once(removed(client, root, "c4"), execs)
    equal(client.container_exit_code(container), 137)


@test
def a_health_check_of_systemds_timer_is_told_and_its_exec_is_not() -> None:
    client = Unit().client()
    heard = client.listen()
    root = podman()
    root.run("c5", "sleep", "600", options=("--health-cmd", "exit 3", "--health-interval", "1s",
                                            "--health-retries", "100"))
    heard.wait(name="c5", status="health_status")
    done = root.exec("c5", 9)
    heard.wait(name="c5", status="exec_died")
    # Of a health check's session it is known that it was one when it told nothing else for a while.
    check = wait_until(lambda: client.history("name=c5", "event=exec_died", "exit_code=3"),
                       "the end of a health check")[0]
    equal((check.details["reason"], check.details["evidence"] in ("exit-file", "process")),
          ("health_check", True))
    equal(client.exec_exit_code(check.details["exec_id"]), 3)
    ends = [event for event in removed(client, root, "c5") if event.status == "exec_died"]
    equal([end.details["exec_id"] for end in ends if end.details.get("reason") is None],
          [done.id])
    equal([event.details["exec_id"] for event in heard.find(name="c5", status="exec_died")],
          [done.id])


@test
def a_rotation_loses_nothing() -> None:
    client, service, root = Unit().client(), Unit(), podman()
    lost = client.history("event=lost")
    root.once("c6", 1)
    run("journalctl", "--rotate")
    root.once("c7", 2)
    service.ctl("stop")
    root.once("c8", 3)
    run("journalctl", "--rotate")
    root.once("c9", 4)
    service.ctl("start")
    for number in range(6, 10):
        events = removed(client, root, f"c{number}")
        equal([event.details["exit_code"] for event in events if event.status == "died"],
              [number - 5])
        equal(len({event.status for event in events}), len(events), f"twice in {events}")
    equal(client.history("event=lost"), lost)


@test
def what_was_vacuumed_while_it_was_down_is_said_to_be_lost() -> None:
    client, service, root = Unit().client(), Unit(), podman()
    before = client.history("event=lost")
    service.ctl("stop")
    gone = root.once("c10", 5)
    run("journalctl", "--rotate")
    run("journalctl", "--rotate", "--vacuum-files=1")
    equal(journal("PODMAN_NAME=c10"), [])
    root.once("c11", 6)
    service.ctl("start")
    died = wait_until(lambda: client.history("name=c11", "event=died"), "what was kept")
    equal([event.details["exit_code"] for event in died], [6])
    lost = client.history("event=lost")[len(before):]
    equal([(event.type, event.engine) for event in lost], [("system", "podman")])
    note(lost[0])
    assert lost[0].seq < died[0].seq, f"{lost[0]}, but {died[0]}"
    equal(client.history(f"container={gone}", "event=died"), [])
    service.ctl("restart")
    equal(client.history("event=lost")[len(before):], lost, "after another start")


@test
def with_a_file_as_well_nothing_is_doubled() -> None:
    client, root = Unit().client(), podman()
    heard = client.listen()
    for number in range(3):
        root.once(f"c{20 + number}", number + 1)
        ended = root.try_command("--events-backend=file", "run", f"--name=c{30 + number}", IMAGE,
                                 "sh", "-c", f"exit {number + 1}")
        equal(ended.returncode, number + 1, ended.stderr)
    for name in (f"c{first + number}" for number in range(3) for first in (20, 30)):
        died = heard.wait(name=name, status="died")
        equal(died.details["uid"], 0)
    for name in (f"c{first + number}" for number in range(3) for first in (20, 30)):
        events = removed(client, root, name)
        equal(len({event.status for event in events}), len(events), f"twice in {events}")


@test
def every_users_podman_is_heard_and_told_apart() -> None:
    client, hers = Unit().client(), uid(ALICE)
    heard = client.listen()
    ids = {podman(user).once("same", code): (user, code)
           for user, code in ((machine.ROOT, 11), (ALICE, 12))}
    for container, (user, code) in ids.items():
        died = heard.wait(id=container, status="died")
        equal((died.details["uid"], died.details["exit_code"]), (uid(user), code))
        equal(client.container_exit_code(container), code)
    equal({event.id for event in client.history(f"uid={hers}", "event=died", "name=same")},
          {container for container, (user, _) in ids.items() if user == ALICE})
    equal({event.id for event in client.history("uid=0", "event=died", "name=same")},
          {container for container, (user, _) in ids.items() if user == machine.ROOT})
    printed = run("cevctl", "events", "--since=1h", "--stream=false", f"--filter=uid={hers}",
                  "--format=json", user=machine.READER).stdout
    events = [json.loads(line) for line in printed.splitlines()]
    equal({event.get("UID") for event in events}, {hers})
    assert "died" in {event["Status"] for event in events}, printed


@test
def on_the_systems_bus_a_user_sees_nothing() -> None:
    reader, alice = Client(HostBus(), machine.READER), Client(HostBus(), ALICE)
    heard, nothing = reader.listen(), alice.listen()
    container = podman(ALICE).once("hers", 3)
    heard.wait(id=container, status="died")
    for method in (alice.query, lambda: alice.container_exit_code(container)):
        with raises("org.freedesktop.DBus.Error.AccessDenied"):
            method()
    refused = run("cevctl", "query", user=ALICE, check=False)
    assert refused.returncode != 0 and not refused.stdout, refused
    alice.owner()
    equal(nothing.signatures, [])


@test(deadline=120)
def a_users_own_service_tells_her_of_hers_and_of_nothing_else() -> None:
    hers, alice, root = Unit(ALICE), podman(ALICE), podman()
    hers.ctl("start")
    client = hers.client()
    heard = client.listen()
    alice.run("a1", "sleep", "600")
    root.run("r1", "sleep", "600")
    execs = [alice.exec("a1", code) for code in (0, 3, 255)]
    execs += [alice.exec_detached("a1", code) for code in (4, 5)]
    other = root.exec("r1", 6)
    for done in execs:
        heard.wait(lambda event, done=done: event.details.get("exec_id") == done.id
                   and event.status == "exec_died")
    removed(Unit().client(), root, "r1")
    only_once(removed(client, alice, "a1"), execs)
    equal({event.details.get("uid") for event in client.history("type!=system")}, {uid(ALICE)})
    equal(client.history("name=r1"), [])
    hers.ctl("restart")
    equal([client.exec_exit_code(done.id) for done in execs], [done.code for done in execs])
    equal([run("cevctl", "--user", "exit-code", done.id, user=ALICE).stdout for done in execs],
          [f"{done.code}\n" for done in execs])
    with raises(f"{ERROR}.NoSuchExec"):
        client.exec_exit_code(other.id)


@test
def the_system_does_not_guess_at_a_users_execs() -> None:
    """It watches root's containers alone; of alice's it has what her Podman writes."""
    client, alice = Unit().client(), podman(ALICE)
    alice.run("a2", "sleep", "600")
    execs = {done.id: done.code for done in [alice.exec("a2", code) for code in (8, 9)]}
    events = [event for event in removed(client, alice, "a2") if event.status == "exec_died"]
    equal({event.details["exit_code"] for event in events}, {8, 9})
    for event in events:
        session = event.details.get("exec_id")
        equal(execs.get(session, event.details["exit_code"]), event.details["exit_code"])


# Started so that its command line is that of Podman's own cleanup, and there until it was read.
_FORGER = """\
import socket, sys
text = sys.stdin.buffer.readline().replace(b"\\0", b"\\n")
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(text, "/run/systemd/journal/socket")
print(flush=True)
sys.stdin.read()
"""


def forge(user: str, arguments: list[str], **fields: object) -> None:
    """What any user can write to the journal, and look like while she does."""
    Path("/container").write_text(_FORGER)
    words = as_user(user, "bash", "-c", 'exec -a /usr/bin/podman python3 container "$@"', "-",
                    *arguments)
    text = "\0".join(f"{key}={value}" for key, value in fields.items())
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          cwd="/") as forger:
        forger.stdin.write(f"{text}\n")
        forger.stdin.flush()
        equal(forger.stdout.readline(), "\n")
        run("journalctl", "--sync")


def lie(event: str, container: str, session: str) -> None:
    """Alice says something of root's container, or of an exec session in it."""
    forge(ALICE, ["cleanup", "--exec", session, container], MESSAGE="a lie",
          SYSLOG_IDENTIFIER="podman", PODMAN_EVENT=event, PODMAN_TYPE="container",
          PODMAN_ID=container, PODMAN_NAME="victim", PODMAN_IMAGE=IMAGE, PODMAN_EXIT_CODE=33,
          PODMAN_TIME="2026-01-01T00:00:00.5Z", PODMAN_LABELS=json.dumps({"execID": session}))


@test
def what_a_user_forges_is_not_held_against_root() -> None:
    client, service, root = Unit().client(), Unit(), podman()
    container = root.run("victim", "sleep", "600")
    running = root.start_exec("victim", "sleep 600", 137)
    hers = (f"container={container}", f"uid={uid(ALICE)}", "event=remove")
    for event in ("exec_died", "died", "remove"):
        lie(event, container, running.id)
    lies = journal("PODMAN_NAME=victim", "PODMAN_EVENT=exec_died", f"_UID={uid(ALICE)}")
    assert f"/usr/bin/podman container cleanup --exec {running.id}" in lies[0]["_CMDLINE"], lies
    wait_until(lambda: client.history(*hers), "the lies")
    with raises(f"{ERROR}.ExecRunning"):
        client.exec_exit_code(running.id)
    root.command("kill", "victim")
    done = running.wait()
    wait_until(lambda: client.history(f"container={container}", "uid=0", "event=died"), "the truth")
    equal(client.container_exit_code(container), 137)
    events = [event for event in removed(client, root, "victim") if event.details["uid"] == 0]
    only_once(events, [done])

    for event in ("exec_died", "died", "remove"):
        lie(event, container, running.id)
    wait_until(lambda: len(client.history(*hers)) == 2, "the later lies")
    for _ in range(2):
        equal((client.exec_exit_code(done.id), client.container_exit_code(container)), (137, 137))
        equal(client.container_exit_code(container[:12]), 137)
        service.ctl("restart")


@test
def out_of_memory_is_said() -> None:
    if "memory" not in Path("/sys/fs/cgroup/cgroup.controllers").read_text().split():
        skip("no memory controller in cgroup2 here")
    client, root = Unit().client(), podman()
    heard = client.listen()
    root.try_command("run", "--name=big", "--memory=16m", IMAGE, "sh", "-c",
                     "x=a; while true; do x=$x$x; done")
    died = heard.wait(name="big", status="died")
    equal((died.details["exit_code"], died.details["oom_killed"]), (137, True))


if __name__ == "__main__":
    main(private=False)
