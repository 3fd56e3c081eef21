"""scikit-learn models: pickles, so a child process writes them as ONNX, and only where the user allows it."""

from __future__ import annotations

import json

from inhouse.errors import UnsafeModelError
from inhouse.packs.conversion.model import SourceModel
from inhouse.packs.conversion.sources.onnx_graph import graph_source
from inhouse.packs.conversion.sources.pickles import onnx_of_pickle
from inhouse.packs.conversion.sources.request import Request


def open_source(request: Request) -> SourceModel:
    """Open a model that joblib or pickle wrote.

    Raises:
        UnsafeModelError: pickles are not allowed.
        ModelFormatError: it is no fitted model, or one that cannot be written as ONNX.

    """
    if not request.allow_pickle:
        raise UnsafeModelError(
            f"{request.path.name} is a pickle: loading it runs whatever code somebody put into it.",
            hint="If you trust who made it, allow it with --allow-pickle; it is read in a process without network.",
        )
    graph = onnx_of_pickle(request.path, request.scratch)
    told = json.loads((request.scratch / "sklearn.json").read_bytes())
    return graph_source(request, graph, format_="sklearn", facts={name: told[name] for name in told if told[name]})
