"""The report as one page of HTML, which needs nothing from anywhere else."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from inhouse.packs.benchmark.comparing import within
from inhouse.packs.benchmark.plots import figures_of, svg
from inhouse.packs.benchmark.tables import FIGURES, VARIANTS, figures, problems, remarks, variants
from inhouse.packs.benchmark.words import Words

if TYPE_CHECKING:
    from inhouse.packs.benchmark.model import Report

_STYLE = """
body { font: 15px/1.5 system-ui, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; max-width: 72rem;
  margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap; }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 1rem; }
figure { margin: 0; } figcaption { font-weight: 600; } img { width: 100%; height: auto; } .quiet { color: #666; }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #1b1b1b; } th, td { border-color: #444; }
  img { background: #fff; } .quiet { color: #aaa; } }
"""


def page(report: Report, language: str = "en") -> str:
    """Return a report as a page: tables, plots, what compares with what, and what to know of it.

    Raises:
        OutputError: Matplotlib is not installed.

    """
    words = Words(language)
    machine = report.machine
    gigabytes = f"{int(machine.get('memory_bytes', 0)) / 1e9:.0f} GB"
    about = [report.created, machine.get("processor", ""), f"{machine.get('cores', '')} x", gigabytes]
    versions = [f"{name} {found}" for name, found in machine.get("libraries", {}).items()]
    shown = [(title, svg(draw)) for title, draw in figures_of(report, words)]
    parts = [
        f"<h1>{words('Benchmark')}</h1>",
        f'<p class="quiet">{escape(" · ".join([*map(str, about), *versions]))}</p>',
        *_listed(words("Problems"), problems(report, words)),
        *_listed(words("Comparison"), map(words.verdict, within(report))),
        f"<h2>{words('Figures')}</h2>",
        f'<p class="quiet">{words.intervals}</p>',
        _table([words(name) for name in FIGURES], [_said(row, words) for row in _rows(report, words)]),
        f"<h2>{words('Variants')}</h2>",
        _table([words(name) for name in VARIANTS], list(variants(report))),
        '<div class="plots">',
        *(_figure(title, picture) for title, picture in shown),
        "</div>",
        *_listed(words("What to know"), remarks(report, words)),
    ]
    head = f'<meta charset="utf-8"><title>{words("Benchmark")}</title><style>{_STYLE}</style>'
    wide = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    body = "\n".join(parts)
    code = "zh-CN" if language == "zh" else "en"
    return f'<!DOCTYPE html>\n<html lang="{code}"><head>{head}{wide}</head>\n<body>\n{body}\n</body></html>\n'


def _rows(report: Report, words: Words) -> Iterable[tuple[str, ...]]:
    for cell, row in zip(report.cells, figures(report), strict=True):
        yield (row[0], words.load(cell.load), *row[2:])


def _said(row: tuple[str, ...], words: Words) -> tuple[str, ...]:
    return (*row[:-1], ", ".join(words(note) for note in row[-1].split(", ")))


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    kept = [number for number in range(len(columns)) if not number or any(row[number] for row in rows)]
    head = "".join(f"<th>{escape(columns[number])}</th>" for number in kept)
    body = "\n".join(f"<tr>{''.join(f'<td>{escape(row[number])}</td>' for number in kept)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def _figure(title: str, picture: bytes) -> str:
    data = base64.b64encode(picture).decode()
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<img alt="{escape(title)}" src="data:image/svg+xml;base64,{data}"></figure>'
    )


def _listed(title: str, texts: Iterable[str]) -> list[str]:
    found = [f"<li>{escape(text)}</li>" for text in texts]
    return [f"<h2>{escape(title)}</h2>", "<ul>", *found, "</ul>"] if found else []
