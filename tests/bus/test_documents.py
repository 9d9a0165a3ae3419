#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What README, man pages and --help say is what the programs do: the examples are pasted and run,
and the tables are compared with the interface and the configuration."""

import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

from support.build import BUILD, SOURCE, sanitized
from support.bus import Bus
from support.client import Client
from support.service import Service, cevctl
from support.tap import DeadlinePassed, equal, main, patience, skip, test

README = (SOURCE / "README.md").read_text()


def examples(language: str) -> list[str]:
    """The README's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def example(language: str, word: str) -> str:
    """The one code block in a language that has a word in it."""
    found = [text for text in examples(language) if word in text]
    equal(len(found), 1, f"README blocks in {language} with {word}")
    return found[0]


def follow(bus: Bus, command: list[str], pattern: str = r"^\d+ container died web\b") -> None:
    """Runs a follower from the README until it has printed a death."""
    with Service(bus), subprocess.Popen(command, env=bus.environment, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            line = first_line(bus.client(), process)
        finally:
            process.kill()
    assert re.search(pattern, line), line


def first_line(client: Client, process: subprocess.Popen[str]) -> str:
    """Lets containers die until the process, which subscribes some time after its start, has heard
    of one and says so."""
    end = time.monotonic() + patience(10)
    while time.monotonic() < end:
        client.emit(type="container", status="died", name="web", details={"exit_code": 3})
        if select.select([process.stdout], [], [], 0.05)[0]:
            return process.stdout.readline() or process.stderr.read()
    raise DeadlinePassed("the example prints nothing")


@test
def the_python_example_follows() -> None:
    with tempfile.TemporaryDirectory() as folder, Bus() as bus:
        shutil.copy(SOURCE / "examples" / "subscriber.py", folder)
        program = Path(folder, "example.py")
        program.write_text(example("python", "Subscription"))
        follow(bus, [sys.executable, str(program)], r"^web 3 [0-9a-f]{32}:1$")


@test
def the_python_example_reads_the_pipe() -> None:
    with tempfile.TemporaryDirectory() as folder, Bus() as bus, Service(bus):
        for name in ("web", "db"):
            bus.client().emit(type="container", status="died", name=name)
        bus.client().emit(type="container", status="start", name="web")
        program = Path(folder, "example.py")
        program.write_text(example("python", ".Stream("))
        output = subprocess.run([sys.executable, str(program)], env=bus.environment, check=True,
                                text=True, capture_output=True, timeout=patience(10)).stdout
    equal(output, "1 container died web\n2 container died db\n")


@test
def the_c_example_follows() -> None:
    if not shutil.which("cc"):
        skip("there is no cc")
    with tempfile.TemporaryDirectory() as folder, Bus() as bus:
        Path(folder, "example.c").write_text(example("c", "cev_subscription_start"))
        command = re.search(r"^`(cc example\.c .*)`$", README, re.MULTILINE)
        assert command, "the README does not say how to compile the C example"
        # The library of this build, which is where pkg-config does not look by itself.
        flags = [f"-Wl,-rpath,{BUILD}/client/lib", *sanitized()]
        subprocess.run(["sh", "-ec", " ".join([command[1], *flags])], cwd=folder, check=True,
                       env={**os.environ, "PKG_CONFIG_PATH": f"{BUILD}/meson-uninstalled"})
        follow(bus, [f"{folder}/example"])


@test
def the_calls_with_busctl_and_gdbus_answer() -> None:
    script = example("sh", "busctl call") + example("sh", "gdbus call")
    script = re.sub(r"\\\n\s*", "", script)
    calls = [line for line in script.splitlines() if line and " monitor " not in line]
    equal(len(calls), 3, "calls in the README")
    with Bus() as bus, Service(bus):
        bus.client().emit(type="container", status="died", name="web", details={"exit_code": 3})
        for call in calls:
            output = subprocess.run(["sh", "-ec", call], env=bus.environment, check=True,
                                    text=True, capture_output=True).stdout
            assert "died" in output or "t 1" in output, f"{call}: {output}"


@test
def jq_reads_the_history() -> None:
    script = example("sh", "jq -r")
    if not shutil.which("jq"):
        skip("there is no jq")
    with Bus() as bus, Service(bus) as service:
        bus.client().emit(type="container", status="died", name="web", details={"exit_code": 3})
        script = script.replace("sudo sh", "sh").replace("/var/log/containers-events",
                                                     str(service.history))
        output = subprocess.run(["sh", "-ec", script], check=True, text=True,
                                capture_output=True).stdout
    fields = output.split()
    equal([fields[0], *fields[2:]], ["1", "web", "3"], "what jq prints")


@test
def the_table_of_the_interface_is_complete() -> None:
    root = ElementTree.parse(SOURCE / "introspection" / "org.containers.Events.xml").getroot()
    table = README[README.index("| member | in | out |"):]
    table = table[:table.index("\n\n")]
    for member in root.findall("./interface/*"):
        name = f"`{member.get('name')}`"
        rows = [line for line in table.splitlines()
                if re.match(rf"\| {member.tag} {name}", line) or line.startswith("| properties")
                and member.tag == "property" and name in line]
        equal(len(rows), 1, f"rows of the README's table for the {member.tag} {name}")
        if member.tag == "method":
            for argument in member.findall("arg[@direction='in']"):
                assert f"{argument.get('type')} {argument.get('name')}" in rows[0], rows[0]


@test
def every_key_of_the_configuration_is_documented() -> None:
    source = (SOURCE / "service" / "configuration.c").read_text()
    keys = re.findall(r'\{ "(\w+)", "(\w+)", set_', source)
    assert len(keys) >= 6, keys
    sample = (SOURCE / "policy" / "eventsd.conf").read_text()
    manual = (SOURCE / "docs" / "eventsd.conf.5").read_text()
    for section, key in keys:
        assert f"`{key}=`" in README, f"README.md does not have {key}="
        assert f"#{key}=" in sample, f"eventsd.conf does not have {key}="
        assert f".It Cm {key}\n" in manual, f"eventsd.conf(5) does not have {key}"
        assert f"[{section}]" in sample and f"[{section}]" in manual, section


@test
def auto_update_is_documented() -> None:
    """Keys and defaults of its configuration, and its options."""
    folder, docs = SOURCE / "client" / "autoupdated", SOURCE / "docs"
    sample = (SOURCE / "policy" / "autoupdated.conf").read_text()
    manual = (docs / "autoupdated.conf.5").read_text()
    keys = re.findall(r'strcmp\(key, "(\w+)"\)', (folder / "settings.c").read_text())
    assert len(keys) >= 10, keys
    for key in keys:
        default = re.search(rf"^#{key}=(.*)$", sample, re.MULTILINE)
        assert default, f"autoupdated.conf does not have {key}="
        assert f"`{key}=`" in README, f"README.md does not have {key}="
        item = re.search(rf"^\.It Cm {key}\n(.*?)(?=^\.It|^\.El)", manual, re.MULTILINE | re.DOTALL)
        assert item, f"autoupdated.conf(5) does not have {key}"
        if default[1]:
            assert f"\n.Cm {default[1]} .\n" in f"\n{item[1]}", f"another default of {key}"
    source = (folder / "main.c").read_text()
    manual = (docs / "containers-events-autoupdated.8").read_text()
    for option in re.findall(r'\{ "([a-z-]+)", (?:no|required)_argument', source):
        assert f'"  --{option}' in source, f"--help does not have --{option}"
        assert re.search(rf"^\.It .*Fl -{option}\b", manual, re.MULTILINE), option


@test
def the_options_of_the_service_are_documented() -> None:
    source = (SOURCE / "service" / "main.c").read_text()
    manual = (SOURCE / "docs" / "containers-eventsd.8").read_text()
    options = re.findall(r'\{ "([a-z-]+)", (?:no|required)_argument', source)
    assert len(options) >= 4, options
    for option in options:
        assert f"--{option}" in source, f"--help does not have --{option}"
        assert f".It Fl -{option}" in manual, f"containers-eventsd(8) does not have --{option}"


@test
def the_options_of_cevctl_are_documented() -> None:
    """What --help of each command has is in the man page and offered by the shell, and nothing that
    it does not have is offered."""
    manual = (SOURCE / "client" / "cevctl" / "cevctl.1").read_text()
    completion = SOURCE / "client" / "cevctl" / "cevctl.bash"

    def offered(command: str) -> set[str]:
        script = f'. {completion}; _cevctl_words "{command}"'
        return set(subprocess.run(["bash", "-c", f"complete() {{ :; }}; {script}"], check=True,
                                  text=True, capture_output=True).stdout.split())

    def options(text: str) -> set[str]:
        return set(re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", text, re.MULTILINE))

    def help_text(*command: str) -> str:
        return subprocess.run([cevctl(), *command, "--help"], check=True, text=True,
                              capture_output=True).stdout

    text = help_text()
    commands = re.findall(r"^  ([a-z-]+) +[A-Z]", text, re.MULTILINE)
    assert len(commands) >= 13, commands
    equal(offered(""), {*commands, *options(text)})
    for command in set(commands) - {"help"}:
        assert re.search(rf"^\.It Cm {command}\b", manual, re.MULTILINE), command
        text = options(help_text(command))
        equal({word for word in offered(command) if word.startswith("-")}, text, command)
        for option in text:
            assert re.search(rf"\bFl {option[1:]}\b", manual), f"cevctl(1) has no {option}"


if __name__ == "__main__":
    main()
