"""Models mixed of two others, parameter by parameter, when they are first used.

Nothing but the result is held in memory: each parameter of the two is read from its file, LoRAs on them counted in, and
mixed. A mixture keeps the first model's noise levels, patches and guidance.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import torch

from inhouse.errors import ModelMismatchError
from inhouse.packs.diffusion.handle import Handle
from inhouse.packs.diffusion.parameters import Parameters, parameters_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from inhouse.packs.diffusion.lora import LoraApplication
    from inhouse.packs.diffusion.text_model import TextModels
    from inhouse.packs.diffusion.unet import DiffusionModel

_log = logging.getLogger(__name__)

Mix: TypeAlias = "Callable[[str, Tensor, Tensor], Tensor]"
"""From a parameter's name and both values, float32, to the mixture."""


def interpolated(ratios: Mapping[str, float] | float) -> Mix:
    """Return the mixture of a share of the first model and the rest of the second.

    Args:
        ratios: the share of the first, 0 to 1; or shares by the beginnings of names, of which the longest that fits
            counts, and the first one given where none fits.

    """
    table = {"": ratios} if isinstance(ratios, float | int) else {**ratios}
    rest = next(iter(table.values()))

    @lru_cache(None)
    def ratio(name: str) -> float:
        return (
            table[max(fitting, key=len)] if (fitting := [start for start in table if name.startswith(start)]) else rest
        )

    def mix(name: str, first: Tensor, second: Tensor) -> Tensor:
        return first * ratio(name) + second * (1 - ratio(name))

    return mix


def summed(name: str, first: Tensor, second: Tensor) -> Tensor:
    """Add both."""
    del name
    return first + second


def difference(multiplier: float) -> Mix:
    """Return what the first model has more than the second, scaled."""
    return lambda _name, first, second: (first - second) * multiplier


def merge_models(first: DiffusionModel, second: DiffusionModel, mix: Mix) -> DiffusionModel:
    """Return a mixture of two diffusion models of one family.

    Raises:
        ModelMismatchError: they are of different families.

    """
    if type(first.spec) is not type(second.spec) or first.context_width != second.context_width:
        raise _mismatch("the models")
    base = _merged(first, second, mix, first.dtype)
    return replace(first, base=base, loras=())


def merge_text_models(first: TextModels, second: TextModels, mix: Mix) -> TextModels:
    """Return a mixture of the text models of one family.

    Raises:
        ModelMismatchError: they are of different families.

    """
    if first.parts.keys() != second.parts.keys():
        raise _mismatch("the text encoders")
    parts: dict[str, Any] = {}
    for name, part in first.parts.items():
        one: Any = part
        other: Any = second.parts[name]
        stored = getattr(one, "stored", None)
        parts[name] = replace(one, base=_merged(one, other, mix, torch.float32, stored), loras=())
    return replace(first, parts=parts)


class _Patched(Protocol):
    """A network with LoRAs on it."""

    @property
    def base(self) -> Handle[Any]:
        """The network."""

    @property
    def loras(self) -> tuple[LoraApplication, ...]:
        """What is added to it."""


_P = TypeVar("_P", bound=_Patched)


def scaled_text_models(models: TextModels, factors: Mapping[str, float]) -> TextModels:
    """Return text models with some parameters scaled: what their names hold -> factor."""

    def read(known: Parameters, rounded: torch.dtype | None, name: str) -> Tensor:
        factor = math.prod(factor for held, factor in factors.items() if held in name)
        return _rounded(known.read(name).float() * factor, rounded)

    parts: dict[str, Any] = {}
    for name, part in models.parts.items():
        one: Any = part
        known = parameters_of(one.base, one.loras)
        changed = replace(known, read=partial(read, known, getattr(one, "stored", None)))
        parts[name] = replace(one, base=_handle(changed, torch.float32, one.base), loras=())
    return replace(models, parts=parts)


def _merged(first: _P, second: _P, mix: Mix, dtype: torch.dtype, rounded: torch.dtype | None = None) -> Handle[Any]:
    one, other = parameters_of(first.base, first.loras), parameters_of(second.base, second.loras)
    missing = [name for name, shape in one.shapes.items() if not _fits(shape, other.shapes.get(name))]
    if len(missing) > len(one.shapes) // 2:
        raise _mismatch("the models")
    if missing:
        _log.warning("%d parameters are in one of the merged models only, for one %s.", len(missing), missing[0])
    left = frozenset(missing)

    def read(name: str) -> Tensor:
        value = one.read(name).float()
        if name not in left:
            value = mix(name, value, _padded(other.read(name).float(), value.shape))
        return _rounded(value, rounded)

    return _handle(replace(one, read=read), dtype, first.base)


def _rounded(value: Tensor, dtype: torch.dtype | None) -> Tensor:
    return value.to(dtype) if dtype else value


def _handle(parameters: Parameters, dtype: torch.dtype, like: Handle[Any]) -> Handle[Any]:
    """Return the handle of a network with these parameters, which lives where another does."""
    return Handle(
        lambda: _built(parameters, dtype, like.device),
        nbytes=sum(math.prod(shape) for shape in parameters.shapes.values()) * dtype.itemsize,
        residency=like.residency,
        device=like.device,
        parameters=parameters,
    )


def _built(parameters: Parameters, dtype: torch.dtype, device: str) -> nn.Module:
    with torch.device("meta"):
        network = parameters.make()
    for name, target in list(network.named_parameters()):
        owner, _, leaf = name.rpartition(".")
        value = parameters.read(name).reshape(target.shape).to(device=device, dtype=dtype).contiguous()
        setattr(network.get_submodule(owner), leaf, torch.nn.Parameter(value, requires_grad=False))
    return network.eval()


def _fits(shape: tuple[int, ...], other: tuple[int, ...] | None) -> bool:
    """Whether a parameter of the second model can be mixed in: the same size, or fewer input channels."""
    if other is None:
        return False
    fewer = len(shape) == len(other) == 4 and other[1] < shape[1] and (other[0], other[2:]) == (shape[0], shape[2:])
    return fewer or (math.prod(shape) == math.prod(other) and shape[0] == other[0])


def _padded(value: Tensor, shape: torch.Size) -> Tensor:
    """Return a parameter in another shape, zeros for the input channels that it lacks (as inpainting models have)."""
    if value.numel() == shape.numel():
        return value.reshape(shape)
    padded = value.new_zeros(shape)
    padded[:, : value.shape[1]] = value
    return padded


def _mismatch(what: str) -> ModelMismatchError:
    return ModelMismatchError(
        f"{what.capitalize()} are of different families: their parameters do not correspond.",
        hint="Merge models of one family, such as two of Stable Diffusion 1.",
    )
