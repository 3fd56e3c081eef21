from __future__ import annotations

import copy
import gc
import threading
from collections.abc import Sequence
from typing import Any, Self
from weakref import ref

import pytest
import torch
from torch import Tensor, nn

from inhouse.backends.streaming import Casts, Streaming, Transfers


class Net(nn.Module):
    """Two large layers and a small one, the first of them called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(160, 160), nn.LayerNorm(160), nn.Linear(160, 160)
        self.scale = nn.Parameter(torch.ones(160))

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.norm(self.first(self.first(x))) * self.scale
        out: Tensor = self.last(hidden)
        return out


def stored(dtype: torch.dtype) -> Net:
    torch.manual_seed(0)
    return Net().to(dtype).requires_grad_(requires_grad=False)


X = torch.linspace(-1, 1, 320).reshape(2, 160)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2])
def test_weights_stay_as_they_are_stored_and_compute_as_if_they_had_been_cast(dtype: torch.dtype) -> None:
    network = stored(dtype)
    whole = copy.deepcopy(network).float()
    large = network.first.weight
    Streaming(network, Casts(torch.float32))
    for _ in range(2):
        assert network(X).equal(whole(X))
        assert network.first.weight is large
        assert network.last.weight.dtype == dtype


def test_a_layer_that_fails_leaves_its_weights_as_they_were() -> None:
    network = stored(torch.float16)
    Streaming(network, Casts(torch.float32))
    with pytest.raises(RuntimeError):
        network(torch.zeros(1, 3))
    assert network.first.weight.dtype == torch.float16
    assert network(X).shape == (2, 160)


def test_threads_may_call_it_at_once() -> None:
    network = stored(torch.float16)
    expected = copy.deepcopy(network).float()(X)
    Streaming(network, Casts(torch.float32))
    results: list[Tensor] = []
    threads = [threading.Thread(target=lambda: results.extend(network(X) for _ in range(20))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 60
    assert all(result.equal(expected) for result in results)
    assert network.first.weight.dtype == torch.float16


def test_a_layer_whose_weights_cannot_come_lets_others_go_on() -> None:
    class Full(Casts):
        full = False

        def begin(self, tensors: Sequence[Tensor]) -> tuple[int, list[Tensor]]:
            if self.full:
                raise RuntimeError("out of memory")
            return super().begin(tensors)

    network = stored(torch.float16)
    copies = Full(torch.float32)
    Streaming(network, copies)
    copies.full = True
    with pytest.raises(RuntimeError, match="out of memory"):
        network(X)
    copies.full = False
    thread = threading.Thread(target=lambda: network(X))
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def test_a_changed_copy_is_streamed_too_and_shares_the_rest() -> None:
    network = stored(torch.float16)
    Streaming(network, Casts(torch.float32))
    shared = {id(tensor): tensor for tensor in network.parameters()}
    clone = copy.deepcopy(network, shared)
    clone.last.weight = nn.Parameter(network.last.weight * 2, requires_grad=False)
    expected = (network(X) - network.last.bias) * 2 + network.last.bias
    torch.testing.assert_close(clone(X), expected)
    assert clone.first.weight is network.first.weight


def test_a_network_that_nobody_needs_is_gone_at_once() -> None:
    network = stored(torch.float16)
    Streaming(network, Casts(torch.float32))
    network(X)
    weight = ref(network.first.weight)
    gc.disable()
    try:
        del network
        assert weight() is None
    finally:
        gc.enable()


class Log:
    """A device that computes nothing and notes what it is told; it stands for streams and events, too."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def stream(self, name: str) -> FakeStream:
        return FakeStream(name, self.said)


class FakeStream:
    def __init__(self, name: str, said: list[str]) -> None:
        self.name, self.said = name, said

    def __enter__(self) -> Self:
        self.said.append(f"{self.name} copies")
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def record_event(self) -> FakeEvent:
        return FakeEvent(self.name, self.said)

    def wait_event(self, event: FakeEvent) -> None:
        self.said.append(f"{self.name} waits for {event.name}")


class FakeEvent:
    def __init__(self, name: str, said: list[str]) -> None:
        self.name, self.said = name, said

    def synchronize(self) -> None:
        self.said.append(f"machine waits for {self.name}")


def test_an_accelerators_copies_go_through_pinned_memory_beside_what_computes() -> None:
    log = Log()
    pinned: list[int] = []

    def pin(count: int) -> Tensor:
        pinned.append(count)
        return torch.empty(count, dtype=torch.uint8)

    side, main = log.stream("side"), log.stream("main")
    copies = Transfers("meta", torch.bfloat16, stream=side, current=lambda: main, pinned=pin)
    tensors = [torch.ones(3, 5, dtype=torch.float8_e5m2), torch.ones(7)]
    for _ in range(3):
        begun = copies.begin(tensors)
        moved = copies.arrived(begun)
        copies.release(begun)
    assert [(t.device.type, t.dtype, t.shape) for t in moved] == [
        ("meta", torch.bfloat16, (3, 5)),
        ("meta", torch.bfloat16, (7,)),
    ]
    assert pinned == [128, 128]
    turn = ["side copies", "main waits for side", "side waits for main"]
    assert log.said == [*turn, *turn, "machine waits for side", *turn]


class Ahead:
    """Copies that count what is on the device, and let copying go on beside computing."""

    device = "cpu"
    ahead = True

    def __init__(self) -> None:
        self.here = self.most = 0
        self.early: list[bool] = []

    def begin(self, tensors: Sequence[Tensor]) -> Any:
        self.here += sum(tensor.nbytes for tensor in tensors)
        self.most = max(self.most, self.here)
        self.early.append(True)
        return [tensor.float() for tensor in tensors]

    def arrived(self, begun: Any) -> Sequence[Tensor]:
        return list(begun)

    def release(self, begun: Any) -> None:
        self.here -= sum(tensor.nbytes for tensor in begun) // 2


def test_the_next_layer_comes_while_one_computes_and_no_more_than_two_are_there() -> None:
    network = stored(torch.float16)
    whole = copy.deepcopy(network).float()
    copies = Ahead()
    Streaming(network, copies)
    small = copies.here
    for _ in range(3):
        assert network(X).equal(whole(X))
    assert copies.most - small <= 2 * network.first.weight.nbytes
    assert copies.here <= small + network.first.weight.nbytes
