"""A tally counts what the log says was done."""

from __future__ import annotations

import logging

from inhouse.workers.tally import Tally


def test_records_that_say_what_they_count_are_counted() -> None:
    tally = Tally()
    said: list[tuple[str, dict[str, object]]] = [
        ("Loaded.", {"counts": "model_loads"}),
        ("Loaded again.", {"counts": "model_loads"}),
        ("Smaller.", {"counts": "oom_backoffs"}),
        ("Something else.", {}),
        ("Nonsense.", {"counts": 3}),
    ]
    for text, extra in said:
        tally.handle(logging.makeLogRecord({"msg": text, **extra}))
    assert tally.counts == {"model_loads": 2, "oom_backoffs": 1}
