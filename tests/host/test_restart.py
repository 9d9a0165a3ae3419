#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The unit and exec sessions: conmon's files below the sandbox, and what is known over a restart.

Runs inside the machine that support.host boots."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from support.client import Client, wait_until
from support.host import HostBus
from support.tap import equal, main, note, test

UNIT = "containers-eventsd.service"
IMAGE = "localhost/bb:1"
KILLS = 5


def run(*command: str) -> str:
    """Runs a command, which must succeed; its output."""
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60,
                            stdin=subprocess.DEVNULL)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {result.returncode}\n{result.stderr}")
    return result.stdout.strip()


def shown(name: str) -> str:
    """A property of the unit."""
    return run("systemctl", "show", "--value", f"--property={name}", UNIT)


def start(*command: str) -> str:
    """Starts an exec session; its ID."""
    return run("podman", "exec", "-d", "c1", *command)


def code(session: str) -> int:
    """With which code a session ended, when it has."""
    client, codes = Client(HostBus()), []

    def known() -> bool:
        try:
            codes.append(client.exec_exit_code(session))
        except Exception as error:  # pylint: disable=broad-exception-caught
            if "ExecRunning" not in str(error) and "NoSuchExec" not in str(error):
                raise
        return bool(codes)

    wait_until(known, f"the code of {session}", 20)
    return codes[0]


def restarted(how) -> None:
    """Ends the service in a way, and waits until it is there again."""
    client = Client(HostBus())
    owner = client.owner()
    how()
    wait_until(lambda: client.owner() not in ("", owner), "a new owner", 20)


def kill() -> None:
    """As a crash would."""
    os.kill(int(shown("MainPID")), signal.SIGKILL)


def release(name: str) -> None:
    """Lets a session that waits for the file go on."""
    Path(f"/srv/gate/{name}").touch()


def gated(name: str, number: int) -> str:
    """A session that ends with a code when it is let go."""
    return start("sh", "-c", f"while ! [ -e /gate/{name} ]; do sleep 0.1; done; exit {number}")


@test
def it_reads_what_conmon_writes() -> None:
    Path("/srv/gate").mkdir()
    run("systemctl", "start", UNIT)
    run("podman", "import", "/srv/image.tar", IMAGE)
    run("podman", "run", "-d", "--name", "c1", "--volume=/srv/gate:/gate", IMAGE, "sleep", "600")
    equal(code(start("sh", "-c", "exit 5")), 5)
    equal(code(start("true")), 0)


@test
def it_comes_before_others() -> None:
    pid = int(shown("MainPID"))
    equal(os.getpriority(os.PRIO_PROCESS, pid), -10)


@test
def its_inotify_descriptor_is_kept() -> None:
    equal(shown("NFileDescriptorStore"), "1")
    for number, how in enumerate((kill, lambda: run("systemctl", "restart", UNIT)), 20):
        session = gated(f"kept{number}", number)
        restarted(how)
        release(f"kept{number}")
        equal(code(session), number)
        equal(shown("NFileDescriptorStore"), "1")


@test
def what_ends_while_it_is_away_is_not_lost() -> None:
    """The session is there when the service comes back, or its end waits in what was kept."""
    for number in range(KILLS):
        session = gated(f"away{number}", 30 + number)
        restarted(lambda number=number: (kill(), release(f"away{number}")))
        try:
            equal(code(session), 30 + number)
        except AssertionError:
            raise
        except Exception as error:  # pylint: disable=broad-exception-caught
            assert "ExitCodeUnknown" in str(error), error
            note(f"{number}: {error}")


if __name__ == "__main__":
    main(private=False)
