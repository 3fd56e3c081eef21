"""Signatures for functions that are made at run time: whoever asks them looks there for what they want to know."""

from __future__ import annotations

import inspect
import keyword
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def with_names(function: Callable[..., Any], names: Iterable[str]) -> Callable[..., Any]:
    """Return a function of keywords with a signature that has these names, each with the default None.

    A name that no parameter can have, such as one with a space, makes it take any keyword.
    """

    def call(**known: Any) -> Any:
        return function(**known)

    names = dict.fromkeys(names)
    fit = [name for name in names if name.isidentifier() and not keyword.iskeyword(name)]
    parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in fit]
    if len(fit) < len(names):
        parameters.append(inspect.Parameter("_rest", inspect.Parameter.VAR_KEYWORD))
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what inspect looks for
    return call
