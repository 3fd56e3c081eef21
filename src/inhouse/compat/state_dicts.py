"""Weights by name, as custom packs read, write and rename them (``comfy.utils``)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.errors import ModelFormatError, UnsafeModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch


class StateDict(dict[str, Any]):
    """Weights by name.

    Attributes:
        path: the file they were read from.

    """

    path: Path


def load_torch_file(
    ckpt: str | Path,
    safe_load: bool = False,  # noqa: ARG001, FBT001, FBT002 - packs call it so; nothing else is done here
    device: torch.device | None = None,
    return_metadata: bool = False,  # noqa: FBT001, FBT002 - as above
) -> Any:
    """Return the weights of a file; with its metadata, as a pair, if that is asked for.

    Raises:
        UnsafeModelError: reading it could run code that lies in it.
        ModelFormatError: it is no file of weights.

    """
    path = Path(ckpt)
    try:
        if path.suffix.lower() in (".safetensors", ".sft"):
            weights, metadata = _safetensors(path, device)
        else:
            weights, metadata = StateDict(_pickled(path, device)), {}
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelFormatError(f"{path.name} cannot be read: {error}.") from error
    weights.path = path
    return (weights, metadata) if return_metadata else weights


def save_torch_file(
    sd: Mapping[str, torch.Tensor], ckpt: str | Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Write weights as safetensors, whole or not at all.

    Raises:
        OutputError: they cannot be written.

    """
    from safetensors.torch import save

    from inhouse.files import write_atomic

    data = save({name: value.contiguous() for name, value in sd.items()}, dict(metadata or {}))
    write_atomic(Path(ckpt), lambda file: file.write(data))


def state_dict_prefix_replace(
    state_dict: dict[str, Any],
    replace_prefix: Mapping[str, str],
    filter_keys: bool = False,  # noqa: FBT001, FBT002 - as above
) -> dict[str, Any]:
    """Rename what begins with some prefixes; if ``filter_keys``, return only these, in a mapping of their own."""
    found = state_dict if not filter_keys else {}
    for old, new in replace_prefix.items():
        for name in [name for name in state_dict if name.startswith(old)]:
            found[new + name[len(old) :]] = state_dict.pop(name)
    return found


def state_dict_key_replace(state_dict: dict[str, Any], keys_to_replace: Mapping[str, str]) -> dict[str, Any]:
    """Rename weights, in place."""
    for old, new in keys_to_replace.items():
        if old in state_dict:
            state_dict[new] = state_dict.pop(old)
    return state_dict


def calculate_parameters(sd: Mapping[str, torch.Tensor], prefix: str = "") -> int:
    """Return how many numbers there are below a prefix."""
    return sum(value.nelement() for name, value in sd.items() if name.startswith(prefix))


def weight_dtype(sd: Mapping[str, torch.Tensor], prefix: str = "") -> torch.dtype | None:
    """Return the type that most numbers below a prefix have; None where there are none."""
    counts: dict[torch.dtype, int] = {}
    for name, value in sd.items():
        if name.startswith(prefix):
            counts[value.dtype] = counts.get(value.dtype, 0) + value.numel()
    return max(counts, key=lambda dtype: counts[dtype]) if counts else None


def _safetensors(path: Path, device: torch.device | None) -> tuple[StateDict, dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device=str(device or "cpu")) as file:
            return StateDict({name: file.get_tensor(name) for name in file.keys()}), dict(file.metadata() or {})  # noqa: SIM118 - it is no mapping
    except SafetensorError as error:
        raise ModelFormatError(f"{path.name} cannot be read: {error}.") from error


def _pickled(path: Path, device: torch.device | None) -> Mapping[str, Any]:
    import pickle

    import torch

    try:
        found = torch.load(path, map_location=device or "cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        hint = "Convert it to safetensors on a machine where that does no harm."
        raise UnsafeModelError(f"{path.name} has more than weights in it.", hint=hint) from error
    weights: Mapping[str, Any] = found.get("state_dict", found)
    return weights
