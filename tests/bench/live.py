# SPDX-License-Identifier: Apache-2.0
"""Rows about events that happen while somebody listens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.lab import WrongAnswer, p50
from bench.rows import Measured, row

if TYPE_CHECKING:
    from bench.lab import Lab


@row("signals", "events recorded, committed and signalled, one subscriber",
     "signals of the same shape by a peer, on the same bus", at_least=0.6)
def signals(lab: Lab) -> Measured:
    """100,000 lines are appended to the log that the service listens to, at once. The clock runs
    from before the first is written to the handler of the last signal. Theirs: a peer sends the
    same events, which it has in memory, and the same subscriber hears them."""
    lines, there = lab.live_lines()
    count = there * 5 // 6
    pairs = []
    for _ in range(lab.times):
        _, log = lab.listen()
        ours = lab.tool("signals", "service", log, lines, count)
        if ours["gaps"]:
            raise WrongAnswer(f"{ours['gaps']} gaps in the numbers that were signalled")
        # The service gives the peer the same events, and rests while it sends them.
        theirs = lab.tool("signals", "raw", count)
        pairs.append((count / ours["nsec"] * 1e9, count / theirs["nsec"] * 1e9))
    pairs.sort(key=lambda pair: pair[0] / pair[1])
    return Measured.of_rates(*pairs[len(pairs) // 2], "signals/s", signals=count)


@row("latency", "from a line in Podman's log to the subscriber's handler",
     "one signal of a peer, and one fdatasync", at_most=2)
def latency(lab: Lab) -> Measured:
    """One event at a time: from before Podman's open, write, close to the handler; p50. Theirs:
    from before a peer makes a signal to the handler, p50, plus fdatasync(2) after an append of
    the same size to a file beside the history, p50. By turns: the disk is not ours alone."""
    rounds = 100 if lab.quick else 200
    lines, there = lab.live_lines()
    _, log = lab.listen()
    # The raw signals are those of events in the history.
    lab.tool("latency", "service", rounds, log, lines)
    found = []
    for _ in range(1 if lab.quick else 7):
        sync = p50(lab.tool("latency", "sync", rounds, log.with_name("sync"),
                            lines.stat().st_size // there))
        ours = p50(lab.tool("latency", "service", rounds, log, lines))
        raw = p50(lab.tool("latency", "raw", rounds))
        found.append((ours, raw + sync, raw, sync))
    found.sort(key=lambda one: one[0] / one[1])
    ours, theirs, raw, sync = found[len(found) // 2]
    return Measured.of_times(ours, theirs, raw_signal_s=raw, fdatasync_s=sync)
