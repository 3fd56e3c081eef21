"""Warnings reach the user, each once."""

import logging

from inhouse.cli.notices import Notices


def notices() -> tuple[Notices, list[str]]:
    shown: list[str] = []
    return Notices(shown.append), shown


def record(message: str, *arguments: object, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord("pack", level, "file.py", 1, message, arguments, None)


def test_a_warning_is_shown_when_it_comes_for_the_first_time() -> None:
    found, shown = notices()
    for name in ("a", "b", "a"):
        found.handle(record("There is no %s.", name))
    assert shown == found.texts == ["There is no a.", "There is no b."]


def test_a_warning_that_its_arguments_do_not_fit_is_shown_as_it_was_written() -> None:
    found, shown = notices()
    found.handle(record("%d steps", "many"))
    found.handle(record("%s and %s", "one"))
    assert shown == ["%d steps", "%s and %s"]


def test_what_is_no_warning_is_not_shown() -> None:
    found, shown = notices()
    logger = logging.getLogger("inhouse.test")
    logger.addHandler(found)
    logger.info("details")
    logger.removeHandler(found)
    assert shown == []
