"""A batch that does not fit is finished in smaller parts, and what fitted is remembered."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse.backends.batching import FORGET, Batches, SafeSize, SafeSizes
from inhouse.backends.fake import FakeMemory
from inhouse.errors import InterruptedRunError, OutOfMemoryError

EACH = 100


class Computation:
    """Takes memory for each sample; a fixed part, too."""

    def __init__(self, memory: FakeMemory, each: int = EACH, fixed: int = 0) -> None:
        self.memory = memory
        self.each = each
        self.fixed = fixed
        self.sizes: list[int] = []
        self.tried: list[int] = []

    def __call__(self, part: slice) -> list[int]:
        size = part.stop - part.start
        self.tried.append(size)
        with self.memory.taking(self.fixed + size * self.each):
            self.sizes.append(size)
            return list(range(part.start, part.stop))


def flat(parts: list[list[int]]) -> list[int]:
    return [sample for part in parts for sample in part]


@given(
    st.integers(0, 200),
    st.integers(1, 40),
    st.integers(0, 300),
    st.booleans(),
    st.none() | st.integers(1, 9),
)
def test_whatever_fits_every_sample_is_computed_once_and_in_order(
    count: int,
    holds: int,
    fixed: int,
    measured: bool,  # noqa: FBT001
    most: int | None,
) -> None:
    memory = FakeMemory(holds * EACH + fixed, measured=measured)
    computation = Computation(memory, fixed=fixed)
    batches = Batches(memory=memory)
    for _ in range(3):
        assert flat(batches.run(count, computation, "key", most=most)) == list(range(count))
    assert all(size <= min(holds, most or holds) for size in computation.sizes)


def test_the_first_samples_show_what_one_takes_and_nothing_fails() -> None:
    memory = FakeMemory(1120)
    computation = Computation(memory)
    Batches(memory=memory).run(64, computation, "key")
    assert computation.tried == [4, 10, 10, 10, 10, 10, 10]
    assert memory.refusals == 0


def test_where_nothing_can_be_measured_halves_lead_to_what_fits() -> None:
    memory = FakeMemory(1000, measured=False)
    computation = Computation(memory)
    Batches(memory=memory).run(64, computation, "key")
    assert computation.tried[:4] == [64, 32, 16, 8]
    assert max(computation.sizes) in {8, 9, 10}
    assert memory.released == memory.refusals


@pytest.mark.parametrize("measured", [True, False])
def test_a_second_run_starts_at_the_learned_size_and_nothing_fails(*, measured: bool) -> None:
    memory = FakeMemory(1120, measured=measured)
    sizes = SafeSizes()
    Batches(sizes, memory).run(64, Computation(memory), "key")
    refusals, again = memory.refusals, Computation(memory)
    Batches(sizes, memory).run(64, again, "key")
    assert again.tried[0] >= 8
    assert memory.refusals == refusals


def test_kinds_and_devices_are_learned_apart() -> None:
    memory = FakeMemory(1000, measured=False)
    batches = Batches(memory=memory)
    batches.run(16, Computation(memory), ("unet", 64))
    for key, device in ((("unet", 32), "cpu"), (("unet", 64), "cuda:0")):
        other = Computation(memory, each=1)
        batches.run(16, other, key, device=device)
        assert other.tried == [16]


def test_a_size_grows_again_once_there_is_more_memory() -> None:
    memory = FakeMemory(400, measured=False)
    batches, computation = Batches(memory=memory), Computation(memory)
    batches.run(16, computation, "key")
    assert max(computation.sizes) <= 4
    memory.budget = 1600
    for _ in range(FORGET):
        batches.run(16, computation, "key")
    assert computation.sizes[-1] > 8


def test_less_memory_than_before_is_noticed_before_it_runs_out() -> None:
    memory = FakeMemory(2300)
    batches = Batches(memory=memory)
    batches.run(20, Computation(memory), "key")
    memory.budget = 1200
    later = Computation(memory)
    batches.run(20, later, "key")
    assert later.tried == [10, 10]


def test_a_size_never_grows_to_what_failed_until_that_is_long_ago() -> None:
    known = SafeSize()
    known.does_not_suffice(16)
    tried = []
    for _ in range(FORGET - 1):
        tried.append(known.size)
        known.suffices(known.size, None)
    assert max(tried) < 16
    assert all(later >= before for before, later in pairwise(tried))
    known.suffices(known.size, None)
    assert known.size > max(tried)


def test_one_sample_that_does_not_fit_is_an_error_that_names_bytes() -> None:
    memory = FakeMemory(1_000_000)
    computation = Computation(memory, each=2_500_000)
    with pytest.raises(OutOfMemoryError, match=r"a latent: 2.5 MB more were asked for and 1 MB are free"):
        Batches(memory=memory).run(8, computation, "key", what="a latent")
    assert computation.tried == [4, 2, 1]


def test_other_errors_pass_and_nothing_is_tried_again() -> None:
    memory, tried = FakeMemory(1000), []

    def broken(part: slice) -> None:
        tried.append(part)
        raise InterruptedRunError

    with pytest.raises(InterruptedRunError):
        Batches(memory=memory).run(8, broken, "key")
    assert len(tried) == 1


def test_backing_off_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    memory = FakeMemory(200)
    with caplog.at_level(logging.INFO, "inhouse.backends"):
        Batches(memory=memory).run(4, Computation(memory), "key")
    assert [getattr(record, "counts", None) for record in caplog.records] == ["oom_backoffs"]


def test_a_process_forgets_the_kinds_that_it_used_longest_ago() -> None:
    sizes = SafeSizes()
    first = sizes.of(0)
    for kind in range(1, 1024):
        sizes.of(kind)
    assert sizes.of(0) is first
    sizes.of(1024)
    assert sizes.of(0) is first
    assert sizes.of(1).size == 0


LIMITED = """
import resource, torch
torch.set_num_threads(1)
from inhouse.backends.batching import Batches, SafeSizes
from inhouse.backends.memory import HostMemory

torch.ones(2, 2) @ torch.ones(2, 2)
data = int(open("/proc/self/statm").read().split()[5]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_DATA, (data + 120 * 2**20,) * 2)

class Unmeasured(HostMemory):
    def mark(self):
        return None

def call(part):
    tried.append(part.stop - part.start)
    rows = torch.arange(part.start, part.stop, dtype=torch.float32)
    return (rows[:, None] * torch.ones(2**20)).sum(1) / 2**20     # 4 MB a sample, twice

for memory in ({memory}):
    tried = []
    sizes = SafeSizes()
    for _ in range(2):
        parts = Batches(sizes, lambda device: memory()).run(64, call, "rows")
        assert torch.cat(parts).tolist() == list(range(64))
        assert len(parts) > 1 and max(len(part) for part in parts) >= 6, tried
        print(*tried)
        tried.clear()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process are Linux's")
def test_torch_under_a_real_limit_finishes_in_smaller_parts() -> None:
    """Once measured, once with nothing to go by but failures."""
    script = LIMITED.replace("{memory}", "HostMemory, Unmeasured")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120, env=environment
    )
    assert done.returncode == 0, done.stderr
    _, _, blind, blind_again = done.stdout.splitlines()
    assert blind.startswith("64 32 ")
    assert not blind_again.startswith("64")
