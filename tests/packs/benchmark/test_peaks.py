from __future__ import annotations

from tests.packs.benchmark.conftest import Clock

from inhouse.packs.benchmark.peaks import fastest, measure_peaks, products


def test_a_peak_is_the_least_time_that_was_seen(clock: Clock) -> None:
    times = iter([9.0, 3.0, 1.0, 2.0, 5.0])

    def call() -> None:
        clock.now += next(times)

    assert fastest(call, 10.0, clock) == 1.0


def test_every_precision_that_can_be_had_is_measured_by_whoever_has_it() -> None:
    found = {(runtime, precision) for runtime, precision, _ in products(16, 1)}
    assert {("numpy", "fp32"), ("openvino", "fp32"), ("onnxruntime", "fp32"), ("onnxruntime", "int8")} <= found


def test_the_best_runtime_of_each_precision_is_kept() -> None:
    moments = iter(range(100_000))
    peaks = measure_peaks(1, seconds=0, size=16, copy=1 << 16, clock=lambda: float(next(moments)))
    assert peaks.flops["fp32"] == 2.0 * 16**3
    assert peaks.bandwidth == 2.0 * (1 << 16)
    assert peaks.by.keys() == peaks.flops.keys()
