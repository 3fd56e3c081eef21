"""Ways are compared in rounds that take turns."""

from __future__ import annotations

from inhouse.packs.conversion.racing import race


def test_the_one_that_takes_less_of_the_clock_wins() -> None:
    now = [0.0]
    calls = {"slow": 0, "fast": 0}

    def call(name: str, seconds: float) -> None:
        calls[name] += 1
        now[0] += seconds

    found = race({"slow": lambda: call("slow", 0.5), "fast": lambda: call("fast", 0.125)}, 4.0, lambda: now[0])
    assert found == {"slow": 0.5, "fast": 0.125}
    assert calls["slow"] == calls["fast"] == 2 + 6
