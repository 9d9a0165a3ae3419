#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The service is killed ten times while two hundred exec sessions begin and end.

None has a wrong code afterwards, and none ends twice. What is known besides depends on whether
systemd keeps the watch (a file descriptor) while the service is dead. With it the kernel goes on
noting what happens, and each session has its code, or is truthfully said to have one that nobody
knows. Without it a session that began and ended while nobody listened was never heard of: all that
there is of it are Podman's lines, which do not say whose they are.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from support.bus import Bus
from support.client import wait_until
from support.conmon_truth import Truth
from support.execs import NO_SUCH_EXEC, Execs, answer, answers, ends
from support.podman import Podman
from support.service import Service
from support.tap import equal, main, note, test

EXECS = 200
STREAMS = 4
KILLS = 10
# Dead for so many ends of execs, by turns: mostly as short as a restart is, sometimes longer.
AWAY = (0, 0, 2, 0, 6)
SEED = 20261123
# Each kill may cost the code of what ends meanwhile, one exec of each stream and more while it is
# away for longer: the exit file is gone when it is back. This is not what is expected, but what no
# machine shall exceed.
NOT_KNOWN_AT_MOST = 60
LOST_AT_MOST = 20
STORED, NOT_STORED = "with a store", "without a store"


@test(each=[STORED, NOT_STORED], deadline=240)
def ten_kills_and_two_hundred_execs_none_wrong_and_none_twice(how: str) -> None:
    truth = Truth()
    with Bus() as bus, Podman(conmon=truth.conmon) as podman:
        service = Service(bus, podman=podman, fd_store=how == STORED)
        with service, ThreadPoolExecutor(STREAMS) as pool:
            client = bus.client()
            execs = Execs(podman, truth, "c1", SEED)
            wait_until(lambda: client.history("event=start", "container=c1"), "its start")
            work = [pool.submit(execs.attached if number % 4 else execs.detached)
                    for number in range(EXECS)]

            def ran() -> int:
                return sum(item.done() for item in work)

            for kill in range(KILLS):
                share = (kill + 1) * (EXECS - 20) // KILLS
                wait_until(lambda: ran() >= share, f"{share} execs", 60)
                service.kill()
                back = min(share + AWAY[kill % len(AWAY)], EXECS)
                wait_until(lambda: ran() >= back, f"{back} execs", 60)
                service.start()
            wait_until(lambda: ran() == EXECS, "the last execs", 60)
            for item in work:
                item.result()
            codes = execs.codes()
            equal(len(codes), EXECS)

            allowed = {"right", "unknown", *(["no such exec"] if how == NOT_STORED else [])}
            podman.rm("c1")
            wait_until(lambda: client.history("event=remove", "container=c1"), "the removal")
            wait_until(lambda: not set(answers(client, codes)) - allowed, "an answer for each")
            service.restart()
            said = answers(client, codes)
            equal(set(said) - allowed, set(), "answers")

            died = ends(client.history("event=exec_died"))
            times = Counter(event.details.get("exec_id") for event in died)
            nameless = times.pop(None, 0)
            # Of those that were never heard of Podman's lines are there, whoever they are of.
            lost = Counter(code for exec_id, code in codes.items()
                           if answer(client, exec_id) == NO_SUCH_EXEC)
            lost -= Counter(event.details["exit_code"] for event in died
                            if "exec_id" not in event.details)
            equal([exec_id for exec_id, count in times.items() if count > 1], [], "told twice")
            equal(set(times) - set(codes), set(), "ends that are of no session")
            equal(len(times), said["right"] + said["unknown"], "sessions whose end is told")
            kinds = Counter(str(event.details.get("evidence")) for event in died)
            note(f"{how}: of {EXECS} execs over {KILLS} kills {said['right']} codes are right, "
                 f"{said['unknown']} unknown, {said['no such exec']} never heard of; "
                 f"{nameless} ends without an ID; known from {dict(kinds)}")
            if how == STORED:
                equal(nameless, 0, "ends that are of nobody")
            assert EXECS - said["right"] <= NOT_KNOWN_AT_MOST, said
            # A word about a session that nobody saw may be taken for the second one about another
            # that ended with that code within a minute.
            assert lost.total() <= LOST_AT_MOST, lost


if __name__ == "__main__":
    main()
