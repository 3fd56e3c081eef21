"""Fewer bits for ONNX Runtime: float16 graphs for cards, and int8 (static where ranges can be known, else dynamic)."""

from __future__ import annotations

import inspect
import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.backends.sessions.base import SessionOptions
from inhouse.backends.sessions.registry import open_session
from inhouse.errors import ConversionError, UsageError
from inhouse.models.receipt import PassRecord
from inhouse.packs.conversion.quantising import refuse_unless
from inhouse.packs.conversion.sensitivity import taken_back

if TYPE_CHECKING:
    from inhouse.backends.sessions.base import Feeds
    from inhouse.packs.conversion.calibration import Calibration, Judge, Verdict
    from inhouse.packs.conversion.model import Draft

_STATIC = ("Conv", "Gemm", "MatMul", "Add", "GlobalAveragePool", "AveragePool", "MaxPool", "Clip", "Relu")
_DYNAMIC = ("MatMul", "Gemm")
_TRIALS = 16
"""Groups of layers that are ranked: each attempt writes the whole graph anew."""
_RANKED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})


def half(draft: Draft, calibration: Calibration, judge: Judge) -> Draft:
    """Return the draft in float16, with inputs and outputs as they are; processors convert back, cards gain."""
    del calibration
    onnx = _onnx()
    from onnxruntime.transformers.float16 import convert_float_to_float16

    name = "model.fp16.onnx"
    with _silent():
        made = convert_float_to_float16(onnx.load(draft.model), keep_io_types=True)
        _save(made, draft.folder / name)
    refuse_unless(_judged(draft.folder / name, draft, judge).passed, "fp16")
    return replace(draft, serving=replace(draft.serving, model=name, precision="fp16"))


def integers(draft: Draft, calibration: Calibration, judge: Judge) -> Draft:
    """Return the draft in int8; layers that hurt are taken back.

    Attention's activations have outliers that no fixed range fits, so that transformers' ranges are taken anew at each
    call; convolutions know theirs from calibration.
    """
    onnx = _onnx()
    with tempfile.TemporaryDirectory(dir=draft.folder) as place, _silent():
        source = _prepared(draft.model, Path(place))
        nodes = onnx.load(source, load_external_data=False).graph.node
        dynamic = not any(node.op_type.startswith("Conv") for node in nodes)
        layers = tuple(node.name for node in nodes if node.op_type in _RANKED and node.name)
        made = Path(place) / "tried.onnx"

        def attempt(back: frozenset[str]) -> Verdict:
            _quantise(source, made, [] if dynamic else calibration.ranges, sorted(back))
            return _judged(made, draft, judge)

        try:
            back = taken_back(layers, attempt, _TRIALS)
            _quantise(source, made, [] if dynamic else calibration.ranges, sorted(back))
        except (RuntimeError, ValueError, KeyError) as error:
            raise ConversionError(f"{draft.source.name} cannot be quantised: {str(error)[:200]}") from error
        name = "model.int8.onnx"
        _save(onnx.load(made), draft.folder / name)
    how = "ranges of activations are taken at each call" if dynamic else "ranges of activations are from calibration"
    record = PassRecord("int8", notes=(how, *([f"{len(back)} layers taken back"] if back else [])))
    return replace(draft, serving=replace(draft.serving, model=name), reverted=back, passes=(*draft.passes, record))


class _Rows:
    """Rows as ONNX Runtime's calibration asks for them."""

    def __init__(self, rows: Sequence[Feeds], names: Sequence[str]) -> None:
        self._rows = iter([{name: row[name] for name in names} for row in rows])

    def get_next(self) -> Feeds | None:
        return next(self._rows, None)

    def __iter__(self) -> Iterator[Feeds]:
        return self._rows


def _quantise(source: Path, made: Path, ranges: Sequence[Feeds], back: list[str]) -> None:
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static

    # Fused graphs hold operations whose types onnx cannot infer; all of them compute in float32.
    extra = {"DefaultTensorType": onnx.TensorProto.FLOAT}
    if not ranges:
        quantize_dynamic(
            source,
            made,
            op_types_to_quantize=list(_DYNAMIC),
            per_channel=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=back,
            extra_options={**extra, "MatMulConstBOnly": True},
        )
        return
    names = [item.name for item in onnx.load(source, load_external_data=False).graph.input]
    kept = {"calibration_cache_path": source.with_suffix(".ranges")}  # they are the same whatever is taken back
    known = inspect.signature(quantize_static).parameters
    quantize_static(
        source,
        made,
        _Rows(ranges, names),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=list(_STATIC),
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=back,
        extra_options=extra,
        **{name: value for name, value in kept.items() if name in known},
    )


def _prepared(model: Path, place: Path) -> Path:
    """Return the graph with shapes inferred and constants folded, as quantising wants it."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = place / "prepared.onnx"
    try:
        quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
    except Exception:  # noqa: BLE001 - it is a help only, and raises whatever it meets
        return model
    return prepared


def _judged(model: Path, draft: Draft, judge: Judge) -> Verdict:
    serving = draft.serving
    options = SessionOptions(serving.device, serving.precision, serving.threads, options=serving.options)
    session = open_session("onnxruntime", model, options)
    try:
        return judge(session)
    finally:
        session.close()


def _save(model: Any, path: Path) -> None:
    import onnx

    if model.ByteSize() < 2**31 - 1:
        onnx.save(model, path)
    else:
        onnx.save(model, path, save_as_external_data=True, location=f"{path.name}.data")


def _onnx() -> Any:
    try:
        import onnx
        import onnxruntime.quantization  # noqa: F401 - that it is there
    except ImportError as error:
        raise UsageError("ONNX Runtime is not installed.", hint="pip install 'inhouse[onnx]'") from error
    return onnx


@contextmanager
def _silent() -> Iterator[None]:
    """Keep the quantiser's advice to its own developers from the terminal."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
