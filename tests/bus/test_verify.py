#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""cevctl verify: a history is checked beside the service that writes it, and repaired when it does
not run."""

import json
import subprocess
from pathlib import Path

from support import machine
from support.bus import Bus
from support.client import Client, wait_until
from support.service import Service
from support.tap import equal, main, test

SMALL = {"Log": {"SegmentSize": "16K", "KeepFree": "0"}}
COUNT = 200


def record(client: Client, count: int) -> None:
    """Lets containers die, each with a code of its own."""
    for number in range(count):
        client.emit(status="died", id=f"{number:064x}", name=f"c{number}",
                    details={"exit_code": number % 256})


def verify(service: Service, *options: str) -> subprocess.CompletedProcess:
    """Of the service's own history, as the configuration has it."""
    return service.cevctl("verify", f"--config={service.config}", *options)


def flip(path: Path, offset: int) -> None:
    """One bit."""
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


def close(service: Service) -> None:
    """As systemd makes the folder."""
    service.history.chmod(0o750)


def indexed(service: Service) -> bool:
    """Every sealed segment has its index."""
    return all(log.with_suffix(".index").exists()
               for log in service.history.glob("events-*.log"))


def spoil(service: Service) -> tuple[Path, int]:
    """A bit in a line of the oldest segment: its file, and where the line begins."""
    segment = min(service.history.glob("events-*.log"))
    lines = segment.read_bytes().split(b"\n")
    offset = sum(len(line) + 1 for line in lines[:5])
    flip(segment, offset + 30)
    return segment, offset


@test
def a_good_history_has_no_problem() -> None:
    with Bus() as bus, Service(bus, config=SMALL) as service:
        close(service)
        record(bus.client(), COUNT)
        wait_until(lambda: indexed(service), "the indexes")
        running = verify(service)
        service.stop()
        stopped = verify(service)
        service.start()
    for result in (running, stopped):
        equal(result.returncode, 0, result.stdout + result.stderr)
        assert f"{COUNT} events: 0 problems" in result.stdout, result.stdout


@test
def it_is_checked_while_events_come() -> None:
    with Bus() as bus, Service(bus, config=SMALL) as service:
        close(service)
        client = bus.client()
        for _ in range(5):
            record(client, 40)
            result = verify(service)
            equal(result.returncode, 0, result.stdout + result.stderr)


@test
def damage_is_found_where_it_is() -> None:
    with Bus() as bus, Service(bus, config=SMALL) as service:
        close(service)
        record(bus.client(), COUNT)
        segment, offset = spoil(service)
        result = verify(service, "--json")
    equal(result.returncode, 1, result.stderr)
    *findings, summary = [json.loads(line) for line in result.stdout.splitlines()]
    problems = [finding for finding in findings if finding["Level"] == "problem"]
    equal([(problem["Kind"], problem["File"], problem["Line"], problem["Offset"])
           for problem in problems], [("line", segment.name, 6, offset)])
    equal(summary["Problems"], 1)
    equal(summary["Events"], COUNT - 1)


@test
def a_repair_waits_for_the_service_to_end() -> None:
    with Bus() as bus, Service(bus, config=SMALL) as service:
        close(service)
        record(bus.client(), COUNT)
        spoil(service)
        before = sorted((path.name, path.read_bytes())
                        for path in service.history.glob("events-*.log"))
        refused = verify(service, "--repair")
        equal(refused.returncode, 2, refused.stdout)
        assert "stop it" in refused.stderr, refused.stderr
        equal(sorted((path.name, path.read_bytes())
                     for path in service.history.glob("events-*.log")), before)

        service.stop()
        repaired = verify(service, "--repair")
        equal(repaired.returncode, 1, repaired.stderr)
        again = verify(service)
        equal(again.returncode, 0, again.stdout + again.stderr)
        assert list(service.history.glob("*.quarantine-*")), "nothing was set aside"

        service.start()
        equal([event.seq for event in bus.client().history()],
              [seq for seq in range(1, COUNT + 1) if seq != 5])
        equal(bus.client().container_exit_code(f"{100:064x}"), 100)
        bus.client().emit(status="died", name="next")
        equal(bus.client().history()[-1].seq, COUNT + 1)


@test
def who_repairs_need_not_be_who_writes() -> None:
    with Bus() as bus, Service(bus, config=SMALL, user=machine.SERVICE) as service:
        close(service)
        record(bus.client(), COUNT)
        spoil(service)
        with (service.history / "events.log").open("ab") as file:
            file.write(b'{"Status":"di')
        service.stop()
        equal(verify(service, "--repair").returncode, 1)
        service.start()
        equal(len(bus.client().history()), COUNT - 1)
        bus.client().emit(status="died", name="next")
        equal(verify(service).returncode, 0)


@test
def what_cannot_be_checked_is_told() -> None:
    with Bus() as bus, Service(bus) as service:
        result = service.cevctl("verify", "--directory=/nowhere")
        equal(result.returncode, 2, result.stdout)
        assert "/nowhere" in result.stderr, result.stderr
        equal(service.cevctl("verify", "much").returncode, 2)


if __name__ == "__main__":
    main()
