"""The OpenAPI document as a page to read and to search in; it runs no script and loads nothing."""

from __future__ import annotations

import json
import re
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_VERBS = frozenset({"get", "head", "post", "put", "patch", "delete", "options"})
_DEEPEST = 6


def api_page(document: Mapping[str, Any]) -> str:
    """Return the HTML of a document's operations, by tag, with their parameters, bodies and answers."""
    info = document["info"]
    parts = [f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>{_text(info.get('description', ''))}"]
    parts.append('<p>For programs: <a href="/openapi.json">openapi.json</a>.</p>')
    tags = document.get("tags", [])
    links = (f'<li><a href="#{escape(tag["name"])}">{escape(tag["name"])}</a></li>' for tag in tags)
    parts.append(f"<nav><ul>{''.join(links)}</ul></nav>{_access(document)}")
    for tag in tags:
        parts.append(f'<section id="{escape(tag["name"])}"><h2>{escape(tag["name"])}</h2>')
        parts.append(_text(tag.get("description", "")))
        parts += _operations(document, tag["name"])
        parts.append("</section>")
    return "".join(parts)


def _access(document: Mapping[str, Any]) -> str:
    schemes = document.get("components", {}).get("securitySchemes", {})
    rows = [
        (f"<code>{escape(_carrier(scheme))}</code>", _inline(scheme.get("description", "")))
        for scheme in schemes.values()
    ]
    return f"<h2>Access</h2>{_table(('Token in', ''), rows)}"


def _carrier(scheme: Mapping[str, Any]) -> str:
    if scheme["type"] == "http":
        return f"Authorization: {scheme['scheme'].title()} ..."
    return f"{scheme['in'].title()}: {scheme['name']}=..."


def _operations(document: Mapping[str, Any], tag: str) -> Iterator[str]:
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            if verb in _VERBS and tag in operation.get("tags", ()):
                yield _operation(document, path, verb, operation, item.get("parameters", []))


def _operation(
    document: Mapping[str, Any], path: str, verb: str, operation: Mapping[str, Any], shared: Sequence[Any]
) -> str:
    anchor = escape(re.sub(r"[^a-z0-9]+", "-", f"{verb}{path}".lower()).strip("-"))
    parts = [f'<details id="{anchor}"><summary><span class="verb">{verb.upper()}</span> <code>{escape(path)}</code> ']
    parts.append(f"{escape(operation.get('summary', ''))}</summary>{_text(operation.get('description', ''))}")
    parameters = [_resolved(document, each) for each in [*shared, *operation.get("parameters", [])]]
    rows = [_parameter(document, each) for each in parameters]
    parts.append(_table(("Parameter", "In", "Type", "Meaning"), rows))
    body = _resolved(document, operation.get("requestBody", {}))
    for media, content in body.get("content", {}).items():
        parts.append(f"<h4>Body: <code>{escape(media)}</code></h4>{_schema(document, content.get('schema', {}))}")
    rows = [_answer(document, status, each) for status, each in operation.get("responses", {}).items()]
    parts.append(_table(("Status", "Meaning", "Content"), rows))
    return "".join([*parts, "</details>"])


def _parameter(document: Mapping[str, Any], each: Mapping[str, Any]) -> tuple[str, ...]:
    schema = _resolved(document, each.get("schema", {}))
    default = f" Default: <code>{escape(json.dumps(schema['default']))}</code>." if "default" in schema else ""
    name = f"<code>{escape(each['name'])}</code>{'' if each.get('required') else ' (optional)'}"
    meaning = _inline(each.get("description") or schema.get("description", "")) + default
    return name, escape(each["in"]), escape(_type(document, schema)), meaning


def _answer(document: Mapping[str, Any], status: str, each: Mapping[str, Any]) -> tuple[str, ...]:
    answer = _resolved(document, each)
    contents = [
        f"<code>{escape(media)}</code> {escape(_type(document, content.get('schema', {})))}"
        for media, content in answer.get("content", {}).items()
    ]
    return escape(status), _inline(answer.get("description", "")), "<br>".join(contents)


def _schema(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return the fields of a body as a table, or what else it is."""
    found = _resolved(document, schema)
    required = found.get("required", ())
    rows = [
        (
            f"<code>{escape(name)}</code>{'' if name in required else ' (optional)'}",
            escape(_type(document, each)),
            _inline(_resolved(document, each).get("description", "")),
        )
        for name, each in found.get("properties", {}).items()
    ]
    return _text(found.get("description", "")) + (
        _table(("Field", "Type", "Meaning"), rows) or f"<p>{escape(_type(document, found))}</p>"
    )


def _type(document: Mapping[str, Any], schema: Any, depth: int = 0) -> str:
    """Return a schema's type in a few words."""
    found = _resolved(document, schema)
    if depth > _DEEPEST or not found:
        return "anything"
    for word in ("anyOf", "oneOf"):
        if word in found:
            return " or ".join(dict.fromkeys(_type(document, each, depth + 1) for each in found[word]))
    if "enum" in found:
        return ", ".join(json.dumps(value, ensure_ascii=False) for value in found["enum"])
    kind = found.get("type", found.get("title", "anything"))
    kinds = " or ".join(kind) if isinstance(kind, list) else str(kind)
    if kinds == "array":
        return f"list of {_type(document, found.get('items', {}), depth + 1)}"
    low, high = found.get("minimum"), found.get("maximum")
    limits = [f"from {low}" if low is not None else "", f"to {high}" if high is not None else ""]
    return " ".join([kinds, *filter(None, limits)])


def _resolved(document: Mapping[str, Any], value: Any) -> Mapping[str, Any]:
    """Follow a reference within the document (RFC 6901); what leads nowhere is empty."""
    for _ in range(_DEEPEST):
        if not isinstance(value, dict):
            return {}
        reference = value.get("$ref")
        if not isinstance(reference, str):
            return value
        value = document
        for step in reference.removeprefix("#/").split("/"):
            value = value.get(step.replace("~1", "/").replace("~0", "~"), {}) if isinstance(value, dict) else {}
    return {}


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table>"


def _text(markdown: str) -> str:
    """Return paragraphs, with what stands in back-ticks as code."""
    return "".join(f"<p>{_inline(each)}</p>" for each in re.split(r"\n\s*\n", markdown) if each.strip())


def _inline(markdown: str) -> str:
    return re.sub(r"``?([^`]+)``?", r"<code>\1</code>", escape(markdown))
