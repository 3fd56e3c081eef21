from __future__ import annotations

import threading
from contextlib import AbstractContextManager

import pytest

from inhouse.backends.fake import FakeMemory
from inhouse.backends.residency import Residency
from inhouse.errors import ModelFormatError, OutOfMemoryError


class Network:
    """A network that takes bytes of a fake device."""

    def __init__(self, nbytes: int, memory: FakeMemory | None = None, device: str = "cpu", part: int = 0) -> None:
        self.size, self.device, self.part = nbytes, device, part
        self.needed = False
        self.memory = memory or FakeMemory(1000)
        self.taken: AbstractContextManager[None] | None = None
        self.whole: bool | None = None

    @property
    def nbytes(self) -> int:
        return self.part if self.whole is False else self.size

    @property
    def missing(self) -> int:
        return self.size - self.nbytes

    @property
    def loaded(self) -> bool:
        return self.taken is not None

    def load(self, *, whole: bool) -> Network:
        if self.taken is None:
            taken = self.memory.taking(self.size if whole else self.part)
            taken.__enter__()
            self.taken, self.whole = taken, whole
        return self

    def evict(self) -> None:
        assert self.taken is not None
        self.taken.__exit__(None, None, None)
        self.taken = self.whole = None


def use(residency: Residency, *networks: Network) -> None:
    for network in networks:
        with residency.lease(network) as leased:
            assert leased is network
            assert network.loaded


def test_the_least_recently_used_makes_room() -> None:
    residency = Residency({"cpu": 100})
    a, b, c = Network(40), Network(40), Network(40)
    use(residency, a, b, a, c)
    assert [n.loaded for n in (a, b, c)] == [True, False, True]
    use(residency, b)
    assert [n.loaded for n in (a, b, c)] == [False, True, True]
    assert residency.figures() == {
        "hits": 1, "misses": 4, "evictions": 2, "streamed": 0, "networks": 2, "bytes": 80,
    }  # fmt: skip
    assert residency.used("cpu") == 80


def test_what_is_leased_stays_and_what_finds_no_room_beside_it_runs_in_parts() -> None:
    residency = Residency({"cpu": 100})
    a, b = Network(60), Network(60)
    with residency.lease(a):
        use(residency, b)
        assert a.loaded
    assert (a.whole, b.whole) == (True, False)


def test_what_ran_in_parts_comes_whole_once_there_is_room_and_nobody_uses_it() -> None:
    residency = Residency({"cpu": 100})
    a, b = Network(60), Network(60)
    with residency.lease(a):
        use(residency, b)
    use(residency, b)
    assert (a.loaded, b.whole) == (True, False)  # nobody has to leave for it
    a.evict()
    with residency.lease(b):
        assert b.whole is True


def test_what_others_are_made_of_goes_after_them() -> None:
    residency = Residency({"cpu": 100})
    base, copy, other = Network(40), Network(40), Network(90)
    use(residency, base, copy)
    base.needed = True
    use(residency, Network(30))
    assert (base.loaded, copy.loaded) == (True, False)
    base.needed = False
    use(residency, other)
    assert not base.loaded


def test_devices_have_budgets_of_their_own() -> None:
    residency = Residency({"cuda:0": 100}, budget=100)
    here, there = Network(90), Network(90, device="cuda:0")
    use(residency, here, there)
    assert here.loaded
    assert there.loaded
    assert residency.clear("cuda:0") == 90
    assert (here.loaded, there.loaded) == (True, False)
    assert residency.clear() == 90


def test_without_a_budget_what_is_free_counts() -> None:
    memory = FakeMemory(100)
    residency = Residency(memory=memory)
    a, b, c = Network(50, memory), Network(48, memory), Network(60, memory, part=1)
    use(residency, a, b)
    assert (a.loaded, b.loaded) == (False, True)  # a tenth is left for what they compute
    with residency.lease(b):
        use(residency, c)
    assert (b.loaded, c.whole) == (True, False)


def test_where_nobody_tells_what_is_free_all_stay() -> None:
    memory = FakeMemory(1000, measured=False)
    residency = Residency(memory=memory)
    networks = [Network(100, memory) for _ in range(5)]
    use(residency, *networks)
    assert all(network.loaded for network in networks)


def test_when_memory_runs_out_after_all_the_others_go_then_parts_must_do() -> None:
    memory = FakeMemory(100)
    residency = Residency({"cpu": 1000}, memory=memory)
    a, b, c = Network(60, memory), Network(90, memory), Network(200, memory, part=50)
    use(residency, a, b)
    assert (a.loaded, b.whole) == (False, True)
    b.evict()
    use(residency, c)
    assert c.whole is False


def test_when_a_computation_runs_out_of_memory_networks_that_nobody_uses_go() -> None:
    device = FakeMemory(100)
    residency = Residency(memory=device)
    idle, busy = Network(30, device), Network(40, device)
    use(residency, idle)
    with residency.lease(busy):
        memory = residency.memory("cpu")
        mark = memory.mark()
        assert mark == 70
        with device.taking(30):
            assert memory.free() == 0
        assert memory.most_since(mark) == 30
        memory.release()
        assert (idle.loaded, busy.loaded, device.released) == (False, True, 1)


def test_one_that_cannot_be_had_at_all_says_what_is_missing() -> None:
    memory = FakeMemory(100)
    residency = Residency(memory=memory)
    with pytest.raises(
        OutOfMemoryError, match=r"a network of 2 kB: 300 bytes more were asked for and 100 bytes are free"
    ):
        use(residency, Network(2000, memory, part=300))
    use(residency, Network(10, memory))


def test_a_broken_file_is_no_lack_of_memory() -> None:
    class Broken(Network):
        def load(self, *, whole: bool) -> Network:
            raise ModelFormatError(f"broken {whole}")

    with pytest.raises(ModelFormatError, match="broken True"):
        use(Residency(), Broken(1))


def test_what_nobody_refers_to_any_more_takes_nothing() -> None:
    residency = Residency({"cpu": 100})
    use(residency, Network(90))
    assert residency.used("cpu") == 0


def test_threads_share_a_network_and_the_budget_holds_while_several_come() -> None:
    residency = Residency({"cpu": 100})
    networks = [Network(30) for _ in range(6)]
    barrier = threading.Barrier(6)
    most: list[int] = []

    def work(number: int) -> None:
        barrier.wait()
        for step in range(50):
            use(residency, networks[(number + step) % 6])
            most.append(residency.used("cpu"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    barrier = threading.Barrier(3)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) <= 100
    assert residency.hits + residency.misses == 150
