#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Units whose image changed, on a booted machine with root's Podman: restarted, watched, put back.

Runs inside the machine that support.host boots, once with each broker."""

from __future__ import annotations

import re
from pathlib import Path

from support import machine
from support.auto_update import Daemon, ended, image, prepare, results, running, starts, unit
from support.client import wait_until
from support.guest import run
from support.tap import equal, main, note, test


@test
def a_new_image_restarts_the_unit_once() -> None:
    client = prepare()
    old = image("localhost/web:latest", "sleep", "1000")
    service = unit("web", image="localhost/web:latest")
    Daemon()
    equal(running("web"), old)
    new = image("localhost/web:latest", "sleep", "2000")
    done = ended(client, service)
    equal((done.details["result"], running("web"), starts(client, "web")), ("updated", new, 2))
    equal({key: done.details[key] for key in
           ("unit", "container", "old_image", "new_image", "policy")},
          {"unit": service, "container": "web", "old_image": old, "new_image": new,
           "policy": "local"})
    equal(done.details["container_id"],
          run("podman", "container", "inspect", "--format={{.Id}}", "web").stdout.strip())
    equal((done.name, done.image, done.engine), (service, "localhost/web:latest", "podman"))
    shown = run("cevctl", "auto-update", user=machine.READER).stdout
    note(shown)
    assert re.search(r"^web\.service +web +local +localhost/web:latest +no +updated 2", shown,
                     re.MULTILINE), shown


@test
def an_image_whose_program_dies_is_rolled_back() -> None:
    client = prepare()
    old = image("localhost/frail:latest", "sleep", "1000")
    service = unit("frail", image="localhost/frail:latest")
    Daemon()
    bad = image("localhost/frail:latest", "sh", "-c", "exit 7")
    done = ended(client, service)
    equal((done.details["result"], running("frail")), ("rolled-back", old))
    assert "frail ended with exit code 7" in done.details["error"], done
    equal((done.details["old_image"], done.details["new_image"]), (old, bad))
    equal(run("podman", "image", "inspect", "--format={{.Id}}", "localhost/frail").stdout.strip(),
          old)
    # Nor is it tried again, whoever names it so, until there is another.
    run("podman", "tag", bad, "localhost/frail:latest")
    good = image("localhost/frail:latest", "sleep", "3000")
    equal(ended(client, service, 2).details["result"], "updated")
    equal((running("frail"), results(client, service)), (good, ["rolled-back", "updated"]))


@test
def a_refused_image_stays_refused() -> None:
    client = prepare()
    old = image("localhost/shy:latest", "sleep", "1000")
    service = unit("shy", image="localhost/shy:latest")
    daemon = Daemon()
    bad = image("localhost/shy:latest", "sh", "-c", "exit 7")
    ended(client, service)
    count = starts(client, "shy")
    daemon.forget_calls()
    run("podman", "tag", bad, "localhost/shy:latest")
    wait_until(lambda: any(call.startswith("images") for call in daemon.calls()), "a look")
    Daemon()    # nor by the next of us
    equal((running("shy"), starts(client, "shy")), (old, count))
    equal(results(client, service), ["rolled-back"])


@test
def a_unit_that_systemd_gives_up_is_rolled_back() -> None:
    client = prepare()
    old = image("localhost/loop:latest", "sleep", "1000")
    service = unit("loop", image="localhost/loop:latest", restart="Restart=always\nRestartSec=0")
    Daemon(StableSec="3s")
    image("localhost/loop:latest", "sh", "-c", "exit 3")
    equal(ended(client, service).details["result"], "rolled-back")
    equal((running("loop"), run("systemctl", "is-active", service).stdout), (old, "active\n"))


@test
def an_image_that_cannot_be_started_is_rolled_back() -> None:
    client = prepare()
    old = image("localhost/empty:latest", "sleep", "1000")
    service = unit("empty", image="localhost/empty:latest")
    Daemon()
    image("localhost/empty:latest", "/no/such/program")
    done = ended(client, service)
    equal((done.details["result"], running("empty")), ("rolled-back", old))
    assert "systemd" in done.details["error"], done


@test
def without_rollback_it_stays_as_it_is() -> None:
    client = prepare()
    image("localhost/stay:latest", "sleep", "1000")
    service = unit("stay", image="localhost/stay:latest")
    Daemon(Rollback="no")
    image("localhost/stay:latest", "sh", "-c", "exit 7")
    equal(ended(client, service).details["result"], "failed")
    equal((running("stay"), starts(client, "stay")), ("", 2))


@test
def what_systemd_refuses_is_not_tried_again() -> None:
    client = prepare()
    old = image("localhost/mask:latest", "sleep", "1000")
    service = unit("mask", image="localhost/mask:latest")
    daemon = Daemon()
    refusal = Path(f"/run/systemd/system/{service}.d/refuse.conf")
    refusal.parent.mkdir(parents=True)
    refusal.write_text("[Unit]\nRefuseManualStart=yes\n")
    run("systemctl", "daemon-reload")
    new = image("localhost/mask:latest", "sleep", "2000")
    done = ended(client, service)
    equal((done.details["result"], running("mask")), ("failed", old))
    assert "systemd does not restart it: " in done.details["error"], done
    for _ in range(2):
        daemon.forget_calls()
        run("podman", "tag", new, "localhost/mask:latest")
        wait_until(lambda: any(call.startswith("images") for call in daemon.calls()), "a look")
    equal(results(client, service), ["failed"])
    refusal.unlink()
    run("systemctl", "daemon-reload")
    last = image("localhost/mask:latest", "sleep", "3000")
    equal((ended(client, service, 2).details["result"], running("mask")), ("updated", last))
    equal(results(client, service), ["failed", "updated"])


@test
def a_health_check_decides() -> None:
    client = prepare()
    check = ("--cgroups=no-conmon --health-interval=1s --health-retries=1 "
             "--health-cmd='test -e /bin/cat'")
    image("localhost/ill:latest", "sleep", "1000")
    service = unit("ill", image="localhost/ill:latest", options=check)
    Daemon(StableSec="5min", HealthTimeoutSec="5min")
    new = image("localhost/ill:latest", "sleep", "2000")
    equal((ended(client, service).details["result"], running("ill")), ("updated", new))
    image("localhost/ill:latest", "sh", "-c", "rm /bin/cat; sleep 3000")
    done = ended(client, service, 2)
    equal((done.details["result"], running("ill")), ("rolled-back", new))
    assert "ill is unhealthy" in done.details["error"], done


if __name__ == "__main__":
    main(private=False)
