"""Ask the network under many conditionings at once: as few calls as shapes allow, smaller ones when memory runs out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias

from inhouse.errors import OutOfMemoryError
from inhouse.packs.diffusion.memory import back_off, memory_border
from inhouse.packs.diffusion.networks.inputs import NetworkInputs
from inhouse.packs.diffusion.patches import UNPATCHED, Patches
from inhouse.packs.diffusion.resizing import repeat_to
from inhouse.packs.diffusion.steering import steered
from inhouse.packs.diffusion.unet import DiffusionModel

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.regions import Region

Ask: TypeAlias = "Callable[[DiffusionModel, Tensor, Tensor, NetworkInputs, Patches], Tensor]"
"""Calls a network: model, scaled latent, timesteps, inputs and more patches to its output."""

MOST_REPEATS = 4
"""How often text may be repeated to make it as long as another, rather than be asked about in a call of its own."""


def ignore() -> None:
    """Do nothing between two calls of the network."""


def alone(model: DiffusionModel, x: Tensor, timestep: Tensor, inputs: NetworkInputs, patches: Patches) -> Tensor:
    """Call a network for nobody else."""
    return model.predict(x, timestep, inputs, patches=patches)


@dataclass(frozen=True)
class Evaluation:
    """Ask a network about latents, entry by entry of a conditioning.

    Attributes:
        model: the network.
        check: called before every call of the network; it stops the sampling by raising.
        reference: whether a call that runs out of memory is an error instead of two smaller ones, so that nothing but
            the inputs decides what is computed together.
        ask: calls the network.

    """

    model: DiffusionModel
    check: Callable[[], None] = ignore
    reference: bool = False
    ask: Ask = alone

    def denoised(
        self, regions: Sequence[Region], x: Tensor, sigma: Tensor, patches: Patches = UNPATCHED
    ) -> list[Tensor]:
        """Return the clean latent (batch, channels, window.height, window.width) that each entry predicts.

        Args:
            regions: the entries.
            x: the noisy latent (batch, channels, height, width).
            sigma: its noise levels (batch,).
            patches: more of them, behind the model's own.

        Raises:
            OutOfMemoryError: the memory does not suffice for a single sample.

        """
        predicted: dict[int, Tensor] = {}
        for group in _groups(regions, most_repeats=MOST_REPEATS if self.model.spec.text_repeats else 1):
            members = [regions[place] for place in group]
            predicted |= zip(group, self._together(members, x, sigma, patches), strict=True)
        return [predicted[place] for place in range(len(regions))]

    def _together(self, members: list[Region], x: Tensor, sigma: Tensor, patches: Patches) -> Sequence[Tensor]:
        """Ask about entries whose windows are of one size as one batch."""
        import torch

        prediction = self.model.prediction
        crops = torch.cat([member.window.crop(x) for member in members])
        sigmas = sigma.repeat(len(members))
        timestep, shown = prediction.timestep(sigmas), prediction.scale_input(crops, sigmas)
        tokens = math.lcm(*(member.vectors.shape[1] for member in members))
        told = [_told(member, sigma, tokens) for member in members]
        inputs = NetworkInputs.join(steered(members, shown, timestep, told))
        beside = [member.window.crop(member.beside) for member in members if member.beside is not None]
        if beside:
            shown = torch.cat([shown, torch.cat(beside)], dim=1)
        output = self._output(shown, timestep, inputs, patches)
        return prediction.denoised(output, crops, sigmas).chunk(len(members))

    def _output(self, x: Tensor, timestep: Tensor, inputs: NetworkInputs, patches: Patches) -> Tensor:
        """Call the network; where its memory runs out, once for each half of the batch."""
        import torch

        self.check()
        try:
            with memory_border(f"a latent of {tuple(x.shape)}"):
                return self.ask(self.model, x, timestep, inputs, patches)
        except OutOfMemoryError:
            if self.reference or x.shape[0] == 1:
                raise
        back_off()
        parts = x.chunk(2)
        halves = zip(parts, timestep.chunk(2), inputs.split([len(part) for part in parts]), strict=True)
        return torch.cat([self._output(*half, patches) for half in halves])


def _told(region: Region, sigma: Tensor, tokens: int) -> NetworkInputs:
    """Return what the network is told of an entry, for every sample, its text repeated to a number of tokens.

    Attention over every token the same number of times is attention over each once: the softmax divides it out.
    """
    import torch

    batch = len(sigma)
    vectors = repeat_to(region.vectors, batch)
    more: dict[str, Any] = {name: repeat_to(value.to(vectors.device), batch) for name, value in region.told.items()}
    return NetworkInputs(
        vectors.repeat(1, tokens // vectors.shape[1], 1),
        sigma=sigma,
        negative=torch.full((batch,), region.negative, device=vectors.device),
        **more,
    )


def _groups(regions: Sequence[Region], *, most_repeats: int) -> list[list[int]]:
    """Return the places of entries that can be asked about together, group by group."""

    def size(place: int) -> tuple[int, int]:
        return regions[place].window[2:]

    groups: list[list[int]] = []
    for _, places in groupby(sorted(range(len(regions)), key=size), key=size):
        longest = 0
        for place in places:
            tokens = regions[place].vectors.shape[1]
            common = math.lcm(longest or tokens, tokens)
            if longest and common <= most_repeats * min(longest, tokens):
                groups[-1].append(place)
                longest = common
            else:
                groups.append([place])
                longest = tokens
    return groups
