"""Pages of our own: no script, nothing from elsewhere, readable in light and dark."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: light-dark(#2456a6, #8ab4f8); }
* { box-sizing: border-box; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
a { color: var(--accent); } code, pre { font-family: ui-monospace, monospace; font-size: .92em; }
pre { background: var(--soft); padding: .6rem .8rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 1rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .4rem 0; padding: .3rem .8rem; }
summary { cursor: pointer; } .verb { display: inline-block; min-width: 4.5em; font-weight: 600; color: var(--accent); }
input, button { font: inherit; padding: .5rem .7rem; width: 100%; margin: .3rem 0 .8rem; }
.error { border-left: .25rem solid #c33; padding-left: .7rem; }
.narrow { max-width: 26rem; margin-inline: auto; }
nav ul { columns: 3 12rem; padding-left: 1.2rem; }
"""


def page(
    title: str, body: str, *, head: str = "", status: int = 200, headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    """Return a page with this HTML in it, which loads nothing, runs nothing, and is in no frame."""
    style = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>{head}<style>{STYLE}</style></head><body>{body}</body></html>"
    )
    policy = (
        f"default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    guards = {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "same-origin",  # with `no-referrer` a form's Origin would be `null`, which is refused
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return HTMLResponse(text, status, {**guards, **(headers or {})})
