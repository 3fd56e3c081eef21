"""Peaks: what this machine can do at most, measured: products of matrices in each precision, and copying memory."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, TypeAlias

import numpy as np

SIZE = 1024
"""Rows and columns of the matrices: large enough to fill the units, small enough for a second."""
COPY = 256 * 1024**2
"""Bytes that are copied: more than caches hold of one program's."""

Product: TypeAlias = Callable[[], object]
"""Multiplies two matrices of `SIZE`."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """The roof.

    Attributes:
        flops: operations a second by precision, the best runtime's.
        by: which runtime that was.
        bandwidth: bytes a second of a large copy, read and written.

    """

    flops: dict[str, float]
    by: dict[str, str]
    bandwidth: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {"flops": self.flops, "by": self.by, "bandwidth": self.bandwidth}


def measure_peaks(
    threads: int = 0, seconds: float = 0.4, size: int = SIZE, copy: int = COPY, clock: Callable[[], float] | None = None
) -> Peaks:
    """Measure every precision by every runtime that is installed, and keep the best.

    Args:
        threads: of a runtime; 0 lets it choose.
        seconds: for each of them.
        size: rows and columns of the matrices.
        copy: bytes to copy.
        clock: seconds, rising.

    """
    clock = clock or time.perf_counter
    flops: dict[str, float] = {}
    by: dict[str, str] = {}
    for runtime, precision, product in products(size, threads):
        found = 2.0 * size**3 / fastest(product, seconds, clock)
        if found > flops.get(precision, 0.0):
            flops[precision], by[precision] = found, runtime
    source, target = np.ones(copy // 8), np.empty(copy // 8)
    copied = fastest(lambda: np.copyto(target, source), seconds, clock)
    return Peaks(flops, by, 2.0 * copy / copied)


def fastest(call: Product, seconds: float, clock: Callable[[], float]) -> float:
    """Return the least time of a call, which is what a peak is: everything slower was disturbed."""
    call()
    least, begun = float("inf"), clock()
    while True:
        at = clock()
        call()
        now = clock()
        least = min(least, max(now - at, 1e-9))
        if now - begun >= seconds:
            return least


def products(size: int, threads: int) -> Iterator[tuple[str, str, Product]]:
    """Yield runtime, precision and product for whatever can be measured here; what fails is left out."""
    random = np.random.default_rng(0)
    a, b = (random.standard_normal((size, size)).astype(np.float32) for _ in range(2))
    yield "numpy", "fp32", lambda: a @ b
    if find_spec("openvino") is not None:
        yield from _openvino(a, b, threads)
    if find_spec("onnxruntime") is not None and find_spec("onnx") is not None:
        yield from _onnxruntime(size, threads)


def _openvino(a: Any, b: Any, threads: int) -> Iterator[tuple[str, str, Product]]:
    import openvino
    from openvino import opset13 as ops

    core = openvino.Core()
    size = len(a)

    def graph(*, quantized: bool) -> Any:
        given = ops.parameter([size, size], np.float32)
        left, right = given, ops.constant(b)
        if quantized:
            low, high = (ops.constant(np.float32(bound)) for bound in (-4.0, 4.0))
            left = ops.fake_quantize(left, low, high, low, high, 255)
            right = ops.fake_quantize(right, low, high, low, high, 255)
        return openvino.Model([ops.matmul(left, right, False, False)], [given])  # noqa: FBT003 - OpenVINO's own

    for precision, hint in (("fp32", "f32"), ("bf16", "bf16"), ("fp16", "f16"), ("int8", "f32")):
        try:
            told = {"INFERENCE_PRECISION_HINT": hint, "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": threads}
            compiled = core.compile_model(graph(quantized=precision == "int8"), "CPU", told)
            kept = str(compiled.get_property("INFERENCE_PRECISION_HINT"))
            request = compiled.create_infer_request()
            request.set_input_tensor(openvino.Tensor(a, shared_memory=True))
        except Exception:  # noqa: BLE001, S112 - this processor has no such units
            continue
        if precision == "int8" or hint.replace("f", "float", 1) in kept or hint in kept.lower() or hint == "f32":
            yield "openvino", precision, request.infer


def _onnxruntime(size: int, threads: int) -> Iterator[tuple[str, str, Product]]:
    import onnxruntime
    from onnx import TensorProto, helper

    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    random = np.random.default_rng(0)
    kinds = (
        ("fp32", "MatMul", np.float32, TensorProto.FLOAT, TensorProto.FLOAT),
        ("int8", "MatMulInteger", np.uint8, TensorProto.UINT8, TensorProto.INT32),
    )
    for precision, operation, dtype, kind, result in kinds:
        weights = random.integers(-100, 100, (size, size)).astype(np.int8 if precision == "int8" else dtype)
        known = helper.np_dtype_to_tensor_dtype(weights.dtype)
        constant = helper.make_tensor("b", known, (size, size), weights.tobytes(), raw=True)
        given = helper.make_tensor_value_info("a", kind, (size, size))
        made = helper.make_tensor_value_info("c", result, (size, size))
        graph = helper.make_graph([helper.make_node(operation, ["a", "b"], ["c"])], "peak", [given], [made], [constant])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        feeds = {"a": random.integers(0, 100, (size, size)).astype(dtype)}
        yield "onnxruntime", precision, functools.partial(session.run, None, feeds)
