"""Authentication: whose a request is."""

from __future__ import annotations

import ipaddress
import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from inhouse.errors import UsageError
from inhouse.server.identity import Identity
from inhouse.server.user_folders import SOLE_USER

if TYPE_CHECKING:
    from starlette.types import Scope

    from inhouse.settings import ServerSettings

COOKIE = "inhouse_token"
"""The cookie that carries a browser's token."""
_PROFILE = re.compile(r"(/api)?(/v2)?/(userdata|settings|users)(/|$)")
"""What is a user's own where names are believed; everything else is shared, as it is in ComfyUI."""
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]+=*")
"""What RFC 6750, section 2.1, lets a token be made of."""
_LONGEST = 512
"""No token and no name is longer, in bytes."""


class Authenticator(ABC):
    """Finds out whose a request is."""

    @abstractmethod
    def identify(self, scope: Scope) -> Identity | None:
        """Return who sends an HTTP request or opens a WebSocket; None if that is not known."""


class Alone(Authenticator):
    """One person uses the gateway, from the machine that it runs on."""

    def identify(self, scope: Scope) -> Identity | None:  # noqa: ARG002 - whatever they send, it is them
        """Return the sole user."""
        return Identity(SOLE_USER, admin=True)


class ComfyUser(Authenticator):
    """Several people who trust each other: a profile is whose the client says it is, runs and files are everybody's.

    Browsers send the name with neither pictures nor WebSockets, so that nothing but profiles can go by it.
    """

    def identify(self, scope: Scope) -> Identity | None:
        """Return the user of header ``comfy-user`` for what lies in a profile, the sole user for all else."""
        names = header(scope, b"comfy-user")
        if len(names) == 1 and 0 < len(names[0]) <= _LONGEST and _PROFILE.match(scope["path"]):
            return Identity(names[0].decode("latin-1"))
        return Identity(SOLE_USER, admin=True)


def authenticator_for(server: ServerSettings) -> Authenticator:
    """Return how the settings want it.

    Raises:
        UsageError: strangers could come in, or the settings contradict each other.
        FileError: the file of tokens cannot be read or believed.

    """
    if server.tokens is not None and server.multi_user:
        raise UsageError(
            "Tokens say who is who, and multi_user believes what clients say of themselves.", hint="Set one of the two."
        )
    if server.tokens is not None:
        from inhouse.server.token_file import TokenFile

        return TokenFile(server.tokens)
    if not is_loopback(server.host):
        raise UsageError(
            f"At {server.host} everybody in your network could use this gateway, and nothing asks who they are.",
            hint="Make a token with `inhouse token new NAME`, and set server.tokens to its file.",
        )
    return ComfyUser() if server.multi_user else Alone()


def is_loopback(host: str) -> bool:
    """Whether a name or address can only mean this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def header(scope: Scope, name: bytes) -> list[bytes]:
    """Return the values of a header, which ASGI gives in lower case, in the order they came."""
    return [value for key, value in scope["headers"] if key == name]


def token_in(scope: Scope) -> bytes | None:
    """Return the token that a request carries, in ``Authorization: Bearer`` (RFC 6750) or else in our cookie.

    Two headers, or a header of another kind, are no token: whoever sends them does not mean us.
    """
    given = header(scope, b"authorization")
    if given:
        kind, _, token = given[0].strip().partition(b" ")
        return sound(token.strip()) if len(given) == 1 and kind.lower() == b"bearer" else None
    for line in header(scope, b"cookie"):
        for pair in line.split(b";"):
            name, _, value = pair.strip().partition(b"=")
            if name == COOKIE.encode():
                return sound(value.strip())
    return None


def with_token(scope: Scope, token: bytes) -> Scope:
    """Return the same request as if it carried this token."""
    others = [pair for pair in scope["headers"] if pair[0] not in (b"authorization", b"cookie")]
    return {**scope, "headers": [*others, (b"authorization", b"Bearer " + token)]}


def sound(token: bytes) -> bytes | None:
    """Return the token if it can be one, else None: it may then stand in any header as it is."""
    return token if len(token) <= _LONGEST and _TOKEN.fullmatch(token) else None
