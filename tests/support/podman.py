# SPDX-License-Identifier: Apache-2.0
"""The real Podman, with everything of its own: storage, state, event log, image, cgroup.

    with Podman() as podman:
        container = podman.run("c1", "sleep", "60")        # detached; its full ID
        podman.exec("c1", "sh", "-c", "exit 3")             # -> 3
        session = podman.exec_detached("c1", "true")        # ID of the exec session
        podman.stop("c1"); podman.kill("c1", "KILL"); podman.rm("c1")
        podman.once("c2", "sh", "-c", "exit 7")             # run and wait -> 7; it stays
        podman.command("pod", "create", "p1")               # anything else: its output
        podman.try_command("run", ...)                      # a CompletedProcess, failed or not
        podman.begin("exec", ...)                           # a Popen, which runs

    podman.log         path of events.log         podman.written()   its events, as dicts
    podman.settings()  the [Podman] section for a Service with this Podman
    podman.image       name of the image: busybox, with sh sleep true false cat kill echo

Podman(conmon=PATH) takes that for conmon; Podman(logger="none") writes no events.
Podman(max_size="20k") limits events.log, so that it rotates; Podman(log=PATH) puts it elsewhere;
Podman(default_paths=True) leaves the log where Podman has it for root, below /run/libpod (which is
the private machine's own).

Where Podman cannot run, entering the context skips the test and says why.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from support import machine
from support.tap import patience, skip

APPLETS = ["sh", "sleep", "true", "false", "cat", "kill", "echo"]

_CONFIGURATION = """\
[containers]
default_ulimits=["nofile=1024:1024","nproc=1000:1000"]
netns="none"
log_driver="k8s-file"
[engine]
cgroup_manager="cgroupfs"
runtime="runc"
"""


def pack_image(path: Path) -> None:
    """Writes a tar of a root file system with nothing but busybox."""
    busybox = shutil.which("busybox")
    if not busybox:
        skip("busybox is not installed")
    with tarfile.open(path, "w") as archive:
        archive.add(busybox, "bin/busybox")
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)


class Podman:
    """An installation; set up on entering the context."""

    image = "localhost/bb:1"

    def __init__(self, *, max_size: str | None = None, log: Path | None = None,
                 default_paths: bool = False, conmon: Path | None = None,
                 logger: str = "file") -> None:
        self.folder = machine.folder("podman")
        self.tmpdir = Path("/run/libpod") if default_paths else self.folder / "tmp"
        self.log = log or self.tmpdir / "events" / "events.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.parent.chmod(0o700)
        self._configuration = self.folder / "containers.conf"
        text = f'{_CONFIGURATION}events_logger="{logger}"\n'
        if conmon:
            text += f'conmon_path=["{conmon}"]\n'
        if not default_paths or log:
            text += f'events_logfile_path="{self.log}"\n'
        if max_size:
            text += f'events_logfile_max_size="{max_size}"\n'
        self._configuration.write_text(text)

    def settings(self) -> dict[str, Any]:
        """The [Podman] section of eventsd.conf for this installation."""
        return {"Enabled": "yes", "EventsLog": self.log, "GraphRoot": self.graph_root,
                "TmpDir": self.tmpdir}

    @property
    def graph_root(self) -> Path:
        """Where the containers are."""
        return self.folder / "root"

    def bundle(self, container: str) -> Path:
        """The folder of a container, by its full ID; its exec sessions have theirs in it."""
        return self.graph_root / "vfs-containers" / container / "userdata"

    def try_command(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess:
        """Runs podman; `options` are those of subprocess.run()."""
        return subprocess.run(
            self._command_line(arguments),
            **{"env": self.environment, "capture_output": True, "text": True, "check": False,
               "stdin": subprocess.DEVNULL, "timeout": patience(60), **options})

    def begin(self, *arguments: str) -> subprocess.Popen:
        """Starts podman, and does not wait for it; what it says is to be read when it ended."""
        return subprocess.Popen(
            self._command_line(arguments), env=self.environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def command(self, *arguments: str) -> str:
        """Runs podman, which must succeed; returns what it printed."""
        result = self.try_command(*arguments)
        if result.returncode != 0:
            raise AssertionError(f"podman {' '.join(arguments)}: {result.returncode}\n"
                                 f"{result.stdout}{result.stderr}")
        return result.stdout.strip()

    @property
    def environment(self) -> dict[str, str]:
        """The environment that makes podman ours."""
        return {**os.environ, "CONTAINERS_CONF": str(self._configuration)}

    def run(self, name: str, *command: str, options: tuple[str, ...] = ()) -> str:
        """Starts a container in the background; returns its ID."""
        return self.command("run", "-d", "--name", name, f"--cgroup-parent={machine.cgroup()}",
                            *options, self.image, *command)

    def once(self, name: str, *command: str, options: tuple[str, ...] = ()) -> int:
        """Runs a container to its end; returns its exit code. The container stays."""
        return self.try_command("run", "--name", name, f"--cgroup-parent={machine.cgroup()}",
                                *options, self.image, *command).returncode

    def exec(self, name: str, *command: str) -> int:
        """Runs a command in a container; returns its exit code."""
        return self.try_command("exec", name, *command).returncode

    def exec_detached(self, name: str, *command: str) -> str:
        """Starts a command in a container; returns the ID of the exec session."""
        return self.command("exec", "-d", name, *command)

    def stop(self, name: str, seconds: int = 0) -> None:
        """Stops a container, with SIGKILL after so many seconds."""
        self.command("stop", "-t", str(seconds), name)

    def kill(self, name: str, number: str = "KILL") -> None:
        """Sends a signal to a container."""
        self.command("kill", "-s", number, name)

    def rm(self, name: str) -> None:
        """Removes a container, running or not."""
        self.command("rm", "-f", "-t", "0", name)

    def id(self, name: str) -> str:
        """The full ID of a container."""
        return self.command("inspect", "--format", "{{.Id}}", name)

    def _command_line(self, arguments: tuple[str, ...]) -> list[str]:
        return ["podman", "--root", str(self.graph_root), "--runroot", f"{self.folder}/runroot",
                "--tmpdir", str(self.tmpdir), "--storage-driver", "vfs", *arguments]

    def written(self) -> list[dict[str, Any]]:
        """What events.log holds now."""
        with contextlib.suppress(FileNotFoundError):
            return [json.loads(line) for line in self.log.read_text().splitlines()]
        return []

    def __enter__(self) -> Podman:
        for program in ("podman", "conmon", "runc"):
            if not shutil.which(program):
                skip(f"{program} is not installed")
        if not machine.really_root():
            skip("Podman with cgroups of its own needs root")
        archive = self.folder / "image.tar"
        pack_image(archive)
        imported = self.try_command("import", str(archive), self.image)
        if imported.returncode != 0:
            skip(f"podman cannot run here: {imported.stderr.strip().splitlines()[-1]}")
        return self

    def __exit__(self, *_) -> None:
        self.try_command("rm", "-f", "-a", "-t", "0")
        for mounted in _mounts_below(self.folder):
            subprocess.run(["umount", "--lazy", mounted], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def _mounts_below(folder: Path) -> list[str]:
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [path for path in reversed(mounts) if path.startswith(f"{folder}/")]
