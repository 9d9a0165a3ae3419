#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the real Podman does is in the history and on the bus, every event, equal in every field."""

import contextlib
import json
import shutil
from collections.abc import Iterator

from support import machine
from support.bus import Bus
from support.client import Client, Event, Listener, wait_until
from support.podman import Podman
from support.podman_log import expected, is_mark, without_seq
from support.service import Service
from support.tap import equal, main, note, raises, skip, test

CODES = (0, 7, 137)
ERROR = "org.containers.Events.Error"

Scene = tuple[Podman, Service, Client]

# What the service knows of exec sessions and Podman does not say; of their ends better than Podman.
ADDED = ("exec_id",)
KNOWN_BETTER = ("exec_id", "evidence")


@contextlib.contextmanager
def scene() -> Iterator[Scene]:
    """A Podman, and a service that listens to it."""
    with Bus() as bus, Podman() as podman, Service(bus, podman=podman) as service:
        client = bus.client()
        caught_up(podman, client)
        yield podman, service, client


def written(podman: Podman) -> list[Event]:
    """What Podman wrote, as it must come out."""
    return [expected(line) for line in podman.log.read_text().splitlines() if not is_mark(line)]


def is_exec_end(event: Event) -> bool:
    """Of an exec session: Podman tells it once or twice, and conmon before it."""
    return event.status == "exec_died"


def without(event: Event, keys: tuple[str, ...]) -> Event:
    """An event without these details."""
    return event._replace(details={key: value for key, value in event.details.items()
                                   if key not in keys})


def caught_up(podman: Podman, client: Client) -> list[Event]:
    """Waits until all that Podman wrote is in the history, and checks that it is that, in order;
    but of the ends of exec sessions one each is there."""
    def even() -> list[Event]:
        events = client.history()
        told = [event for event in events if not is_exec_end(event)]
        lines = [event for event in written(podman) if not is_exec_end(event)]
        starts = [event for event in events if event.status == "exec"]
        ends = [event for event in events if is_exec_end(event)]
        return events if (len(told), len(starts)) == (len(lines), len(ends)) else []

    events = wait_until(even, "all that Podman wrote, and no more")
    told = [without(event, ADDED) for event in without_seq(events)]
    wanted = [event for event in written(podman) if not is_exec_end(event)]
    for number, (event, line) in enumerate(
            zip([event for event in told if not is_exec_end(event)], wanted), start=1):
        equal(event, line, f"event {number}")
    equal([event.seq for event in events], list(range(1, len(events) + 1)), "seq")
    execs_are_told_once(podman, events)
    return events


def execs_are_told_once(podman: Podman, events: list[Event]) -> None:
    """Each session begins and ends, and what is said of its end is what Podman says, too."""
    ends = [event for event in events if is_exec_end(event)]
    sessions = [event.details["exec_id"] for event in ends]
    equal(len(sessions), len(set(sessions)), "sessions that ended")
    equal({event.details["exec_id"] for event in events if event.status == "exec"}, set(sessions),
          "sessions that began")
    lines = [without(event, KNOWN_BETTER)._replace(time_nsec=0) for event in written(podman)
             if is_exec_end(event)]
    for event in without_seq(ends):
        assert without(event, KNOWN_BETTER)._replace(time_nsec=0) in lines, event


def all_heard(heard: Listener, events: list[Event]) -> None:
    """Waits until these were signalled, and checks that it was these, in order."""
    equal(heard.wait_count(len(events)), events, "what was signalled")


def statuses(events: list[Event], name: str) -> list[str]:
    """What happened to something, in order, without what is told twice."""
    told = [event.status for event in events if event.name == name]
    return [status for number, status in enumerate(told) if told[:number + 1].count(status) == 1]


def lives(podman: Podman) -> None:
    """A bit of everything."""
    labels = ("--label", "empty=", "--label", 'odd="<&> \\ ä 鯨 💡', "--label", "line=a\nb")
    podman.once("short", "sh", "-c", "exit 7", options=labels)
    podman.run("long", "sleep", "100", options=("--label", "role=web"))
    podman.exec("long", "sh", "-c", "exit 3")
    podman.exec("long", "true")
    podman.exec_detached("long", "true")
    podman.command("pause", "long")
    podman.command("unpause", "long")
    podman.command("rename", "long", "renamed")
    podman.stop("renamed")
    podman.command("start", "renamed")
    podman.kill("renamed")
    podman.command("wait", "renamed")
    podman.rm("renamed")
    podman.rm("short")
    podman.command("tag", podman.image, "localhost/other:2")
    podman.command("untag", podman.image, "localhost/other:2")
    podman.command("volume", "create", "data")
    podman.command("volume", "rm", "data")


@test(deadline=120)
def every_event_is_recorded_and_signalled_as_podman_wrote_it() -> None:
    with scene() as (podman, _, client):
        heard = client.listen()
        before = len(client.history())
        lives(podman)
        events = caught_up(podman, client)
        all_heard(heard, events[before:])

        equal(statuses(events, "short"),
              ["create", "init", "start", "attach", "died", "cleanup", "remove"])
        assert {"exec", "exec_died", "pause", "unpause"} <= set(statuses(events, "long"))
        assert {"rename", "kill", "died", "cleanup", "remove"} <= set(statuses(events, "renamed"))
        equal(statuses(events, "data"), ["create", "remove"])
        assert {"tag", "untag"} <= {event.status for event in events if event.type == "image"}
        labels = {"empty": "", "odd": '"<&> \\ ä 鯨 💡', "line": "a\nb"}
        for event in events:
            if event.name == "short":
                equal(event.details["attributes"], labels)
        codes = [event.details["exit_code"] for event in events if event.status == "exec_died"]
        equal(set(codes), {0, 3}, "exit codes of exec sessions")
        note(f"{len(events)} events of {len({event.status for event in events})} kinds")


@test(deadline=120)
def a_pod_has_its_events() -> None:
    with scene() as (podman, _, client):
        made = podman.try_command("pod", "create", "--infra=false", "--name", "p1")
        if made.returncode != 0:
            skip(f"no pods here: {made.stderr}")
        pod = made.stdout.strip()
        podman.run("in-pod", "sleep", "100", options=("--pod", "p1"))
        podman.command("pod", "stop", "-t", "0", "p1")
        podman.command("pod", "rm", "-f", "p1")
        events = caught_up(podman, client)
        story = [event.status for event in events if event.type == "pod" and event.id == pod]
        equal((story[0], story[-1]), ("create", "remove"), story)
        created, = [event for event in events
                    if (event.name, event.status) == ("in-pod", "create")]
        equal(created.details["pod_id"], pod)


@test(deadline=120)
def a_container_has_its_exit_code() -> None:
    with scene() as (podman, service, client):
        ids = {}
        for code in CODES:
            name = f"c{code}"
            equal(podman.once(name, "sh", "-c", f"exit {code}"), code)
            ids[code] = podman.id(name)
        ids["killed"] = podman.run("victim", "sleep", "100")
        ids["running"] = podman.run("runner", "sleep", "100")
        podman.kill("victim")
        podman.command("wait", "victim")

        def codes_are_known() -> None:
            for code in CODES:
                equal(client.container_exit_code(ids[code]), code)
                equal(client.container_exit_code(ids[code][:12]), code)
            equal(client.container_exit_code(ids["killed"]), 137)
            with raises(f"{ERROR}.ExitCodeUnknown") as error:
                client.container_exit_code(ids["running"])
            assert ids["running"] in error.message, error.message

        caught_up(podman, client)
        codes_are_known()
        for name in ("c0", "c7", "c137", "victim"):
            podman.rm(name)
        caught_up(podman, client)
        codes_are_known()
        service.kill()
        service.start()
        codes_are_known()
        podman.log.unlink()  # nor is it Podman who says it
        service.restart()
        codes_are_known()


@test(deadline=120)
def the_last_life_of_a_container_counts() -> None:
    with scene() as (podman, _, client):
        podman.once("again", "sh", "-c", "[ -e /seen ] && exit 4; echo > /seen; exit 3")
        container = podman.id("again")
        wait_until(lambda: client.history(f"id={container}", "exit_code=3"), "its first end")
        equal(client.container_exit_code(container), 3)
        podman.command("start", "again")
        wait_until(lambda: client.history(f"id={container}", "exit_code=4"), "its second end")
        equal(client.container_exit_code(container), 4)


@test(deadline=120)
def who_hears_of_it_can_ask_for_it_at_once() -> None:
    """Promise 1: a signal goes out after its event is committed, and not before."""
    with scene() as (podman, _, client):
        heard = client.listen()
        asked = 0
        for number in range(5):
            podman.run(f"c{number}", "sh", "-c", f"exit {number}", options=("--rm",))

            def all_is_there() -> bool:
                nonlocal asked
                while asked < len(heard.events):
                    event = heard.events[asked]
                    assert client.get("NewestSeq") >= event.seq
                    equal(client.query(event.time_nsec, event.time_nsec + 1).events.count(event), 1)
                    if event.status == "died":
                        equal(client.container_exit_code(event.id), event.details["exit_code"])
                    asked += 1
                return bool(heard.find(name=f"c{number}", status="remove"))

            wait_until(all_is_there, f"the end of c{number}")
        assert asked >= 5 * 5, asked


@test(deadline=120)
def what_was_before_us_is_recorded_and_not_signalled() -> None:
    with Bus() as bus, Podman() as podman:
        podman.once("old", "true")
        client = bus.client()
        heard = client.listen()
        with Service(bus, podman=podman) as service:
            before = caught_up(podman, client)
            equal([event.details.get("backlog") for event in before], [True] * len(before))
            podman.once("new", "true")
            heard.wait(name="new", status="died")
            events = caught_up(podman, client)
            all_heard(heard, events[len(before):])
            assert not any("backlog" in event.details for event in heard.events)

            service.stop()
            podman.once("meanwhile", "sh", "-c", "exit 9")
            podman.rm("new")
            service.start()
            heard.wait(name="new", status="remove")
            events = caught_up(podman, client)
            all_heard(heard, events[len(before):])
            equal(heard.find(name="meanwhile", status="died")[0].details["exit_code"], 9)


@test(each=["the file", "the folder", "all of Podman"], deadline=120)
def a_log_that_comes_later_is_heard_from_its_first_event(missing: str) -> None:
    with Bus() as bus, Podman() as podman:
        if missing == "the file":
            podman.log.unlink()
        else:
            shutil.rmtree(podman.log.parent if missing == "the folder" else podman.tmpdir)
        with Service(bus, podman=podman):
            client = bus.client()
            wait_until(lambda: client.engine("podman")["State"] == "absent", "an absent source")
            heard = client.listen()
            podman.log.parent.mkdir(parents=True, exist_ok=True)
            podman.once("first", "true")
            heard.wait(name="first", status="died")
            events = caught_up(podman, client)
            all_heard(heard, events)
            equal(client.engine("podman")["State"], "live")
            equal(client.engine("podman")["Received"], len(events))


@test(each=[machine.ROOT, machine.SERVICE], deadline=120)
def it_finds_the_log_where_podman_has_it(user: str) -> None:
    """Below /run/libpod, which only root may enter; the service has a capability for that."""
    with Bus() as bus, Podman(default_paths=True) as podman:
        equal(podman.log.parent.stat().st_mode & 0o777, 0o700)
        service = Service(bus, user=user)
        service.configure(Podman={"Enabled": None, "EventsLog": None,
                                  "GraphRoot": podman.graph_root})
        with service:
            client = bus.client()
            equal(client.engine("podman")["Id"], str(podman.log))
            heard = client.listen()
            podman.once("found", "sh", "-c", "exit 5")
            equal(heard.wait(name="found", status="died").details["exit_code"], 5)
            caught_up(podman, client)


@test(deadline=120)
def podman_reads_our_history_as_its_own() -> None:
    with scene() as (podman, service, client):
        lives(podman)
        caught_up(podman, client)
        client.emit(status="died", id="e" * 64, name="emitted", image="i", time_nsec=10**18 + 5,
                    details={"exit_code": 5, "attributes": {"k": "v"}, "extra": "ours"})
        service.stop()
        own = podman.log.read_text().splitlines()
        log = machine.folder("copy") / "events.log"
        shutil.copy(service.history / "events.log", log)
        reader = Podman(log=log)
        result = reader.try_command("events", "--stream=false", "--format", "{{json .}}")
        equal((result.returncode, result.stderr), (0, ""))
        read = [json.loads(line) for line in result.stdout.splitlines()]

        # Podman itself notes that it was started for the first time, and our header is an event.
        read = [fields for fields in read if fields["Status"] not in ("segment", "refresh")]
        emitted = read.pop()
        equal(expected(json.dumps(emitted))[:8],
              ("container", "died", "e" * 64, "emitted", "i", "podman", 10**18 + 5, 0))
        equal((emitted["ContainerExitCode"], emitted["Attributes"]), (5, {"k": "v"}))
        wanted = [json.loads(line) for line in own if '"refresh"' not in line and not is_mark(line)]
        equal(sum(fields["Status"] == "exec_died" for fields in read),
              sum(fields["Status"] == "exec" for fields in wanted), "ends of exec sessions")
        # Where we know an exit code of 0, Podman 4 leaves it out when it prints, too.
        equal(*([expected(json.dumps(fields)) for fields in events
                 if fields["Status"] != "exec_died"] for events in (read, wanted)))


if __name__ == "__main__":
    main()
