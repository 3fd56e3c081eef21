"""A node's own functions besides the main one (``needs``, ``fingerprint``, ``check``): asked for what they name."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Parameters(NamedTuple):
    """What a function can be asked with.

    Attributes:
        names: its parameters.
        required: those without a default.
        takes_all: whether it takes whatever it is given.

    """

    names: frozenset[str]
    required: frozenset[str]
    takes_all: bool

    def wants(self, name: str) -> bool:
        """Whether an input of that name is to be passed."""
        return self.takes_all or name in self.names


@lru_cache(maxsize=4096)
def parameters(function: Callable[..., Any]) -> Parameters:
    """Return a function's parameters; reading a signature takes longer than most of these functions do."""
    found = inspect.signature(function).parameters.values()
    named = [p for p in found if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    return Parameters(
        names=frozenset(p.name for p in named),
        required=frozenset(p.name for p in named if p.default is p.empty),
        takes_all=len(named) < len(found) and any(p.kind is p.VAR_KEYWORD for p in found),
    )


def ask(function: Callable[..., Any], known: Mapping[str, Any]) -> Any:
    """Call a function with those of the known values that it has parameters for."""
    wanted = parameters(function)
    return function(**{name: value for name, value in known.items() if wanted.wants(name)})
