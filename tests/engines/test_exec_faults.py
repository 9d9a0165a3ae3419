#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Exec sessions and containers that end badly, or do not even begin: what is known of them is true,
and what nobody knows is said to be unknown.
"""

import contextlib
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import dbus

from support import machine
from support.bus import Bus
from support.client import Client, Event, wait_until
from support.conmon_truth import Truth
from support.execs import (NO_SUCH_EXEC, UNKNOWN, Execs, answer, check_history, check_signals, ends,
                           kernel_keeps_codes, once_each, pidfds, process_of, wait_for)
from support.podman import Podman
from support.service import Service
from support.tap import equal, main, note, patience, skip, test

ERROR = "org.containers.Events.Error"
KILLED = 137
SEED = 20261124
# It doubles a string until the kernel ends it; not the machine's memory, should there be no limit.
GLUTTON = "ulimit -v 200000; a=aaaaaaaaaaaaaaaa; while true; do a=$a$a; done"

Scene = tuple[Podman, Truth, Service, Client]


@contextlib.contextmanager
def scene(**podman_options: str) -> Iterator[Scene]:
    """A Podman that tells the truth, and a service that listens."""
    truth = Truth()
    with Bus() as bus, Podman(conmon=truth.conmon, **podman_options) as podman, \
            Service(bus, podman=podman) as service:
        yield podman, truth, service, bus.client()


def container_history(client: Client, container: str) -> list[Event]:
    """What happened to it."""
    return client.history(f"container={container}")


@test(each=["stop", "kill", "rm"], deadline=120)
def a_container_that_dies_ends_its_execs(how: str) -> None:
    with scene() as (podman, truth, service, client):
        heard = client.listen()
        execs = Execs(podman, truth, "c1", SEED)
        fronts = [execs.held()[1] for _ in range(2)]
        for _ in range(2):
            execs.held_detached()
        ended = execs.attached()
        sessions = truth.sessions()
        running = {sessions[item.tag].id: KILLED for item in execs.ran[:4]}
        codes = {**running, sessions[ended.tag].id: ended.code}
        wait_until(lambda: answer(client, sessions[ended.tag].id) == ended.code, "its code")
        equal({answer(client, exec_id) for exec_id in running}, {f"{ERROR}.ExecRunning"})

        getattr(podman, how)("c1")
        check_signals(heard, codes)
        said = {front.wait(patience(20)) for front in fronts}
        # Podman's front end looks for the event with the session's ID, and there is none.
        assert said <= {KILLED, 255 if how == "rm" else KILLED}, f"the front ends: {said}"
        if how != "rm":
            podman.rm("c1")
        heard.wait(status="remove", name="c1", deadline=20)
        events = check_history(client, codes)
        note(f"podman {how}: known from "
             f"{dict(Counter(str(event.details.get('evidence')) for event in events))}")
        died, = [event for event in container_history(client, execs.container)
                 if event.status == "died"]
        equal(died.details["exit_code"], KILLED)
        service.restart()
        equal({exec_id: answer(client, exec_id) for exec_id in codes}, codes)
        equal(client.container_exit_code(execs.container), KILLED)


@test(deadline=120)
def a_container_that_is_removed_while_execs_begin_leaves_none_open() -> None:
    """Some are there before, some come too late; whatever ran has ended, and is told once."""
    with scene() as (podman, truth, _, client):
        heard = client.listen()
        moment = random.Random(SEED)
        seen: Counter = Counter()
        for number in range(4):
            execs = Execs(podman, truth, f"c{number}", SEED)
            items = [execs.make_held() for _ in range(6)]
            fronts = [podman.begin("exec", execs.name, *item.words) for item in items]
            time.sleep(moment.uniform(0.05, 0.5))  # not a wait for something: any moment will do
            podman.rm(execs.name)
            for front in fronts:
                front.communicate(timeout=patience(20))
            heard.wait(status="remove", id=execs.container, deadline=20)
            sessions = truth.sessions()
            for item in items:
                begun = sessions.get(item.tag)
                if not begun:
                    seen["not begun"] += 1
                    continue
                wait_until(lambda: answer(client, begun.id) != f"{ERROR}.ExecRunning",
                           f"the end of {item.tag}", 20)
                said = answer(client, begun.id)
                allowed = {KILLED, UNKNOWN} if execs.has_run(item) else {
                    KILLED, UNKNOWN, NO_SUCH_EXEC}
                assert said in allowed, (said, allowed)
                seen[said if said == KILLED else said.rpartition(".")[2]] += 1
        told = Counter(event.details.get("exec_id") for event in ends(client.history()))
        equal({exec_id for exec_id, count in told.items() if count > 1 or not exec_id}, set())
        equal(Counter(event.details.get("exec_id") for event in ends(heard.events)), told)
        note(f"24 execs: {dict(seen)}")
        assert seen[KILLED], seen


@test(deadline=120)
def a_front_end_that_is_killed_at_any_moment_makes_no_code_wrong() -> None:
    """If it dies before it has noted that conmon works for it, conmon may give up: then nobody
    knows the code."""
    with scene() as (podman, truth, _, client):
        execs = Execs(podman, truth, "c1", SEED)
        moment = random.Random(SEED)

        def run(_: Execs) -> None:
            item = execs.make_held()
            front = podman.begin("exec", execs.name, *item.words)
            time.sleep(moment.uniform(0.05, 1.2))  # any moment will do
            front.kill()
            front.communicate()
            execs.release(item)

        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(execs.many, 30, 3, run)
            wait_until(work.done, "execs", 60)
            work.result()
        # One more, behind all: what is before it has been heard of, or never will be.
        last = execs.attached()
        sessions = truth.sessions()
        wait_until(lambda: answer(client, sessions[last.tag].id) == last.code, "the last", 20)
        seen: Counter = Counter()
        for item in execs.ran[:-1]:
            begun = sessions.get(item.tag)
            if not begun:
                seen["not begun"] += 1
                continue
            wait_until(lambda: answer(client, begun.id) != f"{ERROR}.ExecRunning",
                       f"the end of {item.tag}", 20)
            said = answer(client, begun.id)
            allowed = {item.code, UNKNOWN} if execs.has_run(item) else {
                item.code, UNKNOWN, NO_SUCH_EXEC}
            assert said in allowed, (item, said)
            seen["right" if said == item.code else said.rpartition(".")[2]] += 1
        note(f"30 execs: {dict(seen)}")
        told = Counter(event.details.get("exec_id") for event in ends(client.history()))
        equal({exec_id for exec_id, count in told.items() if count > 1 or not exec_id}, set())
        assert seen["right"], seen


@test(each=["file", "none"], deadline=120)
def the_codes_of_what_it_slept_through_are_known(logger: str) -> None:
    """It is stopped while sessions end that it knows to run, until all that they left is gone."""
    if not kernel_keeps_codes():
        skip("this kernel does not keep how a process ended")
    with scene(logger=logger) as (podman, truth, service, client):
        heard = client.listen()
        execs = Execs(podman, truth, "c1", SEED)
        held = [execs.held() for _ in range(4)]
        detached = [execs.held_detached() for _ in range(4)]
        with_terminal = execs.make_held()
        terminal = podman.begin("exec", "-t", "c1", *with_terminal.words)
        wait_for(lambda: execs.has_run(with_terminal), "the one with a terminal")
        sessions = truth.sessions()
        wait_until(lambda: pidfds(service.pid) == len(execs.ran), "a descriptor of each")
        equal({answer(client, sessions[item.tag].id) for item in execs.ran},
              {f"{ERROR}.ExecRunning"})

        service.signal(signal.SIGSTOP)
        try:
            killed = detached.pop()
            process = sessions[killed.tag].folder / "exec_pid"
            os.kill(int(process.read_text()), signal.SIGKILL)
            for item in (with_terminal, *detached, *(item for item, _ in held)):
                execs.release(item)
            equal([front.wait(patience(30)) for _, front in held],
                  [item.code for item, _ in held], "what podman itself says")
            equal(terminal.wait(patience(30)), with_terminal.code)
            folders = [sessions[item.tag].folder for item in execs.ran]
            wait_for(lambda: not any(folder.exists() for folder in folders),
                     "Podman to remove what is left of them")
        finally:
            service.signal(signal.SIGCONT)

        codes = {**execs.codes(), sessions[killed.tag].id: KILLED}
        died = check_signals(heard, codes)
        equal({event.details.get("evidence") for event in died}, {"process"})
        equal(check_history(client, codes), died)
        equal(pidfds(service.pid), 0, "descriptors that are left")
        service.restart()
        equal({exec_id: answer(client, exec_id) for exec_id in codes}, codes)


@test(each=["attached", "detached"], deadline=120)
def a_conmon_that_is_killed_leaves_a_code_that_podman_does_not_know(how: str) -> None:
    """Nor do we, unless its command was seen to end, by a kernel that tells more than that."""
    with scene() as (podman, truth, service, client):
        heard = client.listen()
        execs = Execs(podman, truth, "c1", SEED)
        if how == "attached":
            item, front = execs.held(code=5)
        else:
            item, front = execs.held_detached(code=5), None
        session = truth.session(item.tag).id
        code = 5 if how == "detached" and kernel_keeps_codes() else UNKNOWN
        os.kill(process_of(session), signal.SIGKILL)
        if front:
            # Podman waits for an exit file for five seconds, and gives up.
            equal(front.wait(patience(30)), 255, "what podman itself says of it")
        else:
            # The command goes on, and ends with nobody there to ask for its status.
            equal(answer(client, session), f"{ERROR}.ExecRunning")
            execs.release(item)
        wait_until(lambda: answer(client, session) == code, f"{code} for an answer", 30)
        # Another begins and ends: nothing of the first is taken for something of that.
        other = execs.attached()
        other_session = truth.session(other.tag).id
        heard.wait(lambda event: event.status == "exec_died"
                   and event.details.get("exec_id") == other_session, deadline=20)
        podman.rm("c1")
        heard.wait(status="remove", name="c1", deadline=20)
        for events in (heard.events, client.history()):
            died = {event.details["exec_id"]: event.details.get("exit_code")
                    for event in ends(events)}
            equal(len(died), len(ends(events)), "ends")
            # -1 is the engine's own word for a code that it does not know.
            assert died.pop(session) in ((None, -1) if code == UNKNOWN else (code,)), died
            equal(died, {other_session: other.code})
        service.restart()
        equal((answer(client, session), answer(client, other_session)), (code, other.code))


@test(deadline=120)
def an_exec_that_cannot_begin_has_no_end() -> None:
    with scene() as (podman, truth, _, client):
        heard = client.listen()
        execs = Execs(podman, truth, "c1", SEED)
        equal(podman.exec("c1", "no-such-command", "tag-900001"), 127)
        equal(podman.exec("c1", "/bin", "tag-900002"), 126)
        result = podman.try_command("exec", "-d", "c1", "no-such-command", "tag-900003")
        equal(result.returncode, 125, result.stderr)
        begun = [truth.session(f"tag-90000{number}").id for number in (1, 2, 3)]
        last = execs.attached()
        codes = {truth.session(last.tag).id: last.code}
        check_signals(heard, codes)
        check_history(client, codes)
        equal([answer(client, exec_id) for exec_id in begun], [NO_SUCH_EXEC] * 3)
        started = [event.details.get("exec_id") for event in client.history("event=exec")]
        equal(started, list(codes), "exec events")


@test(deadline=120)
def a_container_that_cannot_start_has_the_history_that_podman_gives_it() -> None:
    """Podman tells of create and cleanup; there is no death, and so no code."""
    with scene() as (podman, _, service, client):
        heard = client.listen()
        for name, command, status in (("c127", "no-such-command", 127), ("c126", "/bin", 126)):
            equal(podman.once(name, command), status)
        result = podman.try_command("run", "--name", "c125", "--volume", "/no/such/folder:/x",
                                    f"--cgroup-parent={machine.cgroup()}", podman.image, "true")
        equal(result.returncode, 125, result.stderr)
        equal(podman.once("good", "sh", "-c", "exit 5"), 5)
        good = podman.id("good")
        heard.wait(status="died", id=good)
        story = {name: [event.status for event in client.history(f"container={name}")]
                 for name in ("c127", "c126", "c125")}
        note(f"what podman tells: {story}")
        for name in ("c127", "c126"):
            container = podman.id(name)
            assert "died" not in story[name], story[name]
            # Of conmon's exit file nothing may be made that was not.
            equal(container_answer(client, container), UNKNOWN)
            podman.rm(name)
            heard.wait(status="remove", id=container)
            equal(container_answer(client, container), UNKNOWN)
        equal(story["c125"], [])
        podman.rm("good")
        heard.wait(status="remove", id=good)
        service.restart()
        equal(container_answer(client, good), 5)
        equal(container_answer(client, good[:12]), 5)
        equal(container_answer(client, "0" * 64), f"{ERROR}.NoSuchContainer")


@test(deadline=120)
def a_container_that_runs_out_of_memory_says_so() -> None:
    with scene() as (podman, _, service, client):
        heard = client.listen()
        made = podman.try_command("create", "--name", "c1", f"--cgroup-parent={machine.cgroup()}",
                                  "--memory", "16m", podman.image, "sh", "-c", GLUTTON)
        if made.returncode != 0:
            skip(f"no limit of memory here: {made.stderr}")
        container = made.stdout.strip()
        # conmon says it with a file. An older one leaves that where podman was started, and Podman
        # looks for it in the container's own folder.
        started = podman.try_command("start", "c1", cwd=podman.bundle(container))
        if started.returncode != 0:
            skip(f"no limit of memory here: {started.stderr}")
        died = heard.wait(status="died", id=container, deadline=20)
        podman.command("wait", "c1")
        podman_says = podman.command("inspect", "--format", "{{.State.OOMKilled}}", "c1")
        if podman_says != "true":
            skip(f"podman itself does not notice it here: {podman_says}")
        equal((died.details["exit_code"], died.details.get("oom_killed")), (KILLED, True))
        # Only this one.
        podman.run("c2", "sleep", "1000", options=("--memory", "16m"))
        podman.kill("c2")
        died = heard.wait(status="died", name="c2", deadline=20)
        equal((died.details["exit_code"], died.details.get("oom_killed")), (KILLED, None))
        podman.rm("c1")
        heard.wait(status="remove", id=container)
        service.restart()
        equal(client.container_exit_code(container), KILLED)
        equal([event.details.get("oom_killed") for event in client.history("event=died")],
              [True, None])


@test(deadline=120)
def a_conmon_of_a_container_that_is_killed_leaves_no_wrong_code() -> None:
    with scene() as (podman, _, service, client):
        heard = client.listen()
        container = podman.run("c1", "sh", "-c", "sleep 1000")
        pid = int((podman.folder / "runroot" / "vfs-containers" / container / "userdata"
                   / "conmon.pid").read_text())
        os.kill(pid, signal.SIGKILL)
        podman.rm("c1")
        heard.wait(status="remove", id=container, deadline=20)
        told = [event.details.get("exit_code") for event in container_history(client, container)
                if event.status == "died"]
        assert len(told) <= 1, told
        podman_told = [line.get("ContainerExitCode") for line in podman.written()
                       if (line.get("ID"), line["Status"]) == (container, "died")]
        note(f"podman tells {podman_told}, we {told}")
        equal(told, podman_told)
        wanted = told[0] if told and told[0] not in (None, -1) else UNKNOWN
        said = container_answer(client, container)
        assert said in (wanted, -1), (said, wanted)
        service.restart()
        equal(container_answer(client, container), said)


def container_answer(client: Client, container: str) -> int | str:
    """Its code, or the name of the error."""
    try:
        return client.container_exit_code(container)
    except dbus.DBusException as error:
        return str(error.get_dbus_name())


@test(deadline=120)
def storage_that_is_swept_away_under_an_exec_makes_no_code_wrong() -> None:
    """The session's folder goes without an exit file; conmon cannot write one any more. With what
    the process ended the kernel may know."""
    with scene() as (podman, truth, _, client):
        execs = Execs(podman, truth, "c1", SEED)
        item = execs.held_detached(code=7)
        session = truth.session(item.tag)
        shutil.rmtree(session.folder / "exit")
        execs.release(item)
        wait_until(lambda: answer(client, session.id) != f"{ERROR}.ExecRunning", "its end", 30)
        # Podman's own line, if it writes one, cannot know it either.
        known = (item.code,) if kernel_keeps_codes() else (UNKNOWN, -1)
        assert answer(client, session.id) in known, answer(client, session.id)
        other = execs.attached()
        session_of_other = truth.session(other.tag).id
        codes = {session_of_other: other.code}
        wait_until(lambda: answer(client, session_of_other) == other.code, "its code", 20)
        once_each([event for event in client.history()
                   if event.details.get("exec_id") != session.id], codes, "the other")
        equal(sum(event.details.get("exec_id") == session.id
                  for event in ends(client.history())), 1, "ends of the first")


if __name__ == "__main__":
    main()
