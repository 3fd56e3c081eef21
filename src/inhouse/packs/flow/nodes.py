"""Nodes that pass values without a wire, choose between branches, and handle failures."""

from typing import Annotated, Any, NamedTuple

from inhouse import Blocker, Catch, Context, Failure, Lazy, node
from inhouse.errors import NodeInputError


class Attempt(NamedTuple):
    """What became of an attempt."""

    value: Any
    error: str
    failed: bool


@node("SetContext", category="flow", display_name="Set Context", writes=("{key}",))
def set_context(*, key: str, value: Any, context: Context) -> Any:
    """Share a value under a name with every GetContext of this run, and pass it on."""
    context.shared[key] = value
    return value


@node("GetContext", category="flow", display_name="Get Context", reads=("{key}",))
def get_context(*, key: str, default: Any | None = None, context: Context) -> Any:
    """Get the value that a SetContext, or whoever started the run, shared under a name."""
    if key in context.shared:
        return context.shared[key]
    if default is None:
        raise NodeInputError(
            f"Nobody has set {key!r}.", hint=f"Add a SetContext with key {key!r}, or a default.", input_name="key"
        )
    return default


def _fallback_wanted(body: Any, fallback: Any = None) -> list[str]:
    failed = isinstance(body, Failure) and body.partial is None
    return ["fallback"] if failed and fallback is None else []


@node("TryExcept", category="flow", display_name="Try / Except", needs=_fallback_wanted)
def try_except(*, body: Annotated[Any, Catch()], fallback: Annotated[Any, Lazy()] | None = None) -> Attempt:
    """Pass a value on; if making it failed, what there is of it, else the fallback, which runs only then."""
    if not isinstance(body, Failure):
        return Attempt(body, "", failed=False)
    message = str(body.error)
    value = fallback if body.partial is None else body.partial
    return Attempt(Blocker(message) if value is None else value, message, failed=True)


def _branch(condition: bool) -> list[str]:  # noqa: FBT001 - the node's own input
    return ["on_true" if condition else "on_false"]


@node("Switch", category="flow", needs=_branch)
def switch(*, condition: bool, on_true: Annotated[Any, Lazy()], on_false: Annotated[Any, Lazy()]) -> Any:
    """Pass one of two values on; the other one is not even computed."""
    return on_true if condition else on_false


NODES = (set_context, get_context, try_except, switch)
