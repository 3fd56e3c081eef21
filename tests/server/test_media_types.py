from __future__ import annotations

import pytest

from inhouse.server.media_types import inert_media_type, media_type


@pytest.mark.parametrize(
    "name", ["a.html", "a.HTM", "a.xhtml", "a.svg", "a.js", "a.mjs", "a.css", "a.xml", "a.pdf", "a", ".html", "a.wasm"]
)
def test_nothing_that_a_browser_would_run_is_served_as_such(name: str) -> None:
    assert inert_media_type(name) == "application/octet-stream"


@pytest.mark.parametrize(
    ("name", "kind"), [("A.PNG", "image/png"), ("a.mp4", "video/mp4"), ("a.json", "application/json")]
)
def test_what_is_only_shown_has_its_type(name: str, kind: str) -> None:
    assert inert_media_type(name) == media_type(name) == kind


def test_what_a_canvas_brings_has_its_type() -> None:
    assert media_type("app.js") == "application/javascript"
    assert media_type("module.wasm") == "application/wasm"
