from __future__ import annotations

import threading

import torch
from torch import nn

from inhouse.packs.diffusion.handle import Handle


def test_a_network_is_built_once_when_it_is_first_used() -> None:
    built: list[nn.Module] = []

    def build() -> nn.Linear:
        built.append(nn.Linear(1, 1))
        return nn.Linear(1, 1)

    handle = Handle(build, nbytes=8)
    loaded = [handle.loaded]
    assert handle.get() is handle.get()
    loaded.append(handle.loaded)
    assert loaded == [False, True]
    assert len(built) == 1


def test_threads_that_come_at_once_get_the_same() -> None:
    handle = Handle(lambda: nn.Linear(1, 1), nbytes=8)
    barrier, seen = threading.Barrier(4), []

    def use() -> None:
        barrier.wait()
        seen.append(handle.get())

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(network) for network in seen}) == 1


def test_a_network_put_down_is_built_again() -> None:
    handle = Handle(lambda: nn.Linear(1, 1), nbytes=8)
    first = handle.get()
    handle.unload()
    assert not handle.loaded
    assert handle.get() is not first


def test_a_derived_network_is_made_when_used_and_leaves_the_first_alone() -> None:
    handle = Handle(lambda: nn.Linear(1, 1), nbytes=8)

    def change(network: nn.Linear) -> nn.Linear:
        other = nn.Linear(1, 1)
        other.weight = nn.Parameter(network.weight + 1)
        return other

    derived = handle.derived(change)
    assert not handle.loaded
    assert derived.nbytes == 8
    torch.testing.assert_close(derived.get().weight, handle.get().weight + 1)


def test_weights_made_while_sampling_can_be_used_outside_of_it() -> None:
    handle = Handle(lambda: nn.Linear(1, 1), nbytes=8)
    with torch.inference_mode():
        network = handle.get()
    assert not network.weight.is_inference()
