#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What can be said of the source without running it."""

import collections
import concurrent.futures
import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from support.tap import equal, main, skip, test

SOURCE = Path(__file__).resolve().parents[2]
SKIPPED = re.compile(r"\.git|build.*|__pycache__")
COMMENTED = {".c", ".h", ".py", ".sh", ".build", ".conf", ".service", ".in", ".xml"}


@functools.cache
def tree() -> list[Path]:
    """Every file of the source, without what a build made."""
    found = []
    for folder, subfolders, names in os.walk(SOURCE):
        subfolders[:] = [name for name in subfolders if not SKIPPED.fullmatch(name)]
        found += [Path(folder) / name for name in names]
    return sorted(found)


def files(*patterns: str) -> list[Path]:
    """The files whose names match."""
    return [path for path in tree() if any(path.match(pattern) for pattern in patterns)]


@functools.cache
def scripts() -> list[Path]:
    """Shell scripts, by name or by first line."""
    return [path for path in tree()
            if path.suffix == ".sh" or re.match(rb"#!.*\b(ba)?sh\b", path.open("rb").readline())]


def command(*arguments: str | Path) -> str:
    """Runs a checker; returns what it has to say, or '' if it is content."""
    if not shutil.which(str(arguments[0])):
        skip(f"{arguments[0]} is not installed")
    result = subprocess.run([str(word) for word in arguments], capture_output=True, text=True,
                            check=False, cwd=SOURCE)
    return result.stdout + result.stderr if result.returncode else ""


def content(complaint: str) -> None:
    """Fails with the complaint, if there is one."""
    assert not complaint, complaint


@test
def c_is_formatted() -> None:
    complaint = command("clang-format", "--dry-run", "-Werror", *files("*.c", "*.h"))
    places = collections.Counter(re.findall(r"^(\S+?):\d+:\d+: error", complaint, re.MULTILINE))
    content("\n".join(f"{path}: {count} places; run clang-format -i"
                      for path, count in places.items()) or complaint)


@test
def every_header_compiles_alone() -> None:
    flags = compiler_flags()

    def compile_alone(header: Path) -> str:
        own = [] if "tap.h" == header.name else ["-Werror"]  # of which nobody uses everything
        return command("cc", *flags, *own, "-fsyntax-only", "-x", "c", "-include", header,
                       "/dev/null")

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        content("".join(pool.map(compile_alone, files("*.h"))))


def compiler_flags() -> list[str]:
    """The flags with which the build compiles the service; its include path suits every header."""
    build = Path(os.environ.get("CE_BUILD", SOURCE / "build"))
    database = build / "compile_commands.json"
    if not database.exists():
        skip(f"{database} is not there")
    flags: dict[str, None] = {}
    for entry in json.loads(database.read_text()):
        for word in shlex.split(entry["command"]):
            if word.startswith("-I"):
                word = "-I" + os.path.join(entry["directory"], word[2:])
            if word.startswith(("-I", "-D", "-std=")):
                flags[word] = None
    return list(flags)


@test
def shell_is_sound() -> None:
    content(command("shellcheck", *scripts()))


@test
def man_pages_are_sound() -> None:
    """A macro's name within a line that is meant as a word, for one, which is not shown then."""
    if not shutil.which("groff"):
        skip("groff is not installed")
    for page in files("*.[1-8]"):
        result = subprocess.run(["groff", "-mandoc", "-ww", "-z", "-Tutf8", "-Kutf8", str(page)],
                                capture_output=True, text=True, check=False)
        content(result.stderr and f"{page.relative_to(SOURCE)}: {result.stderr}")


@test
def python_is_sound() -> None:
    with tempfile.TemporaryDirectory() as cache:
        for path in files("*.py"):
            content(command("/usr/bin/python3", "-W", "error", "-X", f"pycache_prefix={cache}",
                            "-m", "py_compile", path))


@test
def lines_are_short_and_clean() -> None:
    wrong = []
    for path in files("*.c", "*.h", "*.py", "*.sh", "*.build", "*.conf", "*.in", "*.xml", "run"):
        for number, line in enumerate(path.read_text().split("\n"), start=1):
            # In C clang-format decides, and it does not break what is inside quotes.
            if len(line) > 100 and path.suffix not in (".c", ".h"):
                wrong.append(f"{path.relative_to(SOURCE)}:{number}: {len(line)} columns")
            if line != line.rstrip() or ("\t" in line and "data" not in path.parts):
                wrong.append(f"{path.relative_to(SOURCE)}:{number}: a tab, or spaces at the end")
        if not path.read_text().endswith("\n") and path.stat().st_size:
            wrong.append(f"{path.relative_to(SOURCE)}: no newline at the end")
    content("\n".join(wrong))


@test
def every_file_names_its_licence() -> None:
    missing = [str(path.relative_to(SOURCE)) for path in tree()
               if (path.suffix in COMMENTED or path in scripts())
               and "data" not in path.relative_to(SOURCE).parts
               and "SPDX-License-Identifier: Apache-2.0" not in path.read_text()[:400]]
    equal(missing, [], "no SPDX line in")


@test
def every_test_is_run() -> None:
    """A test file that no meson.build lists would never run, and nobody would notice."""
    forgotten = []
    for folder, pattern, lister in (("unit", "test-*.c", "meson.build"),
                                    ("bus", "test_*.py", "bus/meson.build"),
                                    ("engines", "test_*.py", "engines/meson.build"),
                                    ("host", "test_*.py", "host/meson.build"),
                                    ("lint", "test_*.py", "lint/meson.build")):
        listed = set(re.findall(r"'([\w-]+)'", (SOURCE / "tests" / lister).read_text()))
        forgotten += [f"{folder}/{path.name}"
                      for path in (SOURCE / "tests" / folder).glob(pattern)
                      if path.stem[len("test-"):] not in listed]
    equal(forgotten, [], "no meson.build lists")


# Of which other folders of client/ one may include something, as ARCHITECTURE.md has it. All
# include containers-events.h; what is behind it in lib/ is for cevctl alone, which is older.
CLIENTS = {
    "base": set(),
    "lib": {"base"},
    "units": {"base"},
    "triggerd": {"base", "units"},
    "autoupdated": {"base", "units"},
    "cevctl": {"base", "lib", "triggerd", "units"},
}


@test
def names_stay_within_their_layer() -> None:
    """Only bus/ knows D-Bus, and the client shares names.h with the service and nothing else."""
    wrong = []
    for path in files("*.c", "*.h"):
        place = path.relative_to(SOURCE)
        for include in re.findall(r'^#include [<"](.*)[>"]', path.read_text(), re.MULTILINE):
            if include == "systemd/sd-bus.h" and place.parts[0] == "service":
                if place.parts[1] not in ("bus", "manager.c", "manager.h", "main.c"):
                    wrong.append(f"{place} includes {include}")
            if place.parts[0] == "client" and include.startswith(("service/", "../")):
                if not include.endswith("service/names.h"):
                    wrong.append(f"{place} includes {include}")
            if place.parts[0] == "client" and not (path.parent / include).exists():
                owners = {found.parent.name for found in (SOURCE / "client").glob(f"*/{include}")}
                if owners and not owners & CLIENTS[place.parts[1]]:
                    wrong.append(f"{place} includes {include} of {owners.pop()}")
    equal(wrong, [])


if __name__ == "__main__":
    main(private=False)
