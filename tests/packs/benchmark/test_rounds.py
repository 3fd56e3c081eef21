from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.packs.benchmark.conftest import Clock, Scripted

from inhouse.errors import InterruptedRunError, UsageError
from inhouse.packs.benchmark.model import Load, Report
from inhouse.packs.benchmark.rounds import AT_LEAST, Bench
from inhouse.packs.benchmark.summary import summarize

Make = Callable[..., Bench]


def test_rounds_are_interleaved_and_shuffled(bench: Make, clock: Clock) -> None:
    told: list[str] = []
    a, b = Scripted("a", clock, lambda _: 0.01), Scripted("b", clock, lambda _: 0.02)
    report = bench(a, b, progress=lambda *said: told.append(said[2])).run()
    counts = [len(cell.slices) for cell in report.cells]
    assert counts[0] == counts[1] > 7
    order = [text.split(": ")[1][0] for text in told if text.startswith("round")]
    assert sorted(order[:2]) == ["a", "b"]
    assert len(set(zip(order[::2], order[1::2], strict=True))) == 2


def test_the_time_is_kept(bench: Make, clock: Clock) -> None:
    subjects = [Scripted(name, clock, lambda _: 0.01) for name in "abc"]
    report = bench(*subjects, loads=(Load(1), Load(8)), seconds=12).run()
    assert 10 < report.seconds < 14


def test_slow_targets_get_few_rounds_but_enough_to_tell_that_they_are_few(bench: Make, clock: Clock) -> None:
    report = bench(Scripted("a", clock, lambda _: 30.0), seconds=10).run()
    assert len(report.cells[0].slices) == AT_LEAST


def test_what_comes_before_it_is_warm_does_not_count(bench: Make, clock: Clock) -> None:
    report = bench(Scripted("a", clock, lambda n: 5.0 if n < 3 else 0.1), seconds=60).run()
    cell = report.cells[0]
    assert cell.warm_up >= 10
    assert cell.steady
    assert summarize(cell).latency["p99"].value == 0.1


def test_a_subject_that_fails_every_call_says_so_and_the_others_go_on(bench: Make, clock: Clock) -> None:
    good, bad = Scripted("good", clock, lambda _: 0.1), Scripted("bad", clock, lambda _: 0.1)
    bad.failing = lambda _: True
    report = bench(good, bad).run()
    assert report.cell("good", Load()).calls > 50  # type: ignore[union-attr] # it is there
    assert report.cell("bad", Load()).errors == {"500": 3}  # type: ignore[union-attr] # as above
    assert bad.calls == 3


def test_a_subject_that_dies_is_named_and_the_others_go_on(bench: Make, clock: Clock) -> None:
    good, bad = Scripted("good", clock, lambda _: 0.1), Scripted("bad", clock, lambda _: 0.1)
    bad.dies_at = 20
    report = bench(good, bad).run()
    assert [variant.error for variant in report.variants] == ["", "It crashed."]
    assert report.cell("good", Load()).calls > 50  # type: ignore[union-attr] # it is there
    assert good.closed
    assert bad.closed


def test_failures_are_counted_beside_what_succeeds(bench: Make, clock: Clock) -> None:
    subject = Scripted("a", clock, lambda _: 0.1)
    subject.failing = lambda n: n > 20 and n % 4 == 0
    cell = bench(subject).run().cells[0]
    assert 0.2 < summarize(cell).failed < 0.3
    assert "errors" in summarize(cell).notes


def test_a_machine_that_slows_down_is_told(bench: Make, clock: Clock) -> None:
    report = bench(Scripted("a", clock, lambda _: 0.1 + clock.now / 100)).run()
    assert "drift" in summarize(report.cells[0]).notes


def test_answers_are_compared_with_the_first_or_with_a_reference(bench: Make, clock: Clock) -> None:
    first, second = Scripted("a", clock, lambda _: 0.1), Scripted("b", clock, lambda _: 0.1, answer=2.0)
    fidelity = bench(first, second).run().variants[1].fidelity
    assert fidelity["against"] == "a"
    assert (fidelity["cosine_mean"], fidelity["relative"]) == (pytest.approx(1), 1.0)
    reference = Scripted("r", clock, lambda _: 0.1, answer=2.0)
    report = bench(Scripted("a", clock, lambda _: 0.1), reference=reference).run()
    assert report.variants[0].fidelity["against"] == "r"
    assert reference.closed


def test_nothing_to_measure_is_refused(bench: Make, clock: Clock) -> None:
    for made in (bench(), bench(Scripted("a", clock, lambda _: 0.1), loads=())):
        with pytest.raises(UsageError, match="nothing to measure"):
            made.run()


def test_somebody_may_stop_it(bench: Make, clock: Clock) -> None:
    subject = Scripted("a", clock, lambda _: 0.1)

    def stop(*said: Any) -> None:
        if str(said[2]).startswith("round 2"):
            raise InterruptedRunError

    with pytest.raises(InterruptedRunError):
        bench(subject, progress=stop).run()
    assert subject.closed


def test_a_report_comes_back_from_its_data(bench: Make, clock: Clock) -> None:
    report = bench(Scripted("a", clock, lambda _: 0.1), loads=(Load(1), Load(8))).run()
    again = Report.from_dict(report.as_dict())
    assert again == report
