"""Nodes that say how exactly a model computes."""

from __future__ import annotations

from typing import Annotated

from inhouse import Choices, node
from inhouse.backends.compute import SHORT_NAMES
from inhouse.packs.diffusion.wires import Model

DEFAULT = "default"


@node("ModelComputeDtype", category="advanced/debug/model")
def compute_dtype(*, model: Model, dtype: Annotated[str, Choices((DEFAULT, "fp32", "fp16", "bf16"))]) -> Model:
    """Compute a model in another type than the device's own choice; ``default`` leaves it as it is."""
    import torch

    return model if dtype == DEFAULT else model.with_dtype(getattr(torch, SHORT_NAMES[dtype]))


NODES = [compute_dtype]
