#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What libcontainers-events shows to the world: its symbols, its header and its files are those
that it says, and nothing else."""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from support.build import BUILD, SOURCE, sanitized
from support.tap import equal, main, skip, test

LIBRARY = SOURCE / "client" / "lib"
HEADER = LIBRARY / "include" / "containers-events.h"
MODES = ["c99", "c11", "gnu17", "c++11", "c++17"]


def run(*command: str | Path, **variables: str) -> str:
    """What it prints; it must succeed, and say nothing else."""
    if not shutil.which(str(command[0])):
        skip(f"{command[0]} is not installed")
    result = subprocess.run([str(word) for word in command], check=False, text=True,
                            capture_output=True, env={**os.environ, **variables})
    assert result.returncode == 0 and not result.stderr, result.stdout + result.stderr
    return result.stdout


def declared() -> set[str]:
    """The functions of the header, but for those that it defines itself."""
    code = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    code = re.sub(r"typedef[^;]*;", "", code)
    return set(re.findall(r"\b(cev_\w+)\(", code))


@test
def the_symbols_are_those_of_the_header() -> None:
    lines = run("nm", "--dynamic", "--defined-only", BUILD / "client/lib/libcontainers-events.so.0")
    symbols = [line.split() for line in lines.splitlines()]
    exported = {name.partition("@")[0] for _, kind, name in symbols if kind not in "A"}
    equal(sorted(exported), sorted(declared()))
    versions = {name.rpartition("@")[2] for _, kind, name in symbols if kind != "A"}
    equal(versions, {"LIBCONTAINERS_EVENTS_0.1"})
    mapped = re.findall(r"^ +(\w+);$", (LIBRARY / "libcontainers-events.sym").read_text(), re.M)
    equal(sorted(mapped), sorted(declared()), "libcontainers-events.sym")


@test
def the_man_page_has_each_function_as_it_is_declared() -> None:
    def plain(text: str) -> str:
        return re.sub(r"\s*(\W)\s*", r"\1", " ".join(text.split()))

    header = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    page = (LIBRARY / "libcontainers-events.3").read_text()
    told = {plain(f"{kind} {name}({', '.join(re.findall(chr(34) + '(.*?)' + chr(34), rest))})")
            for kind, name, rest in re.findall(r"^\.Ft (.*)\n\.Fn (cev_\w+)(.*)$", page, re.M)}
    real = {plain(text) for text in re.findall(r"^(\w[\w \*]*?cev_\w+\([^)]*\));", header, re.M)}
    equal(len(real), len(declared()))
    equal(sorted(told), sorted(real))
    handlers = {plain(text) for text in
                re.findall(r"^typedef (\w+ \(\*cev_\w+\)\([^)]*\));", header, re.M)}
    for handler in handlers:
        name = re.search(r"cev_\w+", handler)
        assert name and re.search(rf'Fn "\w+ \(\*{name[0]}\)"', page), f"{handler} is not told of"


@test
def the_man_page_has_examples_that_compile() -> None:
    page = (LIBRARY / "libcontainers-events.3").read_text()
    examples = page[page.index(".Sh EXAMPLES"):page.index(".Sh ERRORS")]
    code = re.findall(r"^\.Bd -literal\n(.*?)^\.Ed$", examples, re.DOTALL | re.MULTILINE)
    equal(len(code), 2)
    with tempfile.TemporaryDirectory() as folder:
        unit = Path(folder, "unit.c")
        unit.write_text("#include <stdio.h>\n#include <containers-events.h>\n"
                        + "".join(code).replace("\\e", "\\"))
        run("cc", "-Wall", "-Wextra", "-Werror", *shlex.split(run("pkg-config", "--cflags",
                                                                  "libsystemd")),
            f"-I{HEADER.parent}", "-fsyntax-only", unit)

    def emission(text: str) -> list[str]:
        found = re.search(r"^typedef struct cev_emission \{\n(.*?)^\} cev_emission;", text,
                          re.DOTALL | re.MULTILINE)
        assert found, "no struct cev_emission"
        return re.findall(r"^ +(\w[^;\n]*);", found[1], re.MULTILINE)

    equal(emission(page), emission(HEADER.read_text()))


@test(each=MODES)
def the_header_compiles_alone(mode: str) -> None:
    """With all that a careful user warns of; systemd's own headers want C99 with what GNU adds."""
    plus = mode.startswith("c++")
    flags = shlex.split(run("pkg-config", "--cflags", "libsystemd"))
    with tempfile.TemporaryDirectory() as folder:
        unit = Path(folder, "unit." + ("cc" if plus else "c"))
        unit.write_text('#include "containers-events.h"\n#include "containers-events.h"\n'
                        "int main(void) { return cev_client_unref(0) != 0; }\n")
        run("c++" if plus else "cc", f"-std={mode}", "-Wall", "-Wextra", "-pedantic", "-Werror",
            *flags, f"-I{HEADER.parent}", "-fsyntax-only", unit)


@test(deadline=120)
def what_is_installed_is_enough_to_build_a_program() -> None:
    """With the name that the man page and README say, from another folder."""
    with tempfile.TemporaryDirectory() as folder:
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", folder)
        found = list(Path(folder).rglob("containers-events.pc"))
        equal(len(found), 1, "containers-events.pc")
        variables = {"PKG_CONFIG_PATH": str(found[0].parent), "PKG_CONFIG_SYSROOT_DIR": folder}
        flags = run("pkg-config", "--cflags", "--libs", "containers-events", **variables).split()
        # What is not of this tree stands where it is.
        flags += shlex.split(run("pkg-config", "--cflags", "--libs", "libsystemd"))
        example = next(Path(folder).rglob("examples/subscriber.c"))
        program = Path(folder, "subscriber")
        run("cc", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", example, "-o", program,
            *flags, *sanitized())
        libraries = next(Path(folder).rglob("libcontainers-events.so.0"))
        needed = run("readelf", "--dynamic", program)
        assert "[libcontainers-events.so.0]" in needed, needed
        result = subprocess.run([program], check=False, capture_output=True, text=True,
                                env={**os.environ, "LD_LIBRARY_PATH": str(libraries.parent)})
        equal((result.returncode, result.stderr),
              (2, f"Usage: {program} CURSOR-FILE [FILTER...]\n"))


@test
def nothing_but_libsystemd_is_asked_of_a_program() -> None:
    """json-c and zlib are the library's own affair."""
    text = (BUILD / "meson-private" / "containers-events.pc").read_text()
    equal(re.findall(r"^Requires: (.*)$", text, re.M), ["libsystemd"])
    equal(re.findall(r"^Libs: (.*)$", text, re.M), ["-L${libdir} -lcontainers-events"])


if __name__ == "__main__":
    main(private=False)
