"""The report of a conversion: what was done, what it gained, and how well the result answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.errors import AccuracyError, InterruptedRunError

if TYPE_CHECKING:
    from inhouse.cli.voice import Voice
    from inhouse.errors import InhouseError
    from inhouse.models.receipt import Check, Receipt

_SHOWN = 8
"""So many comparisons are shown to people; ``--json`` and the receipt have all."""
_WIDE = 200
"""So many letters of notes."""


@dataclass(frozen=True, slots=True)
class ConvertReport:
    """Says what became of a conversion, to people or to programs.

    Attributes:
        status: ``success``, ``error`` or ``interrupted``.
        errors: what went wrong.
        folder: where the artifact lies; None if there is none.

    """

    status: str
    errors: Sequence[InhouseError]
    folder: Path | None

    def print_to(self, voice: Voice) -> None:
        """Print one JSON object, or tables and the artifact's place."""
        receipt = self._receipt()
        if voice.as_json:
            voice.fail(*self.errors, silent=True)
            voice.answer(self._as_dict(receipt))
            return
        failed = [check for error in self.errors for check in _checks(error) if not check.passed]
        if failed:
            _table(voice, "Answers that differ", _CHECKS, _check_rows(failed))
        for error in self.errors:
            if not isinstance(error, InterruptedRunError):
                voice.fail(error)
        if receipt is not None and self.folder is not None:
            _tables(voice, receipt)
            voice.write(str(self.folder))
        else:
            voice.note("Nothing was written.")

    def _receipt(self) -> Receipt | None:
        from inhouse.models.receipt import NAME, read_receipt

        return None if self.folder is None else read_receipt(self.folder / NAME)

    def _as_dict(self, receipt: Receipt | None) -> dict[str, Any]:
        """Return the whole report as JSON-ready data."""
        data: dict[str, Any] = {"status": self.status, "errors": [error.as_dict() for error in self.errors]}
        if receipt is not None:
            return {**data, "artifact": str(self.folder), "speedup": speedup(receipt), "receipt": receipt.as_dict()}
        return {**data, "checks": [asdict(check) for error in self.errors for check in _checks(error)]}


def speedup(receipt: Receipt) -> float:
    """Return how many times faster the result is at batch 1; 0 if nothing was measured."""
    after = receipt.after.latency_ms
    return round(receipt.before.latency_ms / after, 2) if after else 0.0


def _tables(voice: Voice, receipt: Receipt) -> None:
    rows = [(done.name, f"{done.seconds:.1f} s", _short("; ".join(done.notes))) for done in receipt.passes]
    _table(voice, "Passes", ("pass", "took", "notes"), rows)
    if back := receipt.reverted:
        more = f" and {len(back) - _SHOWN} more" if len(back) > _SHOWN else ""
        voice.note(f"Kept in the original precision, as they hurt: {', '.join(back[:_SHOWN])}{more}.")
    before, after = receipt.before, receipt.after
    costs = (
        ("latency at batch 1", before.latency_ms, after.latency_ms, "ms"),
        ("memory", before.memory_mb, after.memory_mb, "MB"),
        ("disk", before.disk_mb, after.disk_mb, "MB"),
    )
    shown = [(what, f"{was:.1f} {unit}", f"{now:.1f} {unit}", _ratio(was, now)) for what, was, now, unit in costs]
    _table(voice, "Costs", ("", "before", "after", ""), shown)
    _table(voice, "Answers", _CHECKS, _check_rows(receipt.checks))


_CHECKS = ("asked", "measured", "found", "allowed", "")


def _check_rows(checks: Iterable[Check]) -> list[tuple[str, ...]]:
    """Return the comparisons that say most: those that failed, those on realistic inputs, the worst of the others."""
    known = sorted(
        checks, key=lambda check: (check.passed, check.case != "realistic", check.informative, -_share(check))
    )
    rows = [
        (
            check.case,
            check.metric,
            f"{check.value:.3g}",
            "for information" if check.informative else f"{check.bound:.3g}",
            "ok" if check.passed else "FAILED",
        )
        for check in known[:_SHOWN]
    ]
    return [*rows, *([("...", f"and {len(known) - _SHOWN} more", "", "", "")] if len(known) > _SHOWN else [])]


def _share(check: Check) -> float:
    return check.value / check.bound if check.bound else 0.0


def _checks(error: InhouseError) -> tuple[Check, ...]:
    return error.checks if isinstance(error, AccuracyError) else ()  # type: ignore[return-value] # errors know no receipts


def _short(text: str) -> str:
    return text if len(text) <= _WIDE else f"{text[:_WIDE]}..."


def _ratio(before: float, after: float) -> str:
    if not before or not after:
        return ""
    return f"{before / after:.1f} x less" if before >= after else f"{after / before:.1f} x more"


def _table(voice: Voice, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table to people; to a pipe goes nothing but the artifact's place, the rest beside it."""
    if voice.on_terminal:
        voice.table(title, columns, rows)
        voice.write("")
        return
    for row in rows:
        voice.note("\t".join(row))
