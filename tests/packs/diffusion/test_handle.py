from __future__ import annotations

import threading

import torch
from torch import nn

from inhouse.backends.residency import Residency
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
        other.weight, other.bias = nn.Parameter(network.weight + 1), network.bias
        return other

    derived = handle.derived(change)
    assert not handle.loaded
    torch.testing.assert_close(derived.get().weight, handle.get().weight + 1)
    assert derived.nbytes == 4
    needed = [handle.needed]
    derived.unload()
    needed.append(handle.needed)
    derived.get()
    needed.append(handle.needed)
    del derived
    needed.append(handle.needed)
    assert needed == [True, False, True, False]


def test_weights_made_while_sampling_can_be_used_outside_of_it() -> None:
    handle = Handle(lambda: nn.Linear(1, 1), nbytes=8)
    with torch.inference_mode():
        network = handle.get()
    assert not network.weight.is_inference()


def test_where_there_is_no_room_for_it_whole_it_is_built_to_run_in_parts() -> None:
    whole, parts = nn.Linear(1, 1), nn.Linear(1, 1)
    residency = Residency({"cpu": 10})
    handle = Handle(lambda: whole, nbytes=11, residency=residency, stream=lambda: parts)
    with handle.lease() as network:
        assert network is parts
        with handle.derived(lambda network: network).lease() as same:
            assert same is parts
    assert residency.figures()["streamed"] == 1


def test_an_evicted_network_comes_back_by_itself_and_whoever_computes_with_it_goes_on() -> None:
    residency = Residency({"cpu": 10})
    one, other = (Handle(lambda: nn.Linear(1, 1), nbytes=8, residency=residency) for _ in range(2))
    network = one.get()
    other.get()
    assert (one.loaded, other.loaded) == (False, True)
    assert network(torch.ones(1)).shape == (1,)
    with one.lease() as again:
        assert again is not network
    assert (one.loaded, other.loaded) == (True, False)


def test_another_type_is_made_from_the_files_where_they_are_known_else_from_the_network() -> None:
    files = Handle(lambda: nn.Linear(1, 1).half(), nbytes=4)
    handle = Handle(lambda: nn.Linear(1, 1), nbytes=8, recast=lambda _: files)
    assert handle.computing_in(torch.float16) is files
    plain = Handle(lambda: nn.Linear(1, 1), nbytes=8)
    assert plain.computing_in(torch.float16).get().weight.dtype == torch.float16
    assert plain.get().weight.dtype == torch.float32


def test_one_in_parts_is_whole_again_when_there_is_room() -> None:
    whole, parts = nn.Linear(1, 1), nn.Linear(1, 1)
    residency = Residency({"cpu": 24})
    other = Handle(lambda: nn.Linear(1, 1), nbytes=10, residency=residency)
    handle = Handle(lambda: whole, nbytes=20, residency=residency, stream=lambda: parts)
    with other.lease():
        assert handle.get() is parts
        assert handle.missing == 12
    other.unload()
    assert handle.get() is whole
    assert handle.missing == 0
