"""A network's parameters, one at a time, without the network: what merges read and saves write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from inhouse.packs.diffusion.beside import folded
from inhouse.packs.diffusion.rows import WHOLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from inhouse.packs.diffusion.handle import Handle
    from inhouse.packs.diffusion.lora import LoraApplication
    from inhouse.packs.diffusion.weights import Weights


@dataclass(frozen=True)
class Parameters:
    """Parameters by their names in a network.

    Attributes:
        make: builds the network, without values when that is called on the meta device.
        shapes: name -> shape, as a file has it; 1x1 convolutions may stand for linear layers, or the other way round.
        read: returns a parameter's value, in any type, on the CPU.
        stored: the type that a file should have them in.

    """

    make: Callable[[], nn.Module]
    shapes: Mapping[str, tuple[int, ...]]
    read: Callable[[str], Tensor]
    stored: torch.dtype

    def with_loras(self, loras: Sequence[LoraApplication]) -> Parameters:
        """Return the parameters of the network with LoRAs on it."""

        def read(name: str) -> Tensor:
            uses = [lora for lora in loras if name in lora.parameters]
            value = self.read(name)
            for lora in uses:
                value = lora.parameters[name].apply(value.float(), lora.strength, lora.rows.get(name, WHOLE))
            return value

        return Parameters(self.make, self.shapes, read, self.stored) if loras else self


def parameters_in_files(
    weights: Weights, make: Callable[[], nn.Module], rounded: torch.dtype | None = None
) -> Parameters:
    """Return the parameters that lie in files; each is read when it is asked for.

    Args:
        weights: where they lie.
        make: builds the network.
        rounded: a type that values are rounded to, as if they had been stored in it.

    """
    from inhouse.packs.diffusion.weights import DTYPES, read_origin, shapes

    def read(name: str) -> Tensor:
        with weights[name].file.reader() as reader:
            value = read_origin(reader, weights[name])
        return value.to(rounded) if rounded else value

    stored = DTYPES.get(next(iter(weights.values())).info.dtype, torch.float32)
    return Parameters(make, shapes(weights), read, stored)


def parameters_of(handle: Handle[Any], loras: Sequence[LoraApplication] = ()) -> Parameters:
    """Return a network's parameters with LoRAs on them, out of its files where they are known."""
    if handle.parameters is not None:
        return handle.parameters.with_loras(loras)
    network: nn.Module = handle.get()
    named = dict(network.named_parameters())

    def make() -> nn.Module:
        import copy

        return copy.deepcopy(network).to("meta")

    known = Parameters(
        make,
        {name: tuple(value.shape) for name, value in named.items()},
        lambda name: folded(network, name).cpu(),
        next(iter(named.values())).dtype,
    )
    return known.with_loras(loras)
