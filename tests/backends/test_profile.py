"""A profile says of each node and each stage how long it took and how much memory it needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.engine.kit import engine, link, workflow

from inhouse import Context, node
from inhouse.backends.fake import FakeMemory
from inhouse.backends.profile import LOAD, Profile, ProfiledResidency
from inhouse.engine.events import NodeFailed, NodeFinished, NodeProgress, NodesCached, NodeStarted
from inhouse.errors import NodeExecutionError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Network:
    stage = "steps"


class Resident:
    device = "cpu"
    nbytes = 7
    missing = 0
    needed = False

    def __init__(self, clock: Clock, network: object) -> None:
        self.loaded = False
        self._clock = clock
        self._network = network

    def load(self, *, whole: bool) -> object:
        assert whole
        if not self.loaded:
            self._clock.now += 5
            self.loaded = True
        return self._network

    def evict(self) -> None:
        self.loaded = False


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memory() -> FakeMemory:
    return FakeMemory(1000)


@pytest.fixture
def profile(clock: Clock, memory: FakeMemory) -> Profile:
    return Profile(memory, clock)


@contextmanager
def running(profile: Profile, node_id: str) -> Iterator[None]:
    profile(NodeStarted(node_id, node_id))
    yield
    profile(NodeFinished(node_id, node_id, None, 0.0))


def test_nodes_take_time_and_memory(profile: Profile, clock: Clock, memory: FakeMemory) -> None:
    clock.now += 1
    with running(profile, "a"), memory.taking(300):
        clock.now += 2
    with running(profile, "b"), memory.taking(100):
        clock.now += 3
    assert [(span.node_id, span.start, span.seconds, span.peak_bytes) for span in profile.spans] == [
        ("a", 1, 2, 300),
        ("b", 3, 3, 100),
    ]


def test_a_stage_is_told_of_apart_and_its_memory_counts_for_the_node(
    profile: Profile, clock: Clock, memory: FakeMemory
) -> None:
    with running(profile, "a"), memory.taking(100):
        for seconds in (1, 2):
            with profile.stage("steps"), memory.taking(50):
                clock.now += seconds
        clock.now += 4
    assert profile.stages("a") == {"steps": {"calls": 2, "seconds": 3.0, "peak_bytes": 50}}
    assert profile.as_dict()["nodes"]["a"] == {
        "start": 0.0,
        "seconds": 7.0,
        "peak_bytes": 150,
        "steps": 0,
        "stages": {"steps": {"calls": 2, "seconds": 3.0, "peak_bytes": 50}},
    }


def test_stages_of_all_nodes_add_up(profile: Profile, clock: Clock) -> None:
    for name in ("a", "b"):
        with running(profile, name), profile.stage("text"):
            clock.now += 2
    assert profile.stages()["text"] == {"calls": 2, "seconds": 4.0, "peak_bytes": 0}


def test_a_stage_has_no_stages_and_outside_of_nodes_there_are_none(profile: Profile, clock: Clock) -> None:
    with profile.stage("text"):
        clock.now += 1
    with running(profile, "a"), profile.stage("load"), profile.stage("load"):
        clock.now += 1
    assert profile.stages() == {"load": {"calls": 1, "seconds": 1.0, "peak_bytes": 0}}


def test_a_stage_that_fails_took_its_time_too(profile: Profile, clock: Clock) -> None:
    def failing() -> None:
        with profile.stage("steps"):
            clock.now += 1
            raise NodeExecutionError("No.")

    with running(profile, "a"), pytest.raises(NodeExecutionError):
        failing()
    assert profile.stages()["steps"]["seconds"] == 1


def test_steps_and_cached_nodes_and_failed_ones_are_noted(profile: Profile, clock: Clock) -> None:
    profile(NodesCached(("x", "y")))
    profile(NodeStarted("a", "a"))
    for step in (1, 2):
        clock.now += 1
        profile(NodeProgress("a", "a", step, 2))
    profile(NodeFailed("a", "a", NodeExecutionError("No."), caught=False))
    profile(NodeFailed("b", "b", NodeExecutionError("It never began."), caught=False))
    assert profile.steps == {"a": [1, 2]}
    assert profile.as_dict()["cached"] == ["x", "y"]
    assert profile.as_dict()["nodes"].keys() == {"a"}


def test_where_memory_cannot_be_measured_times_are_told_all_the_same(clock: Clock) -> None:
    profile = Profile(FakeMemory(10, measured=False), clock)
    with running(profile, "a"), profile.stage("steps"):
        clock.now += 1
    assert [(span.seconds, span.peak_bytes) for span in profile.spans] == [(1, None), (1, None)]
    assert profile.stages()["steps"]["peak_bytes"] is None


@pytest.mark.parametrize(("network", "stage"), [(Network(), "steps"), ("text", "str")])
def test_networks_are_told_of_by_what_they_work_on(
    profile: Profile, clock: Clock, memory: FakeMemory, network: object, stage: str
) -> None:
    residency, resident = ProfiledResidency(profile, memory=memory), Resident(clock, network)
    with running(profile, "a"):
        for _ in range(2):
            with residency.lease(resident) as leased:
                assert leased is network
                clock.now += 1
    sums = {name: (found["calls"], found["seconds"]) for name, found in profile.stages().items()}
    assert sums == {LOAD: (1, 5.0), stage: (2, 2.0)}
    assert (residency.hits, residency.misses) == (1, 1)


def test_a_run_tells_its_events_and_its_nodes_their_stages(clock: Clock) -> None:
    profile = Profile(FakeMemory(10), clock)

    @node("Works")
    def works(*, context: Context) -> int:
        with context.service(Profile).stage("steps"):
            clock.now += 2
        context.progress(1, 1)
        return 1

    flow = workflow(n=("Works", {}), out=("Show", {"value": link("n")}))
    with engine(works, services={Profile: profile}) as made:
        made.run(flow, emit=profile)
        made.run(flow, emit=profile)
    data = profile.as_dict()
    assert data["nodes"]["n"]["stages"] == {"steps": {"calls": 1, "seconds": 2.0, "peak_bytes": 0}}
    assert data["nodes"]["n"]["steps"] == 1
    assert data["cached"] == ["out"]  # nobody looked further
