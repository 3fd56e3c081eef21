"""Security headers: what a browser may do with our answers, and how long it may keep them."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_INLINE = re.compile(r"<script(?![^>]*\bsrc\b)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9._-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?")


def canvas_policy(index: Path | None) -> str:
    """Return the Content Security Policy (W3C, level 3) under which the canvas works and calls nobody but us.

    It needs inline styles; WebAssembly; workers and audio worklets made from blobs; pictures and fonts from data and
    blobs. Its page's own inline scripts are named by their hashes, so that no other one runs. ``{sockets}`` in the
    policy stands for our WebSockets' origins, which not every browser takes for ``'self'``.
    """
    html = index.read_text(encoding="utf-8") if index is not None else ""
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in _INLINE.findall(html)]
    scripts = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' blob: 'wasm-unsafe-eval' {scripts}".rstrip(),
            "worker-src 'self' blob: data:",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "media-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self' data: blob:{sockets}",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        )
    )


class SecurityHeaders:
    """ASGI middleware that adds the headers to every answer that does not set them itself.

    Args:
        app: what lies behind.
        policy: as ``canvas_policy`` makes it.

    """

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self._app = app
        self._policy = policy
        self._fixed = (
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"same-origin"),
            (b"x-frame-options", b"SAMEORIGIN"),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, and add to the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name.lower() for name, _ in given}
                if b"content-security-policy" not in names:
                    policy = self._policy.replace("{sockets}", _sockets(scope))
                    given.append((b"content-security-policy", policy.encode("latin-1")))
                message["headers"] = [*given, *(header for header in self._fixed if header[0] not in names)]
            await send(message)

        await self._app(scope, receive, adding)


def _sockets(scope: Scope) -> str:
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    return f" ws://{hosts[0]} wss://{hosts[0]}" if len(hosts) == 1 and _HOST.fullmatch(hosts[0]) else ""
