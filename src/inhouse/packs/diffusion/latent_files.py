"""Latents in files: ``.latent``, which is safetensors with the key ``latent_tensor``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.errors import ModelFormatError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from inhouse.wires import Latent

_KEY = "latent_tensor"
_UNSCALED = "latent_format_version_0"
"""An empty tensor of this name marks latents of the VAE; older files hold them multiplied by the factor below."""
_OLD_SCALE = 0.18215


def serialise(latent: Latent, metadata: Mapping[str, str] | None = None) -> bytes:
    """Return the content of a file with a latent's samples, and text that goes with them, such as the workflow."""
    import torch
    from safetensors.torch import save as to_bytes

    tensors = {_KEY: latent["samples"].detach().cpu().contiguous(), _UNSCALED: torch.empty(0)}
    return to_bytes(tensors, dict(metadata or {}))


def load(path: Path) -> Latent:
    """Read a latent, (batch, channels, height, width), float32.

    Raises:
        ModelFormatError: the file is missing, damaged or holds no latent.

    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelFormatError(f"Latent {path.name!r} cannot be read.", hint="Save it again.") from error
    if _KEY not in tensors:
        raise ModelFormatError(f"File {path.name!r} holds no latent.", hint="Choose a file that SaveLatent wrote.")
    samples = tensors[_KEY].float()
    return {"samples": samples if _UNSCALED in tensors else samples / _OLD_SCALE}
