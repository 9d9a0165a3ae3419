#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Scripts that wait with cevctl for what real Podman's containers and exec sessions do."""

from __future__ import annotations

import json

from support.bus import Bus
from support.podman import Podman
from support.proxy import Proxy
from support.service import Service
from support.tap import equal, main, test
from support.waiter import Waiter


@test(deadline=240)
def the_end_of_an_exec_session_is_waited_for() -> None:
    with Bus() as bus, Podman() as podman, Service(bus, podman=podman) as service:
        podman.run("c1", "sleep", "1000")
        for code in (0, 7, 255):
            session = podman.exec_detached("c1", "sh", "-c", f"sleep 1; exit {code}")
            with Waiter(bus, "exit-code", "--wait=60", "--propagate", session) as whole, \
                    Waiter(bus, "exit-code", "--wait=60", "--propagate", session[:12]) as part:
                equal(whole.end(code, deadline=90), f"{code}\n")
                equal(part.end(code, deadline=90), f"{code}\n")
        # Shorter than the question.
        session = podman.exec_detached("c1", "sh", "-c", "exit 9")
        with Waiter(bus, "exit-code", "--wait=60", "--json", session) as waiter:
            said = json.loads(waiter.end(deadline=90))
            equal((said["ExitCode"], said["Event"]["Evidence"] in ("exit-file", "process")),
                  (9, True), said)

        session = podman.exec_detached("c1", "sh", "-c", "sleep 1; exit 5")
        proxy = Proxy(bus)
        with Waiter(bus, "exit-code", "--wait=60", session,
                    environment=proxy.environment) as waiter:
            proxy.wait_for("WaitExecExit")
            service.kill()
            service.start()
            equal(waiter.end(deadline=90), "5\n")
        session = podman.exec_detached("c1", "sleep", "1000")
        with Waiter(bus, "exit-code", "--wait=1", session) as waiter:
            waiter.end(124, says="has not ended in that time")
        with Waiter(bus, "exit-code", "--wait=60", session) as waiter:
            podman.rm("c1")
            equal(waiter.end(deadline=90), "137\n")


@test(deadline=240)
def the_end_of_a_container_is_waited_for() -> None:
    with Bus() as bus, Podman() as podman, Service(bus, podman=podman):
        container = podman.run("c1", "sh", "-c", "sleep 1; exit 3")
        for _ in range(2):
            with Waiter(bus, "exit-code", "--wait=60", "--propagate", container) as waiter:
                equal(waiter.end(3, deadline=90), "3\n")
            podman.command("start", "c1")
        podman.rm("c1")
        with Waiter(bus, "exit-code", "--wait=60", container[:12]) as waiter:
            waiter.end(deadline=90)


@test(deadline=240)
def a_script_that_takes_the_cursor_first_misses_nothing() -> None:
    """As cevctl(1) tells."""
    with Bus() as bus, Podman() as podman, Service(bus, podman=podman) as service:
        for _ in range(3):
            place = service.cevctl("cursor").stdout.strip()
            podman.run("job", "sh", "-c", "exit 6")
            with Waiter(bus, "wait", "--after", place, "-f", "container=job", "-f", "event=died",
                        "--timeout=60", "--propagate", "--format", "{{.Name}}") as waiter:
                equal(waiter.end(6, deadline=90), "job\n")
            podman.rm("job")


if __name__ == "__main__":
    main()
