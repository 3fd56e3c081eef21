"""Fewer bits for OpenVINO: bfloat16, int8 with ranges from realistic inputs, and weights of 4 bits (by NNCF)."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.backends.own_log import own_log
from inhouse.backends.sessions.base import SessionOptions
from inhouse.backends.sessions.openvino import OpenVino
from inhouse.errors import ConversionError, UsageError
from inhouse.models.receipt import PassRecord
from inhouse.packs.conversion.openvino_layers import (
    attention_products,
    named_layers,
    quantised_layers,
    without_quantising,
)
from inhouse.packs.conversion.quantising import refuse_unless
from inhouse.packs.conversion.sensitivity import taken_back

if TYPE_CHECKING:
    from inhouse.packs.conversion.calibration import Calibration, Judge, Verdict
    from inhouse.packs.conversion.model import Draft

_GROUP = 64
"""Neighbouring weights that share a scale where there are 4 bits."""


def bfloat16(draft: Draft, calibration: Calibration, judge: Judge) -> Draft:
    """Return the draft with activations and products in bfloat16, and weights of 16 bits in the file."""
    del calibration
    return _sixteen(draft, judge, "bf16")


def float16(draft: Draft, calibration: Calibration, judge: Judge) -> Draft:
    """Return the draft in float16, as graphics processors have it."""
    del calibration
    return _sixteen(draft, judge, "fp16")


def _sixteen(draft: Draft, judge: Judge, precision: str) -> Draft:
    import openvino

    model = openvino.Core().read_model(draft.model)
    refuse_unless(_judged(model, draft, precision, judge).passed, precision)
    name = f"model.{precision}.xml"
    openvino.save_model(model, draft.folder / name, compress_to_fp16=True)
    return replace(draft, serving=replace(draft.serving, model=name, precision=precision))


def integers(draft: Draft, calibration: Calibration, judge: Judge) -> Draft:
    """Return the draft in int8; layers that hurt are taken back to bfloat16, or to float32 where that hurts, too."""
    nncf, openvino = _nncf()
    original = openvino.Core().read_model(draft.model)
    rest = _rest(original, draft, judge)
    products = attention_products(original)
    told: dict[str, Any] = {"preset": nncf.QuantizationPreset.PERFORMANCE}
    if products:
        # Attention's own products are small: rounding them costs more in reordering than it gains.
        told = {"model_type": nncf.ModelType.TRANSFORMER, "ignored_scope": nncf.IgnoredScope(names=list(products))}
    rows = [_fed(original, row) for row in calibration.ranges]
    with _silent():
        try:
            quantised = nncf.quantize(
                openvino.Core().read_model(draft.model), nncf.Dataset(rows), subset_size=len(rows), **told
            )
        except (RuntimeError, nncf.ValidationError, nncf.InternalError) as error:
            raise ConversionError(f"{draft.source.name} cannot be quantised: {_line(error)}") from error

    def attempt(back: frozenset[str]) -> Verdict:
        return _judged(without_quantising(quantised, original, back), draft, rest, judge)

    back = taken_back(quantised_layers(quantised), attempt)
    name = "model.int8.xml"
    made = without_quantising(quantised, original, back)
    openvino.save_model(made, draft.folder / name, compress_to_fp16=rest == "bf16")
    note = f"layers that are not quantised compute in {rest}"
    record = PassRecord("int8", notes=(note, *([f"{len(back)} layers taken back"] if back else [])))
    return replace(
        draft,
        serving=replace(draft.serving, model=name, precision=rest),
        reverted=named_layers(original, back),
        passes=(*draft.passes, record),
    )


def weights(draft: Draft, calibration: Calibration, judge: Judge) -> Draft:
    """Return the draft with weights of 4 bits, each 64 with a scale; the first and last layer's have 8 bits.

    It makes large language models smaller, and as much faster as they wait for memory.
    """
    nncf, openvino = _nncf()
    model = openvino.Core().read_model(draft.model)
    rest = _rest(model, draft, judge)
    rows = [_fed(model, row) for row in calibration.ranges]
    # Where 4 bits are too few for all layers, those that they hurt least have them.
    for share in (1.0, 0.8, 0.6, 0.4, 0.2):
        with _silent():
            made = nncf.compress_weights(
                openvino.Core().read_model(draft.model),
                mode=nncf.CompressWeightsMode.INT4_ASYM,
                ratio=share,
                group_size=_GROUP,
                dataset=nncf.Dataset(rows) if share < 1 else None,
                advanced_parameters=nncf.AdvancedCompressionParameters(
                    group_size_fallback_mode=nncf.GroupSizeFallbackMode.ADJUST
                ),
            )
        verdict = _judged(made, draft, rest, judge)
        if verdict.passed:
            break
    refuse_unless(verdict.passed, "int4")
    name = "model.int4.xml"
    openvino.save_model(made, draft.folder / name, compress_to_fp16=rest == "bf16")
    record = PassRecord("int4", notes=(f"4 bits for {share:.0%} of the weights, 8 for the others",))
    return replace(draft, serving=replace(draft.serving, model=name, precision=rest), passes=(*draft.passes, record))


def _rest(model: Any, draft: Draft, judge: Judge) -> str:
    """Return what is not quantised computes in: bfloat16 where the processor has it and the budget allows it."""
    import openvino

    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return "fp32"
    return "bf16" if _judged(model, draft, "bf16", judge).passed else "fp32"


def _judged(model: Any, draft: Draft, precision: str, judge: Judge) -> Verdict:
    serving = draft.serving
    options = SessionOptions(serving.device, precision, serving.threads, options=serving.options)
    session = OpenVino().loaded(model, options, draft.source.name)
    try:
        return judge(session)
    finally:
        session.close()


def _fed(model: Any, row: Any) -> dict[str, Any]:
    """Return a row by the names and in the types of a model's inputs."""
    found = {}
    for port in model.inputs:
        name = next(name for name in port.get_names() if name in row)
        found[name] = row[name].astype(port.get_element_type().to_dtype(), copy=False)
    return found


def _nncf() -> tuple[Any, Any]:
    try:
        with _silent():
            import nncf
        import openvino
    except ImportError as error:
        raise UsageError("NNCF is not installed.", hint="pip install 'inhouse[convert]'") from error
    return nncf, openvino


@contextmanager
def _silent() -> Iterator[None]:
    """Keep NNCF's bars and banners from the terminal; what it has to say is in its errors."""
    log = logging.getLogger("nncf")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with own_log(), Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
            yield
    finally:
        log.setLevel(level)


def _line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
