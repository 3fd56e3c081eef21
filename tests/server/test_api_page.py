"""People can read the API, and nothing in it runs."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inhouse.server.api_page import api_page

NASTY = "<script>alert('x')</script> & `code`"
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "House", "version": "1", "description": "First.\n\nSecond, `code`."},
    "tags": [{"name": "runs", "description": NASTY}],
    "components": {
        "schemas": {
            "Size": {"type": "integer", "minimum": 1, "maximum": 8},
            "Loop": {"$ref": "#/components/schemas/Loop"},
        },
        "securitySchemes": {
            "token": {"type": "http", "scheme": "bearer"},
            "cookie": {"type": "apiKey", "in": "cookie", "name": "inhouse_token"},
        },
    },
    "paths": {
        "/x/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "post": {
                "tags": ["runs"],
                "summary": NASTY,
                "description": NASTY,
                "parameters": [
                    {"name": "size", "in": "query", "schema": {"$ref": "#/components/schemas/Size", "default": 1}},
                    {"name": "kind", "in": "query", "schema": {"enum": ["a", None], "default": "a"}},
                ],
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["names"],
                                "properties": {
                                    "names": {
                                        "type": "array",
                                        "items": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                                    },
                                    "loop": {"$ref": "#/components/schemas/Loop"},
                                },
                            }
                        },
                        "image/png": {"schema": {"type": "string"}},
                    }
                },
                "responses": {"200": {"description": NASTY, "content": {"image/png": {}}}},
            },
        }
    },
}


class Reader(HTMLParser):
    """Notes tags and their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("br", "input", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_an_operation_shows_its_parameters_bodies_and_answers() -> None:
    html = api_page(DOCUMENT)
    for said in (
        "POST",
        "/x/{id}",
        "integer from 1 to 8",
        "list of string or null",
        "&quot;a&quot;, null",
        "image/png",
    ):
        assert said in html
    assert "<code>size</code> (optional)" in html
    assert "<code>id</code></td>" in html
    assert "Cookie: inhouse_token=..." in html
    assert "<p>Second, <code>code</code>.</p>" in html


def test_what_the_document_says_is_text() -> None:
    html = api_page(DOCUMENT)
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_the_page_is_sound_and_loads_nothing() -> None:
    read = Reader(api_page(DOCUMENT))
    assert read.open == []
    targets = [value for _, attributes in read.seen for name, value in attributes.items() if name in ("href", "src")]
    assert targets == ["/openapi.json", "#runs"]
    names = {name for _, attributes in read.seen for name in attributes}
    assert not any(name.startswith("on") or name == "style" for name in names)


@given(st.text(max_size=50), st.text(max_size=50), st.text(max_size=20))
def test_no_text_breaks_out(description: str, summary: str, name: str) -> None:
    operation = {
        "tags": ["t"],
        "summary": summary,
        "description": description,
        "parameters": [{"name": name, "in": "query"}],
    }
    document = {
        "info": {"title": name, "version": summary, "description": description},
        "tags": [{"name": "t", "description": description}],
        "paths": {f"/{name}": {"get": operation}},
    }
    assert Reader(api_page(document)).open == []
