"""How Trackside's processes tell each other: messages over a private connection that survives the death of either side.

The connection is a Unix socket in a folder of this user's own (on Windows a named pipe), opened with a random key that
travels over the standard input of the process that shall connect. Whoever dies, the other side reads the end of the
stream at once: nobody else holds an end of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from app.messages import Message, MessageError, decode, encode

#: A Unix socket's path may have about 100 bytes, so it never lies in a TMPDIR of unknown length.
_SOCKET_HOME = "/tmp"


class Channel:
    """One end of a connection. Sending never blocks; what arrives is handed on from a thread of its own.

    Args:
        connection: the open connection, which the channel closes.
        on_message: called with every message, in order, from the reading thread.
        on_close: called once, from the reading thread, when the connection has ended, whoever ended it.
    """

    def __init__(
        self, connection: Connection[Any, Any], on_message: Callable[[Message], None], on_close: Callable[[], None]
    ) -> None:
        self._connection = connection
        self._on_message = on_message
        self._on_close = on_close
        self._ended = False
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="channel-writer", daemon=True)
        self._writer.start()
        threading.Thread(target=self._read, name="channel-reader", daemon=True).start()

    @property
    def is_open(self) -> bool:
        """Whether the other side was still there when it was last heard."""
        return not self._ended

    def send(self, message: Message) -> None:
        """Send a message as soon as the other side takes it; one that is gone takes nothing, which is no error."""
        if not self._ended:
            self._outgoing.put(encode(message))

    def close(self, timeout: float) -> None:
        """Send what is waiting, for at most ``timeout`` seconds, then end the connection."""
        self._outgoing.put(None)
        self._writer.join(timeout)
        self._hang_up()

    def _write(self) -> None:
        while (frame := self._outgoing.get()) is not None:
            try:
                self._connection.send_bytes(frame)
            except OSError:
                return

    def _read(self) -> None:
        try:
            while True:
                try:
                    frame = self._connection.recv_bytes()
                except (EOFError, OSError):
                    return
                # A frame of another version of ours may say what we do not know: it is passed over.
                with contextlib.suppress(MessageError):
                    self._on_message(decode(frame))
        finally:
            self._ended = True
            self._outgoing.put(None)
            self._on_close()
            self._writer.join()
            self._connection.close()

    def _hang_up(self) -> None:
        if sys.platform == "win32":
            self._connection.close()
            return
        # Closing a descriptor wakes nobody who reads from it; shutting the socket down does, on both sides.
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._connection.fileno())) as end:
            end.shutdown(socket.SHUT_RDWR)


class Door:
    """Where one other process of ours can connect: open it, hand over :attr:`invitation`, then :meth:`admit`."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        address: str | None = None
        if sys.platform != "win32":
            self._folder = Path(tempfile.mkdtemp(prefix="trackside-", dir=_SOCKET_HOME))
            address = str(self._folder / "socket")
        self._closed = False
        self._key = secrets.token_bytes(32)
        self._listener = Listener(address, authkey=self._key)
        self.invitation = json.dumps({"address": self._listener.address, "key": self._key.hex()})

    def admit(self) -> Connection[Any, Any]:
        """Wait for the invited process and return the connection to it; the door is closed behind it.

        Raises:
            OSError: the door was closed from outside while waiting.
        """
        while not self._closed:
            try:
                connection = self._listener.accept()
            except (AuthenticationError, EOFError, ConnectionError):
                continue  # not the one we invited
            self._shut()
            return connection
        raise ConnectionAbortedError("the door was closed while waiting")

    def close(self) -> None:
        """Stop listening and remove the socket; whoever waits in :meth:`admit` is let go."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(OSError):  # closing a listener wakes nobody who waits at it; a knock does
                Client(self._listener.address).close()
            self._shut()

    def _shut(self) -> None:
        self._closed = True
        with contextlib.suppress(OSError):
            self._listener.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def connect(invitation: str) -> Connection[Any, Any]:
    """Return the connection to the process whose invitation this is.

    Raises:
        OSError: nobody listens there any more.
        ValueError: this is no invitation.
    """
    try:
        fields = json.loads(invitation)
        address, key = fields["address"], bytes.fromhex(fields["key"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("not an invitation: expected a JSON object with address and key") from error
    try:
        return Client(address, authkey=key)
    except (EOFError, AuthenticationError) as error:
        raise ConnectionRefusedError("the process that invited this one is gone") from error
