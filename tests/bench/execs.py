# SPDX-License-Identifier: Apache-2.0
"""A row about exec sessions of the real Podman: who can say how they ended."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.lab import WrongAnswer
from bench.rows import Measured, row
from support.client import wait_until
from support.conmon_truth import Truth
from support.execs import Execs, answers, ends, wait_for
from support.podman import Podman
from support.service import Service

if TYPE_CHECKING:
    from bench.lab import Lab

STREAMS = 4


@row("exec-codes", "finished exec sessions whose exit code the service names",
     "podman's own later look-up, and podman events", at_least=1)
def exec_codes(lab: Lab) -> Measured:
    """200 sessions of real Podman, a quarter of them detached, with codes from 0 to 255, asked by
    their IDs: how many have the right code, in percent. The bound is of ours alone: all. Ours:
    ExecExitCode when the container is gone and the service was restarted. Theirs, first: what
    podman looks at when it has missed an end: the session in its database (by its API), then the
    last exec_died with the label execID; while the container is there, which is better for it.
    Theirs, second: the sessions that a line of podman events --filter event=exec_died names."""
    lab.rest()
    truth = Truth()
    with Podman(conmon=truth.conmon, max_size="0") as podman, \
            Service(lab.bus, podman=podman) as service:
        client = lab.bus.client()
        execs = Execs(podman, truth, "c1", seed=20261125)
        count = 20 if lab.quick else 200
        execs.many(count * 3 // 4, STREAMS)
        execs.many(count // 4, STREAMS, Execs.detached)
        codes = execs.codes()
        wait_until(lambda: len(ends(client.history())) >= len(codes), "the ends", 60)
        with api(podman) as path:
            there = share(codes, lambda exec_id: looked_up(podman, path, execs.container, exec_id))
            told = podman.command("events", "--stream=false", "--filter", "event=exec_died",
                                  "--format", "json").splitlines()
            listed = share(codes, lambda exec_id: named_in(told, exec_id))
            podman.rm("c1")
            wait_until(lambda: client.history("event=remove", f"id={execs.container}"),
                       "the removal", 20)
            gone = share(codes, lambda exec_id: looked_up(podman, path, execs.container, exec_id))
        service.restart()
        said = answers(lab.bus.client(), codes)
        if strange := set(said) - {"right", "unknown", "no such exec"}:
            raise WrongAnswer(f"{len(strange)} wrong, the first: {min(strange)}")
        ours = said["right"] / len(codes)
        return Measured(percent(ours), f"{percent(there)} and {percent(listed)}", ours,
                        {"sessions": len(codes), "ours": ours, "look_up": there,
                         "look_up_when_the_container_is_gone": gone, "podman_events": listed,
                         "exec_died_lines": len(told)})


def percent(part: float) -> str:
    """For people."""
    return f"{part * 100:.4g} %"


def share(codes: dict[str, int], named: Callable[[str], int | None]) -> float:
    """The part of the sessions whose code is named; a wrong one counts as none."""
    return sum(named(exec_id) == code for exec_id, code in codes.items()) / len(codes)


def looked_up(podman: Podman, path: Path, container: str, exec_id: str) -> int | None:
    """As podman does it: in its database; else in its events, by the label that once was there."""
    status, session = get(path, f"/v4.0.0/libpod/exec/{exec_id}/json")
    if status == 200:
        return None if session["Running"] else session["ExitCode"]
    lines = podman.command("events", "--stream=false", "--format", "json", "--filter",
                           f"container={container}", "--filter", "event=exec_died", "--filter",
                           "type=container", "--filter", f"label=execID={exec_id}").splitlines()
    return code_of(lines[-1]) if lines else None


def named_in(lines: list[str], exec_id: str) -> int | None:
    """The code of the line that has the session's ID, wherever."""
    found = [code_of(line) for line in lines if exec_id in line]
    return found[-1] if found else None


def code_of(line: str) -> int:
    """Of an exec_died as podman prints it: 0 is left out."""
    return json.loads(line).get("ContainerExitCode", 0)


@contextlib.contextmanager
def api(podman: Podman) -> Iterator[Path]:
    """Podman's API, on a socket."""
    path = podman.folder / "api.socket"
    server = podman.begin("system", "service", "--time", "0", f"unix://{path}")
    try:
        wait_for(lambda: path.exists() and get(path, "/v4.0.0/libpod/_ping")[0] == 200,
                 "podman's API")
        yield path
    finally:
        server.kill()
        server.communicate()


class _Connection(http.client.HTTPConnection):
    """To a socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))


def get(path: Path, url: str) -> tuple[int, dict]:
    """The status and the body."""
    connection = _Connection(path)
    try:
        connection.request("GET", url)
        reply = connection.getresponse()
        body = reply.read()
        is_json = reply.getheader("Content-Type", "").startswith("application/json")
        return reply.status, json.loads(body) if is_json else {}
    except OSError:
        return 0, {}
    finally:
        connection.close()
