"""Where compiled networks are kept between runs, so that one is exported once."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

KEEP_BYTES = 20 * 10**9


def default_folder() -> Path:
    """Return the user's folder for what can be made again (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "inhouse" / "engines"  # noqa: PTH117


@dataclass(frozen=True, slots=True)
class EngineFiles:
    """A folder of exported networks, each a folder of its own, named by what it was made from.

    Attributes:
        folder: where they lie.
        keep_bytes: beyond this much, those go that were not used for longest.

    """

    folder: Path = field(default_factory=default_folder)
    keep_bytes: int = KEEP_BYTES

    def made(self, key: str, make: Callable[[Path], object]) -> Path:
        """Return the folder of that key, which ``make`` fills if it is not there.

        It is filled beside its place and moved there whole, so that nobody reads half of one.
        """
        place = self.folder / key
        if not place.is_dir():
            self.folder.mkdir(parents=True, exist_ok=True)
            beside = Path(tempfile.mkdtemp(prefix=".making-", dir=self.folder))
            try:
                make(beside)
                self._make_room(_size(beside))
                with suppress(OSError):  # somebody else made it meanwhile
                    beside.rename(place)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
        os.utime(place)
        return place

    def _make_room(self, more: int) -> None:
        places = sorted((p for p in self.folder.iterdir() if p.is_dir()), key=lambda place: place.stat().st_mtime)
        sizes = {place: _size(place) for place in places if not place.name.startswith(".")}
        total = sum(sizes.values()) + more
        for place, size in sizes.items():
            if total <= self.keep_bytes:
                break
            shutil.rmtree(place, ignore_errors=True)
            total -= size


def identity(network: nn.Module, *options: object) -> str:
    """Return a name for a network's architecture and weights, LoRAs and all, and for some options; 40 hex digits."""
    import torch

    digest = hashlib.blake2b(repr((str(network), options)).encode(), digest_size=20)
    # A LoRA may lie beside weights, in buffers that no file would have.
    tensors = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _size(place: Path) -> int:
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
