#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""300 lives of real containers, while Podman's log rotates under us and we are killed again and
again: every event is in the history, once, numbered without a hole, and nobody who resumes by
cursor sees it otherwise.

What Podman really wrote is told by support.podman_log.Witness, which shares nothing with our
reader. It holds each generation of the log open, and so has all of it, if only it opens each. That
it does by construction: every worker looks before each of its lives, so that between two looks at
most one life of each worker is written, some 6 KiB, and a rotation needs half of the limit, 16 KiB.
Should a generation get away all the same, the halves do not join, and the witness says so itself.
"""

import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from support.bus import Bus
from support.client import Event, wait_until
from support.follower import Follower
from support.podman import Podman
from support.podman_log import Witness, expected, without_seq
from support.service import Service
from support.tap import equal, main, note, test

LIVES = 300
KILLS = 20
ROTATIONS = 20
LIMIT = "32k"
WORKERS = 3
RICH = 10  # one life in so many


def live(podman: Podman, witness: Witness, number: int) -> None:
    """The life of a container: most are short, some are rich."""
    witness.look()
    name, code = f"life-{number}", number % 256
    labels = ("--label", f"number={number}")
    if number % RICH:
        equal(podman.once(name, "sh", "-c", f"exit {code}", options=("--rm", *labels)), code, name)
        return
    podman.run(name, "sleep", "100", options=labels)
    equal(podman.exec(name, "sh", "-c", f"exit {code}"), code, name)
    podman.kill(name) if number % 20 else podman.stop(name)
    podman.rm(name)


def engine_is_quiet() -> bool:
    """Whether no podman and no conmon runs on the private machine, so that nothing writes."""
    return subprocess.run(["pgrep", "-x", "podman|conmon"], capture_output=True,
                          check=False).returncode == 1


def is_exec_end(event: Event) -> bool:
    """Of an exec session: Podman tells it once or twice, and conmon before it."""
    return event.status == "exec_died"


def as_podman_says(event: Event) -> Event:
    """Without the ID of an exec session, which Podman does not say."""
    return event._replace(details={key: value for key, value in event.details.items()
                                   if key != "exec_id"})


def compare(actual: list[Event], wanted: list[Event], what: str) -> None:
    """Fails with the first difference; the lists are long."""
    told = [event for event in without_seq(actual) if not is_exec_end(event)]
    for number, (event, line) in enumerate(zip(told, wanted), start=1):
        equal(as_podman_says(event), line, f"{what}, event {number}")
    equal(len(told), len(wanted), f"{what}: number of events")


def execs_have_ended(actual: list[Event]) -> str:
    """Checks that the one exec session of each rich life has ended once; says how it is known."""
    ends = [event for event in actual if is_exec_end(event)]
    equal(sorted(event.name for event in ends),
          sorted(f"life-{number}" for number in range(0, LIVES, RICH)), "exec sessions that ended")
    codes = Counter("unknown" if "exit_code" not in event.details else "right"
                    if event.details["exit_code"] == int(event.name.removeprefix("life-")) % 256
                    else f"wrong: {event}" for event in ends)
    equal(set(codes) - {"right", "unknown"}, set(), "exit codes of exec sessions")
    return f"{codes['right']} of {len(ends)} codes of exec sessions are known"


@test(deadline=400)
def three_hundred_lives_twenty_kills_and_every_event_once() -> None:
    with Bus() as bus, Podman(max_size=LIMIT) as podman, ThreadPoolExecutor(WORKERS) as pool:
        witness = Witness(podman.log)
        witness.look()
        # Our own log rotates too, so that some kills meet it there.
        service = Service(bus, podman=podman, config={"Log": {"SegmentSize": "32K"}})
        with service:
            follower = Follower(bus.client())
            lives = [pool.submit(live, podman, witness, number) for number in range(LIVES)]

            def lived() -> int:
                follower.take()
                return sum(life.done() for life in lives)

            for kill in range(1, KILLS + 1):
                share = kill * (LIVES - 10) // KILLS
                wait_until(lambda: lived() >= share, f"{share} lives", 60)
                if kill % 2:
                    # As close to a rotation as can be.
                    before = witness.look()
                    wait_until(lambda: witness.look() > before, "a rotation", 60)
                service.kill()
                if kill % 4 == 0:
                    # A while of nobody listening.
                    wait_until(lambda: sum(life.done() for life in lives) >= share + 3,
                               "three lives without us", 60)
                service.start()
                follower.catch_up()
            for life in lives:
                wait_until(life.done, "the last lives", 60)
                life.result()
            wait_until(engine_is_quiet, "the engine's end", 30)

            lines = witness.lines()
            note(f"{LIVES} lives, {len(lines)} events, {witness.rotations} rotations, "
                 f"{KILLS} kills, {len(list(service.history.glob('events-*.log')))} segments")
            assert witness.rotations >= ROTATIONS, witness.rotations
            assert len(lines) > 6 * LIVES, len(lines)
            told = [event for event in map(expected, lines) if not is_exec_end(event)]
            count = len(told) + LIVES // RICH
            rich = {f"life-{number}" for number in range(0, LIVES, RICH)}
            wait_until(lambda: rich <= {event.name for event in
                                        bus.client().history("event=exec_died")},
                       "an end of each exec session", 30)
            follower.wait_for(count)
            history = bus.client().history()
            compare(history, told, "the history")
            note(execs_have_ended(history))
            equal([event.seq for event in history], list(range(1, count + 1)), "seq")
            equal(follower.events, history, "the follower")
            note(f"the follower heard {follower.heard} and asked for {follower.asked}")
            assert follower.heard > follower.asked, (follower.heard, follower.asked)
            equal(bus.client().engine("podman")["Lost"], 0)
        witness.close()


if __name__ == "__main__":
    main()
