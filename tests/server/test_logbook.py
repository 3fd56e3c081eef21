from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from inhouse.server.logbook import Logbook


def record(message: object, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("test", logging.INFO, __file__, 1, message, arguments or None, None)


def test_the_newest_lines_are_kept() -> None:
    logbook = Logbook()
    for number in range(1000):
        logbook.handle(record("line %d", number))
    lines = [entry["m"] for entry in logbook.entries()]
    assert (len(lines), lines[0], lines[-1]) == (300, "line 700\n", "line 999\n")


def test_a_line_without_end_is_cut() -> None:
    logbook = Logbook()
    logbook.handle(record("x" * 1_000_000))
    assert len(logbook.entries()[0]["m"]) < 10_000


def test_what_is_logged_while_lines_are_passed_on_does_not_go_round_in_circles() -> None:
    passed: list[str] = []

    def tell(client_id: str, data: Mapping[str, Any]) -> None:
        passed.append(client_id + data["entries"][0]["m"])
        logbook.handle(record("I told them"))

    logbook = Logbook(tell)
    logbook.subscribe("A", enabled=True)
    logbook.handle(record("news"))
    assert passed == ["Anews\n"]
    assert [entry["m"] for entry in logbook.entries()] == ["news\n", "I told them\n"]
