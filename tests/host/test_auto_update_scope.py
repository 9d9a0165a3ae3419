#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Which units are restarted for which images, and how often, on a booted machine.

Runs inside the machine that support.host boots, once with each broker."""

from __future__ import annotations

import json
from pathlib import Path

from support.auto_update import (DAEMON, Daemon, ended, image, outcomes, pod, prepare, results,
                                 running, starts, systemctl, unit)
from support.client import wait_until
from support.guest import IMAGE, Podman, Unit, podman_on_journald, run
from support.host import ALICE
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
def a_pod_is_restarted_by_the_unit_of_its_infra_container() -> None:
    client = prepare()
    Daemon()
    image("localhost/member:latest", "sleep", "1000")
    service = pod("group", image="localhost/member:latest")
    new = image("localhost/member:latest", "sleep", "2000")
    done = ended(client, service)
    equal((done.details["result"], done.details["container"], running("group-member")),
          ("updated", "group-member", new))
    image("localhost/member:latest", "sh", "-c", "exit 7")
    done = ended(client, service, 2)
    equal((done.details["result"], running("group-member")), ("rolled-back", new))


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
def however_the_name_came_to_another_image() -> None:
    client = prepare()
    name, archive = "localhost/ways:latest", "/run/ways.tar"
    loaded = image(name, "sleep", "2000")
    run("podman", "save", f"--output={archive}", name)
    tagged = image(name, "sleep", "3000")
    run("podman", "tag", tagged, "localhost/other:1")
    image(name, "sleep", "1000")
    service = unit("ways", image=name)
    Daemon(SettleSec="0")
    done = 0

    def brings(wanted: str, *command: str) -> None:
        nonlocal done
        done += 1
        brought = run("podman", *command).stdout.split()
        equal((ended(client, service, done).details["result"], running("ways")),
              ("updated", wanted or brought[-1].removeprefix("sha256:")), command[0])

    brings(loaded, "load", f"--input={archive}")
    brings(tagged, "tag", tagged, "ways")
    brings(loaded, "pull", "--quiet", f"docker-archive:{archive}")
    brings("", "commit", "--quiet", "ways", name)
    brings("", "import", "--quiet", '--change=CMD ["sleep", "4000"]', "/srv/image.tar", name)
    equal(results(client, service), ["updated"] * done)


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
def with_a_control_group_for_the_container_it_is_the_same() -> None:
    """Podman puts the container elsewhere then, and leaves conmon in the unit."""
    client = prepare()
    image("localhost/apart:latest", "sleep", "1000")
    service = unit("apart", image="localhost/apart:latest", options="--cgroups=enabled",
                   options_before="--cgroup-manager=systemd")
    pid = run("podman", "container", "inspect", "--format={{.State.Pid}}", "apart").stdout.strip()
    assert service not in Path(f"/proc/{pid}/cgroup").read_text()
    Daemon()
    new = image("localhost/apart:latest", "sleep", "2000")
    equal((ended(client, service).details["result"], running("apart")), ("updated", new))


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


@test
def a_users_containers_are_hers() -> None:
    """On this machine rootless Podman takes conmon out of any unit, for /proc/self/cgroup has lines
    of cgroup1, too. So what is shown is who hears of it, who is asked, and who is told."""
    podman_on_journald()    # so that root hears of it
    root = prepare()
    Podman(ALICE)
    hers = Unit(ALICE)
    hers.ctl("start")
    name, named = "localhost/hers:latest", "hers.service"
    image(name, "sleep", "1000", user=ALICE)
    run("podman", "run", "--detach", "--name=hers", f"--label=PODMAN_SYSTEMD_UNIT={named}",
        "--label=io.containers.autoupdate=local", name, user=ALICE)
    daemon = Daemon()
    Daemon(ALICE)
    old = running("hers", ALICE)
    new = image(name, "sleep", "2000", user=ALICE)
    done = ended(hers.client(), named)
    equal((done.details["result"], done.details["old_image"], done.details["new_image"]),
          ("failed", old, new))
    assert f"not run by the unit {named}" in done.details["error"], done
    wait_until(lambda: len(root.history("event=build", f"name={new}")) == 1, "what root hears")
    equal((daemon.calls(), results(root, named)), ([], []))
    shown = json.loads(run("cevctl", "--user", "--json", "auto-update", user=ALICE).stdout)
    equal((shown["Container"], shown["Running"], shown["Result"]), ("hers", True, "failed"))
    assert "hers" not in run("cevctl", "auto-update").stdout
    systemctl(ALICE, "stop", DAEMON)
    run("podman", "rm", "--force", "--time=0", "hers", user=ALICE)


if __name__ == "__main__":
    main(private=False)
