#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""All kinds of containers, and all ways to a new image, on a booted machine.

Runs inside the machine that support.host boots, once with each broker."""

from __future__ import annotations

import json
from pathlib import Path

from support.auto_update import (DAEMON, Daemon, ended, image, pod, prepare, results, running,
                                 systemctl, unit)
from support.client import wait_until
from support.guest import Podman, Unit, podman_on_journald, run
from support.host import ALICE
from support.tap import equal, main, test


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
