"""Media types by file name: a fixed table, the same on every machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from types import MappingProxyType

UNKNOWN = "application/octet-stream"

_ACTIVE: Mapping[str, str] = MappingProxyType(
    {
        ".css": "text/css",
        ".html": "text/html",
        ".js": "application/javascript",
        ".mjs": "application/javascript",
        ".svg": "image/svg+xml",
        ".wasm": "application/wasm",
    }
)
"""What a browser may run, or let act on a page."""

_INERT: Mapping[str, str] = MappingProxyType(
    {
        ".aac": "audio/aac", ".apng": "image/apng", ".avif": "image/avif", ".bmp": "image/bmp", ".csv": "text/csv",
        ".eot": "application/vnd.ms-fontobject", ".flac": "audio/flac", ".gif": "image/gif",
        ".glb": "model/gltf-binary", ".gltf": "model/gltf+json", ".ico": "image/x-icon", ".jfif": "image/jpeg",
        ".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".json": "application/json", ".m4a": "audio/mp4",
        ".map": "application/json", ".md": "text/markdown", ".mkv": "video/x-matroska", ".mov": "video/quicktime",
        ".mp3": "audio/mpeg", ".mp4": "video/mp4", ".oga": "audio/ogg", ".ogg": "audio/ogg", ".ogv": "video/ogg",
        ".opus": "audio/ogg", ".otf": "font/otf", ".png": "image/png", ".tif": "image/tiff", ".tiff": "image/tiff",
        ".ttf": "font/ttf", ".txt": "text/plain", ".wav": "audio/wav", ".webm": "video/webm", ".webp": "image/webp",
        ".woff": "font/woff", ".woff2": "font/woff2",
    }
)  # fmt: skip
"""What a browser only shows."""


def media_type(name: str) -> str:
    """Return the media type of a file that we or a pack brought."""
    suffix = PurePath(name).suffix.lower()
    return _ACTIVE.get(suffix) or _INERT.get(suffix, UNKNOWN)


def inert_media_type(name: str) -> str:
    """Return the media type under which a user's file is served: never one that a browser would run."""
    return _INERT.get(PurePath(name).suffix.lower(), UNKNOWN)
