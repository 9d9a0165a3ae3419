#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The interface's XML is the contract: what the service says of itself, and what is really on the
wire, must be the same."""

from collections.abc import Iterator
from xml.etree import ElementTree

from support.bus import SOURCE, Bus
from support.client import ENGINE, EVENT, INTERFACE, PATH
from support.podman import Podman
from support.service import Service
from support.tap import equal, main, test

LOG_CONTROL = "/org/freedesktop/LogControl1"
CHANGES = "org.freedesktop.DBus.Property.EmitsChangedSignal"


def declared(interface: str) -> ElementTree.Element:
    """An interface as introspection/ declares it."""
    root = ElementTree.parse(SOURCE / "introspection" / f"{interface}.xml").getroot()
    return find(root, interface)


def find(root: ElementTree.Element, interface: str) -> ElementTree.Element:
    """An interface in a piece of introspection."""
    found = root.findall(f"./interface[@name='{interface}']")
    equal(len(found), 1, f"interfaces called {interface}")
    return found[0]


def members(interface: ElementTree.Element) -> Iterator[str]:
    """A line for each member, with everything that a caller or a binding depends on."""
    for member in interface:
        default = "in" if member.tag == "method" else "out"
        arguments = [f"{argument.get('direction', default)} {argument.get('type')} "
                     f"{argument.get('name')}" for argument in member.findall("arg")]
        annotations = sorted(f"{annotation.get('name')}={annotation.get('value')}"
                             for annotation in member.findall("annotation")
                             # What each property has, true if nobody says otherwise, is below.
                             if annotation.get("name") != CHANGES)
        if member.tag == "property":
            changes = [annotation.get("value") for annotation in member.findall("annotation")
                       if annotation.get("name") == CHANGES] or ["true"]
            arguments = [f"{member.get('type')} {member.get('access')} changes={changes[0]}"]
        if member.tag != "annotation":
            yield f"{member.tag} {member.get('name')}({', '.join(arguments)}) {annotations}"


def same(live: ElementTree.Element, interface: str) -> None:
    """Fails, and lists what differs, unless the live interface is the declared one."""
    expected, actual = set(members(declared(interface))), set(members(find(live, interface)))
    difference = ([f"only declared: {line}" for line in sorted(expected - actual)]
                  + [f"only live:     {line}" for line in sorted(actual - expected)])
    assert not difference, "\n".join(["the interface differs", *difference])
    assert len(actual) > 5, "an interface with next to nothing in it was compared"


@test
def the_service_says_what_its_xml_says() -> None:
    with Bus() as bus, Service(bus):
        same(bus.client().introspect(), INTERFACE)


@test
def a_source_says_what_its_xml_says() -> None:
    with Bus() as bus, Podman() as podman, \
            Service(bus, podman=podman, config={"Podman": {"Journal": "yes"}}):
        client = bus.client()
        paths = sorted(client.engines())
        equal(paths, [f"{PATH}/engine/{name}" for name in ("conmon", "podman", "podman_2djournal")])
        for path in paths:
            same(client.introspect(path), ENGINE)


@test
def the_objects_can_be_found_from_the_root() -> None:
    with Bus() as bus, Podman() as podman, Service(bus, podman=podman):
        client = bus.client()
        seen, todo = set(), ["/"]
        while todo:
            path = todo.pop()
            seen.add(path)
            todo += [f"{path.rstrip('/')}/{node.get('name')}"
                     for node in client.introspect(path).findall("node")]
        assert {PATH, f"{PATH}/engine/podman", LOG_CONTROL} <= seen, seen
        interfaces = {node.get("name") for node in client.introspect().findall("interface")}
        assert "org.freedesktop.DBus.ObjectManager" in interfaces, interfaces


@test
def the_log_can_be_controlled() -> None:
    with Bus() as bus, Service(bus):
        client = bus.client()
        interface = "org.freedesktop.LogControl1"
        live = find(client.introspect(LOG_CONTROL), interface)
        equal({node.get("name"): (node.get("type"), node.get("access"))
               for node in live.findall("property")},
              {"LogLevel": ("s", "readwrite"), "LogTarget": ("s", "readwrite"),
               "SyslogIdentifier": ("s", "read")})
        client.message("Set", interface, "LogLevel", "debug", path=LOG_CONTROL, signature="ssv",
                       interface="org.freedesktop.DBus.Properties")
        equal(client.get("LogLevel", interface=interface, path=LOG_CONTROL), "debug")


@test
def the_wire_carries_what_the_xml_says() -> None:
    with Bus() as bus, Service(bus):
        client = bus.client()
        heard = client.listen()
        client.emit(status="died", id="a" * 64, name="c1", image="bb:1", time_nsec=5,
                    details={"exit_code": 7, "attributes": {"k": "v"}})
        event = heard.wait(name="c1")
        equal(heard.signatures, [EVENT])
        equal(event[:8], ("container", "died", "a" * 64, "c1", "bb:1", "test", 5, event.seq))
        equal(event.details, {"exit_code": 7, "attributes": {"k": "v"}})
        for method, arguments in (("Query", (0, 0, [])), ("QueryAfter", ("", 0, []))):
            reply = client.message(method, *arguments,
                                   signature={"Query": "ttas", "QueryAfter": "stas"}[method])
            equal(reply.get_signature(), f"a({EVENT})sb")
        reply = client.message("Stream", "", 0, 0, [], False, signature="sttasb")
        equal(reply.get_signature(), "h")


@test
def a_property_has_the_type_of_the_xml() -> None:
    with Bus() as bus, Podman() as podman, Service(bus, podman=podman):
        client = bus.client()
        kinds = {"s": str, "b": bool, "t": int, "u": int}
        for interface, path in ((INTERFACE, PATH), (ENGINE, f"{PATH}/engine/podman")):
            values = client.get_all(interface=interface, path=path)
            expected = {node.get("name"): kinds[node.get("type")]
                        for node in declared(interface).findall("property")}
            equal({name: type(value) for name, value in values.items()}, expected)


if __name__ == "__main__":
    main()
