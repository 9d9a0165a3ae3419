#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The exit code of every exec session that a real Podman ran, asked by its ID.

Which session had which code is told by support.execs and support.conmon_truth, which share
nothing with the service.
"""

import contextlib
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from support.bus import Bus
from support.client import INTERFACE, NAME, PATH, Client, wait_until
from support.conmon_truth import Truth
from support.execs import Execs, answer, answers, check_history, check_signals, ends
from support.podman import Podman
from support.service import Service, cevctl
from support.tap import equal, main, note, patience, raises, test

ERROR = "org.containers.Events.Error"
SEED = 20261122
IN_SEQUENCE, PARALLEL, STREAMS, DETACHED = 200, 100, 8, 50
CUT_SHORT = 50

Scene = tuple[Podman, Truth, Service, Client]


@contextlib.contextmanager
def scene(**podman_options: str) -> Iterator[Scene]:
    """A Podman that tells the truth, and a service that listens."""
    truth = Truth()
    with Bus() as bus, Podman(conmon=truth.conmon, **podman_options) as podman, \
            Service(bus, podman=podman) as service:
        yield podman, truth, service, bus.client()


def evidence(events: list) -> str:
    """Where the codes are known from."""
    return ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(
        str(event.details.get("evidence")) for event in events).items()))


def known_for_good(scene: Scene, codes: dict[str, int], container: str) -> None:
    """All codes can be asked for, also when the container is gone, and after a restart."""
    podman, _, service, client = scene
    every = {"right": len(codes)}
    equal(dict(answers(client, codes)), every, "asked while the container is there")
    podman.rm(container)
    wait_until(lambda: client.history("event=remove", f"container={container}"), "its removal")
    equal(dict(answers(client, codes)), every, "asked when it is gone")
    equal(dict(answers(client, codes, digits=12)), every, "asked by the first 12 digits")
    service.restart()
    equal(dict(answers(client, codes)), every, "asked after a restart")
    service.kill()
    service.start()
    equal(dict(answers(client, codes, digits=12)), every, "asked by 12 digits after a crash")


@test(deadline=300)
def three_hundred_and_fifty_execs_have_their_codes() -> None:
    with scene() as here:
        podman, truth, _, client = here
        heard = client.listen()
        execs = Execs(podman, truth, "c1", SEED, options=("--label", "role=tests"))
        with ThreadPoolExecutor(1) as pool:
            # Beside: the loop of this test goes on to hear, and so it is not a reader that stalls.
            work = pool.submit(lambda: (
                [execs.attached() for _ in range(IN_SEQUENCE)], execs.many(PARALLEL, STREAMS),
                [execs.detached() for _ in range(DETACHED)]))
            wait_until(work.done, "350 execs", 240)
            work.result()
        codes = execs.codes()
        equal(len(codes), IN_SEQUENCE + PARALLEL + DETACHED)

        died = check_signals(heard, codes)
        for event in died:
            equal((event.name, event.image, event.engine, event.details["attributes"]),
                  ("c1", podman.image, "podman", {"role": "tests"}))
        history = check_history(client, codes)
        equal(history, died, "what was signalled, and what is recorded")
        started = [event for event in heard.events if event.status == "exec"]
        equal(len(started), len(codes), "exec events")
        with_id = [event.details["exec_id"] for event in started if "exec_id" in event.details]
        equal(set(with_id) - set(codes), set(), "IDs of exec events that are of no session")
        equal(len(with_id), len(set(with_id)), "exec events of the same session")
        lines = [line for line in podman.written() if line["Status"] == "exec_died"]
        note(f"{len(codes)} execs, {len(died)} exec_died ({evidence(died)}), of which podman "
             f"wrote {len(lines)} lines; {len(with_id)} of {len(started)} exec events have the ID")
        equal(len(with_id), len(codes), "exec events that have the ID")
        known_for_good(here, codes, "c1")


@test(deadline=120)
def a_front_end_that_is_killed_takes_no_code_along() -> None:
    with scene() as here:
        podman, truth, _, client = here
        heard = client.listen()
        execs = Execs(podman, truth, "c1", SEED + 1)
        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(execs.many, CUT_SHORT, 4, Execs.cut_short)
            wait_until(work.done, "execs cut short", 90)
            work.result()
        codes = execs.codes()
        equal(len(codes), CUT_SHORT)
        check_signals(heard, codes)
        check_history(client, codes)
        lines = [line for line in podman.written() if line["Status"] == "exec_died"]
        note(f"of {CUT_SHORT} ends podman wrote {len(lines)} lines")
        equal(dict(answers(client, codes)), {"right": CUT_SHORT})


@test(deadline=120)
def a_podman_that_writes_no_events_has_codes_too() -> None:
    """Then conmon is the only one who says anything, with a file that is there for a moment."""
    with scene(logger="none") as (podman, truth, service, client):
        heard = client.listen()
        execs = Execs(podman, truth, "c1", SEED + 2)
        for _ in range(6):
            execs.attached()
            execs.detached()
        codes = execs.codes()
        equal(podman.written(), [], "what podman wrote")
        wait_until(lambda: len(ends(heard.events)) >= len(codes), "the ends", 20)
        equal(sorted(event.details["exec_id"] for event in ends(heard.events)), sorted(codes))
        for event in ends(heard.events):
            equal((event.type, event.engine, event.id), ("container", "podman", execs.container))
            equal(event.details.get("evidence") in ("exit-file", "process"),
                  "exit_code" in event.details)
        podman.rm("c1")
        service.restart()
        said = answers(client, codes)
        equal(dict(said), {"right": len(codes)})
        equal(client.history("event=exec_died"), ends(heard.events))


@test(deadline=120)
def one_can_wait_for_an_exec() -> None:
    with scene() as (podman, truth, service, client):
        execs = Execs(podman, truth, "c1")
        item = execs.held_detached(code=9)
        session = truth.session(item.tag).id
        equal(answer(client, session), f"{ERROR}.ExecRunning")
        equal(answer(client, session[:12]), f"{ERROR}.ExecRunning")
        with raises(f"{ERROR}.TimedOut"):
            client.call("WaitExecExit", session, 1000)
        short = subprocess.Popen(
            [cevctl(), "exit-code", "--wait=10ms", session], text=True,
            env=service.bus.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        said, complaint = short.communicate(timeout=patience(10))
        equal((said, short.returncode != 0), ("", True), complaint)
        patient = subprocess.Popen(
            [cevctl(), "exit-code", "--wait", "--propagate", session[:12]], text=True,
            env=service.bus.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        waiting: list[int] = []
        client.connection.call_async(
            NAME, PATH, INTERFACE, "WaitExecExit", "st", (session, 0),
            lambda code: waiting.append(int(code)), lambda error: waiting.append(str(error)), 100)
        # A call behind it was answered: it has been taken, and waits.
        equal(answer(client, session), f"{ERROR}.ExecRunning")
        equal(waiting, [])
        execs.release(item)
        wait_until(lambda: waiting, "the answer to who waits")
        equal(waiting, [9])
        said, complaint = patient.communicate(timeout=patience(10))
        equal((said.strip(), patient.returncode, complaint), ("9", 9, ""))
        # Who asks later needs not to wait.
        equal(client.call("WaitExecExit", session[:12], 1), 9)
        result = service.cevctl("exit-code", "--propagate", session)
        equal((result.stdout.strip(), result.returncode), ("9", 9), result.stderr)
        with raises(f"{ERROR}.NoSuchExec"):
            client.call("WaitExecExit", "0" * 64, 1000)


@test(each=["no", "yes"], deadline=120)
def health_checks_are_known_and_told_only_if_wanted(wanted: str) -> None:
    truth = Truth()
    with Bus() as bus, Podman(conmon=truth.conmon) as podman:
        service = Service(bus, podman=podman)
        service.configure(Podman={"HealthCheckExecs": wanted if wanted == "yes" else None})
        with service:
            client = bus.client()
            heard = client.listen()
            options = ("--health-cmd", "exit 3", "--health-interval", "disable")
            podman.run("c1", "sleep", "10000", options=options)
            checked = podman.try_command("healthcheck", "run", "c1")
            equal(checked.returncode, 1, checked.stderr)
            session, = [session.id for session in truth.all() if session.words[-1] == "exit 3"]
            heard.wait(status="health_status", name="c1")
            wait_until(lambda: answer(client, session) == 3, "its code")
            recorded, = client.history("event=exec_died")
            equal((recorded.details["exec_id"], recorded.details["exit_code"],
                   recorded.details["reason"], recorded.name), (session, 3, "health_check", "c1"))
            # What people run is told, behind it.
            equal(podman.exec("c1", "sh", "-c", "exit 4", "tag-900011"), 4)
            other = truth.session("tag-900011").id
            heard.wait(lambda event: event.details.get("exec_id") == other
                       and event.status == "exec_died", deadline=20)
            told = [event.details["exec_id"] for event in ends(heard.events)]
            equal(told, [session, other] if wanted == "yes" else [other])
            equal([event.details.get("reason") for event in client.history("event=exec_died")],
                  ["health_check", None])
            service.restart()
            equal((answer(client, session), answer(client, other)), (3, 4))


if __name__ == "__main__":
    main()
