"""What an interrupted run had so far, kept in files."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from inhouse.files import write_numbered

if TYPE_CHECKING:
    from inhouse.engine.result import RunResult


def salvage(result: RunResult, output: Path) -> dict[str, Path]:
    """Write the partial latent of each interrupted sampler, to go on from with LoadLatent.

    Args:
        result: what became of a run.
        output: the folder to write to.

    Returns:
        The file of each node that had something.

    Raises:
        OutputError: the folder cannot be written.

    """
    saved = {}
    for failure in result.failures:
        if isinstance(failure.partial, dict) and "samples" in failure.partial:
            from inhouse.packs.diffusion.latent_files import serialise

            write = functools.partial(_write, serialise(failure.partial))
            saved[failure.node_id] = output / write_numbered(output, "interrupted", ".latent", write).name
    return saved


def _write(data: bytes, file: BinaryIO) -> None:
    file.write(data)
