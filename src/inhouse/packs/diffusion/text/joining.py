"""How a family makes one conditioning of what its text encoders say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inhouse.errors import NodeInputError
from inhouse.packs.diffusion.text.base import Encoded

if TYPE_CHECKING:
    from torch import Tensor

L_WIDTH, G_WIDTH, JOINT_WIDTH = 768, 1280, 4096
"""Widths of CLIP-L's and OpenCLIP-G's tokens, and of what Stable Diffusion 3 is conditioned on, which T5-XXL's have."""
_WINDOW = 77


@dataclass(frozen=True, slots=True)
class Joiner:
    """A family's way.

    Attributes:
        join: from what each encoder says, by its short name, to the conditioning.
        level: the encoders whose prompts are brought to an equal number of windows, because their tokens are laid
            side by side.

    """

    join: Callable[[Mapping[str, Encoded]], Encoded]
    level: tuple[str, ...] = ()


def _only(encoded: Mapping[str, Encoded]) -> Encoded:
    if not encoded:
        raise NodeInputError(
            "None of the prompts is for a text encoder of this model.",
            hint="Encode with CLIPTextEncode, which gives every text encoder the same prompt.",
            input_name="clip",
        )
    return next(iter(encoded.values()))


def _sdxl(encoded: Mapping[str, Encoded]) -> Encoded:
    """Lay CLIP-L's tokens and OpenCLIP-G's side by side; the latter's pooled output (Podell et al. 2023)."""
    import torch

    l, g = (_wanted(encoded, part) for part in ("l", "g"))  # noqa: E741 - the encoder's name
    return Encoded(torch.cat([l.vectors, g.vectors], dim=-1), g.pooled)


def _sd3(encoded: Mapping[str, Encoded]) -> Encoded:
    """Lay CLIP's tokens side by side, zeros beyond, T5's behind them; CLIP's pooled outputs (Esser et al. 2024).

    Whoever is missing leaves zeros; without CLIP, T5's tokens stand alone, and without any there is an empty window.
    """
    import torch

    clip = {part: encoded[part] for part in ("l", "g") if part in encoded}
    tokens: list[Tensor] = []
    if clip:
        count = next(iter(clip.values())).vectors.shape[1]
        tokens.append(_padded(clip, [("l", L_WIDTH), ("g", G_WIDTH)], count))
    if "t5xxl" in encoded:
        tokens.append(encoded["t5xxl"].vectors)
    if not tokens:
        tokens.append(torch.zeros(1, _WINDOW, JOINT_WIDTH))
    pooled = [
        found.pooled if (found := clip.get(part)) and found.pooled is not None else torch.zeros(1, width)
        for part, width in (("l", L_WIDTH), ("g", G_WIDTH))
    ]
    return Encoded(torch.cat(tokens, dim=1), torch.cat(pooled, dim=-1))


def _padded(clip: Mapping[str, Encoded], widths: list[tuple[str, int]], count: int) -> Tensor:
    """Return tokens side by side, zeros for who is missing, filled up to the joint width."""
    import torch

    side_by_side = [clip[part].vectors if part in clip else torch.zeros(1, count, width) for part, width in widths]
    joined = torch.cat(side_by_side, dim=-1)
    return torch.nn.functional.pad(joined, (0, JOINT_WIDTH - joined.shape[-1]))


def _flux(encoded: Mapping[str, Encoded]) -> Encoded:
    """T5's tokens, and CLIP-L's pooled output."""
    import torch

    pooled = encoded["l"].pooled if "l" in encoded else None
    return Encoded(_wanted(encoded, "t5xxl").vectors, torch.zeros(1, L_WIDTH) if pooled is None else pooled)


def _wanted(encoded: Mapping[str, Encoded], part: str) -> Encoded:
    if part not in encoded:
        raise NodeInputError(
            f"The text encoder {part!r} is missing, without which this family of models has no conditioning.",
            hint="Load the family's text encoders together, with DualCLIPLoader.",
            input_name="clip",
        )
    return encoded[part]


ALONE = Joiner(_only)
SDXL = Joiner(_sdxl, ("l", "g"))
SD3 = Joiner(_sd3, ("l", "g"))
FLUX = Joiner(_flux)
