"""Identity: who sends a request, as the routes see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sends a request.

    Attributes:
        user: the name that their runs and files go by.
        admin: whether they may see and cancel what is others'.

    """

    user: str
    admin: bool = False


async def identity_of(connection: HTTPConnection) -> Identity:
    """Return who sends a request; the gate in front of all routes has found out.

    A coroutine, as FastAPI would call a function in a thread.
    """
    identity: Identity = connection.state.identity
    return identity


Caller = Annotated[Identity, Depends(identity_of)]
"""A parameter of a route that wants to know who asks."""
