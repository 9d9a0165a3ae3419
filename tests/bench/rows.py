# SPDX-License-Identifier: Apache-2.0
"""The rows of the table: what is compared with what, and what it must come to.

    @row("ping", "an empty call", "the same of another service", at_most=2)
    def _(lab):
        return Measured.of_times(ours, theirs)      # seconds; the ratio is ours / theirs
        return Measured.of_rates(ours, theirs, "events/s")      # the same
        return Measured.of_speedup(ours, theirs)    # seconds; the ratio is theirs / ours

    all_rows()      by key, in the order of the table
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.lab import Lab


def duration(seconds: float) -> str:
    """For people."""
    for factor, unit in ((1, "s"), (1e-3, "ms")):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"


@dataclass
class Measured:
    """What was found."""

    ours: str
    theirs: str
    ratio: float
    detail: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_times(cls, ours: float, theirs: float, **detail: Any) -> Measured:
        """How many times longer we take."""
        return cls(duration(ours), duration(theirs), ours / theirs,
                   {"ours_s": ours, "theirs_s": theirs, **detail})

    @classmethod
    def of_speedup(cls, ours: float, theirs: float, **detail: Any) -> Measured:
        """How many times faster we are."""
        return cls(duration(ours), duration(theirs), theirs / ours,
                   {"ours_s": ours, "theirs_s": theirs, **detail})

    @classmethod
    def of_rates(cls, ours: float, theirs: float, unit: str, **detail: Any) -> Measured:
        """How much of a rate we reach."""
        return cls(f"{ours:,.0f} {unit}", f"{theirs:,.0f} {unit}", ours / theirs,
                   {"ours": ours, "theirs": theirs, "unit": unit, **detail})


@dataclass
class Row:
    """One of them."""

    key: str
    what: str
    against: str
    at_least: float | None
    at_most: float | None
    measure: Callable[[Lab], Measured]

    @property
    def bound(self) -> str:
        """For people."""
        return f">= {self.at_least:g}" if self.at_least else f"<= {self.at_most:g}"

    def is_met(self, measured: Measured) -> bool:
        """Whether it comes to what it must."""
        if measured.detail.get("missed"):
            return False
        if self.at_least:
            return measured.ratio >= self.at_least
        return measured.ratio <= self.at_most


_rows: list[Row] = []


def row(key: str, what: str, against: str, *, at_least: float | None = None,
        at_most: float | None = None) -> Callable:
    """Registers a measurement."""
    def register(measure: Callable[[Lab], Measured]) -> Callable:
        _rows.append(Row(key, what, against, at_least, at_most, measure))
        return measure
    return register


def all_rows() -> dict[str, Row]:
    """By key."""
    from bench import disk, execs, live, lookups, waits  # noqa: F401: they register theirs
    return {item.key: item for item in _rows}
