"""A gateway, as a command talks to it: JSON and files over HTTP."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import urlencode, urlsplit

from inhouse.errors import InhouseError, RemoteError, UsageError
from inhouse.workers.errors_as_data import read_error

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 1800.0
"""A version is loaded before the answer comes."""


@dataclass(frozen=True, slots=True)
class GatewayClient:
    """Asks a gateway.

    Attributes:
        url: its address.
        token: says who asks; empty where nobody is asked.

    """

    url: str
    token: str = ""

    @property
    def local(self) -> bool:
        """Whether it runs on this machine, as far as its address says."""
        return urlsplit(self.url).hostname in ("localhost", "127.0.0.1", "::1")

    def answers(self) -> bool:
        """Whether anybody is there.

        Raises:
            UsageError: that is no address.

        """
        connection = self._connection(_CONNECT_SECONDS)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        file: IO[bytes] | None = None,
        media_type: str = "application/json",
        query: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Send a request and return the JSON object that comes back.

        Args:
            method: as HTTP has it.
            path: the place.
            body: data that is sent as JSON.
            file: is sent as it is, in the place of ``body``.
            media_type: of the file.
            query: what stands behind the path.

        Raises:
            InhouseError: what the gateway says went wrong, as the class that it was there.
            RemoteError: it does not answer, or answers with something else.

        """
        headers = {"accept": "application/json", **({"authorization": f"Bearer {self.token}"} if self.token else {})}
        content: Any = None
        if file is not None:
            headers["content-type"], content = media_type, file
        elif body is not None:
            headers["content-type"], content = "application/json", json.dumps(body).encode()
        connection = self._connection(_ANSWER_SECONDS)
        try:
            connection.request(method, f"{path}?{urlencode(query)}" if query else path, content, headers)
            response = connection.getresponse()
            data = json.loads(response.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise RemoteError(f"{self.url} does not answer as a gateway does.", hint="Is it up? See --url.") from error
        finally:
            connection.close()
        if not isinstance(data, dict):
            raise RemoteError(f"{self.url} does not answer as a gateway does.", hint="See --url.")
        if response.status >= 400:
            raise _told(data, response.status)
        return data

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
            raise UsageError(f"{self.url!r} is no address.", hint="It is like http://127.0.0.1:8188.")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        return kind(parts.hostname, port, timeout=seconds)


def _told(data: Mapping[str, Any], status: int) -> InhouseError:
    """Return the error that a gateway's refusal tells of."""
    problem = data.get("error")
    if not isinstance(problem, dict) or not problem.get("message"):
        return RemoteError(f"The gateway answered with status {status}.")
    return read_error({"code": problem.get("type"), "message": problem["message"], "hint": problem.get("details", "")})
