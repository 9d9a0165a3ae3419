# SPDX-License-Identifier: Apache-2.0
"""The build that is tested: CE_BUILD, which meson sets.

    BUILD / "examples/subscriber"
    sanitized()            flags for a program that links the library of this build
"""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CE_BUILD", SOURCE / "build"))


def sanitized() -> list[str]:
    """-fsanitize=... as the build has it."""
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    words = shlex.split(entries[0]["command"])
    return [word for word in words if word.startswith("-fsanitize=")]
