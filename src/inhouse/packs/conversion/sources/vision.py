"""Image classifiers: how pictures become tensors is part of what a model is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from inhouse.models.signature import BATCH, TensorSpec
from inhouse.packs.conversion.model import SourceModel
from inhouse.packs.conversion.sources.modules import frozen
from inhouse.packs.conversion.sources.request import Request, read_json
from inhouse.packs.conversion.sources.samples import read_pictures
from inhouse.packs.conversion.sources.transformers_folder import MOST_ROWS, build, labels_asset

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import nn

    from inhouse.backends.sessions.base import Feeds

_FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
"""Pillow's numbers of filters, as configurations write them."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """How pictures are made ready: the shorter side resized, the middle cut out, pixels of 0 to 255 scaled.

    Attributes:
        size: of the square that the model sees, in pixels.
        resize: the shorter side before that.
        mean: a channel, of pixels of 0 to 255.
        std: likewise.
        filter: of the resizing.

    """

    size: int
    resize: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    filter: str = "bicubic"

    def __call__(self, picture: Image) -> NDArray[np.float32]:
        """Return a picture as ``(1, 3, size, size)``."""
        from PIL.Image import Resampling

        scale = self.resize / min(picture.size)
        width, height = (max(self.size, round(side * scale)) for side in picture.size)
        resized = picture.convert("RGB").resize((width, height), Resampling[self.filter.upper()])
        left, top = (width - self.size) // 2, (height - self.size) // 2
        cut = np.asarray(resized.crop((left, top, left + self.size, top + self.size)), dtype=np.float32)
        scaled = (cut - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])

    def facts(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {**asdict(self), "mean": list(self.mean), "std": list(self.std), "layout": "NCHW"}

    def bounds(self) -> tuple[float, float]:
        """Return the least and the greatest value that a scaled pixel has."""
        ends = [(edge - mean) / std for edge in (0, 255) for mean, std in zip(self.mean, self.std, strict=True)]
        return min(ends), max(ends)


def picture_source(
    request: Request,
    module: nn.Module,
    preparation: Preparation,
    *,
    format_: str,
    input_name: str = "pixel_values",
    config: dict[str, Any] | None = None,
) -> SourceModel:
    """Return a source around a classifier of pictures."""
    size = preparation.size
    samples: Sequence[Feeds] = [{input_name: preparation(picture)} for picture in read_pictures(request.data)]
    return build(
        request,
        frozen(module),
        format_=format_,
        task="image-classification",
        inputs=(TensorSpec(input_name, "float32", (BATCH, 3, size, size)),),
        outputs=("logits",),
        samples=samples,
        limits={BATCH: (1, MOST_ROWS)},
        values={input_name: preparation.bounds()},
        assets=labels_asset(request, config),
        facts=preparation.facts(),
    )


def vision_source(request: Request, config: dict[str, Any], module: nn.Module) -> SourceModel:
    """Return the source of a transformers folder of a classifier of pictures."""
    described = read_json(request.path / "preprocessor_config.json")
    return picture_source(request, module, preparation_of(described), format_="transformers", config=config)


def preparation_of(config: dict[str, Any]) -> Preparation:
    """Return what a ``preprocessor_config.json`` says."""
    crop = _side(config.get("crop_size")) if config.get("do_center_crop") else None
    size = _side(config.get("size")) or 224
    scale = float(config.get("rescale_factor", 1 / 255)) if config.get("do_rescale", True) else 1.0
    normal = config.get("do_normalize", True)
    mean = config.get("image_mean", (0.5, 0.5, 0.5)) if normal else (0, 0, 0)
    std = config.get("image_std", (0.5, 0.5, 0.5)) if normal else (1, 1, 1)
    return Preparation(
        size=crop or size,
        resize=max(size, crop or size),
        mean=tuple(float(value) / scale for value in mean),
        std=tuple(float(value) / scale for value in std),
        filter=_FILTERS.get(int(config.get("resample", 2)), "bilinear"),
    )


def _side(size: Any) -> int | None:
    if isinstance(size, dict):
        size = size.get("shortest_edge") or size.get("height")
    return None if size is None else int(size)
