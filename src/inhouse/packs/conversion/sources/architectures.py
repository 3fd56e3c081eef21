"""Architectures that are known by their weights alone: a table of what they are told by, and what builds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inhouse.errors import ModelFormatError, ModelUnsupportedError
from inhouse.models.detection import Shapes
from inhouse.packs.conversion.sources import efficientnet
from inhouse.packs.conversion.sources.vision import Preparation

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Architecture:
    """An architecture.

    Attributes:
        name: as ``--architecture`` takes it.
        matches: whether weights of these names and shapes are of it.
        build: makes the module, without weights.
        rename: from a file's names to the module's.
        preparation: of pictures.

    """

    name: str
    matches: Callable[[Shapes], bool]
    build: Callable[[], nn.Module]
    rename: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]
    preparation: Preparation


def _lite0(shapes: Shapes) -> bool:
    """Whether these are Lite0's: its count of tensors, its stem, its head and its classifier."""
    kept = [shape for name, shape in shapes.items() if not name.endswith("num_batches_tracked")]
    return len(kept) == _LITE0_TENSORS and {(32, 3, 3, 3), (1280, 320, 1, 1), (1000, 1280), (1000,)} <= set(kept)


_LITE0_TENSORS = 247


ARCHITECTURES = (
    Architecture(
        "efficientnet-lite0",
        _lite0,
        efficientnet.EfficientNetLite0,
        efficientnet.in_our_names,
        efficientnet.PREPARATION,
    ),
)


def architecture_of(name: str | None, shapes: Shapes, file: str) -> Architecture:
    """Return the architecture that the user names, or that weights belong to.

    Raises:
        ModelUnsupportedError: there is none; those that are known are told.

    """
    known = ", ".join(row.name for row in ARCHITECTURES)
    rows = [row for row in ARCHITECTURES if (row.matches(shapes) if name is None else row.name == name)]
    if not rows:
        what = f"No architecture is called {name}." if name else f"{file} belongs to no architecture that is known."
        raise ModelUnsupportedError(
            what, hint=f"Known: {known}. Give any other model as package.module:callable, or as a transformers folder."
        )
    return rows[0]


def filled(architecture: Architecture, weights: Mapping[str, Tensor], file: str) -> nn.Module:
    """Return the module with these weights.

    Raises:
        ModelFormatError: they do not fit.

    """
    module = architecture.build()
    try:
        lacking = module.load_state_dict(architecture.rename(weights), strict=False)
    except (RuntimeError, ValueError) as error:
        raise ModelFormatError(f"{file} does not fit {architecture.name}.", hint="Choose another file.") from error
    missing = [name for name in lacking.missing_keys if not name.endswith("num_batches_tracked")]
    if missing or lacking.unexpected_keys:
        raise ModelFormatError(
            f"{file} lacks {len(missing)} weights of {architecture.name}.", hint="Download the whole file."
        )
    return module
