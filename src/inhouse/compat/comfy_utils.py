"""Helpers that custom nodes import from ``comfy``: progress, interruption, resizing, devices, names of types."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from inhouse.compat.calls_in_progress import current_call

if TYPE_CHECKING:
    import torch

_INTERPOLATIONS = {"nearest-exact": "nearest-exact", "bilinear": "bilinear", "area": "area", "bicubic": "bicubic"}


class ProgressBar:
    """Reports steps of the node that runs; each report is an occasion to be interrupted.

    Args:
        total: how many steps there are.

    """

    def __init__(self, total: float, node_id: str | None = None) -> None:
        self.total = total
        self.current: float = 0  # an integer as long as steps are: clients print it
        self.node_id = node_id

    def update(self, value: float) -> None:
        """Report that so many more steps are done."""
        self.update_absolute(self.current + value)

    def update_absolute(self, value: float, total: float | None = None, preview: Any = None) -> None:
        """Report that so many steps are done.

        Args:
            value: how many.
            total: how many there are, if that has changed.
            preview: ``(format, PIL picture, largest side)``.

        Raises:
            InterruptedRunError: somebody asked the run to stop.

        """
        self.total = self.total if total is None else total
        self.current = min(value, self.total)
        call = current_call()
        if call is not None:
            call.context.progress(self.current, self.total, (lambda: _pixels(preview)) if preview else None)


class ExecutionContext(NamedTuple):
    """What this code runs in.

    Attributes:
        prompt_id: the run.
        node_id: the node.
        list_index: of a mapped call; not told here.

    """

    prompt_id: str
    node_id: str
    list_index: int | None = None


def get_executing_context() -> ExecutionContext | None:
    """Return what this code runs in; None outside of a node."""
    call = current_call()
    return ExecutionContext(call.context.run_id, call.context.node_id) if call else None


class IO(StrEnum):
    """Names of types, for ``INPUT_TYPES`` and ``RETURN_TYPES``."""

    STRING = "STRING"
    IMAGE = "IMAGE"
    MASK = "MASK"
    LATENT = "LATENT"
    BOOLEAN = "BOOLEAN"
    INT = "INT"
    FLOAT = "FLOAT"
    COMBO = "COMBO"
    CONDITIONING = "CONDITIONING"
    SAMPLER = "SAMPLER"
    SIGMAS = "SIGMAS"
    GUIDER = "GUIDER"
    NOISE = "NOISE"
    CLIP = "CLIP"
    CONTROL_NET = "CONTROL_NET"
    VAE = "VAE"
    MODEL = "MODEL"
    LORA_MODEL = "LORA_MODEL"
    LOSS_MAP = "LOSS_MAP"
    CLIP_VISION = "CLIP_VISION"
    CLIP_VISION_OUTPUT = "CLIP_VISION_OUTPUT"
    STYLE_MODEL = "STYLE_MODEL"
    GLIGEN = "GLIGEN"
    UPSCALE_MODEL = "UPSCALE_MODEL"
    AUDIO = "AUDIO"
    VIDEO = "VIDEO"
    WEBCAM = "WEBCAM"
    POINT = "POINT"
    FACE_ANALYSIS = "FACE_ANALYSIS"
    BBOX = "BBOX"
    SEGS = "SEGS"
    ANY = "*"
    NUMBER = "FLOAT,INT"
    PRIMITIVE = "STRING,FLOAT,INT,BOOLEAN"


class ComfyNodeABC:
    """A base class for old-style nodes that only tells editors what belongs there."""


class CheckLazyMixin:
    """Wants every lazy input that is not computed yet."""

    def check_lazy_status(self, **inputs: Any) -> list[str]:
        """Return the names of inputs without a value."""
        return [name for name, value in inputs.items() if value is None]


def common_upscale(samples: torch.Tensor, width: int, height: int, upscale_method: str, crop: str) -> torch.Tensor:
    """Resize pictures or latents (batch, channels, height, width).

    Args:
        samples: what to resize.
        width: the new width.
        height: the new height.
        upscale_method: ``nearest-exact``, ``bilinear``, ``area``, ``bicubic`` or ``lanczos`` (pictures only).
        crop: ``center`` cuts to the new aspect ratio first, ``disabled`` stretches.

    Raises:
        ValueError: there is no such method.

    """
    import torch

    if crop == "center":
        samples = _centre(samples, width / height)
    if upscale_method == "lanczos":
        return lanczos(samples, width, height)
    if upscale_method not in _INTERPOLATIONS:
        raise ValueError(f"There is no method {upscale_method!r}; there are {', '.join(_INTERPOLATIONS)} and lanczos.")
    return torch.nn.functional.interpolate(samples, (height, width), mode=_INTERPOLATIONS[upscale_method])


def _centre(samples: torch.Tensor, aspect: float) -> torch.Tensor:
    height, width = samples.shape[-2:]
    new_width, new_height = min(width, round(height * aspect)), min(height, round(width / aspect))
    left, top = (width - new_width) // 2, (height - new_height) // 2
    return samples[..., top : top + new_height, left : left + new_width]


def lanczos(samples: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """Resize pictures (batch, channels, height, width), 0..1, by Lanczos' windowed sinc."""
    import numpy as np
    import torch
    from PIL import Image

    planes = [
        [np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.LANCZOS)) for plane in picture]
        for picture in samples.detach().cpu().float().numpy()
    ]
    return torch.from_numpy(np.asarray(planes)).clamp(0, 1).to(samples)


def _pixels(preview: Any) -> Any:
    import numpy as np

    _, picture, *rest = preview
    image = picture.convert("RGB")
    if rest and rest[0]:
        image.thumbnail((rest[0], rest[0]))
    return np.asarray(image)
