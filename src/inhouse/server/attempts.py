"""How often somebody may guess a token."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Attempts:
    """Counts wrong tokens by address; each address may send ``limit`` at once and gets one back every ``seconds``.

    Remembers the ``capacity`` addresses heard of last, so that many of them cost no memory. Addresses of IPv6 count by
    their network (/64), of which each guest has all.
    """

    def __init__(
        self,
        *,
        limit: int = 10,
        seconds: float = 6.0,
        capacity: int = 4096,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._seconds = seconds
        self._capacity = capacity
        self._clock = clock
        self._forgiven: OrderedDict[str, float] = OrderedDict()
        """By address: when all its wrong tokens will be forgotten."""

    def wait(self, address: str) -> int:
        """Return for how many seconds an address may not try again; 0 if it may."""
        forgiven = self._forgiven.get(_network(address), 0.0)
        return max(0, math.ceil(forgiven - self._clock() - (self._limit - 1) * self._seconds))

    def failed(self, address: str) -> None:
        """Count a wrong token."""
        network = _network(address)
        self._forgiven[network] = max(self._forgiven.get(network, 0.0), self._clock()) + self._seconds
        self._forgiven.move_to_end(network)
        if len(self._forgiven) > self._capacity:
            self._forgiven.popitem(last=False)


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if parsed.version == 4:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
