from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inhouse.errors import ModelUnsupportedError
from inhouse.packs.benchmark import counting
from inhouse.packs.benchmark.counting import attention_flops, convolution_flops, count, matmul_flops


def test_a_product_of_matrices_is_two_for_each_element_and_inner_axis() -> None:
    assert matmul_flops((3, 5), 4) == 2 * 3 * 4 * 5


def test_a_convolution_is_two_for_each_element_of_its_result_and_of_a_filter() -> None:
    assert convolution_flops((1, 8, 10, 10), (8, 3, 3, 3)) == 2 * 800 * 27


def test_attention_is_scores_and_their_sum() -> None:
    assert attention_flops((1, 2, 5, 4), (1, 2, 7, 4), (1, 2, 7, 4)) == 2 * 2 * 5 * 7 * 8


@pytest.mark.parametrize("reader", [counting._openvino, counting._onnx])
def test_both_readers_count_alike(linear: Path, reader: object) -> None:
    found = reader(linear, {"x": (8, 16)})  # type: ignore[operator] # one of the two
    assert found.flops == 2 * 8 * 16 * 4
    assert found.nbytes == 4 * (16 * 4 + 8 * 16 + 8 * 4)
    assert found.unknown == ()
    assert found.intensity == found.flops / found.nbytes


def test_convolutions_of_groups_count_their_own_channels_only(tmp_path: Path) -> None:
    from onnx import TensorProto, helper, save

    weights = np.ones((6, 1, 3, 3), np.float32)
    constant = helper.make_tensor("w", TensorProto.FLOAT, weights.shape, weights.tobytes(), raw=True)
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ("batch", 6, 8, 8))
    made = helper.make_tensor_value_info("y", TensorProto.FLOAT, ("batch", 6, 6, 6))
    conv = helper.make_node("Conv", ["x", "w"], ["y"], group=6)
    graph = helper.make_graph([conv], "g", [given], [made], [constant])
    path = tmp_path / "conv.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    wanted = 2 * (2 * 6 * 6 * 6) * 9
    assert [read(path, {"x": (2, 6, 8, 8)}).flops for read in (counting._openvino, counting._onnx)] == [wanted] * 2


def test_a_file_that_nothing_reads_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelUnsupportedError, match=r"model\.onnx"):
        count(tmp_path / "model.onnx", {})
