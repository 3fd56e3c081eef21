"""Ask the network under many conditionings at once: in as few calls as shapes allow."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias

from inhouse.backends.memory import memory_border, memory_of
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
    """Call a network for nobody else and for all samples at once, so that nothing but the inputs decides the numbers.

    Raises:
        OutOfMemoryError: the memory does not suffice.

    """
    with memory_border(f"a latent of {tuple(x.shape)}", memory_of(model.device)):
        return model.predict(x, timestep, inputs, patches=patches)


@dataclass(frozen=True)
class Evaluation:
    """Ask a network about latents, entry by entry of a conditioning.

    Attributes:
        model: the network.
        check: called before every call of the network; it stops the sampling by raising.
        ask: calls the network.

    """

    model: DiffusionModel
    check: Callable[[], None] = ignore
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
        self.check()
        output = self.ask(self.model, shown, timestep, inputs, patches)
        return prediction.denoised(output, crops, sigmas).chunk(len(members))


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
