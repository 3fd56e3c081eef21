"""Weights without a description: .safetensors of a known architecture; .pth where the user allows pickles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.models.formats import PICKLE_SUFFIXES, refuse_pickle
from inhouse.models.safetensors_file import open_safetensors
from inhouse.packs.conversion.model import SourceModel
from inhouse.packs.conversion.sources.architectures import architecture_of, filled
from inhouse.packs.conversion.sources.request import Request, must_fit
from inhouse.packs.conversion.sources.vision import picture_source

if TYPE_CHECKING:
    from pathlib import Path


def open_source(request: Request) -> SourceModel:
    """Open a file of weights.

    Raises:
        UnsafeModelError: it is a pickle, and those are not allowed.
        ModelFormatError: it is damaged, or does not fit.
        ModelUnsupportedError: no architecture is known that it belongs to.
        ModelTooLargeError: memory would not do.

    """
    from safetensors.torch import load_file

    path = _safe(request)
    file = open_safetensors(path)
    must_fit(sum(info.elements * 4 for info in file.tensors.values()), request.path.name, request.memory)
    shapes = {name: info.shape for name, info in file.tensors.items()}
    order = _order(request, list(shapes))
    architecture = architecture_of(request.architecture, {name: shapes[name] for name in order}, request.path.name)
    loaded = load_file(path)
    module = filled(architecture, {name: loaded[name] for name in order}, request.path.name)
    return picture_source(request, module, architecture.preparation, format_="safetensors", input_name="images")


def _safe(request: Request) -> Path:
    """Return a file without code: what is a pickle is read by a process of its own, which may open nothing else."""
    if request.path.suffix.lower() not in PICKLE_SUFFIXES:
        return request.path
    if not request.allow_pickle:
        refuse_pickle(request.path)
    from inhouse.packs.conversion.sources.pickles import weights_of_pickle

    return weights_of_pickle(request.path, request.scratch)


def _order(request: Request, names: list[str]) -> list[str]:
    """Return the names in the order in which the module had them; .safetensors sorts by size and name."""
    from inhouse.packs.conversion.sources.pickles import order_beside

    return order_beside(request.scratch) or names
