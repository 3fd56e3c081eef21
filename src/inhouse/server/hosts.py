"""Names under which browsers may come, and whether a page is ours: the headers ``Host`` and ``Origin``."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inhouse.server.auth import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterable

_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Authority:
    """A host and a port, as a URL or the header ``Host`` names them.

    Attributes:
        host: a name in lower case, or an IP address in its shortest form, without brackets.
        port: None where the scheme's own is meant.

    """

    host: str
    port: int | None = None


def parse_authority(text: str) -> Authority | None:
    """Return what ``host[:port]`` says (RFC 3986, section 3.2); None if it is not that."""
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return None
    host, port = match[1].lower(), int(match[2]) if match[2] else None
    if port is not None and port > 65535:
        return None
    if host.startswith("["):
        try:
            return Authority(str(ipaddress.IPv6Address(host[1:-1])), port)
        except ValueError:
            return None
    host = host.removesuffix(".")
    return Authority(host, port) if host and ".." not in host and not host.startswith(".") else None


def same_origin(origin: str, scheme: str, host: Authority) -> bool:
    """Whether a page's origin (RFC 6454) is that of the address it asked, in scheme, host and port.

    ``null`` and everything that is no web page's origin is not.
    """
    theirs, _, rest = origin.partition("://")
    authority = parse_authority(rest)
    if authority is None or theirs not in _PORTS or theirs != scheme:
        return False
    default = _PORTS[scheme]
    return authority.host == host.host and (authority.port or default) == (host.port or default)


class Hosts:
    """The names by which the gateway may be asked for.

    A page whose own name its owner points at our address (DNS rebinding) has the browser send that name in ``Host``.
    So a name must be known: those of this machine's loopback, the address listened on, and what the settings list. Who
    listens on all addresses may be asked for by any address, since an address is no name that somebody could point.
    """

    def __init__(self, listening: str, others: Iterable[str] = ()) -> None:
        bare = listening.strip("[]").lower()
        self._any_address = bare == "" or (_is_address(bare) and ipaddress.ip_address(bare).is_unspecified)
        named = [bare, *others]
        found = [parse_authority(f"[{name}]" if name.count(":") > 1 and "[" not in name else name) for name in named]
        self._names = {authority.host for authority in found if authority is not None}

    def know(self, host: str) -> bool:
        """Whether the gateway may be asked for under this name or address, as ``Authority`` has it."""
        return host in self._names or is_loopback(host) or (self._any_address and _is_address(host))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
