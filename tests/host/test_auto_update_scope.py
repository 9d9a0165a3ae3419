#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Which units are restarted for which images, and how often, on a booted machine.

Runs inside the machine that support.host boots, once with each broker."""

from __future__ import annotations

from support.auto_update import (Daemon, ended, image, outcomes, prepare, results, running, starts,
                                 unit)
from support.client import wait_until
from support.guest import IMAGE, run
from support.tap import equal, main, test


@test
def two_containers_of_a_unit_are_one_restart() -> None:
    client = prepare()
    image("localhost/pair:latest", "sleep", "1000")
    service = unit("pair", image="localhost/pair:latest", containers=("pair-a", "pair-b"))
    Daemon()
    new = image("localhost/pair:latest", "sleep", "2000")
    ended(client, service, 2)
    equal({event.details["container"]: event.details["result"]
           for event in outcomes(client, service)}, {"pair-a": "updated", "pair-b": "updated"})
    equal([(running(name), starts(client, name)) for name in ("pair-a", "pair-b")],
          [(new, 2), (new, 2)])


@test
def many_events_are_one_restart() -> None:
    client = prepare()
    image("localhost/busy:latest", "sleep", "1000")
    service = unit("busy", image="localhost/busy:latest")
    Daemon(SettleSec="3s")
    for number in range(5):
        new = image("localhost/busy:latest", "sleep", str(2000 + number))
    ended(client, service)
    equal((results(client, service), running("busy"), starts(client, "busy")),
          (["updated"], new, 2))


@test
def units_are_updated_one_after_the_other() -> None:
    """So an image that is no good is stopped by the first of them."""
    client = prepare()
    image("localhost/both:latest", "sleep", "1000")
    services = [unit(name, image="localhost/both:latest") for name in ("both-a", "both-b")]
    Daemon()
    image("localhost/both:latest", "sh", "-c", "exit 7")
    wait_until(lambda: [result for service in services for result in results(client, service)]
               == ["rolled-back"], "the first", 40)
    new = image("localhost/both:latest", "sleep", "2000")
    for service in services:
        wait_until(lambda service=service: results(client, service)[-1:] == ["updated"], service,
                   40)
    equal([running("both-a"), running("both-b")], [new, new])
    equal(sorted(starts(client, name) for name in ("both-a", "both-b")), [2, 4])


@test
def a_unit_that_does_not_run_the_container_is_left_alone() -> None:
    """An image brings labels, and one that names a unit of the system's must not restart it."""
    client = prepare()
    journald = run("systemctl", "show", "--value", "--property=MainPID",
                   "systemd-journald").stdout
    image("localhost/real:latest", "sleep", "1000")
    service = unit("real", image="localhost/real:latest")
    names = {"evil": "systemd-journald.service", "lost": "no-such-unit.service",
             "rubbish": "../$(reboot)", "guest": service}
    for name, named in names.items():
        labels = f'io.containers.autoupdate=local PODMAN_SYSTEMD_UNIT="{named}"'
        image(f"localhost/{name}:latest", "sleep", "1000", labels=labels)
        run("podman", "run", "--detach", f"--name={name}", f"localhost/{name}:latest")
        image(f"localhost/{name}:latest", "sleep", "2000", labels=labels)
    new = image("localhost/real:latest", "sleep", "2000")
    Daemon()
    for named in ("systemd-journald.service", "no-such-unit.service"):
        done = ended(client, named)
        equal(done.details["result"], "failed")
        assert f"not run by the unit {named}" in done.details["error"], done
    equal(run("systemctl", "show", "--value", "--property=MainPID", "systemd-journald").stdout,
          journald)
    wait_until(lambda: results(client, service)[-1:] == ["updated"], "what it does run")
    equal((sorted(results(client, service)), running("real")), (["failed", "updated"], new))
    Daemon()    # and that is said once
    run("podman", "tag", IMAGE, "localhost/evil")
    wait_until(lambda: len(outcomes(client, "systemd-journald.service")) == 2, "the next image")
    equal(len(outcomes(client, "no-such-unit.service")), 1)
    for name in names:
        run("podman", "rm", "--force", "--time=0", name)


@test
def an_image_that_nobody_uses_costs_no_question() -> None:
    client = prepare()
    old = image("localhost/mine:latest", "sleep", "1000")
    service = unit("mine", image="localhost/mine:latest")
    daemon = Daemon()
    run("podman", "tag", IMAGE, "localhost/nobodys:1")
    run("podman", "tag", IMAGE, "mine:2")
    image("localhost/used:latest", "true")      # of a build only the ID is told
    wait_until(lambda: len(daemon.calls()) == 2, "a look for the build")
    equal((daemon.calls()[0].split()[0], running("mine"), results(client, service)),
          ("ps", old, []))
    daemon.forget_calls()
    run("podman", "tag", IMAGE, "localhost/nobodys:3")
    run("podman", "tag", old, "localhost/mine:latest")      # which it is already
    wait_until(lambda: len(daemon.calls()) == 2, "a look for the tag")
    equal((starts(client, "mine"), results(client, service)), (1, []))


if __name__ == "__main__":
    main(private=False)
