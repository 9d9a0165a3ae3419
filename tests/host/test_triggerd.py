#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""containers-events-triggerd as it is installed: what it may do, what a unit finds, limits, and
triggers that are wrong or change.

Runs inside the machine that support.host boots, once with each broker."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path

from support import machine
from support.guest import run
from support.tap import equal, main, patience, test
from support.triggerd import (ENVIRONMENTS, STATES, TRIGGERS, UNIT, UNITS, Notes, die, kill,
                              left_out, pid, reload, said, show, trigger, until, wait_for_state)

USER = "containers-events-triggerd"
PROGRAM = "/usr/libexec/containers-events-triggerd"


def as_triggerd(*words: str) -> subprocess.CompletedProcess:
    """Runs a command as its user."""
    entry = pwd.getpwnam(USER)
    return run("setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--init-groups",
               *words, check=False)


def manager(method: str, *arguments: str) -> subprocess.CompletedProcess:
    """Calls systemd as its user would."""
    return as_triggerd("busctl", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                       "org.freedesktop.systemd1.Manager", method, *arguments)


# ---- what it is ----


@test
def installing_made_the_user_who_may_read() -> None:
    entry = pwd.getpwnam(USER)
    assert 0 < entry.pw_uid < 1000, entry
    groups = run("id", "--name", "--groups", USER).stdout.split()
    assert machine.GROUP in groups, groups


@test
def a_death_starts_its_unit_with_its_environment() -> None:
    notes = Notes("first")
    trigger("first", "first@%n.service")
    seq = die("first", "web", 137)
    notes.wait(seq)
    equal(notes.lines(), [f"web seq={seq} name=web code=137"])


@test
def it_runs_as_its_user_without_capabilities() -> None:
    text = Path(f"/proc/{pid()}/status").read_text()
    user = pwd.getpwnam(USER)
    for kind in ("Uid", "Gid"):
        wanted = user.pw_uid if kind == "Uid" else user.pw_gid
        equal(re.search(rf"^{kind}:\s*(.*)$", text, re.MULTILINE)[1].split(), [str(wanted)] * 4)
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        equal(int(re.search(rf"^{kind}:\s*(\w+)$", text, re.MULTILINE)[1], 16), 0, kind)
    equal(re.search(r"^Seccomp:\s*(\d)", text, re.MULTILINE)[1], "2")
    equal(re.search(r"^NoNewPrivs:\s*(\d)", text, re.MULTILINE)[1], "1")


@test
def its_folders_are_its_own() -> None:
    for path in (ENVIRONMENTS, STATES):
        state = path.stat()
        equal((stat.S_IMODE(state.st_mode), state.st_uid), (0o700, pwd.getpwnam(USER).pw_uid),
              str(path))


@test
def it_may_start_what_triggers_name_and_nothing_else() -> None:
    Notes("may")
    (UNITS / "other.service").write_text("[Service]\nType=oneshot\nExecStart=true\n")
    run("systemctl", "daemon-reload")
    trigger("may", "may@%n.service")
    equal(manager("StartUnit", "ss", "may@x.service", "fail").returncode, 0)
    refused = [("StartUnit", "ss", "other.service", "fail"),
               ("StartUnit", "ss", "may@x.socket", "fail"),
               ("StartUnit", "ss", "ssh.service", "fail"),
               ("StopUnit", "ss", "may@x.service", "fail"),
               ("RestartUnit", "ss", "may@x.service", "fail"),
               ("ReloadOrRestartUnit", "ss", "may@x.service", "fail"),
               ("KillUnit", "ssi", "dbus.service", "all", "9"),
               ("StartTransientUnit", "ssa(sv)a(sa(sv))", "may@y.service", "fail", "0", "0"),
               ("SetUnitProperties", "sba(sv)", "dbus.service", "true", "0"),
               ("EnableUnitFiles", "asbb", "1", "other.service", "false", "false"),
               ("Reload",), ("PowerOff",)]
    for call in refused:
        result = manager(*call)
        assert result.returncode != 0, f"{call}: {result}"
        assert re.search("denied|authentication|authorization", result.stderr, re.I), result


@test
def may_start_says_so_by_its_status() -> None:
    trigger("says", "says@%n.service")
    for unit, status in (("says@x.service", 0), ("says@.service", 1), ("sayst@x.service", 1),
                         ("ssh.service", 1), ("-.mount", 1), ("", 1), ("says@a/b.service", 1)):
        result = run(PROGRAM, "--may-start", unit, check=False)
        equal((result.returncode, result.stdout + result.stderr), (status, ""), unit)


@test
def without_polkit_it_says_what_is_missing() -> None:
    notes = Notes("rule")
    rule = Path("/usr/share/polkit-1/rules.d/50-containers-events-triggerd.rules")
    trigger("rule", "rule@%n.service")
    kept = rule.read_text()
    run("systemctl", "mask", "--runtime", "--now", "polkit.service")
    try:
        die("rule")
        until(lambda: "It takes polkit, and its rule" in said())
    finally:
        run("systemctl", "unmask", "--runtime", "polkit.service")
    equal(notes.lines(), [])
    assert kept
    # It goes on as soon as there is one.
    seq = die("rule")
    notes.wait(seq)


@test
def an_alias_is_refused_and_told() -> None:
    Notes("itself")
    (UNITS / "nick@.service").symlink_to("itself@.service")
    run("systemctl", "daemon-reload")
    trigger("nick", "nick@%n.service")
    die("nick")
    until(lambda: re.search(r"nick@c\.service is not started: .*denied\. It takes polkit.*alias\.",
                            said()))


@test
def a_folder_that_it_cannot_read_ends_it_for_good() -> None:
    trigger("closed", "closed@%n.service")
    TRIGGERS.chmod(0o750)
    try:
        run("systemctl", "restart", UNIT, check=False)
        until(lambda: show("ActiveState") == "failed")
        assert re.search(rf"{TRIGGERS}: Permission denied", said()), said()
    finally:
        TRIGGERS.chmod(0o755)
        run("systemctl", "start", UNIT)


# ---- what a unit finds ----


HOSTILE = ["a b", "$(touch /run/pwned)", "`touch /run/pwned`", '"; touch /run/pwned; "',
           "' ; touch /run/pwned ; '", "../../../../etc/passwd", "line\nExecStart=/bin/touch",
           "x\nLD_PRELOAD=/tmp/evil.so", "tab\tand \\ back\\slash\\", "%n%i%%", "-rf", ".", "..",
           "é☃𝄞", "@", "#;=", "x" * 10_000]


@test(deadline=120)
def a_hostile_name_is_data() -> None:
    dump = Path("/run/hostile")
    shutil.rmtree(dump, ignore_errors=True)
    dump.mkdir()
    (UNITS / "hostile@.service").write_text(
        "[Unit]\nCollectMode=inactive-or-failed\n[Service]\nType=oneshot\n"
        f"EnvironmentFile={ENVIRONMENTS}/%N.env\n"
        "ExecStart=/bin/sh -c 'cat /proc/self/environ > /run/hostile/$CONTAINER_EVENT_SEQ.new; "
        "mv /run/hostile/$CONTAINER_EVENT_SEQ.new /run/hostile/$CONTAINER_EVENT_SEQ'\n")
    run("systemctl", "daemon-reload")
    trigger("hostile", "hostile@%n.service")
    before = set(Path("/etc").iterdir()) | set(Path("/run").iterdir())
    wanted = {die("hostile", name): name for name in HOSTILE}
    for seq, name in wanted.items():
        path = dump / str(seq)
        until(path.exists, lambda path=path: f"{path}")
        variables = dict(entry.split("=", 1)
                         for entry in path.read_bytes().decode().split("\0") if "=" in entry)
        # No event has more of it.
        equal(variables["CONTAINER_EVENT_NAME"], name[:2048])
        assert "LD_PRELOAD" not in variables, variables
    equal((set(Path("/etc").iterdir()) | set(Path("/run").iterdir())) - before, set())


@test
def an_environment_file_is_there_while_its_unit_runs() -> None:
    go = Path("/run/go")
    go.unlink(missing_ok=True)
    notes = Notes("stays", f"while [ ! -e {go} ]; do sleep 0.05; done")
    trigger("stays", "stays@%n.service")
    seq = die("stays", "a-b")
    path = ENVIRONMENTS / "stays@ax2db.env"     # a "\" in %N escapes, see environment-file.h
    until(lambda: show("ActiveState", r"stays@a\x2db.service") == "activating")
    state = path.stat()
    equal((stat.S_IMODE(state.st_mode), state.st_uid), (0o600, pwd.getpwnam(USER).pw_uid))
    kill()
    assert path.exists(), "it is gone, though its unit runs"
    go.touch()
    notes.wait(seq)
    until(lambda: not path.exists(), "the end of the file")


@test
def a_file_of_a_unit_that_ended_meanwhile_is_removed() -> None:
    run("systemctl", "stop", UNIT)
    for name, text in (("gone@x.env", "# gone@x.service\nA=1\n"), ("other.env", "A=1\n")):
        (ENVIRONMENTS / name).write_text(text)
    run("systemctl", "start", UNIT)
    until(lambda: not list(ENVIRONMENTS.glob("*.env")), "the end of both")


# ---- what cannot be started ----


@test
def a_unit_that_cannot_be_started_is_told_once() -> None:
    (UNITS / "masked@.service").unlink(missing_ok=True)
    (UNITS / "masked@.service").symlink_to("/dev/null")
    run("systemctl", "daemon-reload")
    for name, words in (("missing", "not found"), ("masked", "masked")):
        trigger(name, f"{name}@%n.service")
        seqs = [die(name, f"c{n}") for n in range(5)]
        wait_for_state(name, seqs[-1])
        lines = [line for line in said().splitlines() if line.startswith(f"Trigger {name}:")]
        equal(len(lines), 1, said())
        assert words in lines[0], lines
    # None is left for when it is there.
    notes = Notes("missing")
    seq = die("missing", "late")
    notes.wait(seq)


@test
def a_failing_unit_is_a_start() -> None:
    notes = Notes("fails", "trap 'exit 1' EXIT")
    trigger("fails", "fails@%n.service")
    seqs = [die("fails"), die("fails")]
    notes.wait(*seqs)


# ---- limits ----





@test(deadline=120)
def a_crash_loop_is_limited_and_recorded_once() -> None:
    notes = Notes("loop")
    trigger("loop", "loop@%n.service", "RateLimitIntervalSec=4s", "RateLimitBurst=5")
    now = time.time_ns()
    seqs = [die("loop", "looping", time_nsec=now + n) for n in range(200)]
    until(lambda: left_out("loop"))
    notes.wait(*seqs[:5])
    records = left_out("loop")
    equal(len(records), 1)
    equal((records[0]["CONTAINERS_EVENTS_LEFT_OUT"], records[0]["CONTAINERS_EVENTS_FIRST_SEQ"],
           records[0]["CONTAINERS_EVENTS_LAST_SEQ"], records[0]["_SYSTEMD_UNIT"]),
          ("195", str(seqs[5]), str(seqs[-1]), UNIT))
    seq = die("loop", "looping")
    notes.wait(*seqs[:5], seq)


@test
def a_kill_neither_widens_the_limit_nor_narrows_it() -> None:
    go = Path("/run/go")
    go.unlink(missing_ok=True)
    notes = Notes("narrow", f"while [ ! -e {go} ]; do sleep 0.05; done")
    trigger("narrow", "narrow@%n.service", "RateLimitIntervalSec=1h", "RateLimitBurst=3")
    seqs = [die("narrow", "c") for _ in range(6)]       # the first runs, two wait
    until(lambda: "limit" in (STATES / "narrow.state").read_text())
    kill()
    seqs += [die("narrow", "c")]
    kill()
    go.touch()
    wait_for_state("narrow", seqs[-1])
    notes.wait(*seqs[:3])
    run("systemctl", "stop", UNIT)
    equal([record["CONTAINERS_EVENTS_LEFT_OUT"] for record in left_out("narrow")], ["4"])
    run("systemctl", "start", UNIT)


@test
def an_end_says_what_was_left_out() -> None:
    notes = Notes("ending")
    trigger("ending", "ending@%n.service", "RateLimitIntervalSec=1h", "RateLimitBurst=1")
    seqs = [die("ending") for _ in range(4)]
    notes.wait(seqs[0])
    wait_for_state("ending", seqs[-1])
    run("systemctl", "stop", UNIT)
    equal([record["CONTAINERS_EVENTS_LEFT_OUT"] for record in left_out("ending")], ["3"])
    run("systemctl", "start", UNIT)


@test
def coalesced_events_are_one_start_for_the_last() -> None:
    notes = Notes("merged")
    trigger("merged", "merged@%n.service", "CoalesceSec=2s")
    seqs = [die("merged", "one", code) for code in range(20)]
    other = die("merged", "two")
    notes.wait(seqs[-1], other)
    wait_for_state("merged", other)
    equal(len(notes.seqs()), 2)


# ---- reload ----


@test
def a_reload_changes_what_changed() -> None:
    notes, others = Notes("before"), Notes("behind")
    trigger("change", "before@%n.service")
    first = die("change")
    notes.wait(first)
    process = pid()
    trigger("change", "behind@%n.service")
    second = die("change")
    others.wait(second)
    trigger("change", "behind@%n.service", "Filter=exit_code=9")
    die("change", code=1)
    third = die("change", code=9)
    others.wait(second, third)
    equal(notes.seqs(), [first])
    equal(pid(), process)


@test
def a_broken_trigger_is_told_and_mended() -> None:
    notes = Notes("broken")
    trigger("broken", "broken@%n.service")
    good = (TRIGGERS / "broken.trigger").read_text()
    (TRIGGERS / "broken.trigger").write_text(good.replace("Unit=broken@%n", "Unit=broken@%q"))
    reload()
    until(lambda: "Trigger broken does not run" in said())
    seq = die("broken")
    (TRIGGERS / "broken.trigger").write_text(good)
    reload()
    notes.wait(seq)


@test
def a_filter_that_the_service_refuses_is_told() -> None:
    trigger("refused", "refused@%n.service")
    path = TRIGGERS / "refused.trigger"
    path.write_text(path.read_text() + "Filter=exit_code=many\n")
    reload()
    until(lambda: re.search("refused.*(until its filters|does not run)", said()))
    path.unlink()
    reload()


@test
def a_masked_trigger_forgets_and_a_removed_one_too() -> None:
    notes = Notes("masks")
    trigger("masks", "masks@%n.service")
    path = TRIGGERS / "masks.trigger"
    good = path.read_text()
    for away in (lambda: path.write_text(""), path.unlink):
        away()
        reload()
        equal((STATES / "masks.state").exists(), False)
        die("masks", "meanwhile")
        path.write_text(good)
        reload()
        until(lambda: (STATES / "masks.state").exists())
    seq = die("masks", "after")
    notes.wait(seq)


@test
def the_watchdog_ends_what_hangs() -> None:
    equal((show("Type"), show("WatchdogUSec")), ("notify", "3min"))
    drop_in = Path(f"/run/systemd/system/{UNIT}.d/watchdog.conf")
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text("[Service]\nWatchdogSec=1s\n")
    try:
        run("systemctl", "daemon-reload")
        run("systemctl", "restart", UNIT)
        first, started = pid(), show("WatchdogTimestampMonotonic")
        until(lambda: show("WatchdogTimestampMonotonic") != started, "a sign of life")
        equal(pid(), first, "it was restarted though it did not hang")
        os.kill(first, signal.SIGSTOP)
        until(lambda: pid() not in (0, first), "a new process", 30)
    finally:
        drop_in.unlink()
        run("systemctl", "daemon-reload")
        run("systemctl", "restart", UNIT)


@test
def its_status_says_what_it_does() -> None:
    until(lambda: re.match(r"Triggers: \d+, starts that wait: \d+, units that run: \d+$",
                                show("StatusText")), lambda: show("StatusText"),
               patience(10))


if __name__ == "__main__":
    main(private=False)
