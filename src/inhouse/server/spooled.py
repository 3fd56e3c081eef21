"""Bodies that are not to be kept in memory whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from inhouse.errors import OutputError

_IN_MEMORY = 1 << 20
"""Bytes that are kept in memory; a larger body goes into a nameless file."""


@asynccontextmanager
async def spooled(request: Request) -> AsyncIterator[BinaryIO]:
    """Read a request's body, and give it as a file that is at its beginning.

    Raises:
        TooLargeError: it has more bytes than are accepted.
        OutputError: there is no room for it.

    """
    with SpooledTemporaryFile(_IN_MEMORY) as file:
        held = 0
        try:
            async for chunk in request.stream():
                held += len(chunk)
                await run_in_threadpool(file.write, chunk) if held > _IN_MEMORY else file.write(chunk)
            file.seek(0)
        except OSError as error:
            raise OutputError(f"The body cannot be stored: {error.strerror or error}.") from error
        yield cast("BinaryIO", file)
