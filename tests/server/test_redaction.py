"""No log has a token."""

from __future__ import annotations

import logging

import pytest

from inhouse.server.redaction import HideDenials, HideTokens


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/?token=inhouse_x", "/?token=..."),
        ("/ws?clientId=a&token=inhouse_x&b=1", "/ws?clientId=a&token=...&b=1"),
        ('"GET /?TOKEN=a%20b HTTP/1.1"', '"GET /?TOKEN=... HTTP/1.1"'),
        ("/view?filename=token=a", "/view?filename=token=a"),
        ("/x?tokens=3", "/x?tokens=3"),
    ],
)
def test_a_token_in_an_address_is_left_out(before: str, after: str, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("tests.redaction")
    hide = HideTokens()
    logger.addFilter(hide)
    try:
        with caplog.at_level(logging.INFO, "tests.redaction"):
            logger.info('%s - "%s" %d', "10.0.0.1:1", before, 200)
            logger.info(before)
            logger.info("%(path)s", {"path": before})
    finally:
        logger.removeFilter(hide)
    assert caplog.messages[:2] == [f'10.0.0.1:1 - "{after}" 200', after]
    assert caplog.messages[2] == after


def test_a_websocket_that_was_refused_with_a_status_is_no_error() -> None:
    def record(text: str) -> logging.LogRecord:
        return logging.LogRecord("uvicorn.error", logging.ERROR, "", 1, text, None, None)

    assert not HideDenials().filter(record("ASGI callable returned without completing handshake."))
    assert not HideDenials().filter(record("Invalid UTF-8 sequence received from client."))
    assert HideDenials().filter(record("Exception in ASGI application"))
