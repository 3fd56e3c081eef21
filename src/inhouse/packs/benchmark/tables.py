"""Tables: a report's figures as rows of text, for terminals, markdown and pages alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.packs.benchmark.summary import FEW, summarize
from inhouse.packs.benchmark.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inhouse.packs.benchmark.estimates import Estimate
    from inhouse.packs.benchmark.model import Cell, Report, Variant

FIGURES = ("variant", "load", "p50 ms", "p95 ms", "p99 ms", "rows/s", "CPU ms/row", "J/row", "calls", "notes")
VARIANTS = ("variant", "ready s", "memory", "peak", "on disk", "cosine", "top-1", "greatest error", "receipt")
SHARES = ("variant", "node", "share")
ENGLISH = Words("en")
_MILLI = 1000


def figures(report: Report) -> Iterator[tuple[str, ...]]:
    """Yield a row a cell; each figure has the bounds of its interval behind it."""
    for cell in report.cells:
        yield _row(cell)


def variants(report: Report) -> Iterator[tuple[str, ...]]:
    """Yield a row a variant that was measured."""
    for variant in report.variants:
        if not variant.error:
            yield (
                variant.name,
                f"{variant.load_seconds:.2f}" if variant.load_seconds else "",
                _size(variant.memory.get("grown", 0)),
                _size(variant.memory.get("peak", 0)),
                _size(variant.disk_bytes),
                _part(variant, "cosine_mean", "cosine_min"),
                _part(variant, "top1"),
                _part(variant, "relative"),
                _receipt(variant),
            )


def shares(report: Report) -> Iterator[tuple[str, ...]]:
    """Yield a row a node of a workflow, with its part of the time; those that took longest first."""
    for cell in report.cells:
        for name, part in (summarize(cell).shares if cell.calls else {}).items():
            yield cell.variant, name, f"{part:.1%}"


def problems(report: Report, words: Words = ENGLISH) -> list[str]:
    """Return what could not be measured, and why, a sentence each."""
    found = [f"{variant.name}: {variant.error}" for variant in report.variants if variant.error]
    silent = [cell for cell in report.cells if not cell.calls and cell.errors]
    return found + [words.phrase("all failed", where=_where(cell, words), kinds=_kinds(cell)) for cell in silent]


def remarks(report: Report, words: Words = ENGLISH) -> list[str]:
    """Return what should be known of the figures, a sentence each."""
    found = list(report.notes)
    for cell in report.cells:
        if not cell.calls:
            continue
        summary, where = summarize(cell), _where(cell, words)
        if "drift" in summary.notes:
            moved = "slower" if summary.drift > 0 else "faster"
            found.append(words.phrase(moved, where=where, share=abs(summary.drift)))
        if "unsteady" in summary.notes:
            found.append(words.phrase("unsteady", where=where))
        if cell.errors:
            found.append(words.phrase("failed", where=where, share=summary.failed, kinds=_kinds(cell)))
    if any(cell.calls and cell.calls < FEW for cell in report.cells):
        found.append(words.phrase("few", count=FEW))
    if report.energy:
        found.append(words.phrase("energy", source=report.energy))
    return found


def _where(cell: Cell, words: Words) -> str:
    return f"{cell.variant}, {words.load(cell.load)}"


def _kinds(cell: Cell) -> str:
    return ", ".join(f"{kind} ({count})" for kind, count in cell.errors.items())


def said(found: Estimate | None, scale: float = 1.0) -> str:
    """Return a figure with the bounds of its interval; empty where there is none."""
    if found is None:
        return ""
    return f"{_short(found.value * scale)} ({_short(found.low * scale)}-{_short(found.high * scale)})"


def _row(cell: Cell) -> tuple[str, ...]:
    if not cell.calls:
        return cell.variant, str(cell.load), *[""] * 6, "0", _kinds(cell) or "not measured"
    summary = summarize(cell)
    latency = [said(summary.latency[name], _MILLI) for name in ("p50", "p95", "p99")]
    notes = ", ".join([*summary.notes, *(f"{kind}: {count}" for kind, count in cell.errors.items())])
    cpu = said(summary.cpu, _MILLI)
    return (
        cell.variant,
        str(cell.load),
        *latency,
        said(summary.throughput),
        cpu,
        said(summary.joules),
        str(cell.calls),
        notes,
    )


def _short(value: float) -> str:
    """Return three digits that count."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _size(nbytes: int) -> str:
    return f"{nbytes / 1e6:.0f} MB" if nbytes >= 1e6 else f"{nbytes / 1e3:.0f} kB" if nbytes else ""


def _part(variant: Variant, *names: str) -> str:
    found = [variant.fidelity[name] for name in names if name in variant.fidelity]
    if not found:
        return str(variant.fidelity.get("unlike", "")) if "cosine_mean" in names else ""
    return " / ".join(f"{float(value):.5g}" for value in found)


def _receipt(variant: Variant) -> str:
    if "problem" in variant.receipt:
        return str(variant.receipt["problem"])
    checks = [one for one in variant.receipt.get("checks", ()) if one["case"] == "realistic"]
    return ", ".join(f"{one['metric']} {one['value']:.5g}" for one in checks)
