"""A page with how a migration went: figures, decisions, and pictures of waits and agreements."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from inhouse.errors import OutputError
from inhouse.files import write_atomic


def write_page(path: Path, told: Mapping[str, Any]) -> None:
    """Write the page.

    Raises:
        OutputError: it cannot be written, or what draws is not installed.

    """
    found = told.get("candidate") or {}
    names = ("mode", "candidate", "live", "share", "calls", "failed", "agreement", "p50", "p95", "live_p50", "live_p95")
    rows = "".join(f"<tr><th>{name}<td>{escape(str(found.get(name, '')))}" for name in names)
    events = "".join(
        f"<li>Version {event['version']} at {event['share']:.3g}: {escape(event['verdict'])}. {escape(event['reason'])}"
        for event in told.get("events", [])
    )
    title = escape(f"Migration of {told['service']}")
    content = (
        f'<!doctype html><meta charset="utf-8"><title>{title}</title><style>body{{font:16px sans-serif;margin:2em}}'
        f"th{{text-align:left;padding-right:1em}}</style><h1>{title}</h1><table>{rows}</table><ul>{events}</ul>"
        f'<img alt="waits and agreements" src="data:image/png;base64,{base64.b64encode(drawn(found)).decode()}">'
    )
    write_atomic(path, lambda file: file.write(content.encode()))


def drawn(found: Mapping[str, Any]) -> bytes:
    """Return a picture (PNG): how long calls took, and how far answers agreed, one after another.

    Raises:
        OutputError: what draws is not installed.

    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise OutputError("Matplotlib is not installed.", hint="pip install 'inhouse[plots]'") from error
    figure = Figure(figsize=(9, 6), layout="constrained")
    FigureCanvasAgg(figure)
    waits, alike = figure.subplots(2)
    for name, label in (("live_seconds", "live"), ("seconds", "candidate")):
        values: Sequence[float] = found.get(name, ())
        waits.plot([seconds * 1000 for seconds in values], label=label, linewidth=0.8)
    waits.set(xlabel="call", ylabel="ms")
    waits.legend()
    alike.plot(found.get("agreements", ()), linewidth=0.8)
    alike.set(xlabel="call", ylabel="agreement", ylim=(0, 1.05))
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()
