"""Pages of our own run nothing and load nothing."""

from __future__ import annotations

import base64
import hashlib
import re

from inhouse.server.pages import page


def test_the_page_allows_its_own_style_and_nothing_else() -> None:
    answer = page("A <title>", "<p>body</p>", status=401, headers={"X-Other": "1"})
    text = bytes(answer.body).decode()
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    allowed = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"style-src 'sha256-{allowed}'" in policy
    assert "default-src 'none'" in policy
    assert answer.status_code == 401
    assert answer.headers["x-other"] == "1"
    assert "A &lt;title&gt;" in text
    assert "url(" not in text
    assert "@import" not in text


def test_it_is_made_for_light_and_dark_and_small_screens() -> None:
    text = bytes(page("x", "").body).decode()
    assert "color-scheme: light dark" in text
    assert "width=device-width" in text
