# SPDX-License-Identifier: Apache-2.0
"""Says on standard error what is being done, and how long it took.

    say("10M: recording")        begins a line; one that is open is ended first
    done("67,000 events/s")      ends it
    tell("growth: met")          a line of its own
"""

from __future__ import annotations

import sys
import time

_since: float | None = None


def say(what: str) -> None:
    """Begins a line."""
    global _since
    done()
    print(f"  {what} ...", end="", file=sys.stderr, flush=True)
    _since = time.monotonic()


def done(what: str = "") -> None:
    """Ends it."""
    global _since
    if _since is not None:
        took = time.monotonic() - _since
        print(f" {what}{', ' if what else ''}{took:.1f} s", file=sys.stderr, flush=True)
    _since = None


def tell(what: str) -> None:
    """A line of its own."""
    done()
    print(f"  {what}", file=sys.stderr, flush=True)
