"""Logging in with a browser: a page without scripts, and a cookie."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from inhouse.errors import AccessError, InhouseError, TooManyAttemptsError, UnauthenticatedError
from inhouse.server.auth import COOKIE, sound, with_token
from inhouse.server.pages import page

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

    from inhouse.server.door import Door

_MONTH = 30 * 24 * 3600
_LARGEST_FORM = 4096
_EMPTY = UnauthenticatedError("This is no access token.", hint="It begins with inhouse_ and is one word.")


class Login:
    """Answers ``/login``, ``/logout``, and ``/?token=`` as terminals print it."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def answer(self, scope: Scope, receive: Receive) -> Response | None:
        """Return the answer to a request if it is about logging in, else None."""
        if scope["type"] != "http":
            return None
        way = scope["method"], scope["path"]
        if way == ("POST", "/login"):
            return self._try(scope, await _form_token(Request(scope, receive)))
        if way == ("POST", "/logout"):
            response = RedirectResponse("/login", 303)
            response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=scope["scheme"] == "https")
            return response
        if way in (("GET", "/login"), ("HEAD", "/login")):
            return login_page()
        if way == ("GET", "/") and b"token=" in scope["query_string"]:
            return self._from_address(scope)
        return None

    def _from_address(self, scope: Scope) -> Response | None:
        """Log in with the token of the address bar, and get it out of there."""
        tokens = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        if not tokens:
            return None
        if any(name == b"sec-fetch-site" and value != b"none" for name, value in scope["headers"]):
            return login_page(token=tokens[0])  # a link brought them here: whoever made it may want them to be another
        return self._try(scope, tokens[0])

    def _try(self, scope: Scope, text: str) -> Response:
        token = sound(text.strip().encode("utf-8", "replace"))
        if token is None:
            return login_page(_EMPTY)
        try:
            self._door.enter(with_token(scope, token))
        except AccessError as error:
            return login_page(error)
        response = RedirectResponse("/", 303, {"Cache-Control": "no-store"})
        secure = scope["scheme"] == "https"
        response.set_cookie(COOKIE, token.decode(), _MONTH, httponly=True, samesite="strict", secure=secure)
        return response


def login_page(error: InhouseError | None = None, *, token: str = "") -> Response:
    """Return the page that asks for a token: with 200, or the status that goes with what went wrong before."""
    headers = {}
    if isinstance(error, TooManyAttemptsError):
        headers["Retry-After"] = str(error.seconds)
    elif error is not None:
        headers["WWW-Authenticate"] = "Bearer"
    wrong = f'<p class="error" role="alert">{escape(error.message)}</p>' if error is not None else ""
    body = (
        f'<main class="narrow"><h1>Inhouse</h1>{wrong}<form method="post" action="/login">'
        '<label for="token">Access token</label>'
        '<input id="token" name="token" type="password" autocomplete="current-password" autofocus required '
        f'value="{escape(token)}"><button>Log in</button></form>'
        "<p>Whoever runs this gateway makes one with <code>inhouse token new NAME</code>.</p></main>"
    )
    status = 200 if error is None else 429 if isinstance(error, TooManyAttemptsError) else 401
    return page("Log in to Inhouse", body, status=status, headers=headers)


def reload_page(scope: Scope) -> Response:
    """Return a page that asks for the same address again, as our own page.

    A browser that follows a link from another site keeps a strict cookie to itself, and sends it this second time.
    """
    query = scope["query_string"].decode("latin-1")
    address = quote("/" + scope["path"].lstrip("/")) + (f"?{query}" if query else "")
    head = f'<meta http-equiv="refresh" content="0; url={escape(address)}">'
    body = f'<main class="narrow"><p><a href="{escape(address)}">Go on</a></p></main>'
    return page("Inhouse", body, head=head, status=401, headers={"WWW-Authenticate": "Bearer"})


async def _form_token(request: Request) -> str:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_FORM:
            return ""
    return parse_qs(body.decode("latin-1")).get("token", [""])[0]
