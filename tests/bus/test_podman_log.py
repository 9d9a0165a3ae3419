#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Podman's log rotates, written by support.podman_log.Writer exactly as newer Podmans write it: by
the hundred, with marks (older ones in the kept half), and when nobody can follow."""

import os
import random
import shutil
import signal

from support import machine
from support.client import wait_until
from support.follower import Follower
from support.journal import needs_files
from support.podman_log import expected, without_seq
from support.podman_scene import BURST, is_lost, same, scene, sound, wait_for
from support.tap import equal, main, note, test


@test(each=["with marks", "without marks"], deadline=200)
def hundreds_of_rotations_pass_unnoticed(kind: str) -> None:
    chance = random.Random(kind)
    with scene(markers=kind == "with marks") as (service, client, writer):
        writer.write()
        follower = Follower(client)
        stops = kills = 0
        while writer.rotations < 200:
            what = chance.random()
            if what < 0.2:
                stops += 1
                service.signal(signal.SIGSTOP)
            elif what < 0.24:
                kills += 1
                service.kill()
            writer.write(chance.randint(1, BURST))
            if what < 0.2:
                service.signal(signal.SIGCONT)
            elif what < 0.24:
                service.start()
                follower.catch_up()
            follower.wait_for(len(writer.truth))
        note(f"{writer.rotations} rotations, {len(writer.truth)} events, {stops} stops, "
             f"{kills} kills; heard {follower.heard}, asked for {follower.asked}")
        sound(client, writer.truth)
        same(follower.events, writer.truth)
        assert follower.heard > follower.asked, (follower.heard, follower.asked)


@test
def one_rotation_that_was_slept_through_costs_nothing() -> None:
    """It keeps only half of what is new, but the old file is still open here, and whole."""
    with scene() as (service, client, writer):
        writer.limit = 1_000_000  # as Podman has it, if nobody says otherwise
        writer.write()
        wait_for(client, 1)
        service.signal(signal.SIGSTOP)
        while writer.rotations < 1:
            writer.write()
        service.signal(signal.SIGCONT)
        sound(client, writer.truth)


@test
def its_place_outlives_our_own_rotations() -> None:
    """Long after Podman's last event, in a history that has rotated and forgotten since."""
    needs_files("MaxSize= is not its own; tests/bus/test_journal.py tries the same")
    with scene(SegmentSize="4K", MaxSize="12K") as (service, client, writer):
        writer.write(30)
        wait_for(client, 30)
        for seq in range(31, 61):
            equal(client.emit(details={"pad": "x" * 1000}), seq)
        wait_until(lambda: client.get("OldestSeq") > 31, "a history that has forgotten")
        service.restart()
        writer.write()
        wait_for(client, 61)
        service.restart()
        events = client.history("engine=podman")
        equal(without_seq(events), [expected(writer.truth[-1])])
        equal((client.get("NewestSeq"), client.engine("podman")["Lost"]), (61, 0))


@test
def whose_podman_it_is_is_said() -> None:
    """The owner of the log, as it was when the file was opened."""
    with scene() as (service, client, writer):
        writer.write(3)
        wait_for(client, 3)
        equal([event.details["uid"] for event in client.history()], [0, 0, 0])
        service.stop()
        os.chown(writer.path, *machine.ids(machine.READER))
        uid = machine.ids(machine.READER)[0]
        service.start()
        writer.write(2)
        wait_for(client, 5)
        equal([event.seq for event in client.history(f"uid={uid}")], [4, 5])
        equal([event.seq for event in client.history("uid=0")], [1, 2, 3])
        equal(without_seq(client.history(f"uid={uid}")),
              [expected(line, uid) for line in writer.truth[3:]])


@test(each=["stopped", "down"])
def what_two_rotations_took_is_said_to_be_lost(state: str) -> None:
    with scene() as (service, client, writer):
        writer.write(50)
        wait_for(client, 50)
        if state == "stopped":
            service.signal(signal.SIGSTOP)
        else:
            service.kill()
        while writer.rotations < 3:
            writer.write()
        left = [line for line in writer.path.read_text().splitlines() if line in writer.truth]
        heard = client.listen()
        if state == "stopped":
            service.signal(signal.SIGCONT)
        else:
            service.start()
        heard.wait(lambda event: event.id == expected(writer.truth[-1]).id)

        events = client.history()
        equal([event.seq for event in events], list(range(1, len(events) + 1)))
        at = [is_lost(event) for event in events].index(True)
        before, lost, after = events[:at], events[at], events[at + 1:]
        equal(without_seq(before), [expected(line) for line in writer.truth[:at]])
        equal(without_seq(after), [expected(line) for line in left])
        gone = [expected(line) for line in writer.truth[at:-len(left)]]
        assert gone, "nothing was lost, so nothing was tested"
        assert before[-1].time_nsec <= lost.details["lost_since_nsec"] <= gone[0].time_nsec
        assert gone[-1].time_nsec <= lost.details["lost_until_nsec"] <= after[0].time_nsec
        equal((lost.engine, lost.name), ("podman", str(writer.path)))
        assert lost.details["reason"], lost
        equal((client.get("Lost"), client.engine("podman")["Lost"]), (1, 1))
        equal(heard.find(is_lost), [lost])

        writer.write(3)  # and it goes on as if nothing had been
        heard.wait(lambda event: event.id == expected(writer.truth[-1]).id)
        equal(len(client.history()), len(events) + 3)


@test
def what_a_new_log_lost_before_we_saw_it_is_said() -> None:
    """It was not there yet when we began to listen, and has rotated when we come to read it."""
    with scene() as (service, client, writer):
        service.signal(signal.SIGSTOP)
        while writer.rotations < 1:
            writer.write()
        service.signal(signal.SIGCONT)
        newest = expected(writer.truth[-1]).id
        wait_until(lambda: client.history(f"id={newest}"), "the newest event")
        first, *rest = client.history()
        assert is_lost(first), first
        equal(without_seq(rest), [expected(line) for line in writer.truth[-len(rest):]])
        assert expected(writer.truth[-len(rest) - 1]).time_nsec <= first.details["lost_until_nsec"]


@test
def a_backlog_stays_one_when_we_are_killed_in_its_middle() -> None:
    """What was there before us is never signalled, however often we have to begin again."""
    with scene() as (service, client, writer):
        service.stop()
        shutil.rmtree(service.history)
        service.history.mkdir()
        writer.limit = 1 << 30
        writer.write(20_000)
        heard, kills = client.listen(), 0
        while kills < 5:
            service.start()
            kills += 1
            share = kills * 3_000
            wait_until(lambda: client.get("NewestSeq") > share, f"{share} events")
            service.kill()
        service.start()
        wait_for(client, 20_000)
        note(f"{kills} kills")
        sound(client, writer.truth)
        equal({event.details["backlog"] for event in client.history()}, {True})
        writer.write()
        heard.wait(seq=20_001)
        equal(len(heard.events), 1)


if __name__ == "__main__":
    main()
