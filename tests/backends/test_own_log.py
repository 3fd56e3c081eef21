from __future__ import annotations

import logging

from inhouse.backends.own_log import own_log


def test_the_log_is_as_it_was_whatever_a_library_did_to_it() -> None:
    root = logging.getLogger()
    before = root.level, list(root.filters), list(root.handlers), root.manager.disable
    with own_log():
        root.setLevel(logging.CRITICAL)
        root.addFilter(lambda _: False)
        root.handlers.clear()
        logging.disable(logging.CRITICAL)
    assert (root.level, list(root.filters), list(root.handlers), root.manager.disable) == before
