#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Policy, units and interfaces, without a bus and without systemd running."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from support.tap import equal, main, skip, test

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CE_BUILD", SOURCE / "build"))
POLICY = SOURCE / "policy" / "org.containers.Events.conf"
NAME = "org.containers.Events"
SERVICE = "containers-eventsd.service"
TRIGGERD = "containers-events-triggerd.service"

# Ten times the exposure that systemd-analyze finds. What is left is the one capability and that it
# is ambient, that it counts for all users' files, AF_UNIX for the bus, the root directory, a
# device that ProtectClock= opens, /proc/sys, the command lines of others in /proc, and that it may
# wait in the real-time class.
EXPOSURE = 10

# AF_UNIX, the root directory, a device that ProtectClock= opens, /proc/sys, and the group that
# reads the journal.
TRIGGERD_EXPOSURE = 3

AUTO_UPDATE = "containers-events-autoupdated.service"

# It runs Podman, as root: with the capability to mount, and without a mount namespace.
AUTO_UPDATE_EXPOSURE = 40


def run(*arguments: str | Path) -> subprocess.CompletedProcess:
    """Runs a checker that this machine may not have."""
    if not shutil.which(str(arguments[0])):
        skip(f"{arguments[0]} is not installed")
    return subprocess.run([str(word) for word in arguments], capture_output=True, text=True,
                          check=False)


def unit(kind: str, folder: str, name: str = SERVICE) -> Path:
    """A unit as it is installed, but for the program, which is not installed here."""
    made = BUILD / "policy" / kind / name
    if not made.exists():
        skip(f"{made} is not there")
    path = Path(folder) / name
    path.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", made.read_text(),
                           flags=re.MULTILINE))
    return path


@test
def xml_is_well_formed() -> None:
    for path in [*(SOURCE / "introspection").glob("*.xml"), POLICY]:
        result = run("xmllint", "--noout", "--nonet", path)
        equal((result.returncode, result.stderr), (0, ""), str(path))


@test
def every_rule_of_the_policy_names_us() -> None:
    """A rule without a destination would speak for every service of the machine."""
    rules = [rule for rule in ElementTree.parse(POLICY).iter() if rule.tag in ("allow", "deny")]
    assert rules
    for rule in rules:
        named = rule.get("send_destination") or rule.get("receive_sender") or rule.get("own")
        equal(named, NAME, ElementTree.tostring(rule).decode())


@test
def the_policy_ends_closed() -> None:
    default = ElementTree.parse(POLICY).findall("./policy[@context='default']/*")
    equal([(rule.tag, dict(rule.attrib)) for rule in default],
          [("deny", {"send_destination": NAME}), ("deny", {"receive_sender": NAME})])


@test
def activation_files_carry_the_name() -> None:
    """dbus-daemon wants a file called as the name in it, and a unit that can be found."""
    for path, wanted in ((SOURCE / "policy/system" / f"{NAME}.service",
                          f"dbus-{NAME}.service"),
                         (BUILD / "policy/user" / f"{NAME}.service", SERVICE)):
        if not path.exists():
            skip(f"{path} is not there")
        lines = path.read_text().splitlines()
        assert f"Name={NAME}" in lines, lines
        assert f"SystemdService={wanted}" in lines, lines
        assert "@" not in path.read_text(), "a placeholder is left"
    assert f"Alias=dbus-{NAME}.service" in (
        SOURCE / "policy/system" / f"{SERVICE}.in").read_text().splitlines()


@test(each=[SERVICE, TRIGGERD])
def systemd_understands_the_system_unit(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        unit("system", folder)  # which the other one wants
        result = run("systemd-analyze", "verify", "--man=no", unit("system", folder, name))
        equal((result.returncode, result.stdout + result.stderr), (0, ""))


@test
def systemd_understands_the_user_unit() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        result = run("systemd-analyze", "verify", "--user", "--man=no", unit("user", folder))
        equal((result.returncode, result.stdout + result.stderr), (0, ""))


@test(each=[(SERVICE, EXPOSURE), (TRIGGERD, TRIGGERD_EXPOSURE)])
def the_system_unit_is_locked_up(limit: tuple[str, int]) -> None:
    name, exposure = limit
    with tempfile.TemporaryDirectory() as folder:
        result = run("systemd-analyze", "security", "--offline=yes", f"--threshold={exposure}",
                     unit("system", folder, name))
        findings = [line for line in result.stdout.splitlines() if "✓" not in line]
        equal(result.returncode, 0, "\n".join([result.stderr, *findings]))


@test
def systemd_understands_the_units_of_auto_update() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        for kind in ("system", "user"):
            result = run("systemd-analyze", "verify", f"--{kind}", "--man=no",
                         unit(kind, folder, AUTO_UPDATE))
            equal((result.returncode, result.stdout + result.stderr), (0, ""), kind)


@test
def auto_update_is_locked_up_as_far_as_podman_lets() -> None:
    with tempfile.TemporaryDirectory() as folder:
        result = run("systemd-analyze", "security", "--offline=yes",
                     f"--threshold={AUTO_UPDATE_EXPOSURE}", unit("system", folder, AUTO_UPDATE))
        findings = [line for line in result.stdout.splitlines() if "✓" not in line]
        equal(result.returncode, 0, "\n".join([result.stderr, *findings]))


@test
def the_example_configuration_sets_nothing() -> None:
    for path in (SOURCE / "policy").glob("*.conf"):
        if path != POLICY:
            lines = path.read_text().splitlines()
            equal([line for line in lines if line and not re.match(r"#|\[\w+\]$", line)], [],
                  path.name)


if __name__ == "__main__":
    main(private=False)
