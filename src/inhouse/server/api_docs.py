"""The OpenAPI document, as a reader wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inhouse import __version__
from inhouse.server.auth import COOKIE

if TYPE_CHECKING:
    from fastapi import FastAPI

_ABOUT = (
    "ComfyUI's API, on a gateway that keeps runs in a database, lets several people work, and survives the death of "
    "its workers. Every route answers under `/` and under `/api`. Progress comes over the WebSocket at `/ws`."
)
_TAGS = (
    ("runs", "Submit workflows, watch the queue, stop runs.", ("prompt", "queue", "interrupt", "free")),
    ("results", "What became of runs, and the pictures they made.", ("history", "jobs", "view", "assets")),
    ("files", "Pictures for workflows to read.", ("upload",)),
    ("nodes", "The nodes there are, and their inputs.", ("object_info",)),
    ("models", "The model files there are.", ("models", "experiment", "embeddings", "view_metadata")),
    ("users", "What each user keeps here.", ("users", "settings", "userdata", "v2")),
    ("canvas", "What the canvas asks for.", ("extensions", "workflow_templates", "i18n", "global_subgraphs")),
    ("system", "The machine and its workers.", ("system_stats", "features", "internal")),
    ("services", "Published models and workflows, in their own terms and in others'.", ("services", "v1")),
    ("health", "For whoever watches over the gateway.", ("healthz", "readyz", "metrics")),
    ("others", "Everything else.", ()),
)
"""Tags in reading order, with the first path segments of what belongs there."""
_OPEN = ("/healthz", "/readyz")
_VERBS = frozenset({"get", "put", "post", "delete", "options", "head", "patch"})


def describe(app: FastAPI) -> dict[str, Any]:
    """Return FastAPI's own document (OpenAPI 3.1) with who we are, who may ask, and tags in reading order."""
    document = dict(app.openapi())
    document["info"] = {
        "title": "Inhouse",
        "version": __version__,
        "description": _ABOUT,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }
    document["servers"] = [{"url": "/"}, {"url": "/api"}]
    components = dict(document.get("components", {}))
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "From `inhouse token new NAME`."},
        "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "Set by the page `/login`."},
    }
    document["components"] = components
    document["security"] = [{"token": []}, {"cookie": []}]
    paths = {
        path: {verb: _enriched(path, each) if verb in _VERBS else each for verb, each in item.items()}
        for path, item in document.get("paths", {}).items()
    }
    document["paths"] = dict(sorted(paths.items(), key=lambda pair: _place(pair[0])))
    used = {operation["tags"][0] for item in paths.values() for verb, operation in item.items() if verb in _VERBS}
    document["tags"] = [{"name": name, "description": text} for name, text, _ in _TAGS if name in used]
    return document


def _enriched(path: str, operation: dict[str, Any]) -> dict[str, Any]:
    more: dict[str, Any] = {"tags": [_TAGS[_place(path)][0]]}
    if path in _OPEN:
        more["security"] = []
    else:
        refusals = {"401": "No access token, or a wrong one.", "403": "Not yours, or a page of another site asks."}
        described = {status: {"description": text} for status, text in refusals.items()}
        more["responses"] = {**operation.get("responses", {}), **described}
    return {**operation, **more}


def _place(path: str) -> int:
    """Return which tag a path belongs to."""
    first = path.lstrip("/").partition("/")[0]
    return next((place for place, (_, _, segments) in enumerate(_TAGS) if first in segments), len(_TAGS) - 1)
