"""The child process that reads a pickle: it shuts itself off from the network, then writes what is safe to read."""

from __future__ import annotations

import ctypes
import json
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
"""Linux' CLONE_NEWUSER and CLONE_NEWNET."""
_SAME = 0.98
"""Share of answers that are the same; float32 tips a few that stand on an edge."""


def main(what: str, path: Path, target: Path, beside: Path) -> None:
    """Read ``path``; write the weights or the graph to ``target``, and what belongs to them ``beside``."""
    shut_off()
    {"weights": write_weights, "sklearn": write_graph}[what](path, target, beside)


def shut_off() -> None:
    """Leave the network: by a namespace of its own where the kernel lets us, and by sockets that refuse."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).unshare(_NEW_USER | _NEW_NETWORK)
    for name in ("connect", "connect_ex", "bind", "sendto"):
        setattr(socket.socket, name, _refused)


def _refused(*_: object) -> NoReturn:
    raise OSError("There is no network in the process that reads pickles.")


def write_weights(path: Path, target: Path, beside: Path) -> None:
    """Write a state dict as .safetensors, and its names in order."""
    import torch
    from safetensors.torch import save_file

    loaded = torch.load(path, map_location="cpu", weights_only=True)
    for name in ("state_dict", "model", "state_dict_ema"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(name), Mapping):
            loaded = loaded[name]
    if not isinstance(loaded, Mapping):
        raise TypeError(f"it holds a {type(loaded).__name__}, no weights")
    weights = {str(name): tensor for name, tensor in loaded.items() if torch.is_tensor(tensor)}
    if not weights:
        raise ValueError("it holds no weights")
    save_file({name: tensor.detach().clone().contiguous() for name, tensor in weights.items()}, target)
    beside.write_text(json.dumps(list(weights)))


def write_graph(path: Path, target: Path, beside: Path) -> None:
    """Write a scikit-learn model as ONNX, with probabilities as a tensor, and what it calls its classes."""
    import joblib  # type: ignore[import-untyped] # it has none
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    model = joblib.load(path)
    columns = getattr(model, "n_features_in_", None)
    if not hasattr(model, "predict") or columns is None:
        raise TypeError(f"it holds a {type(model).__name__}, no fitted scikit-learn model")
    options: dict[int, dict[str, Any]] = {id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else {}
    graph = to_onnx(
        model, initial_types=[("features", FloatTensorType([None, int(columns)]))], options=options, target_opset=18
    )
    content = graph.SerializeToString()
    _prove(model, content, int(columns))
    target.write_bytes(content)
    classes = getattr(model, "classes_", ())
    names = [str(name) for name in getattr(model, "feature_names_in_", ())]
    beside.write_text(
        json.dumps({"classes": [str(name) for name in classes], "features": names, "class": type(model).__name__})
    )


def _prove(model: Any, content: bytes, columns: int) -> None:
    """Compare the graph with the model, while the model is here, on made-up rows of several scales."""
    import numpy as np
    import onnxruntime

    rng = np.random.default_rng(0)
    rows = (rng.standard_normal((256, columns)) * rng.choice([0.1, 1, 10], (256, 1))).astype(np.float32)
    found = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"]).run(None, {"features": rows})
    wanted = [model.predict(rows), *([model.predict_proba(rows)] if len(found) > 1 else [])]
    for ours, theirs in zip(found, wanted, strict=True):
        answers = np.asarray(theirs).reshape(ours.shape)
        number = ours.dtype.kind == "f" and answers.dtype.kind in "fiu"
        same = np.isclose(ours, answers, rtol=1e-3, atol=1e-4) if number else ours.astype(str) == answers.astype(str)
        if same.mean() < _SAME:
            raise ValueError(f"its ONNX graph answers differently for {1 - same.mean():.1%} of made-up rows")


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:5]))
