"""Patches: how a feature changes what a network does without changing its weights. The one seam for all of them.

A model carries its patches as a value (``model.patches``); ``model.with_patches(Patches(...))`` returns a clone with
more of them, behind those that it has. Each patch is a function of tensors and of the place that it is called for::

    def louder(h, skip, place):
        return (h * 1.1, skip) if place.block < 3 else (h, skip)

    model = model.with_patches(Patches(joining=(louder,)))

Models that agree in everything else but in patches share their weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.networks.inputs import NetworkInputs


@dataclass(frozen=True, slots=True)
class Place:
    """Which block of a network is being computed, and of what.

    Attributes:
        part: ``input``, ``middle`` or ``output`` of a U; ``double`` or ``single`` of a transformer.
        block: the block's index in its part.
        inputs: what the network was told: noise levels, which samples are negative, the text.
        timestep: (batch,).
        latent_size: height and width of the latent.

    """

    part: str
    block: int
    inputs: NetworkInputs
    timestep: Tensor
    latent_size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Site:
    """Which attention of a network is being computed.

    Attributes:
        place: the block.
        depth: the transformer block's index in it.
        cross: whether keys and values come from the prompt rather than from the picture.
        height: of the feature map whose positions are the queries; so is ``width``.

    """

    place: Place
    depth: int
    cross: bool
    height: int
    width: int

    @property
    def part(self) -> str:
        """Part of the network, as ``place`` says."""
        return self.place.part

    @property
    def block(self) -> int:
        """The block's index in its part, as ``place`` says."""
        return self.place.block


Attention: TypeAlias = "Callable[[Tensor, Tensor, Tensor, int, Site | None], Tensor]"
"""``attend(query, key, value, heads, site)``: tensors (batch, tokens, channels), heads side by side in the channels."""
AroundAttention: TypeAlias = "Callable[[Attention, Tensor, Tensor, Tensor, int, Site | None], Tensor]"
"""The same, around another attention that it may call."""
ChangeTokens: TypeAlias = "Callable[[Tensor, Tensor, Tensor, Site], tuple[Tensor, Tensor, Tensor]]"
"""Changes what queries, keys and values are projected from."""
ChangeAttended: TypeAlias = "Callable[[Tensor, Site], Tensor]"
"""Changes what an attention gives, after its last projection."""
ChangeMap: TypeAlias = "Callable[[Tensor, Place], Tensor]"
"""Changes a feature map (batch, channels, height, width)."""
ChangeMaps: TypeAlias = "Callable[[Tensor, Tensor, Place], tuple[Tensor, Tensor]]"
"""Changes the feature maps from below and from the other side of a U."""
Tensors: TypeAlias = "Mapping[str, Tensor]"
AroundBlock: TypeAlias = "Callable[[Callable[[Tensors], Tensors], Tensors, Place], Tensors]"
"""Around a transformer's block, from its tensors by name (``image``, ``text``, ``vector``) to those that it changes."""
Call: TypeAlias = "Callable[[Tensor, Tensor, NetworkInputs], Tensor]"
"""A network: latent, timestep and inputs to its output."""
AroundNetwork: TypeAlias = "Callable[[Call, Tensor, Tensor, NetworkInputs], Tensor]"
"""The same, around a network that it calls."""


@dataclass(frozen=True, slots=True)
class Patches:
    """What is changed about a network; functions of one kind are called in order, the last around all others.

    Attributes:
        attention: around, or in place of, every attention.
        tokens: before an attention's projections.
        attended: after them.
        entering: after each input block of a U, before the other side is given it.
        kept: after that, only for the block below.
        middle: after the middle block.
        joining: before an output block joins what comes from below with what comes from the other side.
        blocks: around every block of a transformer (SD 3, Flux).
        network: around the whole network.

    """

    attention: tuple[AroundAttention, ...] = ()
    tokens: tuple[ChangeTokens, ...] = ()
    attended: tuple[ChangeAttended, ...] = ()
    entering: tuple[ChangeMap, ...] = ()
    kept: tuple[ChangeMap, ...] = ()
    middle: tuple[ChangeMap, ...] = ()
    joining: tuple[ChangeMaps, ...] = ()
    blocks: tuple[AroundBlock, ...] = ()
    network: tuple[AroundNetwork, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is changed."""
        return any(getattr(self, field.name) for field in fields(self))

    def __add__(self, more: Patches) -> Patches:
        """Return these patches and more behind them."""
        return Patches(*(getattr(self, field.name) + getattr(more, field.name) for field in fields(self)))

    def around_attention(self, attend: Attention) -> Attention:
        """Return an attention with the patches around it."""
        for wrap in self.attention:
            attend = partial(wrap, attend)
        return attend

    def around_network(self, call: Call) -> Call:
        """Return a network with the patches around it."""
        for wrap in self.network:
            call = partial(wrap, call)
        return call

    def around_block(self, run: Callable[[Tensors], Tensors], place: Place) -> Callable[[Tensors], Tensors]:
        """Return a transformer's block with the patches around it."""
        for wrap in self.blocks:
            run = _wrapped(wrap, run, place)
        return run


def _wrapped(wrap: AroundBlock, run: Callable[[Tensors], Tensors], place: Place) -> Callable[[Tensors], Tensors]:
    return lambda tensors: wrap(run, tensors, place)


def unshared(call: Call, x: Tensor, timestep: Tensor, inputs: NetworkInputs) -> Tensor:
    """Call a network for one run alone: beside patches that take all rows to be at the first one's noise level."""
    return call(x, timestep, inputs)


UNPATCHED = Patches()
"""No patches."""
