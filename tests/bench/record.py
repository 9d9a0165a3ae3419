# SPDX-License-Identifier: Apache-2.0
"""Histories, made as any is: the service is started on a log of Podman's.

    record.history(lab, data)            makes data.history, unless it is there
    record.timed(lab, log, count, dir)   -> seconds from the start of the service until all is
                                            there, and how many of a processor's it used
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import progress
from bench.data import Data
from bench.lab import WrongAnswer, cpu_seconds, wait_until_idle
from support.client import Client
from support.service import Service

if TYPE_CHECKING:
    from bench.lab import Lab

# How often it is asked how far it is.
_POLL_SECONDS = 0.02


def timed(lab: Lab, log: Path, count: int, history: Path) -> tuple[float, float]:
    """Records a whole log; no service runs before, and none afterwards."""
    service = Service(lab.bus, history=history, config=lab.configuration(log))
    start = time.monotonic()
    with service:
        client = Client(lab.bus)
        while (newest := client.get("NewestSeq")) < count:
            if not service.alive:
                raise WrongAnswer(f"the service ended after {newest} of {count} events")
            time.sleep(_POLL_SECONDS)
        took, used = time.monotonic() - start, cpu_seconds(service.pid)
        recorded = client.get("Recorded")
        client.close()
        wait_until_idle(service)
    if newest != count or recorded != count:
        raise WrongAnswer(f"{newest} events were recorded of {count}")
    return took, used


def history(lab: Lab, data: Data) -> None:
    """What was made before, and whole, is used again."""
    whole = data.history.with_suffix(".whole")
    if whole.exists():
        return
    log = data.log
    shutil.rmtree(data.history, ignore_errors=True)
    data.history.mkdir()
    lab.rest()
    progress.say(f"{data.name}: recording the history")
    took, _ = timed(lab, log, data.events, data.history)
    progress.done(f"{data.events / took:,.0f} events/s")
    whole.touch()
