#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""When units are restarted, and what a death of the daemon changes, on a booted machine.

Runs inside the machine that support.host boots, once with each broker."""

from __future__ import annotations

import contextlib
import json
import time

import dbus

from support.auto_update import (DAEMON, Daemon, ended, image, prepare, results, running, unit,
                                 update_phase)
from support.client import Client, wait_until
from support.guest import UNIT, run
from support.tap import equal, main, note, patience, test


@test
def a_dry_run_restarts_nothing() -> None:
    client = prepare()
    old = image("localhost/dry:latest", "sleep", "1000")
    service = unit("dry", image="localhost/dry:latest")
    Daemon(DryRun="yes")
    new = image("localhost/dry:latest", "sleep", "2000")
    done = ended(client, service)
    equal((done.details["result"], done.details["new_image"]), ("pending", new))
    shown = json.loads(run("cevctl", "auto-update", "--json").stdout)
    equal((shown["Unit"], shown["Container"], shown["Policy"], shown["Pending"], shown["Result"],
           shown["PendingSinceNano"]),
          (service, "dry", "local", True, "pending", done.time_nsec))
    run("podman", "tag", new, "localhost/dry:latest")
    Daemon(DryRun="yes")
    equal((running("dry"), results(client, service)), (old, ["pending"]))
    Daemon()    # and then it is done
    equal(ended(client, service, 2).details["result"], "updated")
    equal(running("dry"), new)


@test
def a_unit_is_restarted_at_most_so_often() -> None:
    client = prepare()
    image("localhost/often:latest", "sleep", "1000")
    service = unit("often", image="localhost/often:latest")
    Daemon(MinIntervalSec="5s")
    image("localhost/often:latest", "sleep", "2000")
    first = ended(client, service)
    new = image("localhost/often:latest", "sleep", "3000")
    last = ended(client, service, 3)
    equal((results(client, service), running("often")), (["updated", "pending", "updated"], new))
    restarts = [event.time_nsec for event in
                client.history("type=container", "container=often", "event=start")]
    assert restarts[2] - restarts[1] >= 4.9e9, restarts
    assert last.time_nsec > first.time_nsec


@test
def a_window_is_waited_for() -> None:
    client = prepare()
    old = image("localhost/night:latest", "sleep", "1000")
    service = unit("night", image="localhost/night:latest")
    far = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 7200))
    Daemon(OnCalendar=f"{far} UTC", WindowSec="1h")
    new = image("localhost/night:latest", "sleep", "2000")
    equal((ended(client, service).details["result"], running("night")), ("pending", old))
    soon = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + patience(3)))
    Daemon(OnCalendar=f"{soon} UTC", WindowSec="1h")
    equal(running("night"), old)
    equal(ended(client, service, 2).details["result"], "updated")
    equal((results(client, service), running("night")), (["pending", "updated"], new))


@test
def a_window_that_is_none_never_opens() -> None:
    client = prepare()
    old = image("localhost/never:latest", "sleep", "1000")
    service = unit("never", image="localhost/never:latest")
    Daemon(OnCalendar="whenever it suits")
    image("localhost/never:latest", "sleep", "2000")
    done = ended(client, service)
    equal((done.details["result"], running("never")), ("pending", old))
    assert "whenever it suits" in done.details["error"], done


@test
def killed_at_any_time_it_goes_on() -> None:
    client = prepare()
    old = image("localhost/kill:latest", "sleep", "1000")
    service = unit("kill", image="localhost/kill:latest")
    Daemon(StableSec="2s")
    new = image("localhost/kill:latest", "sleep", "2000")
    seen = killed_in_each_phase(client, service)
    equal((results(client, service), running("kill"), update_phase()), (["updated"], new, ""))
    assert "watch" in seen, seen
    image("localhost/kill:latest", "sh", "-c", "sleep 1; exit 7")
    seen = killed_in_each_phase(client, service, 2)
    equal((results(client, service), running("kill"), update_phase()),
          (["updated", "rolled-back"], new, ""))
    assert seen >= {"watch", "back-watch"}, seen
    note(f"killed while {', '.join(sorted(seen))}")
    assert old != new


@test
def without_the_recorder_it_goes_on_when_that_is_back() -> None:
    client = prepare()
    old = image("localhost/away:latest", "sleep", "1000")
    service = unit("away", image="localhost/away:latest")
    Daemon(StableSec="3s")
    image("localhost/away:latest", "sh", "-c", "sleep 1; exit 7")
    seen = killed_in_each_phase(client, service, victim=UNIT)
    equal((results(client, service), running("away")), (["rolled-back"], old))
    note(f"recorder killed while {', '.join(sorted(seen))}")


def killed_in_each_phase(client: Client, service: str, count: int = 1,
                         victim: str = DAEMON) -> set[str]:
    """Kills the daemon, or the recorder, once in each phase of an update that can be caught; which
    those are."""
    seen: set[str] = set()

    def caught() -> bool:
        phase = update_phase()
        if phase and phase not in seen:
            run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", victim)
            seen.add(phase)
        with contextlib.suppress(dbus.DBusException):   # the recorder may be on its way
            return len(results(client, service)) >= count
        return False

    wait_until(caught, f"outcome {count}, killed while {seen}", 40)
    return seen


if __name__ == "__main__":
    main(private=False)
