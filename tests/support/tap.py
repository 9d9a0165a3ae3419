# SPDX-License-Identifier: Apache-2.0
"""Tests that report in TAP (Test Anything Protocol).

    from support.tap import test, main, equal, raises, skip

    @test
    def a_death_carries_its_exit_code():
        ...
        equal(event.details["exit_code"], 7)

    @test(each=BROKERS, deadline=120)
    def a_stranger_is_refused(broker):
        with raises("org.freedesktop.DBus.Error.AccessDenied"):
            ...

    if __name__ == "__main__":
        main()

The name of a test is the name of its function. `each` runs it once per value. `deadline` is in
seconds and fails the test, not the program. Tests run in the order in which they are written;
names given as arguments run only those whose name contains one of them.

    equal(actual, expected, what="")   fails and shows both values
    raises(NAME)                       context that must end in the D-Bus error NAME; gives an
                                       object whose .message is the error's text
    skip(reason)                       ends the test as skipped
    note(text)                         a line of diagnostics
    patience(seconds)                  the same deadline, longer where a sanitizer slows us down

A bare `assert` is fine where the line says it all. main() enters the private machine of
support.machine first; main(private=False) does not.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from support import machine

DEADLINE = 60.0


class Skip(Exception):
    """Raised by skip()."""


class DeadlinePassed(AssertionError):
    """A test, or something that it waited for, took too long."""


@dataclass
class _Test:
    name: str
    run: Callable[[], None]
    deadline: float


@dataclass
class _Raised:
    """What raises() caught."""

    name: str = ""
    message: str = ""


_tests: list[_Test] = []


def test(function: Callable | None = None, *, each: Iterable[Any] = (),
         deadline: float = DEADLINE) -> Callable:
    """Registers a test; usable with and without arguments."""
    values = list(each)

    def register(function: Callable) -> Callable:
        name = function.__name__.replace("_", " ")
        if not values:
            _tests.append(_Test(name, function, deadline))
        for value in values:
            _tests.append(_Test(f"{name} ({value})", lambda value=value: function(value), deadline))
        return function

    return register(function) if function else register


def equal(actual: Any, expected: Any, what: str = "") -> None:
    """Fails, and shows both, unless they are equal."""
    if actual != expected:
        raise AssertionError(f"{what or 'values differ'}\n  actual:   {actual!r}\n"
                             f"  expected: {expected!r}")


@contextlib.contextmanager
def raises(name: str) -> Iterator[_Raised]:
    """Passes only if the block ends in the D-Bus error `name`."""
    import dbus
    raised = _Raised()
    try:
        yield raised
    except dbus.DBusException as error:
        raised.name, raised.message = error.get_dbus_name(), error.get_dbus_message() or ""
        if raised.name != name:
            raise AssertionError(f"got {raised.name} ({raised.message}), not {name}") from error
    else:
        raise AssertionError(f"passed, instead of failing with {name}")


def skip(reason: str) -> None:
    """Ends the test as skipped."""
    raise Skip(reason)


def note(text: str) -> None:
    """Writes diagnostics."""
    for line in str(text).splitlines():
        print(f"# {line}", flush=True)


def patience(seconds: float) -> float:
    """A deadline for this machine: CE_PATIENCE multiplies it."""
    return seconds * float(os.environ.get("CE_PATIENCE", "1"))


def _ring(_signal: int, _frame: Any) -> None:
    raise DeadlinePassed("the test's deadline passed")


def _run(number: int, item: _Test) -> bool:
    start = time.monotonic()
    signal.signal(signal.SIGALRM, _ring)
    # It rings again: whatever caught the first one does not get the test past its end.
    signal.setitimer(signal.ITIMER_REAL, patience(item.deadline), 5)
    verdict, trailer = "ok", ""
    try:
        item.run()
    except Skip as reason:
        trailer = f" # SKIP {reason}"
    except BaseException:  # noqa: B902: also what is no Exception fails one test, not all
        verdict = "not ok"
        note(traceback.format_exc())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    print(f"{verdict} {number} - {item.name}{trailer}", flush=True)
    took = time.monotonic() - start
    if took > 5:
        note(f"took {took:.1f} s")
    return verdict == "ok"


def main(private: bool = True) -> None:
    """Runs the registered tests and exits: 0 if none failed."""
    if private:
        try:
            machine.enter()
        except machine.Unavailable as reason:
            print(f"1..0 # SKIP {reason}", flush=True)
            sys.exit(0)
    wanted = sys.argv[1:]
    tests = [item for item in _tests
             if not wanted or any(word in item.name for word in wanted)]
    print(f"1..{len(tests)}", flush=True)
    results = [_run(number, item) for number, item in enumerate(tests, start=1)]
    sys.exit(0 if all(results) else 1)
