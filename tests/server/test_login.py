"""Logging in with a browser."""

from __future__ import annotations

import re

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from inhouse.server.attempts import Attempts
from inhouse.server.auth import Authenticator, token_in
from inhouse.server.gate import Gate
from inhouse.server.identity import Identity

HOME = "http://127.0.0.1:8188"


class Known(Authenticator):
    """Knows one token."""

    def identify(self, scope: Scope) -> Identity | None:
        return Identity("ann") if token_in(scope) == b"inhouse_ann" else None


async def canvas(scope: Scope, receive: Receive, send: Send) -> None:
    text = f"{scope['state']['identity'].user} {scope['query_string'].decode()}"
    await PlainTextResponse(text)(scope, receive, send)


def browser(home: str = HOME) -> TestClient:
    attempts = Attempts(limit=2, seconds=60, clock=lambda: 0.0)
    gate = Gate(canvas, Known(), hosts=["studio.example"], attempts=attempts)
    return TestClient(gate, base_url=home, follow_redirects=False)


def test_the_form_logs_in_until_somebody_logs_out() -> None:
    ann = browser()
    assert ann.get("/login").status_code == 200
    answer = ann.post("/login", data={"token": " inhouse_ann\n"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert ann.get("/").text == "ann "
    assert ann.post("/logout").headers["location"] == "/login"
    assert ann.get("/").status_code == 401


def test_the_cookie_is_for_no_script_and_no_other_site() -> None:
    kept = browser().post("/login", data={"token": "inhouse_ann"}).headers["set-cookie"].lower()
    assert "httponly" in kept
    assert "samesite=strict" in kept
    assert "path=/" in kept
    assert "secure" not in kept


def test_over_https_the_cookie_is_for_https_only() -> None:
    home = "https://studio.example"
    assert "secure" in browser(home).post("/login", data={"token": "inhouse_ann"}).headers["set-cookie"].lower()


def test_a_token_in_the_address_leaves_it() -> None:
    ann = browser()
    answer = ann.get("/?token=inhouse_ann&workflow=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "no-store" in answer.headers["cache-control"]
    assert ann.get("/").text == "ann "


@pytest.mark.parametrize("path", ["/view", "/ws", "/prompt", "/api/"])
def test_a_token_in_any_other_address_is_none_of_ours(path: str) -> None:
    assert browser().get(f"{path}?token=inhouse_ann").status_code == 401


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_link_from_elsewhere_logs_nobody_in_without_their_consent(site: str) -> None:
    ann = browser()
    came = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    answer = ann.get("/?token=inhouse_ann", headers=came)
    assert "set-cookie" not in answer.headers
    assert 'value="inhouse_ann"' in answer.text
    assert answer.headers["referrer-policy"] == "same-origin", "or our own form would come from nowhere"


def test_who_is_logged_in_and_follows_a_link_of_another_site_comes_in_at_the_second_try() -> None:
    ann = browser()
    came = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    answer = ann.get("/api-docs?a=1&b=%22", headers=came)
    assert answer.status_code == 401
    assert 'http-equiv="refresh" content="0; url=/api-docs?a=1&amp;b=%22"' in answer.text
    own = {**came, "Sec-Fetch-Site": "same-origin"}
    assert "/login" in ann.get("/", headers=own).text, "there is no third try"
    answer = ann.get("/", headers={**came, "Cookie": "inhouse_token=inhouse_old"})
    assert "/login" in answer.text, "the cookie was sent, and is wrong"


@pytest.mark.parametrize("path", ["//evil.example", "///evil.example/x", "/\\evil.example"])
def test_no_link_leads_from_here_to_elsewhere(path: str) -> None:
    came = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    answer = browser().get(HOME + path, headers=came)
    targets = re.findall(r'(?:url=|href=")([^"]*)"', answer.text)
    assert len(targets) == 2
    assert not any(target.startswith(("//", "/\\", "http")) for target in targets)


def test_a_form_of_another_site_logs_nobody_in() -> None:
    answer = browser().post("/login", data={"token": "inhouse_ann"}, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "form", [{"token": "inhouse_eve"}, {"token": ""}, {}, {"token": "inhouse_ann; Path=/x"}, {"token": "a" * 9000}]
)
def test_a_wrong_token_brings_the_page_back_with_the_reason(form: dict[str, str]) -> None:
    answer = browser().post("/login", data=form)
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert "set-cookie" not in answer.headers


def test_guessing_in_the_form_is_slow() -> None:
    eve = browser()
    answers = [eve.post("/login", data={"token": f"guess{number}"}) for number in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert answers[-1].headers["retry-after"] == "60"


def test_the_page_runs_nothing_loads_nothing_and_says_nothing_back_as_html() -> None:
    answer = browser().get(
        "/?token=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    )
    assert "<script" not in answer.text
    assert "src=" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
