# SPDX-License-Identifier: Apache-2.0
"""Which methods of the service are called.

    with Calls(bus) as calls:
        ...
        calls.count("QueryAfter")        so far, by whomever
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any

from support.bus import Bus
from support.client import wait_until


class Calls:
    """Which methods were called, as a monitor of the bus sees it."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus

    def __enter__(self) -> Calls:
        self.process = subprocess.Popen(
            ["dbus-monitor", "--address", self.bus.address, "--profile",
             "type='method_call',interface='org.containers.Events'"], text=True,
            env=self.bus.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        client = self.bus.client()
        self.seen: list[str] = []
        os.set_blocking(self.process.stdout.fileno(), False)
        wait_until(lambda: client.call("Query", 0, 1, []) and self.look() and self.seen,
                   "a monitor")
        return self

    def look(self) -> bool:
        """Takes what the monitor has printed."""
        while line := self.process.stdout.readline():
            self.seen += re.findall(r"\b(QueryAfter|Query|Stream)$", line)
        return True

    def count(self, method: str) -> int:
        """How often it was called so far."""
        self.look()
        return self.seen.count(method)

    def __exit__(self, *_: Any) -> None:
        self.process.kill()
        self.process.wait()
