# SPDX-License-Identifier: Apache-2.0
"""A connection to the bus that sends and does not read, as no library lets one be.

    deaf = Deaf(bus.address, machine.READER)
    deaf.listen()                       # adds a match for all that the service publishes
    deaf.call("Query", 0, 0, [])        # sends a call; nobody waits for the answer
    deaf.answer(serial)                 # reads up to the answer of a call: its error, or ""
    deaf.drain()                        # reads what there is; the number of events so far
    deaf.close()

Messages are made and read by hand, as far as it is needed: see the D-Bus Specification.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from typing import Any

from support.bus import acting_as
from support.client import INTERFACE, NAME, PATH, signature
from support.tap import DeadlinePassed, patience

_BUS = "org.freedesktop.DBus"
_ERROR, _SIGNAL = 3, 4


def _align(data: bytes, boundary: int) -> bytes:
    return data + bytes(-len(data) % boundary)


def _string(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode() + b"\0"


def _field(data: bytes, code: int, kind: str, text: str) -> bytes:
    data = _align(data, 8) + bytes((code, 1)) + kind.encode() + b"\0"
    if kind == "g":
        return data + bytes((len(text),)) + text.encode() + b"\0"
    return _align(data, 4) + _string(text)


def _body(types: str, arguments: tuple) -> bytes:
    """Only the types that our methods take."""
    data = b""
    for kind, value in zip(types.replace("as", "a"), arguments):
        if kind == "t":
            data = _align(data, 8) + struct.pack("<Q", value)
        elif kind == "s":
            data = _align(data, 4) + _string(value)
        else:
            items = b""
            for item in value:
                items = _align(items, 4) + _string(item)
            data = _align(data, 4) + struct.pack("<I", len(items)) + items
    return data


class Deaf:
    """A socket, and what was read of it."""

    def __init__(self, address: str, user: str) -> None:
        self._serial = 0
        self._read = b""
        self._answers: dict[int, str] = {}
        self._signals = 0
        self._socket = socket.socket(socket.AF_UNIX)
        with acting_as(user):
            self._socket.connect(address.removeprefix("unix:path=").split(",")[0])
            uid = str(os.geteuid()).encode().hex().encode()
            self._socket.sendall(b"\0AUTH EXTERNAL " + uid + b"\r\nBEGIN\r\n")
        said = self._socket.recv(4096)  # nothing follows it before we say something
        assert said.startswith(b"OK") and said.endswith(b"\r\n"), said
        hello = self._send(_BUS, "/org/freedesktop/DBus", _BUS, "Hello", "", ())
        assert self.answer(hello) == ""

    def listen(self) -> None:
        """Subscribes; the broker knows of it when this returns."""
        rule = f"type='signal',sender='{NAME}',interface='{INTERFACE}'"
        serial = self._send(_BUS, "/org/freedesktop/DBus", _BUS, "AddMatch", "s", (rule,))
        assert self.answer(serial) == ""

    def call(self, method: str, *arguments: Any) -> int:
        """Calls a method of the service, and returns the call's serial."""
        return self._send(NAME, PATH, INTERFACE, method, signature(method), arguments)

    def answer(self, serial: int, deadline: float = 10) -> str:
        """Reads until the answer: the name of the error, or ""."""
        while serial not in self._answers:
            self._receive(deadline)
        return self._answers.pop(serial)

    def drain(self) -> int:
        """Reads what has been sent to it; returns the number of events so far."""
        while select.select([self._socket], [], [], 0.3)[0] and self._receive(1):
            pass
        return self._signals

    def close(self) -> None:
        """Leaves."""
        self._socket.close()

    def _send(self, name: str, path: str, interface: str, member: str, types: str,
              arguments: tuple) -> int:
        self._serial += 1
        body = _body(types, arguments)
        fields = b""
        for code, kind, text in ((1, "o", path), (2, "s", interface), (3, "s", member),
                                 (6, "s", name), (8, "g", types)):
            fields = _field(fields, code, kind, text)
        head = struct.pack("<4BIII", ord("l"), 1, 0, 1, len(body), self._serial, len(fields))
        self._socket.sendall(_align(head + fields, 8) + body)
        return self._serial

    def _receive(self, deadline: float) -> int:
        if not select.select([self._socket], [], [], patience(deadline))[0]:
            raise DeadlinePassed("no answer")
        try:
            data = self._socket.recv(1 << 20)
        except ConnectionResetError:
            data = b""
        self._read += data
        self._parse()
        return len(data)

    def _parse(self) -> None:
        """Takes the messages that are there whole."""
        while len(self._read) >= 16:
            _, kind, _, _, body, _, fields = struct.unpack_from("<4BIII", self._read)
            start = 16 + fields + -fields % 8
            if len(self._read) < start + body:
                break
            replied, error = self._fields(self._read[16:16 + fields])
            self._signals += kind == _SIGNAL and b"EventEmitted\0" in self._read[16:start]
            if replied:
                self._answers[replied] = error if kind == _ERROR else ""
            self._read = self._read[start + body:]

    @staticmethod
    def _fields(data: bytes) -> tuple[int, str]:
        at, replied, error = 0, 0, ""
        while at < len(data):
            at += -at % 8
            code, kind = data[at], chr(data[at + 2])
            at += 4
            if kind == "g":
                at += data[at] + 2
                continue
            at += -at % 4
            number, = struct.unpack_from("<I", data, at)
            at += 4
            if kind == "u":
                replied = number if code == 5 else replied
                continue
            error = data[at:at + number].decode() if code == 4 else error
            at += number + 1
        return replied, error
