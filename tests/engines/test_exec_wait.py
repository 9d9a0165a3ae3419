#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Exec sessions of real Podman, waited for while they run."""

from support.bus import Bus
from support.client import wait_until
from support.podman import Podman
from support.service import Service
from support.tap import equal, main, raises, test

ERROR = "org.containers.Events.Error"


@test(deadline=120)
def a_detached_exec_session_is_waited_for() -> None:
    with Bus() as bus, Podman() as podman, Service(bus, podman=podman):
        client = bus.client()
        podman.run("c1", "sleep", "1000")
        known = podman.exec_detached("c1", "sh", "-c",
                                     "while [ ! -e /tmp-go ]; do sleep 0.05; done; exit 23")
        with raises(f"{ERROR}.ExecRunning") as error:
            client.exec_exit_code(known[:12])
        assert known in error.message, error.message
        waits = [client.wait_exec_exit(known[:length]) for length in (64, 20, 12)]
        equal(client.wait_exec_exit(known, 100_000).error()[0], f"{ERROR}.TimedOut")
        assert not any(wait.answered for wait in waits), [wait.reply for wait in waits]
        equal(podman.exec("c1", "sh", "-c", ": > /tmp-go"), 0)
        equal([wait.code() for wait in waits], [23] * 3)
        equal(client.wait_exec_exit(known).code(), 23)
        equal(client.exec_exit_code(known), 23)


@test(deadline=120)
def a_container_that_is_killed_ends_who_waits() -> None:
    with Bus() as bus, Podman() as podman, Service(bus, podman=podman):
        client = bus.client()
        podman.run("c1", "sleep", "1000")
        known = podman.exec_detached("c1", "sleep", "1000")
        wait = client.wait_exec_exit(known)
        podman.command("rm", "-f", "-t", "0", "c1")
        equal(wait.code(), 137)
        equal(client.exec_exit_code(known), 137)


@test(deadline=120)
def over_a_restart_it_can_be_waited_for_again() -> None:
    with Bus() as bus, Podman() as podman, Service(bus, podman=podman) as service:
        client = bus.client()
        podman.run("c1", "sleep", "1000")
        known = podman.exec_detached("c1", "sh", "-c",
                                     "while [ ! -e /tmp-go ]; do sleep 0.05; done; exit 9")
        wait = client.wait_exec_exit(known)
        service.kill()
        equal(wait.error()[0], "org.freedesktop.DBus.Error.NoReply")
        service.start()
        wait_until(lambda: client.engine("podman")["State"] == "live", "a source that listens")
        again = client.wait_exec_exit(known)
        equal(podman.exec("c1", "sh", "-c", ": > /tmp-go"), 0)
        equal(again.code(), 9)


if __name__ == "__main__":
    main()
