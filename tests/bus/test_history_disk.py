#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A history on a disk that is full, read-only, forbidden or without power, and a service that is
told nonsense: it says what is wrong, answers what it can, and goes on by itself when that is
mended."""

import contextlib
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import dbus

from support import machine
from support.bus import Bus
from support.client import INTERFACE, NAME, PATH, PROPERTIES, Client, signature, wait_until
from support.disk import Ext4, fill, mount, tmpfs
from support.ledger import LOG_UNAVAILABLE, Ledger
from support.service import Service
from support.tap import equal, main, note, raises, test

SMALL = {"Log": {"SegmentSize": "16K", "KeepFree": "0"}}


def watch_degraded(client: Client) -> list[tuple[bool, str]]:
    """What PropertiesChanged says of it, as it goes on."""
    told: list[tuple[bool, str]] = []
    client.connection.add_signal_receiver(
        lambda _interface, changed, _gone: told.append(
            (bool(changed["Degraded"]), str(changed["DegradedReason"]))),
        "PropertiesChanged", PROPERTIES, path="/org/containers/Events")
    client.owner()  # a round trip: the broker has the rule
    return told


@test
def on_a_small_disk_the_oldest_goes_first() -> None:
    ledger = Ledger()
    with tmpfs("256k") as disk, Bus() as bus:
        history = disk / "history"
        client = bus.client()
        heard = client.listen()
        with Service(bus, history=history, config=SMALL) as service:
            ledger.emit(client, 600)
            events = ledger.check(client)
            equal(events[-1].seq, 600)
            assert 100 < len(events) < 250, len(events)
            equal(client.get("Degraded"), False)
            assert client.get("LogSize") <= 256 * 1024
            equal(client.get("OldestSeq"), events[0].seq)
            assert "The disk is full" in service.log(), service.log()
            equal([event.seq for event in heard.wait_count(600)], list(range(1, 601)))
            service.kill()
            service.start()
            equal(len(ledger.check(client)), len(events))


@test
def a_full_disk_is_told_and_that_there_is_room_again() -> None:
    with tmpfs("256k") as disk, Bus() as bus:
        with Service(bus, history=disk / "history", config=SMALL) as service:
            client, ledger = bus.client(), Ledger()
            told = watch_degraded(client)
            ledger.emit(client, 5)
            filler = fill(disk)
            ledger.emit_soon(client, 20)
            wait_until(lambda: told, "a signal that it is degraded")
            reason = client.get("DegradedReason")
            assert str(service.history) in reason and "No space left" in reason, reason
            equal(told, [(True, reason)])
            with raises(LOG_UNAVAILABLE) as error:
                client.emit(name="refused")
            equal(error.message, reason)
            filler.unlink()
            wait_until(lambda: len(told) == 2, "a signal that it works again", 15)
            equal(told[1], (False, ""))
            assert "works again" in service.log()
            wait_until(lambda: not ledger.waiting, "all answers")
            ledger.check(client)


@test
def what_was_accepted_before_the_disk_was_full_is_answered_later() -> None:
    with tmpfs("256k") as disk, Bus() as bus:
        with Service(bus, history=disk / "history", config=SMALL):
            client, ledger = bus.client(), Ledger()
            ledger.emit(client)
            filler = fill(disk)
            ledger.emit_soon(client, 20)
            wait_until(lambda: client.get("Degraded"), "a full disk")
            assert ledger.waiting, "none was taken before the disk was full"
            filler.unlink()
            wait_until(lambda: not ledger.waiting, "all answers", 15)
            equal({event.name for event in ledger.check(client)}, ledger.tried)


def a_file_in_the_way(place: Path) -> Callable[[], object]:
    """The folder is a file."""
    place.write_text("in the way")
    return place.unlink


def a_file_above_it(place: Path) -> Callable[[], object]:
    """What should be the folder above it is a file."""
    place.parent.rmdir()
    place.parent.write_text("in the way")
    return place.parent.unlink


def a_read_only_disk(place: Path) -> Callable[[], object]:
    """The disk takes nothing."""
    mount("-t", "tmpfs", "-o", "ro,mode=777", "tmpfs", place.parent)
    return lambda: mount("-o", "remount,rw", place.parent)


def no_permission(place: Path) -> Callable[[], object]:
    """The folder is somebody else's."""
    place.mkdir(mode=0o700)
    return lambda: os.chown(place, *machine.ids(machine.SERVICE))


def a_dangling_link(place: Path) -> Callable[[], object]:
    """It leads nowhere."""
    place.symlink_to("/run/nowhere/at/all")
    return place.unlink


def a_later_format(place: Path) -> Callable[[], object]:
    """A newer version wrote it."""
    with Bus() as bus, Service(bus, history=place) as service:
        service.stop()
    active = place / "events.log"
    text = active.read_bytes().replace(b'"Format":1', b'"Format":9')
    # Its checksum is that of a header which really says so.
    body = text[:text.index(b',"CRC"')]
    active.write_bytes(body + b',"CRC":"%08x"}\n' % zlib.crc32(body))
    os.chown(active, *machine.ids(machine.SERVICE))
    os.chown(place, *machine.ids(machine.SERVICE))
    return active.unlink


OBSTACLES = {obstacle.__name__.replace("_", " "): obstacle for obstacle in (
    a_file_in_the_way, a_file_above_it, a_read_only_disk, no_permission, a_dangling_link,
    a_later_format)}


@test(each=OBSTACLES)
def a_folder_that_cannot_be_used_is_said_and_tried_again(obstacle: str) -> None:
    home = machine.folder("home")
    above = home / "above"
    above.mkdir()
    for folder in (home, above):
        os.chown(folder, *machine.ids(machine.SERVICE))
    place = above / "history"
    with Bus() as bus, contextlib.ExitStack() as stack:
        mend = OBSTACLES[obstacle](place)
        service = Service(bus, user=machine.SERVICE)
        service.configure(Log={"Directory": place})
        stack.enter_context(service)
        client = bus.client()
        equal(client.get("Degraded"), True)
        reason = client.get("DegradedReason")
        assert f'"{place}"' in reason or '"events.log"' in reason, reason
        assert reason in service.log(), service.log()
        assert any(reason in line for line in service.notified), service.notified
        for method, arguments in (("Query", (0, 0, [])), ("QueryAfter", ("", 0, [])),
                                  ("ContainerExitCode", ("a" * 64,)),
                                  ("ExecExitCode", ("a" * 64,))):
            with raises(LOG_UNAVAILABLE) as error:
                client.call(method, *arguments)
            equal(error.message, reason, method)
        with raises(LOG_UNAVAILABLE) as error:
            client.emit()
        equal(error.message, reason, "Emit")
        equal((client.get("NewestSeq"), client.get("OldestSeq"), client.get("LogSize")), (0, 0, 0))
        equal(client.get("Epoch"), "")

        mend()
        wait_until(lambda: not client.get("Degraded"), "its own recovery", 15)
        equal(client.emit(name="first"), 1)
        equal([event.name for event in client.history()], ["first"])


BAD_VALUES = {"[Log]\nSegmentSize=huge": 2, "[Log]\n\nMaxSize=-1": 3, "[Log]\nBackend=cloud": 2,
              "[Log]\nDirectory=here": 2, "[Podman]\nEnabled=perhaps": 2,
              "[Podman]\nEventsLog=relative": 2, "[Podman]\nEventsLog=/run/": 2, "[[[": 1,
              "no key here": 1}


@test
def a_broken_configuration_is_said_with_its_place() -> None:
    with Bus() as bus:
        client = bus.client()
        for text, line in BAD_VALUES.items():
            service = Service(bus)
            drop_in = Path(f"{service.config}.d") / "bad.conf"
            drop_in.parent.mkdir()
            drop_in.write_text(text + "\n")
            with service:
                equal(client.get("Degraded"), True, text)
                reason = client.get("DegradedReason")
                assert f"{drop_in}:{line}:" in reason, (text, reason)
                assert reason in service.log(), service.log()
                equal(client.emit(name="recorded all the same"), 1)


@test
def an_unknown_key_is_only_warned_of() -> None:
    with Bus() as bus, Service(bus) as service:
        service.configure(Log={"Colour": "blue"}, Weather={"Rain": "yes"})
        service.restart()
        equal(bus.client().get("Degraded"), False)
        for word in ("Colour", "Rain", "Weather"):
            assert f'"{word}"' in service.log() or f"[{word}]" in service.log(), service.log()


@contextlib.contextmanager
def on(disk: Ext4, bus: Bus, **bounds: str) -> Iterator[Service]:
    """A service whose history is on a disk."""
    config = {"Log": {"SegmentSize": "4K", **bounds}}
    with Service(bus, history=disk.folder / "history", config=config) as service:
        yield service


@test(deadline=120)
def a_power_cut_takes_nothing_that_was_answered() -> None:
    """
    What was answered or signalled before the cut, that is. The machine of a real one answers
    nothing afterwards; here it goes on, and a sync that the cut meets half way may even succeed.
    """
    ledger, cuts = Ledger(), 12
    with Ext4() as disk, Bus() as bus:
        client = bus.client()
        heard = client.listen()
        for number in range(cuts):
            with on(disk, bus) as service:
                ledger.check(client)
                # At another place of a segment each time, and while more is being written.
                ledger.emit(client, 5 + 3 * number)
                ledger.emit_soon(client, 10)
                wait_until(lambda: ledger.waiting < 10, "an answer")
                ledger.hear(heard)
                known = dict(ledger.known)
                disk.cut_power()
                service.kill()
            wait_until(lambda: not ledger.waiting, "the bus to say that nobody answers")
            ledger.known = known
            heard.events.clear()
            disk.restore_power()
        with on(disk, bus) as service:
            events = ledger.check(client)
            note(f"{cuts} power cuts, {len(events)} of {len(ledger.tried)} events, "
                 f"{len(list(service.history.glob('events-*.log')))} rotations")


def end_execs(client: Client, numbers: range, answered: list[int]) -> None:
    """Execs end, and nobody waits for the answers; every third is a health check's."""
    for number in numbers:
        details = {"exec_id": exec_id(number), "exit_code": dbus.Int32(number % 251),
                   "evidence": "exit-file", "attributes": dbus.Dictionary({"pad": "x" * 300})}
        if number % 3 == 0:
            details["reason"] = "health_check"
        client.connection.call_async(
            NAME, PATH, INTERFACE, "Emit", signature("Emit"),
            ("container", "exec_died", "c" * 64, "web", "", "test", 0, details),
            answered.append, lambda error: answered.append(0), 100)


def exec_id(number: int) -> str:
    """The ID of an exec."""
    return f"{number:012x}" + "0" * 52


@test(deadline=120)
def a_power_cut_takes_no_exit_code_that_was_signalled() -> None:
    """Wherever it is by then: in the history, in what is kept of it, in the table of both."""
    told: dict[int, int] = {}
    cuts, batch = 12, 60
    with Ext4() as disk, Bus() as bus:
        client = bus.client()
        heard = client.listen()

        def learn() -> None:
            for event in heard.events:
                number = int(event.details["exec_id"][:12], 16)
                equal(event.details["exit_code"], number % 251)
                told[number] = event.details["exit_code"]

        def check() -> None:
            for number, code in told.items():
                equal(client.exec_exit_code(exec_id(number)), code, f"exec {number}")

        for cut in range(cuts):
            with on(disk, bus, MaxSize="16K") as service:
                check()
                answered: list[int] = []
                end_execs(client, range(cut * batch + 1, (cut + 1) * batch + 1), answered)
                # Some answers are on their way, and some events not even written.
                wait_until(lambda cut=cut, answered=answered: len(answered) > 4 * cut, "an answer")
                learn()
                disk.cut_power()
                service.kill()
            wait_until(lambda answered=answered: len(answered) == batch, "all to be answered")
            heard.events.clear()
            disk.restore_power()
        with on(disk, bus, MaxSize="16K") as service:
            check()
            kept = len(client.history())
            assert list(service.history.glob("exits-*.log"))
            note(f"{cuts} power cuts, {len(told)} of {cuts * batch} execs were told, {kept} events "
                 "are left")
            assert len(told) > cuts * 5 and kept < len(told)


if __name__ == "__main__":
    main()
