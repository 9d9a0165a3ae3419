#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Exit codes while the service is killed, under its unit: what systemd keeps for it, and what
Podman wrote to the journal meanwhile.

Runs inside the machine that support.host boots, once with each broker."""

from __future__ import annotations

import itertools
import random
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import dbus
from support.client import wait_until
from support.execs import kernel_keeps_codes, pidfds
from support.guest import Exec, Podman, Unit, podman_on_journald
from support.tap import equal, main, note, skip, test

ERROR = "org.containers.Events.Error"
KILLS = 10
STREAMS = 2


class Streams:
    """Execs in a container, one after the other in each stream, until they are told to end."""

    def __init__(self, podman: Podman, container: str) -> None:
        self.execs: list[Exec] = []
        self.errors: list[BaseException] = []
        self._end = threading.Event()
        self._run = [lambda code: podman.exec(container, code),
                     lambda code: podman.exec_detached(container, code)]
        self._threads = [threading.Thread(target=self._work) for _ in range(STREAMS)]

    def _work(self) -> None:
        try:
            for number in itertools.count():
                if self._end.is_set():
                    break
                self.execs.append(self._run[number % 3 == 0](random.randrange(256)))
        except BaseException as error:  # noqa: B902: told where the test is
            self.errors.append(error)

    def __enter__(self) -> Streams:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()
        for error in self.errors:
            raise error


def answer(client, session: str) -> int | str:
    """The code that the service knows, or the name of its error."""
    try:
        return client.exec_exit_code(session)
    except dbus.DBusException as error:
        return error.get_dbus_name().removeprefix(f"{ERROR}.")


@test(deadline=150)
def killed_during_execs_it_tells_the_code_or_that_it_is_not_known() -> None:
    podman_on_journald()
    podman, service = Podman(), Unit()
    service.ctl("start")
    client = service.client()
    client.query()
    container = podman.run("c1", "sleep", "600")
    with Streams(podman, "c1") as streams:
        for _ in range(KILLS):
            reached = len(streams.execs) + 4
            wait_until(lambda reached=reached: len(streams.execs) >= reached or streams.errors,
                       "some execs")
            # At any moment of an exec's.
            time.sleep(random.uniform(0, 0.15))
            service.kill(client)
    execs = list(streams.execs)
    note(f"{len(execs)} execs, {service.show('NRestarts')} restarts, "
         f"{service.show('NFileDescriptorStore')} descriptors kept")
    podman.rm("c1")
    wait_until(lambda: client.history(f"container={container}", "event=remove"), "the end")

    def answers_of_all() -> dict[str, int | str]:
        """Empty while the service still waits for what may be told of one."""
        given = {done.id: answer(client, done.id) for done in execs}
        return {} if "ExecRunning" in given.values() else given

    answers = wait_until(answers_of_all, "an end of each", 20)
    known = [done for done in execs if answers[done.id] == done.code]
    unknown = [done for done in execs if answers[done.id] == "ExitCodeUnknown"]
    note(f"{len(known)} codes, {len(unknown)} ExitCodeUnknown")
    equal({done.id: (answers[done.id], done.code) for done in execs
           if done not in known and done not in unknown}, {}, "wrong answers")
    ends = client.history(f"container={container}", "event=exec_died")
    note(f"known from: {dict(Counter(end.details.get('evidence') for end in ends))}")
    equal(Counter(end.details.get("exec_id", "") for end in ends),
          Counter(done.id for done in execs), "whose ends were told")
    # It is down for a second each time; what it cannot see then, the journal has.
    assert len(unknown) <= 0.1 * len(execs), f"{len(unknown)} of {len(execs)}"


@test(deadline=90)
def held_up_it_tells_the_codes_of_what_it_saw_begin() -> None:
    """It is stopped until what they left is gone; what it may do under its unit is enough."""
    if not kernel_keeps_codes():
        skip("this kernel does not keep how a process ended")
    service, podman = Unit(), Podman()
    client = service.client()
    client.query()
    with tempfile.TemporaryDirectory() as gate:
        container = podman.run("c3", "sleep", "600", options=("--volume", f"{gate}:/gate"))
        running = [podman.start_exec("c3", "until [ -e /gate/open ]; do sleep 0.02; done; "
                                     f"exit {code}", code) for code in (0, 7, 255)]
        wait_until(lambda: pidfds(service.pid) == len(running), "a descriptor of each")
        service.ctl("kill", "--kill-whom=main", "--signal=STOP")
        try:
            (Path(gate) / "open").touch()
            execs = [run.wait() for run in running]
            storage = Path("/var/lib/containers/storage")
            folders = f"*-containers/{container}/userdata"
            wait_until(lambda: not any(list(storage.glob(f"{folders}/{run.id}"))
                                       for run in running), "Podman to remove what is left of them")
        finally:
            service.ctl("kill", "--kill-whom=main", "--signal=CONT")
        podman.rm("c3")
    wait_until(lambda: client.history(f"container={container}", "event=remove"), "the end")
    equal([answer(client, done.id) for done in execs], [done.code for done in execs])
    ends = client.history(f"container={container}", "event=exec_died")
    equal([end.details.get("evidence") for end in ends], ["process"] * len(execs))


@test
def afterwards_all_is_as_before() -> None:
    service = Unit()
    client = service.client()
    podman = Podman()
    podman.run("c2", "sleep", "600")
    execs = [podman.exec("c2", code) for code in (0, 1, 254)]
    podman.rm("c2")
    wait_until(lambda: client.history("container=c2", "event=remove"), "the end")
    equal([client.exec_exit_code(done.id) for done in execs], [done.code for done in execs])
    service.ctl("restart")
    equal([client.exec_exit_code(done.id) for done in execs], [done.code for done in execs])


if __name__ == "__main__":
    main(private=False)
