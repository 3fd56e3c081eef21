"""Models that OpenVINO runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import openvino
import pytest
from onnx import TensorProto, helper
from tests.backends.sessions.graphs import WEIGHT, linear

from inhouse.backends.sessions.base import SessionOptions
from inhouse.backends.sessions.openvino import OpenVino
from inhouse.errors import ModelFormatError, ModelNotFoundError, ModelUnsupportedError, NodeInputError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

ONE = SessionOptions(threads=1)


@pytest.mark.parametrize("suffix", ["onnx", "xml"])
def test_it_computes_what_the_model_says(tmp_path: Path, suffix: str) -> None:
    path = linear(tmp_path)
    if suffix == "xml":
        openvino.save_model(openvino.convert_model(path), tmp_path / "linear.xml", compress_to_fp16=False)
        path = tmp_path / "linear.xml"
    session = OpenVino().open(path, ONE)
    assert session.inputs == {"x": (np.dtype("float32"), ("batch", 3))}
    assert session.outputs == ("y",)
    x = np.random.default_rng(0).standard_normal((4, 3), dtype=np.float32)
    np.testing.assert_allclose(session.run({"x": x})["y"], x @ WEIGHT, rtol=1e-6)
    x.flags.writeable = False
    np.testing.assert_allclose(session.run({"x": x[:1]})["y"], x[:1] @ WEIGHT, rtol=1e-6)
    session.close()


def test_an_answer_stays_when_the_next_one_is_computed(tmp_path: Path) -> None:
    session = OpenVino().open(linear(tmp_path), ONE)
    first = session.run({"x": np.ones((2, 3), np.float32)})["y"]
    kept = first.copy()
    session.run({"x": np.zeros((2, 3), np.float32)})
    np.testing.assert_array_equal(first, kept)


def test_float32_is_float32_even_where_the_processor_would_rather_have_bfloat16(tmp_path: Path) -> None:
    asked = OpenVino().open(linear(tmp_path), ONE)
    x = np.full((1, 3), 1 + 2**-12, np.float32)
    np.testing.assert_allclose(asked.run({"x": x})["y"], x @ WEIGHT, rtol=1e-7)
    with pytest.raises(UsageError, match="int8"):
        OpenVino().open(linear(tmp_path), SessionOptions(precision="int8"))


def test_tensors_that_do_not_fit_are_named(tmp_path: Path) -> None:
    session = OpenVino().open(linear(tmp_path), ONE)
    with pytest.raises(NodeInputError, match="x is int64"):
        session.run({"x": np.zeros((1, 3), np.int64)})


def test_files_that_it_cannot_load_are_told(tmp_path: Path) -> None:
    path = tmp_path / "it.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(ModelFormatError, match=r"it\.onnx") as caught:
        OpenVino().open(path, ONE)
    assert str(tmp_path) not in str(caught.value)
    with pytest.raises(ModelNotFoundError):
        OpenVino().open(tmp_path / "none.xml", ONE)
    with pytest.raises(ModelUnsupportedError, match="MatMulish"):
        OpenVino().open(linear(tmp_path, "MatMulish"), ONE)


def test_devices_that_there_are_not_are_told(tmp_path: Path) -> None:
    assert "NPU" in OpenVino().lacking("npu")
    with pytest.raises(UsageError, match="nothing for cuda"):
        OpenVino().open(linear(tmp_path), SessionOptions(device="cuda:0"))


def test_what_is_compiled_is_kept_where_it_is_told(tmp_path: Path) -> None:
    OpenVino().open(linear(tmp_path), SessionOptions(threads=1, cache=tmp_path / "cache"))
    assert list((tmp_path / "cache").glob("*.blob"))


def test_a_batch_that_a_copy_is_compiled_for_answers_as_any_other(tmp_path: Path) -> None:
    session = OpenVino().open(linear(tmp_path), SessionOptions(threads=1, options={"fixed": [1, 4]}))
    assert session.inputs["x"][1] == ("batch", 3)
    for batch in (1, 2, 4):
        x = np.random.default_rng(batch).standard_normal((batch, 3), dtype=np.float32)
        np.testing.assert_allclose(session.run({"x": x})["y"], x @ WEIGHT, rtol=1e-6)
    session.close()


def test_what_is_shorter_than_a_copy_is_filled_up(tmp_path: Path) -> None:
    """A masked mean, which filling up does not change: (batch, n) and a mask to (batch)."""
    x, mask = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", "n"]) for name in ("x", "mask"))
    nodes = [
        helper.make_node("Mul", ["x", "mask"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "axis"], ["sum"], keepdims=0),
        helper.make_node("ReduceSum", ["mask", "axis"], ["count"], keepdims=0),
        helper.make_node("Div", ["sum", "count"], ["y"]),
    ]
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch"])
    axis = helper.make_tensor("axis", TensorProto.INT64, [1], [1])
    path = tmp_path / "mean.onnx"
    graph = helper.make_graph(nodes, "mean", [x, mask], [y], [axis])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), path)
    options = {"fixed": [[1, 8], [1, 4]], "padding": {"x": 7, "mask": 0}}
    session = OpenVino().open(path, SessionOptions(threads=1, options=options))
    for batch, length in ((1, 1), (1, 4), (1, 5), (1, 8), (1, 9), (2, 3)):
        given = np.arange(batch * length, dtype=np.float32).reshape(batch, length)
        found = session.run({"x": given, "mask": np.ones_like(given)})["y"]
        np.testing.assert_allclose(found, given.mean(axis=1), rtol=1e-6)
    session.close()
