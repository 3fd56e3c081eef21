"""Ask the network under many conditionings at once: as few calls as shapes allow, smaller ones when memory runs out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from inhouse.errors import OutOfMemoryError
from inhouse.packs.diffusion.memory import back_off, memory_border
from inhouse.packs.diffusion.resizing import repeat_to

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from inhouse.packs.diffusion.regions import Region
    from inhouse.packs.diffusion.unet import DiffusionModel

MOST_REPEATS = 4
"""How often text may be repeated to make it as long as another, rather than be asked about in a call of its own."""

HOOKS = ("attention", "join")
"""Options of a model that its network takes as they are."""


def ignore() -> None:
    """Do nothing between two calls of the network."""


@dataclass(frozen=True)
class Evaluation:
    """Ask a network about latents, entry by entry of a conditioning.

    Attributes:
        model: the network.
        check: called before every call of the network; it stops the sampling by raising.
        reference: whether a call that runs out of memory is an error instead of two smaller ones, so that nothing but
            the inputs decides what is computed together.

    """

    model: DiffusionModel
    check: Callable[[], None] = ignore
    reference: bool = False

    def denoised(self, regions: Sequence[Region], x: Tensor, sigma: Tensor, **extra: Any) -> list[Tensor]:
        """Return the clean latent (batch, channels, window.height, window.width) that each entry predicts.

        Args:
            regions: the entries.
            x: the noisy latent (batch, channels, height, width).
            sigma: its noise levels (batch,).
            extra: handed on to the network.

        Raises:
            OutOfMemoryError: the memory does not suffice for a single sample.

        """
        predicted: dict[int, Tensor] = {}
        for group in _groups(regions):
            members = [regions[place] for place in group]
            predicted |= zip(group, self._together(members, x, sigma, extra), strict=True)
        return [predicted[place] for place in range(len(regions))]

    def _together(self, members: list[Region], x: Tensor, sigma: Tensor, extra: dict[str, Any]) -> Sequence[Tensor]:
        """Ask about entries whose windows are of one size as one batch."""
        import torch

        prediction = self.model.prediction
        crops = torch.cat([member.window.crop(x) for member in members])
        sigmas = sigma.repeat(len(members))
        tokens = math.lcm(*(member.vectors.shape[1] for member in members))
        context = torch.cat([_vectors(member, x.shape[0], tokens) for member in members])
        shown = prediction.scale_input(crops, sigmas)
        beside = [member.window.crop(member.beside) for member in members if member.beside is not None]
        if beside:
            shown = torch.cat([shown, torch.cat(beside)], dim=1)
        output = self._output(shown, prediction.timestep(sigmas), context, extra)
        return prediction.denoised(output, crops, sigmas).chunk(len(members))

    def _output(self, x: Tensor, timestep: Tensor, context: Tensor, extra: dict[str, Any]) -> Tensor:
        """Call the network; where its memory runs out, once for each half of the batch."""
        import torch

        self.check()
        hooks = {name: self.model.options[name] for name in HOOKS if name in self.model.options}
        try:
            with memory_border(f"a latent of {tuple(x.shape)}"):
                return self.model.predict(x, timestep, context, **hooks | extra)
        except OutOfMemoryError:
            if self.reference or x.shape[0] == 1:
                raise
        back_off()
        halves = zip(x.chunk(2), timestep.chunk(2), context.chunk(2), strict=True)
        return torch.cat([self._output(*half, extra) for half in halves])


def _vectors(region: Region, batch: int, tokens: int) -> Tensor:
    """Return an entry's vectors for every sample, repeated to a number of tokens.

    Attention over every token the same number of times is attention over each once: the softmax divides it out.
    """
    vectors = repeat_to(region.vectors, batch)
    return vectors.repeat(1, tokens // vectors.shape[1], 1)


def _groups(regions: Sequence[Region]) -> list[list[int]]:
    """Return the places of entries that can be asked about together, group by group."""

    def size(place: int) -> tuple[int, int]:
        return regions[place].window[2:]

    groups: list[list[int]] = []
    for _, places in groupby(sorted(range(len(regions)), key=size), key=size):
        longest = 0
        for place in places:
            tokens = regions[place].vectors.shape[1]
            common = math.lcm(longest or tokens, tokens)
            if longest and common <= MOST_REPEATS * min(longest, tokens):
                groups[-1].append(place)
                longest = common
            else:
                groups.append([place])
                longest = tokens
    return groups
