"""Reports as files: JSON with every call, markdown, or one page of HTML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from inhouse.errors import FileError, OutputError
from inhouse.files import write_atomic
from inhouse.packs.benchmark.comparing import within
from inhouse.packs.benchmark.model import Report
from inhouse.packs.benchmark.tables import FIGURES, SHARES, VARIANTS, figures, problems, remarks, shares, variants

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FORMATS = (".json", ".md", ".html")


def check_formats(files: Iterable[Path]) -> None:
    """Say before anything is measured that a report could not be written.

    Raises:
        OutputError: a file's name ends in nothing that there is.

    """
    for file in files:
        if file.suffix.lower() not in FORMATS:
            raise OutputError(f"A report cannot be written as {file.name}.", hint=f"End it in {', '.join(FORMATS)}.")


def write(report: Report, file: Path, language: str = "en") -> None:
    """Write a report as its name says.

    Raises:
        OutputError: the format is unknown, what draws is not installed, or it cannot be written.

    """
    check_formats([file])
    data = content(report, file.suffix.lower(), language)
    write_atomic(file, lambda stream: stream.write(data))


def content(report: Report, kind: str, language: str = "en") -> bytes:
    """Return a report as a row of `FORMATS` has it.

    Raises:
        OutputError: what draws is not installed.

    """
    if kind == ".json":
        return json.dumps(report.as_dict(), separators=(",", ":")).encode() + b"\n"
    if kind == ".md":
        return markdown(report).encode()
    from inhouse.packs.benchmark.page import page

    return page(report, language).encode()


def read(file: Path) -> Report:
    """Read what was written as JSON.

    Raises:
        FileError: it cannot be read, or is no report.

    """
    try:
        data = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise FileError(f"{file} cannot be read as a report.", hint="Give what --out wrote as .json.") from error
    if not isinstance(data, dict):
        raise FileError(f"{file} is no report of inhouse bench.", hint="Give what --out wrote as .json.")
    return Report.from_dict(data)


def markdown(report: Report) -> str:
    """Return a report as markdown."""
    machine = report.machine
    lines = [
        "# Benchmark",
        "",
        f"{report.created}, {machine.get('processor', '')}, {machine.get('cores', '')} cores, {report.seconds:.0f} s.",
        "",
        *_table(FIGURES, list(figures(report))),
        "",
        *_table(VARIANTS, list(variants(report))),
        "",
        *([*_table(SHARES, nodes), ""] if (nodes := list(shares(report))) else []),
    ]
    said = [*map(str, within(report)), *problems(report), *remarks(report)]
    return "\n".join([*lines, *(f"- {text}" for text in said), ""])


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    kept = [number for number in range(len(columns)) if number == 0 or any(row[number] for row in rows)]
    lines = [[columns[number] for number in kept], ["---"] * len(kept)]
    lines += [[row[number].replace("|", "\\|") for number in kept] for row in rows]
    return ["| " + " | ".join(line) + " |" for line in lines]
