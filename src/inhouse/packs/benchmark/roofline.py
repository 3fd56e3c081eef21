"""The roofline (Williams, Waterman, Patterson, 2009): what a model achieves of what the machine could do at most."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.backends.sessions.registry import RUNTIMES
from inhouse.errors import InhouseError
from inhouse.models.artifact import open_artifact
from inhouse.packs.benchmark.counting import count
from inhouse.packs.benchmark.feeds import Questions
from inhouse.packs.benchmark.peaks import Peaks, measure_peaks

if TYPE_CHECKING:
    from inhouse.packs.benchmark.model import Cell, Report, Variant
    from inhouse.packs.benchmark.rounds import Progress


def add_roof(
    report: Report,
    questions: Questions | None = None,
    progress: Progress = lambda *_: None,
    peaks: Callable[[int], Peaks] = measure_peaks,
) -> None:
    """Measure the machine's peaks, count the models' operations, and add both to a report.

    The roof belongs to as many threads as the models had: the most of any variant; 0 is all of the machine.

    Args:
        report: what was measured.
        questions: what models were asked, for the lengths of free axes.
        progress: is told what is being done.
        peaks: measures, given the threads.

    """
    progress(0, 1, "measuring the machine's peaks")
    threads = [int(variant.traits.get("threads", 0)) for variant in report.variants if variant.kind == "model"]
    report.roof = peaks(0 if not all(threads) else max(threads, default=0)).as_dict()
    for variant in report.variants:
        if variant.kind == "model" and not variant.error:
            variant.cost = costs(
                variant, [cell.load.batch for cell in report.of(variant.name)], questions or Questions()
            )


def costs(variant: Variant, batches: list[int], questions: Questions) -> dict[str, Any]:
    """Return operations and bytes of a call by batch; ``problem`` where they cannot be counted."""
    path = Path(variant.target)
    try:
        file = open_artifact(path).model if path.is_dir() else path
        found = {}
        for batch in sorted(set(batches)):
            one = count(file, _shapes(file, batch, questions))
            found[str(batch)] = {"flops": one.flops, "bytes": one.nbytes, "uncounted": len(one.unknown)}
    except InhouseError as error:
        return {"problem": str(error)}
    return {"batches": found}


def achieved(variant: Variant, cell: Cell) -> tuple[float, float] | None:
    """Return operations a byte and operations a second of a cell; None where they were not counted."""
    one = variant.cost.get("batches", {}).get(str(cell.load.batch))
    rows = sum(map(len, cell.rounds)) * cell.load.batch
    wall = sum(part.wall for part in cell.slices)
    if not one or not one["flops"] or not one["bytes"] or not rows or wall <= 0:
        return None
    return one["flops"] / one["bytes"], one["flops"] / cell.load.batch * rows / wall


def roof_of(report: Report, variant: Variant, intensity: float) -> float:
    """Return the most operations a second there can be at an intensity, in the precision that a variant computes in."""
    flops = report.roof.get("flops", {})
    precision = precision_of(variant)
    top = flops.get(precision) or max(flops.values(), default=0.0)
    return float(min(top, intensity * report.roof.get("bandwidth", 0.0)))


def precision_of(variant: Variant) -> str:
    """Return what a variant computes in, as far as it is known: its receipt says so, or its traits."""
    said = str(variant.receipt.get("precision", ""))
    told = str(variant.traits.get("precision", "fp32"))
    if said in ("int8", "int4"):
        return "int8"
    return told if told in ("fp32", "bf16", "fp16") else "fp32"


def _shapes(file: Path, batch: int, questions: Questions) -> dict[str, tuple[int, ...]]:
    """Return the shapes of inputs as they were asked: the file's own, with free axes filled in."""
    from inhouse.backends.sessions.base import SessionOptions

    runtime = next(found for found in RUNTIMES.values() if file.suffix in found.suffixes and not found.lacking())
    session = runtime.open(file, SessionOptions(threads=1))
    try:
        if questions.data is not None:
            return {name: found.shape for name, found in questions.feeds(session.inputs, batch).items()}
        return {name: questions.shape(axes, batch) for name, (_, axes) in session.inputs.items()}
    finally:
        session.close()
