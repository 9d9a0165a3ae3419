# SPDX-License-Identifier: Apache-2.0
"""Exec sessions of the real Podman, and how each must have ended.

    truth = Truth()
    with Podman(conmon=truth.conmon) as podman:
        execs = Execs(podman, truth, "c1", seed=7)      # runs the container
        execs.attached()        # one, with a code of its own; Podman's status must be that
        execs.detached()        # the same with `exec -d`
        execs.many(100, 8)      # so many attached ones, eight at a time
        execs.cut_short()       # its front end gets SIGKILL while the command runs
        item, front = execs.held()      # begun, and running; its front end
        item = execs.held_detached()
        execs.release(item)     # lets it end
        execs.codes()           # ID -> exit code, of all

    check_signals(heard, codes)     # each is signalled once, with its ID and code
    check_history(client, codes)    # each is in the history once
    kernel_keeps_codes()            # whether it says how a process ended that was not our child
    pidfds(service.pid)             # how many processes it holds
    answers(client, codes)          # Counter of "right", "unknown", "no such exec", anything else

The code is what the command says; which session the command was of is told by support.conmon_truth.
Some take less than a millisecond, some a while; the codes are from 0 to 255.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import random
import struct
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import dbus

from support import machine
from support.client import Client, Event, Listener, wait_until
from support.conmon_truth import Truth
from support.podman import Podman
from support.tap import DeadlinePassed, equal, patience

ERROR = "org.containers.Events.Error"
# What is said of a code that nobody knows.
UNKNOWN = f"{ERROR}.ExitCodeUnknown"
# And of a session that was never heard of.
NO_SUCH_EXEC = f"{ERROR}.NoSuchExec"

_tags = itertools.count(1)


class Exec(NamedTuple):
    """One of them."""

    tag: str
    code: int
    words: list[str]


class Execs:
    """Those of one container."""

    def __init__(self, podman: Podman, truth: Truth, name: str, seed: int = 0,
                 options: tuple[str, ...] = ()) -> None:
        self.podman = podman
        self.truth = truth
        self.name = name
        self.gate = machine.folder("gate")
        self.container = podman.run(name, "sleep", "10000",
                                    options=("--volume", f"{self.gate}:/gate", *options))
        self.ran: list[Exec] = []
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def attached(self) -> Exec:
        """Runs one to its end."""
        item = self._make()
        equal(self.podman.exec(self.name, *item.words), item.code, f"podman's status of {item}")
        return item

    def detached(self) -> Exec:
        """Starts one and leaves it alone."""
        item = self._make()
        session = self.podman.exec_detached(self.name, *item.words)
        equal(self.truth.session(item.tag).id, session, "whom conmon and podman mean")
        return item

    def many(self, count: int, streams: int, run: Callable[[Execs], Exec] | None = None) -> None:
        """Runs so many, by several at a time."""
        with ThreadPoolExecutor(streams) as pool:
            for done in [pool.submit(run or Execs.attached, self) for _ in range(count)]:
                done.result()

    def held(self, code: int | None = None) -> tuple[Exec, subprocess.Popen]:
        """Starts one that runs until it is released, or killed; Podman knows that it runs."""
        item = self._make(held=True, code=code)
        front = self.podman.begin("exec", self.name, *item.words)
        wait_for(lambda: self.has_run(item), f"the start of {item}")
        # Podman holds the container's lock until it has noted that the session runs.
        known = json.loads(self.podman.command("inspect", self.name))[0]["ExecIDs"]
        assert self.truth.session(item.tag).id in known, f"{item} is not in {known}"
        return item, front

    def held_detached(self, code: int | None = None) -> Exec:
        """The same with `exec -d`."""
        item = self._make(held=True, code=code)
        self.podman.exec_detached(self.name, *item.words)
        wait_for(lambda: self.has_run(item), f"the start of {item}")
        return item

    def has_run(self, item: Exec) -> bool:
        """Whether the command of one that is held has begun."""
        return (self.gate / f"{item.tag}.runs").exists()

    def release(self, item: Exec) -> None:
        """Lets it end."""
        (self.gate / item.tag).touch()

    def cut_short(self) -> Exec:
        """Runs one whose front end is killed while the command runs."""
        item, front = self.held()
        front.kill()
        front.communicate()
        self.release(item)
        return item

    def codes(self) -> dict[str, int]:
        """What must be known of each."""
        sessions = self.truth.sessions()
        return {sessions[item.tag].id: item.code for item in self.ran}

    def make_held(self) -> Exec:
        """What would be held, for those who run it themselves."""
        return self._make(held=True)

    def _make(self, held: bool = False, code: int | None = None) -> Exec:
        with self._lock:
            tag = f"tag-{next(_tags)}"
            kind = self._random.randrange(8)
            if code is None:
                code = kind if kind < 2 and not held else self._random.randrange(256)
            if held:
                script = (f"echo > /gate/{tag}.runs; until [ -e /gate/{tag} ]; do sleep 0.02; "
                          f"done; exit {code}")
                words = ["sh", "-c", script, tag]
            elif kind < 2:
                words = [("true", "false")[kind], tag]
            else:
                words = ["sh", "-c", f"{'sleep 0.05; ' if kind == 2 else ''}exit {code}", tag]
            self.ran.append(Exec(tag, code, words))
            return self.ran[-1]


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 20) -> None:
    """As support.client.wait_until, for threads: they have no main loop to run."""
    end = time.monotonic() + patience(seconds)
    while not condition():
        if time.monotonic() > end:
            raise DeadlinePassed(f"waited {patience(seconds):g} s for {what}")
        time.sleep(0.005)


def ends(events: Iterable[Event]) -> list[Event]:
    """Those that say that an exec session ended."""
    return [event for event in events if event.status == "exec_died"]


def once_each(events: Iterable[Event], codes: dict[str, int], what: str) -> None:
    """Fails unless these are the ends of these sessions, each once, with its code."""
    died = ends(events)
    found = Counter(event.details.get("exec_id") for event in died)
    equal({exec_id: count for exec_id, count in found.items() if count > 1 or exec_id not in codes},
          {}, f"{what}: sessions that ended twice, or were none")
    equal([exec_id for exec_id in codes if exec_id not in found], [],
          f"{what}: sessions without an end")
    wrong = [(event.details["exec_id"], event.details.get("exit_code"),
              codes[event.details["exec_id"]]) for event in died
             if event.details.get("exit_code") != codes[event.details["exec_id"]]]
    equal(wrong, [], f"{what}: sessions with a wrong code")


def check_signals(heard: Listener, codes: dict[str, int], *, deadline: float = 20) -> list[Event]:
    """Waits until so many ends were signalled as there were, and checks that it is these."""
    wait_until(lambda: len(ends(heard.events)) >= len(codes),
               f"{len(codes)} ends of exec sessions", deadline)
    once_each(heard.events, codes, "signals")
    return ends(heard.events)


def check_history(client: Client, codes: dict[str, int]) -> list[Event]:
    """Checks that the ends in the history are those."""
    events = client.history("event=exec_died")
    once_each(events, codes, "history")
    return events


def answer(client: Client, exec_id: str) -> int | str:
    """The code, or the name of the error."""
    try:
        return client.exec_exit_code(exec_id)
    except dbus.DBusException as error:
        return str(error.get_dbus_name())


def answers(client: Client, codes: dict[str, int], digits: int = 64) -> Counter:
    """How many answers are "right", "unknown", "no such exec", or anything else; asked by so many
    digits of their IDs."""
    def verdict(exec_id: str, code: int) -> str:
        said = answer(client, exec_id[:digits])
        if said == code:
            return "right"
        return {UNKNOWN: "unknown", NO_SUCH_EXEC: "no such exec"}.get(
            said, f"{exec_id}: {said}, not {code}")

    return Counter(verdict(exec_id, code) for exec_id, code in codes.items())


def kernel_keeps_codes() -> bool:
    """Whether a pidfd tells the code when the process is gone: since Linux 6.15."""
    process = subprocess.Popen(["true"])
    pidfd = os.pidfd_open(process.pid)
    try:
        process.wait()
        # PIDFD_GET_INFO, struct pidfd_info with PIDFD_INFO_EXIT as its mask.
        said = fcntl.ioctl(pidfd, 0xC040FF0B, struct.pack("Q56x", 8))
        return bool(struct.unpack_from("Q", said)[0] & 8)
    except OSError:
        return False
    finally:
        os.close(pidfd)


def pidfds(pid: int) -> int:
    """How many processes a process holds."""
    folder = f"/proc/{pid}/fd"
    return sum(os.readlink(f"{folder}/{fd}") == "anon_inode:[pidfd]" for fd in os.listdir(folder))


def process_of(exec_id: str) -> int:
    """The conmon of a session, in the private machine."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        # Its exit command, which is podman, has the ID too: as an argument of its own.
        if os.path.basename(words[0]) == b"conmon" and any(
                word.endswith(b"/" + exec_id.encode()) for word in words):
            return int(pid)
    raise AssertionError(f"no conmon of {exec_id}")
