"""Graphs that ONNX Runtime runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest
from tests.backends.sessions.graphs import WEIGHT, linear

from inhouse.backends.sessions.base import SessionOptions
from inhouse.backends.sessions.onnxruntime import OnnxRuntime, OnnxRuntimeSession
from inhouse.errors import (
    ModelFormatError,
    ModelNotFoundError,
    ModelUnsupportedError,
    NodeInputError,
    OutOfMemoryError,
    UsageError,
)

if TYPE_CHECKING:
    from pathlib import Path

ONE = SessionOptions(threads=1)


def test_it_computes_what_the_graph_says(tmp_path: Path) -> None:
    session = OnnxRuntime().open(linear(tmp_path), ONE)
    assert session.inputs == {"x": (np.dtype("float32"), ("batch", 3))}
    x = np.random.default_rng(0).standard_normal((4, 3), dtype=np.float32)
    np.testing.assert_allclose(session.run({"x": x})["y"], x @ WEIGHT, rtol=1e-6)
    np.testing.assert_allclose(session.run({"x": x[:, ::-1]})["y"], x[:, ::-1] @ WEIGHT, rtol=1e-6)
    session.close()


@pytest.mark.parametrize(
    ("feeds", "said"),
    [
        ({}, "x is missing"),
        ({"x": np.zeros((1, 3))}, "x is float64, and float32 is wanted"),
        ({"x": np.zeros((1, 4), np.float32)}, r"x has shape \[1, 4\], and \[batch, 3\] is wanted"),
        ({"x": np.zeros(3, np.float32)}, r"x has shape \[3\]"),
    ],
)
def test_tensors_that_do_not_fit_are_named(tmp_path: Path, feeds: dict[str, np.ndarray], said: str) -> None:
    session = OnnxRuntime().open(linear(tmp_path), ONE)
    with pytest.raises(NodeInputError, match=said):
        session.run(feeds)


def test_a_file_that_is_no_graph_is_told(tmp_path: Path) -> None:
    path = tmp_path / "it.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(ModelFormatError, match=r"it\.onnx") as caught:
        OnnxRuntime().open(path, ONE)
    assert str(tmp_path) not in str(caught.value)
    with pytest.raises(ModelNotFoundError):
        OnnxRuntime().open(tmp_path / "none.onnx", ONE)


@pytest.mark.parametrize("domain", ["", "strange.domain"])
def test_an_operation_that_it_does_not_know_is_named(tmp_path: Path, domain: str) -> None:
    with pytest.raises(ModelUnsupportedError, match="MatMulish"):
        OnnxRuntime().open(linear(tmp_path, "MatMulish", domain), ONE)


def test_a_device_that_this_build_has_not_is_told_with_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="onnxruntime-cann"):
        OnnxRuntime().open(linear(tmp_path), SessionOptions(device="npu:0"))
    assert OnnxRuntime().lacking("abacus")


def test_the_best_provider_is_asked_for_with_its_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[tuple[str, dict[str, str]]]] = []
    there = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: there)

    def opened(model: str, settings: object, providers: list[tuple[str, dict[str, str]]]) -> object:
        asked.append(providers)
        raise RuntimeError(f"CUDA failure 2: out of memory {model} {settings}")

    monkeypatch.setattr(onnxruntime, "InferenceSession", opened)
    options = SessionOptions(device="tensorrt:1", precision="fp16", cache=tmp_path)
    with pytest.raises(OutOfMemoryError):
        OnnxRuntime().open(linear(tmp_path), options)
    [(first, *rest)] = asked
    assert first == (
        "TensorrtExecutionProvider",
        {
            "device_id": "1",
            "trt_fp16_enable": "True",
            "trt_engine_cache_enable": "True",
            "trt_engine_cache_path": str(tmp_path),
        },
    )
    assert [name for name, _ in rest] == there[1:]


def test_threads_without_work_do_not_spin_and_levels_are_checked(tmp_path: Path) -> None:
    session = OnnxRuntime().open(linear(tmp_path), SessionOptions(threads=2))
    assert isinstance(session, OnnxRuntimeSession)
    settings = session.raw.get_session_options()
    assert settings.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert settings.intra_op_num_threads == 2
    with pytest.raises(UsageError, match="graph_optimization"):
        OnnxRuntime().open(linear(tmp_path), SessionOptions(options={"graph_optimization": "most"}))
