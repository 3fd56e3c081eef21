"""The report of a profile: a table of what each node and each stage took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from inhouse.backends.memory import said

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from inhouse.backends.profile import Profile
    from inhouse.cli.voice import Voice
    from inhouse.engine.workflow import Workflow

COLUMNS = ("node", "stage", "calls", "seconds", "of all", "peak memory")

_OTHER = 0.005
"""Part of a node's time that is worth a line of its own though no stage has it."""


@dataclass(frozen=True, slots=True)
class ProfileReport:
    """Says where the time and the memory of a run went.

    Attributes:
        profile: what was recorded.
        workflow: for the nodes' names.
        seconds: the whole run.

    """

    profile: Profile
    workflow: Workflow
    seconds: float

    def deliver(self, voice: Voice, file: Path | None) -> None:
        """Print the table, unless the answer is JSON, which has it; and write the file, if there is to be one.

        Raises:
            OutputError: it cannot be drawn, or not be written.

        """
        if not voice.as_json:
            self.print_to(voice)
        if file is not None:
            self.write(file)
            voice.note(f"The profile: {file}")

    @staticmethod
    def check(file: Path) -> None:
        """Say before a run that its profile could not be written after it.

        Raises:
            OutputError: the name ends in nothing that there is.

        """
        from inhouse.cli.profile_plot import check_format

        if file.suffix.lower() != ".json":
            check_format(file.suffix.lower().lstrip("."))

    def print_to(self, voice: Voice) -> None:
        """Print a table on standard error, the nodes that took longest first."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False)
        for column in COLUMNS:
            table.add_column(column, justify="left" if column in COLUMNS[:2] else "right")
        for row in self.rows():
            table.add_row(*(Text(cell, "bold" if row[0] else "") for cell in row))
        voice.console.print(table)

    def write(self, path: Path) -> None:
        """Write a picture of the profile, or its data where the file's name ends in ``.json``.

        Raises:
            OutputError: it cannot be drawn, or not be written.

        """
        import json

        from inhouse.files import write_atomic

        if path.suffix.lower() == ".json":
            data = {"seconds": round(self.seconds, 6), **self.profile.as_dict()}
            text = json.dumps(data, indent=1) + "\n"
            write_atomic(path, lambda file: file.write(text.encode()))
            return
        from inhouse.cli.profile_plot import draw

        picture = draw(self.profile, self.names(), path.suffix.lower().lstrip("."))
        write_atomic(path, lambda file: file.write(picture))

    def names(self) -> dict[str, str]:
        """Return each node's name, by its id."""
        names = {}
        for span in self.profile.spans:
            node = self.workflow.nodes.get(span.node_id)
            names[span.node_id] = f"{node.title or node.type} ({span.node_id})" if node else span.node_id
        return names

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Yield a row for each node, and below it for each of its stages."""
        names = self.names()
        whole = [span for span in self.profile.spans if not span.stage]
        for span in sorted(whole, key=lambda span: -span.seconds):
            steps = len(self.profile.steps.get(span.node_id, ()))
            calls = f"{steps} steps" if steps else ""
            yield names[span.node_id], "", calls, *self._figures(span.seconds, span.peak_bytes)
            rest = span.seconds
            for name, sums in self.profile.stages(span.node_id).items():
                rest -= sums["seconds"]
                yield "", name, str(sums["calls"]), *self._figures(sums["seconds"], sums["peak_bytes"])
            if rest > _OTHER * self.seconds and rest < span.seconds:
                yield "", "other", "", *self._figures(rest, None)
        outside = self.seconds - sum(span.seconds for span in whole)
        if outside > _OTHER * self.seconds:
            yield "outside of nodes", "", "", *self._figures(outside, None)
        for stage, sums in self.profile.stages().items():
            yield "all nodes", stage, str(sums["calls"]), *self._figures(sums["seconds"], sums["peak_bytes"])

    def _figures(self, seconds: float, peak: int | None) -> tuple[str, str, str]:
        share = f"{seconds / self.seconds:.0%}" if self.seconds else ""
        return f"{seconds:.3f}", share, "" if peak is None else said(peak)
