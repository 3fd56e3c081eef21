"""The pass `quantise`: fewer bits, as far as the answers allow."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from inhouse.errors import AccuracyError, ConversionError, ModelUnsupportedError
from inhouse.models.receipt import PassRecord
from inhouse.packs.conversion.calibration import Calibration, Judge
from inhouse.packs.conversion.optimising import tuned

if TYPE_CHECKING:
    from inhouse.packs.conversion.model import Draft, Metric, Precision

    Quantiser: TypeAlias = Callable[[Draft, Calibration, Judge], Draft]

_QUANTISERS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("openvino", "bf16"): "openvino_quantising:bfloat16",
        ("openvino", "fp16"): "openvino_quantising:float16",
        ("openvino", "int8"): "openvino_quantising:integers",
        ("openvino", "int4"): "openvino_quantising:weights",
        ("onnx", "fp16"): "onnx_quantising:half",
        ("onnx", "int8"): "onnx_quantising:integers",
    }
)
"""What does it, by format and precision, within this package."""


def quantise(draft: Draft, precision: Precision, metric: Metric, calibration: Calibration | None = None) -> Draft:
    """Return the draft in a precision, with those layers taken back that would cost more than may be lost.

    Args:
        draft: in float32, as ``onnx`` or ``openvino``; others are built in their precision by `optimise`.
        precision: of weights and of products; ``bf16`` and ``fp16`` are of activations, too.
        metric: how answers are compared, and how much may be lost. A part of that is kept back for the comparison at
            the end, which asks with other inputs.
        calibration: realistic rows; the source's own samples if None.

    Raises:
        ModelUnsupportedError: this format has no such precision.
        AccuracyError: too much is lost, whatever is taken back.
        ConversionError: it cannot be quantised for another reason.

    """
    if precision == draft.precision:
        return draft
    if (draft.format, precision) not in _QUANTISERS:
        there = ", ".join(sorted(have for format_, have in _QUANTISERS if format_ == draft.format)) or "nothing else"
        raise ModelUnsupportedError(
            f"There is no {precision} for {draft.format}.", hint=f"There is fp32, and {there}; or another target."
        )
    if draft.precision != "fp32":
        raise ConversionError(f"The model is in {draft.precision} already.", hint="Begin from the original.")
    calibration = calibration or Calibration.of(draft.source)
    if not calibration.ranges:
        raise ConversionError("There are no inputs to take ranges of activations from.", hint="Give some with --data.")
    module, _, name = _QUANTISERS[draft.format, precision].partition(":")
    quantiser: Quantiser = getattr(importlib.import_module(f"inhouse.packs.conversion.{module}"), name)
    began = time.monotonic()
    made = quantiser(draft, calibration, Judge(draft.source, calibration.judging, metric, precision))
    made, tuning = tuned(made)
    notes = (*made.passes[-1].notes,) if len(made.passes) > len(draft.passes) else ()
    notes += (tuning,) if tuning else ()
    record = PassRecord(
        "quantise",
        {"precision": precision, "metric": metric.name, "max_drop": metric.max_drop, "rows": len(calibration.ranges)},
        time.monotonic() - began,
        notes,
    )
    return replace(made, precision=precision, passes=(*draft.passes, record))


def refuse_unless(passed: bool, precision: str) -> None:  # noqa: FBT001 - the one thing it asks
    """Refuse a precision that loses too much and has no layers to take back.

    Raises:
        AccuracyError: it did not pass.

    """
    if not passed:
        raise AccuracyError(
            f"The answers in {precision} differ by more than the budget.",
            hint="Allow more with --max-drop, or choose a finer precision.",
        )
