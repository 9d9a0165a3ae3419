# SPDX-License-Identifier: Apache-2.0
"""Stands between a client and the bus: cuts its connection, as dbus-broker does to a reader that
stands still for too long, and holds back what the one says to the other, so that something can
happen in between.

    proxy = Proxy(bus)
    subprocess.Popen(..., env=proxy.environment)
    proxy.cut()                        # ends all connections; new ones are accepted. Also after
                                       # bus.stop(), of which the client hears nothing otherwise
    proxy.wait_for("QueryAfter")       # until the client has said that word, a method's name, say
    proxy.hold("QueryAfter")           # what has that word waits here, and what comes after it
    proxy.hold_answers(3)              # the fourth piece that the bus says waits here
    proxy.wait_until_held(), proxy.release()
    proxy.answers                      # how many pieces the bus has said

File descriptors do not get through: no Stream.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from support import machine
from support.client import wait_until

if TYPE_CHECKING:
    from support.bus import Bus


class Proxy:
    """A socket that takes connections to the bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus.address.partition("path=")[2]
        self._listener = socket.socket(socket.AF_UNIX)
        path = machine.folder("proxy") / "socket"
        self._listener.bind(str(path))
        self._listener.listen()
        self.environment = {**bus.environment, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={path}"}
        self._open: list[socket.socket] = []
        self._said = b""
        self._word: bytes | None = None
        self._left: int | None = None  # so many answers more pass
        self._free = threading.Event()
        self._free.set()
        self.held = False
        self.answers = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, server = self._listener.accept()[0], socket.socket(socket.AF_UNIX)
                try:
                    server.connect(self._bus)
                except OSError:  # there is no bus now
                    client.close()
                    continue
                self._open += [client, server]
                threading.Thread(target=self._copy, args=(client, server, self._ask),
                                 daemon=True).start()
                threading.Thread(target=self._copy, args=(server, client, self._answer),
                                 daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket, look) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                look(data)
                target.sendall(data)

    def _ask(self, data: bytes) -> None:
        self._said += data
        if self._word and self._word in data:
            self._stop()

    def _answer(self, _data: bytes) -> None:
        self.answers += 1
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                self._stop()

    def _stop(self) -> None:
        self.held = True
        self._free.wait()

    def cut(self) -> None:
        """Ends all connections; new ones are accepted."""
        while self._open:
            with contextlib.suppress(OSError):  # the other side has done it
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def wait_for(self, word: str, count: int = 1) -> None:
        """Waits until the client has said it so often."""
        wait_until(lambda: self._said.count(word.encode()) >= count, f"{count} {word}", 20)

    def hold(self, word: str) -> None:
        """From here on."""
        self._free.clear()
        self._word = word.encode()

    def hold_answers(self, behind: int) -> None:
        """From here on."""
        self._free.clear()
        self._left = behind

    def wait_until_held(self, deadline: float = 20) -> None:
        """Waits until something is held back."""
        wait_until(lambda: self.held, "a message to hold back", deadline)

    def release(self) -> None:
        """Lets all pass."""
        self._word = self._left = None
        self.held = False
        self._free.set()
