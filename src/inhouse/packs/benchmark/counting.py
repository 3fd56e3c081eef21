"""Counting: the operations and bytes of one call, from a model's graph."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.errors import ModelUnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Count:
    """What one call takes.

    Attributes:
        flops: multiplications and additions of products of matrices, convolutions and attention, two for each pair.
        nbytes: what has to cross the memory bus at least: weights once, inputs and outputs.
        unknown: operations of these kinds whose shapes could not be found, and which are not counted.

    """

    flops: float
    nbytes: float
    unknown: tuple[str, ...] = ()

    @property
    def intensity(self) -> float:
        """Operations a byte."""
        return self.flops / self.nbytes if self.nbytes else 0.0


def count(model: Path, shapes: Shapes) -> Count:
    """Count one call of a model's file.

    Args:
        model: ``.onnx`` or ``.xml``.
        shapes: of the inputs, by name.

    Raises:
        ModelUnsupportedError: what reads it is not installed, or cannot.

    """
    try:
        if find_spec("openvino") is not None:
            try:
                return _openvino(model, shapes)
            except RuntimeError:
                if model.suffix != ".onnx":
                    raise
        if model.suffix == ".onnx" and find_spec("onnx") is not None:
            return _onnx(model, shapes)
    except Exception as error:  # whatever two libraries' parsers raise
        raise ModelUnsupportedError(f"The operations of {model.name} cannot be counted.") from error
    raise ModelUnsupportedError(
        f"Nothing here counts the operations of {model.name}.", hint="Install OpenVINO or ONNX."
    )


def matmul_flops(result: Sequence[int], inner: int) -> float:
    """Return the operations of a product of matrices: two for each element of the result and of the inner axis."""
    return 2.0 * prod(result) * inner


def convolution_flops(result: Sequence[int], weight: Sequence[int], groups: int = 1) -> float:
    """Return the operations of a convolution, from its result's shape and that of its weights (as ONNX lays them)."""
    del groups  # the weights hold a group's input channels only, which is what each element of the result takes
    return 2.0 * prod(result) * prod(weight[1:])


def attention_flops(query: Sequence[int], key: Sequence[int], value: Sequence[int]) -> float:
    """Return the operations of scaled dot-product attention: scores, and the weighted sum."""
    batch = prod(query[:-2])
    return 2.0 * batch * query[-2] * key[-2] * (query[-1] + value[-1])


def _openvino(model: Path, shapes: Shapes) -> Count:
    import openvino

    read = openvino.Core().read_model(model)
    read.reshape({name: list(shape) for name, shape in shapes.items()})
    flops, unknown = 0.0, list[str]()
    weights = 0
    for node in read.get_ordered_ops():
        kind = node.get_type_name()
        if kind == "Constant":
            weights += node.get_byte_size() if hasattr(node, "get_byte_size") else node.output(0).get_tensor().byte_size
            continue
        if kind not in _OPENVINO:
            continue
        known = [_static(node.input_value(number)) for number in range(node.get_input_size())]
        result = _static(node.output(0))
        if result is None or any(shape is None for shape in known[:2]):
            unknown.append(node.get_friendly_name())
            continue
        flops += _OPENVINO[kind](node, [shape or () for shape in known], result)
    ports = [*read.inputs, *read.outputs]
    moved = sum(prod(_static(port) or (0,)) * port.get_element_type().size for port in ports)
    return Count(flops, float(weights + moved), tuple(unknown))


def _static(port: Any) -> tuple[int, ...] | None:
    shape = port.get_partial_shape()
    return tuple(int(size) for size in shape.to_shape()) if shape.is_static else None


def _ov_matmul(node: Any, known: list[tuple[int, ...]], result: tuple[int, ...]) -> float:
    transposed = bool(node.get_attributes().get("transpose_a", False))
    return matmul_flops(result, known[0][-2] if transposed and len(known[0]) > 1 else known[0][-1])


def _ov_convolution(node: Any, known: list[tuple[int, ...]], result: tuple[int, ...]) -> float:
    del node
    return convolution_flops(result, known[1])


def _ov_group_convolution(node: Any, known: list[tuple[int, ...]], result: tuple[int, ...]) -> float:
    del node
    return convolution_flops(result, known[1][1:])  # the groups' axis goes before the others


def _ov_attention(node: Any, known: list[tuple[int, ...]], result: tuple[int, ...]) -> float:
    del node, result
    return attention_flops(known[0], known[1], known[2])


_OPENVINO = {
    "MatMul": _ov_matmul,
    "Convolution": _ov_convolution,
    "GroupConvolution": _ov_group_convolution,
    "ScaledDotProductAttention": _ov_attention,
}


def _onnx(model: Path, shapes: Shapes) -> Count:
    import onnx
    from onnx import shape_inference

    read = onnx.load(str(model), load_external_data=False)
    for given in read.graph.input:
        for axis, size in zip(given.type.tensor_type.shape.dim, shapes.get(given.name, ()), strict=False):
            axis.dim_value = size
    inferred = shape_inference.infer_shapes(read, data_prop=True).graph
    known = {one.name: _dims(one) for one in (*inferred.input, *inferred.output, *inferred.value_info)}
    known |= {one.name: tuple(one.dims) for one in inferred.initializer}
    flops, unknown = 0.0, list[str]()
    for node in inferred.node:
        if node.op_type not in _ONNX_PRODUCTS | _ONNX_CONVOLUTIONS:
            continue
        found = _onnx_flops(node, known)
        if found is None:
            unknown.append(node.name or node.op_type)
        else:
            flops += found
    weights = sum(_tensor_bytes(one) for one in inferred.initializer)
    moved = sum(4 * prod(known.get(one.name) or (0,)) for one in (*inferred.input, *inferred.output))
    return Count(flops, float(weights + moved), tuple(unknown))


_ONNX_PRODUCTS = {"MatMul", "Gemm", "FusedMatMul", "MatMulInteger", "FusedGemm", "DynamicQuantizeMatMul"}
_ONNX_CONVOLUTIONS = {"Conv", "FusedConv", "ConvInteger", "QLinearConv"}


def _onnx_flops(node: Any, known: Mapping[str, tuple[int, ...] | None]) -> float | None:
    left = known.get(node.input[0])
    right = known.get(node.input[3 if node.op_type == "QLinearConv" else 1])
    result = known.get(node.output[0])
    if right is None:
        return None
    if node.op_type in _ONNX_CONVOLUTIONS:
        return None if result is None else convolution_flops(result, right)
    if left is None or result is None:
        return None
    turned = any(one.name == "transA" and one.i for one in node.attribute)
    return matmul_flops(result, left[-2 if turned else -1])


def _dims(value: Any) -> tuple[int, ...] | None:
    dims: Iterable[Any] = value.type.tensor_type.shape.dim
    sizes = [int(axis.dim_value) for axis in dims]
    return tuple(sizes) if all(sizes) else None


def _tensor_bytes(tensor: Any) -> float:
    from onnx import helper

    return float(prod(tensor.dims) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
