"""The model that every peer serves: one session with the settings that Inhouse's own has, and what stands around it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

MAX_BATCH = 32
PORT = int(os.environ.get("BENCH_PORT", "8000"))
_HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}


class Embedder:
    """Texts to vectors, a batch at a time. Not for several threads at once."""

    def __init__(self) -> None:
        folder = Path(os.environ["BENCH_ARTIFACT"])
        serving = json.loads((folder / "artifact.json").read_bytes())["serving"]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(256)
        self._tokenizer.enable_padding()
        open_session = _openvino if serving["runtime"] == "openvino" else _onnxruntime
        self._names, self._run = open_session(folder / serving["model"], serving)
        for size in (1, MAX_BATCH):
            self(["warm up"] * size)

    def __call__(self, texts: list[str]) -> NDArray[np.float32]:
        """Return the vectors of texts, one a row, of length 1."""
        encoded = self._tokenizer.encode_batch(texts)
        mask = np.array([item.attention_mask for item in encoded], np.int64)
        feeds = {
            "input_ids": np.array([item.ids for item in encoded], np.int64),
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(mask),
        }
        hidden = self._run({name: feeds[name] for name in self._names})
        if hidden.ndim == 3:
            weights = mask[:, :, None].astype(np.float32)
            hidden = (hidden * weights).sum(1) / weights.sum(1)
        vectors: NDArray[np.float32] = hidden / np.linalg.norm(hidden, axis=1, keepdims=True)
        return vectors


class Nothing:
    """In place of a model: what a server costs by itself."""

    def __init__(self) -> None:
        self._vector = np.linspace(-1, 1, 384, dtype=np.float32)

    def __call__(self, texts: list[str]) -> NDArray[np.float32]:
        """Return the same vector for each text."""
        return np.tile(self._vector, (len(texts), 1))


def embedder() -> Embedder | Nothing:
    """Return the model, or what stands in its place."""
    return Nothing() if os.environ.get("BENCH_NO_MODEL") else Embedder()


def _openvino(model: Path, serving: dict[str, Any]) -> tuple[list[str], Any]:
    import openvino

    properties = {
        "INFERENCE_PRECISION_HINT": _HINTS[serving["precision"]],
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": serving["threads"],
        "ENABLE_CPU_PINNING": False,
    }
    compiled = openvino.Core().compile_model(
        model, "CPU", properties | serving.get("options", {}).get("properties", {})
    )
    request = compiled.create_infer_request()
    names = [port.get_any_name() for port in compiled.inputs]

    def run(feeds: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        for number, array in enumerate(feeds.values()):
            request.set_input_tensor(number, openvino.Tensor(array, shared_memory=True))
        request.infer()
        found: NDArray[np.float32] = request.get_output_tensor(0).data.copy()
        return found

    return names, run


def _onnxruntime(model: Path, serving: dict[str, Any]) -> tuple[list[str], Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = serving["threads"]
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return [item.name for item in session.get_inputs()], lambda feeds: session.run(None, feeds)[0]
