"""A server's log says all that happens, and keeps nothing."""

from __future__ import annotations

import logging

import pytest

from inhouse.cli.notices import Notices
from inhouse.cli.server_log import server_log

LOG = logging.getLogger("inhouse.somewhere")


@pytest.fixture
def notices() -> Notices:
    return Notices(lambda _: None)


def test_every_line_is_written_with_its_stack_trace_and_none_is_kept(
    notices: Notices, capsys: pytest.CaptureFixture[str]
) -> None:
    why = ValueError("why")
    with server_log(notices):
        LOG.info("Started.")
        logging.getLogger("somebody.else").info("Chatter.")
        LOG.warning("Again.")
        LOG.warning("Again.")
        LOG.error("A request failed.", exc_info=why)
    said = capsys.readouterr().err
    assert "INFO inhouse.somewhere: Started." in said
    assert said.count("Again.") == 2
    assert "ValueError: why" in said
    assert "Chatter" not in said
    assert notices.texts == []


def test_notices_are_heard_again_afterwards(notices: Notices, capsys: pytest.CaptureFixture[str]) -> None:
    root, level = logging.getLogger(), logging.getLogger("inhouse").level
    with server_log(notices):
        pass
    try:
        assert logging.getLogger("inhouse").level == level
        LOG.warning("After.")
        assert notices.texts == ["After."]
        assert capsys.readouterr().err == ""
    finally:
        root.removeHandler(notices)
