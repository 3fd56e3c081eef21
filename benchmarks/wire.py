"""A client that costs little: HTTP and WebSocket on bare sockets, so that a measurement is the server's."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
from collections.abc import Iterator
from typing import Any


class Http:
    """One kept-alive HTTP/1.1 connection."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._host = f"{host}:{port}"
        self._buffer = b""

    def fileno(self) -> int:
        """Return the descriptor, for a selector."""
        return self._socket.fileno()

    def send(self, method: str, path: str, body: bytes = b"", headers: str = "") -> None:
        """Send a request; ``receive`` its answer before the next."""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        self._socket.sendall(head.encode() + body)

    def receive(self) -> tuple[int, bytes]:
        """Return status and body of the answer to the last request."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._buffer += self._more()
        head, rest = self._buffer[:end], self._buffer[end + 4 :]
        fields = head.lower()
        if b"\r\ntransfer-encoding: chunked" in fields:
            return int(head[9:12]), self._chunks(rest)
        length = next((int(line[15:]) for line in fields.split(b"\r\n") if line[:15] == b"content-length:"), 0)
        while len(rest) < length:
            rest += self._more()
        self._buffer = rest[length:]
        return int(head[9:12]), rest[:length]

    def ask(self, method: str, path: str, body: bytes = b"", headers: str = "") -> tuple[int, bytes]:
        """Send a request and return status and body of its answer."""
        self.send(method, path, body, headers)
        return self.receive()

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def _chunks(self, rest: bytes) -> bytes:
        """Return a body that comes in chunks (RFC 9112, 7.1), without trailers."""
        body, size = b"", -1
        while size:
            while (end := rest.find(b"\r\n")) < 0:
                rest += self._more()
            size, start = int(rest[:end].partition(b";")[0], 16), end + 2
            while len(rest) < start + size + 2:
                rest += self._more()
            body, rest = body + rest[start : start + size], rest[start + size + 2 :]
        self._buffer = rest
        return body

    def _more(self) -> bytes:
        data = self._socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data


class WebSocket:
    """A WebSocket that only reads, and answers pings."""

    def __init__(self, host: str, port: int, client_id: str) -> None:
        self._socket = socket.create_connection((host, port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET /ws?clientId={client_id} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._buffer = b""
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += self._socket.recv(4096)
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head.decode(errors="replace"))

    def fileno(self) -> int:
        """Return the descriptor, for a selector."""
        return self._socket.fileno()

    def texts(self) -> Iterator[bytes]:
        """Yield the text messages that have come, after waiting for some bytes."""
        data = self._socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the server closed the socket")
        self._buffer += data
        yield from self._whole()

    def wait(self, fragment: bytes) -> bytes:
        """Return the first message that has a fragment."""
        while True:
            for text in self.texts():
                if fragment in text:
                    return text

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def _whole(self) -> Iterator[bytes]:
        buffer, place = self._buffer, 0
        while len(buffer) - place >= 2:
            kind, length, start = buffer[place] & 15, buffer[place + 1] & 127, place + 2
            if length == 126:
                if len(buffer) < start + 2:
                    break
                (length,), start = struct.unpack_from("!H", buffer, start), start + 2
            elif length == 127:
                if len(buffer) < start + 8:
                    break
                (length,), start = struct.unpack_from("!Q", buffer, start), start + 8
            if len(buffer) < start + length:
                break
            if kind == 1:
                yield buffer[start : start + length]
            elif kind == 9:  # a ping; who does not answer is taken for gone
                self._socket.sendall(bytes([0x8A, 0x80 | length]) + bytes(4) + buffer[start : start + length])
            place = start + length
        self._buffer = buffer[place:]


def parsed(text: bytes) -> dict[str, Any]:
    """Return a message as data."""
    message: dict[str, Any] = json.loads(text)
    return message
