# SPDX-License-Identifier: Apache-2.0
"""Somebody on the bus who calls the service and listens to it, in plain Python values.

    client = bus.client()                      # root
    client = bus.client(machine.READER)        # a member of the group; also NOBODY, STRANGER

    heard = client.listen()                    # from now on, all that the sender rule lets in
    heard = client.listen("arg0='container',arg1='died'")
    event = heard.wait(status="died", name="c1")       # the first such, or DeadlinePassed
    event = heard.wait(lambda event: event.seq > 7)
    events = heard.wait_count(100)             # the first hundred
    heard.events, heard.signatures, heard.senders      # all so far, in order

    page = client.query(since, until, ["type=container"])       # .events .cursor .more
    page = client.query_after(cursor, until, filters)
    events = client.history("event=died")      # all pages, from the oldest
    client.exec_exit_code(ID), client.container_exit_code(ID)
    waiting = client.wait_exec_exit(ID, timeout_usec)   # goes on; .answered .code() .error()
    client.emit(type="container", status="died", id=..., details={"exit_code": 7})   # -> seq
    client.get("NewestSeq"), client.get_all(), client.engines(), client.engine("podman")
    client.call("Query", 0, 0, [])             # any method that introspection/*.xml declares
    client.message(...)                        # any message: gives the reply, with its signature

    wait_until(lambda: client.get("Degraded"), "a degraded service")   # asks again and again

An Event has .type .status .id .name .image .engine .time_nsec .seq .details. What waits has a
deadline of ten seconds (`deadline=`), and meanwhile the main loop of GLib runs, and with it
every client. A call that fails raises dbus.DBusException; see tap.raises.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree

import dbus
import dbus.lowlevel
from gi.repository import GLib

from support import machine
from support.tap import DeadlinePassed, patience

if TYPE_CHECKING:
    from support.bus import Bus

NAME = "org.containers.Events"
PATH = "/org/containers/Events"
INTERFACE = "org.containers.Events"
ENGINE = "org.containers.Events.Engine"
PROPERTIES = "org.freedesktop.DBus.Properties"
EVENT = "sssssstta{sv}"
DEADLINE = 10.0

SOURCE = Path(__file__).resolve().parents[2]


class Event(NamedTuple):
    """An event as a signal or a reply carries it."""

    type: str
    status: str
    id: str
    name: str
    image: str
    engine: str
    time_nsec: int
    seq: int
    details: dict[str, Any]


def _escape(name: str) -> str:
    """A name as part of an object's path, as sd_bus_path_encode() has it."""
    return re.sub("[^A-Za-z0-9]", lambda match: f"_{ord(match[0]):02x}", name)


class Page(NamedTuple):
    """A reply to Query or QueryAfter."""

    events: list[Event]
    cursor: str
    more: bool


def plain(value: Any) -> Any:
    """The value without the types of python-dbus."""
    if isinstance(value, dbus.Boolean):
        return bool(value)
    if isinstance(value, dbus.types.UnixFd):
        return value.take()
    if isinstance(value, (dbus.Array, dbus.Struct, list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (dbus.Dictionary, dict)):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    return value


def event(values: Any) -> Event:
    """An Event from the arguments of a signal, or one element of a reply."""
    return Event(*plain(values))


def wait_until(condition: Callable[[], Any], what: str = "it", deadline: float = DEADLINE) -> Any:
    """Runs the main loop until the condition gives something true, and returns that."""
    context = GLib.MainContext.default()
    end = time.monotonic() + patience(deadline)
    # What changes without a message on the bus (a file, a property) is looked at again this often.
    beat = GLib.timeout_add(10, lambda: True)
    try:
        while not (result := condition()):
            if time.monotonic() > end:
                raise DeadlinePassed(f"waited {patience(deadline):g} s for {what}")
            context.iteration(True)
        return result
    finally:
        GLib.source_remove(beat)


def settle() -> None:
    """Delivers what has arrived so far, and waits for nothing."""
    context = GLib.MainContext.default()
    while context.iteration(False):
        pass


@functools.cache
def signature(method: str, interface: str = INTERFACE) -> str:
    """What a method takes, as the interface's XML says."""
    path = SOURCE / "introspection" / f"{interface}.xml"
    arguments = ElementTree.parse(path).getroot().findall(
        f"./interface[@name='{interface}']/method[@name='{method}']/arg[@direction='in']")
    return "".join(argument.get("type", "") for argument in arguments)


class Listener:
    """What a match rule let in, since it was added."""

    def __init__(self, client: Client, rule: str) -> None:
        self.events: list[Event] = []
        self.signatures: list[str] = []
        self.senders: list[str] = []
        self.client = client
        client.connection.add_message_filter(self._hear)
        # Through the call, not add_match_string(): the broker has the rule when this returns.
        client.message("AddMatch", rule, name="org.freedesktop.DBus", path="/org/freedesktop/DBus",
                       interface="org.freedesktop.DBus", signature="s")

    def _hear(self, _connection: Any, message: Any) -> int:
        if (message.get_type() == dbus.lowlevel.MESSAGE_TYPE_SIGNAL
                and message.get_member() == "EventEmitted"
                and message.get_interface() == INTERFACE):
            self.signatures.append(message.get_signature())
            self.senders.append(message.get_sender())
            if message.get_signature() == EVENT:
                self.events.append(event(message.get_args_list()))
        return dbus.lowlevel.HANDLER_RESULT_NOT_YET_HANDLED

    def find(self, matches: Callable[[Event], bool] | None = None, **fields: Any) -> list[Event]:
        """Those heard so far for which the predicate holds, or whose fields have these values."""
        return [event for event in self.events
                if (not matches or matches(event))
                and all(getattr(event, key) == value for key, value in fields.items())]

    def wait(self, matches: Callable[[Event], bool] | None = None, *,
             deadline: float = DEADLINE, **fields: Any) -> Event:
        """The first such event, heard already or yet to come."""
        found = wait_until(lambda: self.find(matches, **fields),
                           f"a signal {fields or ''} (heard {len(self.events)})", deadline)
        return found[0]

    def wait_count(self, count: int, *, deadline: float = DEADLINE) -> list[Event]:
        """The first `count` events."""
        wait_until(lambda: len(self.events) >= count, f"{count} signals", deadline)
        return self.events[:count]


class Waiting:
    """A call whose answer may take its time."""

    def __init__(self, client: Client, method: str, *arguments: Any,
                 deadline: float = 3600) -> None:
        self.reply: Any = None
        self.took = 0.0
        self.since = time.monotonic()
        message = dbus.lowlevel.MethodCallMessage(NAME, PATH, INTERFACE, method)
        message.append(*arguments, signature=signature(method))
        client.connection.send_message_with_reply(message, self._answer, deadline)
        client.connection.flush()

    def _answer(self, reply: Any) -> None:
        self.took = time.monotonic() - self.since
        self.reply = reply

    @property
    def answered(self) -> bool:
        """Whether the answer has come."""
        return self.reply is not None

    def wait(self, deadline: float = DEADLINE) -> Any:
        """The reply, also if it is an error."""
        wait_until(lambda: self.answered, "an answer", deadline)
        return self.reply

    def code(self, deadline: float = DEADLINE) -> int:
        """The exit code that it was answered with."""
        reply = self.wait(deadline)
        if reply.get_type() == dbus.lowlevel.MESSAGE_TYPE_ERROR:
            raise AssertionError(f"{reply.get_error_name()}: {reply.get_args_list()}")
        return int(reply.get_args_list()[0])

    def error(self, deadline: float = DEADLINE) -> tuple[str, str]:
        """The error's name and sentence."""
        reply = self.wait(deadline)
        assert reply.get_type() == dbus.lowlevel.MESSAGE_TYPE_ERROR, reply.get_args_list()
        return str(reply.get_error_name()), str(reply.get_args_list()[0])


class Client:
    """A connection of one user's."""

    def __init__(self, bus: Bus, user: str = machine.ROOT) -> None:
        self.bus = bus
        self.connection = bus.connect(user)

    def close(self) -> None:
        """Leaves the bus."""
        self.connection.close()

    @property
    def unique_name(self) -> str:
        """Our own name on the bus."""
        return str(self.connection.get_unique_name())

    def owner(self) -> str:
        """The unique name of who owns the service's name, or ''."""
        try:
            return str(self.connection.get_name_owner(NAME))
        except dbus.DBusException:
            return ""

    def owner_pid(self) -> int:
        """The process that owns the service's name."""
        reply = self.message("GetConnectionUnixProcessID", NAME, name="org.freedesktop.DBus",
                             path="/org/freedesktop/DBus", interface="org.freedesktop.DBus",
                             signature="s")
        return int(reply.get_args_list()[0])

    def message(self, member: str, *arguments: Any, name: str = NAME, path: str = PATH,
                interface: str | None = INTERFACE, signature: str = "",
                deadline: float = DEADLINE) -> Any:
        """Calls anything; returns the reply as a message."""
        message = dbus.lowlevel.MethodCallMessage(name, path, interface, member)
        message.append(*arguments, signature=signature)
        return self.connection.send_message_with_reply_and_block(message, patience(deadline))

    def call(self, method: str, *arguments: Any, interface: str = INTERFACE, path: str = PATH,
             deadline: float = DEADLINE) -> Any:
        """Calls a method of ours; returns its only value, or the list of them."""
        reply = self.message(method, *arguments, path=path, interface=interface,
                             signature=signature(method, interface), deadline=deadline)
        values = plain(reply.get_args_list())
        return values[0] if len(values) == 1 else values

    def listen(self, rule: str = "") -> Listener:
        """Begins to listen as everybody should, by the sender; `rule` narrows it further."""
        parts = [f"type='signal',sender='{NAME}',interface='{INTERFACE}',member='EventEmitted'"]
        return Listener(self, ",".join(parts + ([rule] if rule else [])))

    def listen_carelessly(self) -> Listener:
        """Begins to listen to whoever sends such a signal."""
        return Listener(self, f"type='signal',interface='{INTERFACE}',member='EventEmitted'")

    def query(self, since_nsec: int = 0, until_nsec: int = 0, filters: Any = ()) -> Page:
        """Query."""
        return self._page(self.call("Query", since_nsec, until_nsec, list(filters)))

    def query_after(self, cursor: str, until_nsec: int = 0, filters: Any = ()) -> Page:
        """QueryAfter."""
        return self._page(self.call("QueryAfter", cursor, until_nsec, list(filters)))

    def history(self, *filters: str) -> list[Event]:
        """Every event, page after page."""
        page = self.query_after("", 0, filters)
        events = page.events
        while page.more:
            page = self.query_after(page.cursor, 0, filters)
            events += page.events
        return events

    def exec_exit_code(self, exec_id: str) -> int:
        """ExecExitCode."""
        return self.call("ExecExitCode", exec_id)

    def container_exit_code(self, container_id: str) -> int:
        """ContainerExitCode."""
        return self.call("ContainerExitCode", container_id)

    def wait_exec_exit(self, exec_id: str, timeout_usec: int = 0) -> Waiting:
        """WaitExecExit, which is under way when this returns."""
        return Waiting(self, "WaitExecExit", exec_id, timeout_usec)

    def emit(self, type: str = "container", status: str = "start", id: str = "",  # noqa: A002
             name: str = "", image: str = "", engine: str = "test", time_nsec: int = 0,
             details: dict[str, Any] | None = None) -> int:
        """Emit; a detail that is an int goes as `i`, one that is a dict as `a{ss}`."""
        return self.call("Emit", type, status, id, name, image, engine, time_nsec,
                         {key: self._variant(value) for key, value in (details or {}).items()})

    def get(self, name: str, *, interface: str = INTERFACE, path: str = PATH) -> Any:
        """A property."""
        reply = self.message("Get", interface, name, interface=PROPERTIES, path=path,
                             signature="ss")
        return plain(reply.get_args_list())[0]

    def get_all(self, *, interface: str = INTERFACE, path: str = PATH) -> dict[str, Any]:
        """All properties."""
        reply = self.message("GetAll", interface, interface=PROPERTIES, path=path, signature="s")
        return plain(reply.get_args_list())[0]

    def engines(self) -> dict[str, dict[str, Any]]:
        """The sources that the ObjectManager lists: path -> properties."""
        reply = self.message("GetManagedObjects",
                             interface="org.freedesktop.DBus.ObjectManager")
        objects = plain(reply.get_args_list())[0]
        return {path: interfaces[ENGINE] for path, interfaces in objects.items()
                if ENGINE in interfaces}

    def engine(self, name: str) -> dict[str, Any]:
        """The properties of one source."""
        return self.get_all(interface=ENGINE, path=f"{PATH}/engine/{_escape(name)}")

    def introspect(self, path: str = PATH) -> ElementTree.Element:
        """What an object says of itself."""
        reply = self.message("Introspect", path=path,
                             interface="org.freedesktop.DBus.Introspectable")
        return ElementTree.fromstring(reply.get_args_list()[0])

    @staticmethod
    def _page(values: list) -> Page:
        events, cursor, more = values
        return Page([event(item) for item in events], cursor, more)

    @staticmethod
    def _variant(value: Any) -> Any:
        if isinstance(value, bool):
            return dbus.Boolean(value)
        if type(value) is int:  # what has a type of python-dbus already keeps it
            return dbus.Int32(value)
        if type(value) is dict:
            return dbus.Dictionary(value, signature="ss")
        return value
