#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What clang-tidy finds in the programs, with the checks in .clang-tidy."""

import concurrent.futures
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from support.tap import main, skip, test

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CE_BUILD", SOURCE / "build"))
DATABASE = BUILD / "compile_commands.json"
FOLDERS = sorted({str(path.parent.relative_to(SOURCE)) for top in ("service", "client")
                  for path in (SOURCE / top).rglob("*.c")})


def compiled() -> list[Path]:
    """The C files of the build that are ours."""
    if not shutil.which("clang-tidy"):
        skip("clang-tidy is not installed")
    if not (SOURCE / ".clang-tidy").exists() or not DATABASE.exists():
        skip(".clang-tidy or compile_commands.json is not there")
    found = {Path(os.path.normpath(os.path.join(entry["directory"], entry["file"])))
             for entry in json.loads(DATABASE.read_text())}
    return sorted(path for path in found if path.is_relative_to(SOURCE))


def findings(path: Path) -> list[str]:
    """What clang-tidy finds in a file, a line for each; without how it came to think so."""
    result = subprocess.run(["clang-tidy", "--quiet", "-p", str(BUILD), str(path)], check=False,
                            capture_output=True, text=True)
    lines = [line.replace(f"{BUILD}/", "") for line in result.stdout.splitlines()
             if re.search(r": (warning|error): ", line)]
    return lines or ([result.stdout + result.stderr] if result.returncode else [])


def tidy(folder: str) -> None:
    """Fails with what is found in the files of a folder."""
    paths = [path for path in compiled() if path.parent == SOURCE / folder]
    assert paths, "nothing was looked at"
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        # What is in a header is found once for every file that includes it.
        found = sorted({line for lines in pool.map(findings, paths) for line in lines})
    assert not found, "\n".join(found)


@test(each=FOLDERS, deadline=200)
def c_is_tidy(folder: str) -> None:
    tidy(folder)


if __name__ == "__main__":
    main(private=False)
