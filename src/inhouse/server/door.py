"""The door: lets in who has a token that is known, and slows down who guesses."""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING

from inhouse.errors import TooManyAttemptsError, UnauthenticatedError
from inhouse.server.attempts import Attempts
from inhouse.server.auth import token_in

if TYPE_CHECKING:
    from starlette.types import Scope

    from inhouse.server.auth import Authenticator
    from inhouse.server.identity import Identity

logger = logging.getLogger(__name__)

_REMEMBERED = 1024


class Door:
    """Asks an authenticator, and counts wrong tokens.

    A token that was right before is tried even where somebody guessed too often: behind one address there may be an
    office, and a colleague's outdated script shall not lock it out.
    """

    def __init__(self, authenticator: Authenticator, attempts: Attempts | None = None) -> None:
        self._authenticator = authenticator
        self._attempts = attempts or Attempts()
        self._right: OrderedDict[bytes, None] = OrderedDict()
        """Hashes of tokens that were right, the one used last at the end."""

    def enter(self, scope: Scope) -> Identity:
        """Return who sends a request.

        Raises:
            UnauthenticatedError: it carries no token, or a wrong one.
            TooManyAttemptsError: too many wrong ones came from there.

        """
        token = token_in(scope)
        key = hashlib.sha256(token or b"").digest()
        address = _address(scope)
        seconds = self._attempts.wait(address) if token and key not in self._right else 0
        if seconds:
            raise TooManyAttemptsError(
                "Too many wrong access tokens came from your address.",
                seconds=seconds,
                hint=f"Try again in {seconds} s.",
            )
        identity = self._authenticator.identify(scope)
        if identity is None:
            if token:
                self._refuse(key, address)
            raise UnauthenticatedError(
                "This access token is not known." if token else "This gateway wants an access token.",
                hint="Send it as `Authorization: Bearer TOKEN`, or log in at /login.",
            )
        if token:
            self._remember(key)
        return identity

    def _refuse(self, key: bytes, address: str) -> None:
        self._right.pop(key, None)
        self._attempts.failed(address)
        logger.warning("A wrong access token came from %s.", address or "an unnamed address")

    def _remember(self, key: bytes) -> None:
        self._right[key] = None
        self._right.move_to_end(key)
        if len(self._right) > _REMEMBERED:
            self._right.popitem(last=False)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""
