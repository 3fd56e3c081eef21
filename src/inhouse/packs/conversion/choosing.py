"""The target `auto`: every route that can be taken on this machine, and the fastest of those that keep the budget."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inhouse.backends.sessions.registry import RUNTIMES
from inhouse.errors import AccuracyError, ConversionError, InhouseError
from inhouse.models.receipt import PassRecord
from inhouse.packs.conversion.exporting import export
from inhouse.packs.conversion.optimising import optimise, speeds
from inhouse.packs.conversion.quantising import quantise

if TYPE_CHECKING:
    from pathlib import Path

    from inhouse.packs.conversion.calibration import Calibration
    from inhouse.packs.conversion.model import Draft, Metric, Precision, SourceModel

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Route:
    """A format, the runtime of its files, and a precision."""

    target: str
    runtime: str
    precision: Precision


ROUTES = (
    Route("openvino", "openvino", "fp32"),
    Route("onnx", "onnxruntime", "fp32"),
    Route("openvino", "openvino", "bf16"),
    Route("openvino", "openvino", "int8"),
    Route("onnx", "onnxruntime", "int8"),
)
_ORDER = ("fp32", "fp16", "bf16", "int8", "int4")


def routes(precision: Precision, device: str = "cpu") -> tuple[Route, ...]:
    """Return the routes to try: none with fewer bits than asked for, none whose runtime is not here."""
    most = _ORDER.index(precision)
    return tuple(
        route
        for route in ROUTES
        if _ORDER.index(route.precision) <= most and not RUNTIMES[route.runtime].lacking(device)
    )


def fastest(
    source: SourceModel,
    folder: Path,
    precision: Precision,
    metric: Metric,
    *,
    calibration: Calibration | None = None,
    threads: int = 0,
    tried: Sequence[Route] | None = None,
) -> Draft:
    """Return the fastest draft that loses no more than the budget, measured here in rounds that take turns.

    Args:
        source: the original.
        folder: for files; one of a route each.
        precision: the coarsest that may be chosen.
        metric: how answers are compared, and how much may be lost.
        calibration: realistic rows; the source's own samples if None.
        threads: of a session, in measuring and in serving; 0 lets the runtime choose.
        tried: routes; those of this machine if None.

    Raises:
        AccuracyError: none keeps the budget.
        ConversionError: none can be taken; each says why.

    """
    began = time.monotonic()
    drafts, failures = dict[str, "Draft"](), dict[str, InhouseError]()
    exported: dict[str, Draft] = {}
    for route in routes(precision) if tried is None else tried:
        name = f"{route.runtime} {route.precision}"
        try:
            if route.target not in exported:
                made = export(source, route.target, folder / route.target)
                exported[route.target] = replace(made, serving=replace(made.serving, threads=threads))
            plain = exported[route.target]
            in_it = quantise(plain, route.precision, metric, calibration)
            drafts[name] = optimise(in_it) if route.precision == "fp32" else in_it
        except InhouseError as error:
            _log.info("Route %s is not taken: %s", name, error)
            failures[name] = error
    figures = speeds(drafts) if drafts else {}
    if not figures:
        raise _none(source, failures)
    best = min(figures, key=lambda name: figures[name])
    notes = [f"{name}: {seconds * 1000:.2f} ms" for name, seconds in sorted(figures.items(), key=lambda item: item[1])]
    notes += [f"{name}: {error.message[:160]}" for name, error in failures.items()]
    record = PassRecord("choose", {"precision": precision}, time.monotonic() - began, tuple(notes))
    return drafts[best].after(record)


def _none(source: SourceModel, failures: dict[str, InhouseError]) -> ConversionError:
    said = "; ".join(f"{name}: {error.message}" for name, error in failures.items()) or "no runtime is installed"
    lost = [error for error in failures.values() if isinstance(error, AccuracyError)]
    kind = AccuracyError if lost else ConversionError
    return kind(f"{source.name} cannot be converted for this machine. {said}", hint="Name a target, or allow more.")
