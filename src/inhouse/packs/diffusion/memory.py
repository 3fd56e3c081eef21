"""The border where a runtime's out-of-memory error becomes ours."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from inhouse.errors import OutOfMemoryError

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)

_WORDS = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python or of a runtime, of whatever class, says that memory ran out."""
    return isinstance(error, MemoryError | OutOfMemoryError) or any(words in str(error).lower() for words in _WORDS)


@contextmanager
def memory_border(what: str) -> Iterator[None]:
    """Raise `OutOfMemoryError` for any out-of-memory error inside.

    Args:
        what: what was being done, as in "decoding 4 latents of 64x64".

    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(f"The memory does not suffice for {what}.", hint="Use a smaller size.") from error


def back_off() -> None:
    """Note that something is tried again in smaller parts, and give the accelerator's cached blocks back."""
    import torch

    _log.info("Memory ran out; trying smaller parts.", extra={"counts": "oom_backoffs"})
    if torch.accelerator.is_available():
        torch.accelerator.empty_cache()
