# SPDX-License-Identifier: Apache-2.0
"""For programs that run on the machine that support.host boots: units that run containers, images
for them, and the daemon that restarts the ones when the others change.

    client = prepare()                      the recorder runs, nothing else does
    old = image("localhost/web:latest", "sleep", "1000")        its ID
    service = unit("web", image="localhost/web:latest")         started; "web.service"
    daemon = Daemon(DryRun="yes")           restarted, with these settings and short times
    new = image("localhost/web:latest", "sleep", "2000")
    done = ended(client, service)           the event of type system, when it is there
    running("web"), starts(client, "web"), results(client, service)
    daemon.calls()                          what it asked of Podman
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from support import machine
from support.client import Client, Event, wait_until
from support.guest import IMAGE, Podman, Unit, run
from support.tap import DeadlinePassed

DAEMON = "containers-events-autoupdated.service"
STATE = Path("/var/lib/containers-events-autoupdated/state.json")
CALLS = Path("/run/podman-calls")

# As "podman generate systemd --new" writes it, and much as Quadlet does.
_UNIT = """\
[Service]
Environment=PODMAN_SYSTEMD_UNIT=%n
Type=notify
NotifyAccess=all
Delegate=yes
TimeoutStopSec=20
{restart}
{starts}
ExecStop=/bin/sh -c 'podman stop --ignore --time=0 {names}'
ExecStopPost=/bin/sh -c 'podman rm --force --ignore --time=0 {names}'
"""

_START = ("/usr/bin/podman {options_before} run --rm --sdnotify={notify} --detach --replace "
          "--name={name} --label=io.containers.autoupdate={policy} {options} {image}")

_units: list[str] = []

# What the daemon asks of Podman stands in a file.
_WRAPPER = """\
#!/bin/sh
echo "$*" >> /run/podman-calls
exec podman "$@"
"""


def systemctl(user: str, *arguments: str) -> None:
    """Of the system's manager, or of a user's own."""
    run("systemctl", *([] if user == machine.ROOT else ["--user"]), *arguments, user=user)


class Daemon:
    """The daemon under its unit, with settings for a test that has no time."""

    def __init__(self, user: str = machine.ROOT, **settings: str) -> None:
        values = {"SettleSec": "200ms", "StableSec": "1s", "MinIntervalSec": "0",
                  "HealthTimeoutSec": "10s", **settings}
        folder = Path(f"/home/{user}/.config") if user != machine.ROOT else Path("/etc")
        if user == machine.ROOT:
            self._see_calls()
            values["Podman"] = "/usr/local/bin/podman-seen"
        drop_in = folder / "containers-events/autoupdated.conf.d/50-test.conf"
        drop_in.parent.mkdir(parents=True, exist_ok=True)
        drop_in.write_text(
            "[Update]\n" + "".join(f"{key}={value}\n" for key, value in values.items()))
        systemctl(user, "restart", DAEMON)
        self.forget_calls()

    @staticmethod
    def _see_calls() -> None:
        wrapper = Path("/usr/local/bin/podman-seen")
        wrapper.write_text(_WRAPPER)
        wrapper.chmod(0o755)

    @staticmethod
    def calls() -> list[str]:
        """What it asked of Podman."""
        return CALLS.read_text().splitlines() if CALLS.exists() else []

    @staticmethod
    def forget_calls() -> None:
        """From now on."""
        CALLS.unlink(missing_ok=True)


def unit(name: str, *, image: str, policy: str = "local", containers: tuple[str, ...] = (),
         options: str = "--cgroups=no-conmon", restart: str = "Restart=no",
         options_before: str = "") -> str:
    """A started service of containers with the labels: of one that is called as the unit, or of
    several."""
    names = containers or (name,)
    starts = [_START.format(name=each, policy=policy, image=image, options=options,
                            options_before=options_before,
                            notify="conmon" if each == names[-1] else "ignore") for each in names]
    text = "".join(f"ExecStartPre={start}\n" for start in starts[:-1])
    Path(f"/etc/systemd/system/{name}.service").write_text(_UNIT.format(
        starts=f"{text}ExecStart={starts[-1]}", names=" ".join(names), restart=restart))
    run("systemctl", "daemon-reload")
    _units.append(f"{name}.service")
    run("systemctl", "start", f"{name}.service")
    return f"{name}.service"


# As "podman generate systemd --new" writes it for a pod. The infra container has the label of the
# environment, and the other has none of that.
_POD = """\
[Service]
Environment=PODMAN_SYSTEMD_UNIT=%n
Type=forking
PIDFile=/run/{name}.pid
TimeoutStopSec=20
ExecStartPre=/usr/bin/podman pod create --infra-image={infra} --share=ipc --share-parent=false \
    --infra-conmon-pidfile=/run/{name}.pid --name={name} --replace
ExecStartPre=/usr/bin/env --unset=PODMAN_SYSTEMD_UNIT podman create --pod={name} --replace \
    --name={name}-member --label=io.containers.autoupdate=local {image}
ExecStart=/usr/bin/podman pod start {name}
ExecStop=/usr/bin/podman pod stop --time=0 {name}
ExecStopPost=/usr/bin/podman pod rm --force --time=0 {name}
"""


def pod(name: str, *, image: str) -> str:
    """A started service of a pod, with one container that is called NAME-member."""
    infra = f"localhost/{name}-infra:1"
    run("podman", "import", '--change=ENTRYPOINT ["/bin/sleep", "9000"]', "/srv/image.tar", infra)
    Path(f"/etc/systemd/system/{name}.service").write_text(
        _POD.format(name=name, infra=infra, image=image))
    run("systemctl", "daemon-reload")
    _units.append(f"{name}.service")
    run("systemctl", "start", f"{name}.service")
    return f"{name}.service"


def image(name: str, *command: str, labels: str = "", user: str = machine.ROOT) -> str:
    """Builds an image that no other is, which runs the command; its ID."""
    folder = Path("/run/build")
    folder.mkdir(exist_ok=True)
    (folder / "Containerfile").write_text(
        f"FROM {IMAGE}\nLABEL made={time.monotonic_ns()} {labels}\nCMD {json.dumps(command)}\n")
    return run("podman", "build", "--quiet", f"--tag={name}", folder,
               user=user).stdout.split()[-1]


def running(name: str, user: str = machine.ROOT) -> str:
    """The ID of the image that a container runs, or ""."""
    found = run("podman", "container", "inspect", "--format={{.State.Running}} {{.Image}}", name,
                check=False, user=user).stdout.split()
    return found[1] if found[:1] == ["true"] else ""


def starts(client: Client, name: str) -> int:
    """How often a container of that name was started."""
    return len(client.history("type=container", f"container={name}", "event=start"))


def outcomes(client: Client, service: str) -> list[Event]:
    """What was published of a unit."""
    return client.history("type=system", "event=auto-update", f"name={service}")


def results(client: Client, service: str) -> list[str]:
    """In short."""
    return [event.details["result"] for event in outcomes(client, service)]


def ended(client: Client, service: str, count: int = 1) -> Event:
    """The outcome with that number, when it is there."""
    try:
        wait_until(lambda: len(outcomes(client, service)) >= count, f"outcome {count}", 40)
    except DeadlinePassed as passed:
        said = run("journalctl", "--no-pager", "--lines=60", f"--unit={DAEMON}",
                   f"--unit={service}").stdout
        raise AssertionError(f"{passed} of {service}\n{said}") from passed
    return outcomes(client, service)[count - 1]


def prepare() -> Client:
    """The recorder runs, and of the units of other tests none."""
    run("systemctl", "stop", DAEMON, *_units)
    run("systemctl", "reset-failed")
    _units.clear()
    if run("podman", "image", "exists", IMAGE, check=False).returncode != 0:
        Podman()
    Unit().ctl("start")
    return Unit().client()


def update_phase() -> str:
    """Of the update under way, as it would be gone on with."""
    return json.loads(STATE.read_text()).get("update", {}).get("phase", "") \
        if STATE.exists() else ""
