"""Small ONNX graphs that tests of all runtimes load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from pathlib import Path

WEIGHT = np.arange(6, dtype=np.float32).reshape(3, 2) / 8


def linear(folder: Path, operation: str = "MatMul", domain: str = "") -> Path:
    """Write ``y = x @ WEIGHT``, for any batch of three numbers, and return the file."""
    node = helper.make_node(operation, ["x", "weight"], ["y"], domain=domain)
    graph = helper.make_graph(
        [node],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2])],
        [numpy_helper.from_array(WEIGHT, "weight")],
    )
    opsets = [helper.make_opsetid("", 17), *([helper.make_opsetid(domain, 1)] if domain else [])]
    path = folder / "linear.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path
