"""Runs that call one network are given one batch, and each gets what it would have got alone."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
import torch
from tests.backends.runs import Runs
from tests.packs.diffusion.checkpoints import save_checkpoint
from tests.packs.diffusion.fakes import FakeNetwork, text
from torch import Tensor

from inhouse.backends.batching import Batches
from inhouse.backends.fake import FakeMemory
from inhouse.backends.sharing import SharedSteps
from inhouse.errors import InterruptedRunError, OutOfMemoryError
from inhouse.packs.diffusion import latents
from inhouse.packs.diffusion.loading import load_checkpoint
from inhouse.packs.diffusion.networks.inputs import NetworkInputs
from inhouse.packs.diffusion.patches import UNPATCHED, Patches
from inhouse.packs.diffusion.sampling import sample
from inhouse.packs.diffusion.unet import DiffusionModel

R = TypeVar("R")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    path: Path = tmp_path_factory.mktemp("models") / "small.safetensors"
    return load_checkpoint(save_checkpoint(path)).model


class Counted(Batches):
    """Notes how many samples each batch had."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def run(self, count: int, call: Callable[[slice], R], key: Hashable, **how: Any) -> list[R]:
        self.sizes.append(count)
        return super().run(count, call, key, **how)


class Sharing(Runs):
    """Runs that sample in step."""

    def __init__(self) -> None:
        super().__init__()
        self.batches = Counted()
        self.steps = SharedSteps(self.turn, self.batches)

    def sampling(self, name: str, model: DiffusionModel, **changes: Any) -> Callable[[], Tensor]:
        def work() -> Tensor:
            return sampled(model, ask=self.steps.ask, check=self.controls[name].check, **changes)

        return work


def prompt(seed: int, tokens: int = 77) -> list[list[Any]]:
    vectors = torch.randn(1, tokens, 64, generator=torch.Generator().manual_seed(seed))
    return [[vectors, {}]]


def sampled(model: DiffusionModel, **changes: Any) -> Tensor:
    settings: dict[str, Any] = {
        "seed": 1,
        "steps": 4,
        "cfg": 7.0,
        "sampler": "euler",
        "schedule": "normal",
        "positive": prompt(changes.pop("prompt", 3), changes.pop("tokens", 77)),
        "negative": prompt(4),
        "latent": latents.empty(64, 64, changes.pop("batch", 1)),
    }
    result: Tensor = sample(model, **{**settings, **changes})["samples"]
    return result


def same(one: Tensor, other: Tensor) -> None:
    """Compare within 1e-5 of the size of what is compared."""
    assert float((one - other).abs().max()) <= 1e-5 * float(other.abs().max())


VARIANTS: dict[str, dict[str, Any]] = {
    "euler": {},
    "other_prompt_and_seed": {"seed": 9, "prompt": 8},
    "ancestral": {"sampler": "euler_ancestral", "steps": 6},
    "dpmpp": {"sampler": "dpmpp_2m", "schedule": "karras", "steps": 3},
    "second_order": {"sampler": "heun", "steps": 3},
    "unguided": {"cfg": 1.0, "steps": 5},
    "batch": {"batch": 2, "steps": 2},
    "two_windows_of_text": {"tokens": 154, "steps": 3},
}


def test_each_gets_what_it_gets_alone_whatever_the_others_do(model: DiffusionModel) -> None:
    runs = Sharing()
    got = runs.together(**{name: runs.sampling(name, model, **how) for name, how in VARIANTS.items()})
    for name, how in VARIANTS.items():
        same(got[name], sampled(model, **how))
    assert max(runs.batches.sizes) >= 8
    alone = Counted()
    for how in VARIANTS.values():
        sampled(model, ask=SharedSteps(batches=alone).ask, **how)
    assert sum(runs.batches.sizes) == sum(alone.sizes)
    assert len(runs.batches.sizes) < len(alone.sizes) / 2


def test_runs_of_one_length_take_as_many_calls_as_one_of_them(model: DiffusionModel) -> None:
    runs = Sharing()
    runs.together(**{str(i): runs.sampling(str(i), model, seed=i) for i in range(3)})
    assert runs.batches.sizes == [6, 6, 6, 6]


def test_who_comes_later_joins_and_who_is_done_leaves(model: DiffusionModel) -> None:
    runs = Sharing()

    def late(progress: Any) -> None:
        if progress.step == 2:
            runs.start("late", runs.sampling("late", model, seed=5, steps=4))

    got = runs.together(early=runs.sampling("early", model, seed=6, steps=4, callback=late))
    same(got["early"], sampled(model, seed=6))
    same(got["late"], sampled(model, seed=5))
    assert runs.batches.sizes == [2, 2, 4, 4, 2, 2]


def test_one_is_cancelled_and_the_others_go_on(model: DiffusionModel) -> None:
    runs = Sharing()

    def stop(progress: Any) -> None:
        if progress.step == 2:
            runs.controls["stops"].cancel()

    got = runs.together(
        a=runs.sampling("a", model, seed=1),
        stops=runs.sampling("stops", model, seed=2, callback=stop),
        c=runs.sampling("c", model, seed=3),
    )
    assert isinstance(got["stops"], InterruptedRunError)
    assert got["stops"].partial is not None
    same(got["a"], sampled(model, seed=1))
    same(got["c"], sampled(model, seed=3))
    assert runs.batches.sizes == [6, 6, 4, 4]


def test_an_error_in_one_is_its_own(model: DiffusionModel) -> None:
    """Its text is not a number in the network's channels."""
    runs = Sharing()
    torn = [[torch.randn(1, 77, 64)[..., :32], {}]]

    def failing() -> None:
        with pytest.raises(RuntimeError):
            runs.sampling("fails", model, positive=torn, negative=torn)()

    got = runs.together(a=runs.sampling("a", model, seed=1), fails=failing)
    same(got["a"], sampled(model, seed=1))


def test_an_error_in_a_common_batch_is_blamed_on_whose_it_is() -> None:
    runs = Sharing()

    class Refusing(FakeNetwork):
        def predict(self, x: Tensor, timestep: Tensor, inputs: NetworkInputs, *, patches: Patches = UNPATCHED) -> Any:
            if (inputs.context == 13).any():
                raise OutOfMemoryError("Too much.")
            return super().predict(x, timestep, inputs, patches=patches)

    network = cast("Any", Refusing())
    latent = latents.empty(64, 64)

    def work(value: int) -> Callable[[], Any]:
        how: Any = {"seed": 1, "steps": 2, "cfg": 1.0, "sampler": "euler", "schedule": "normal", "latent": latent}
        return lambda: sample(network, positive=text(value), negative=text(0), ask=runs.steps.ask, **how)["samples"]

    got = runs.together(a=work(1), b=work(13), c=work(2))
    assert isinstance(got["b"], OutOfMemoryError)
    torch.testing.assert_close(got["a"], torch.full((1, 4, 8, 8), 2.0))
    torch.testing.assert_close(got["c"], torch.full((1, 4, 8, 8), 4.0))


def ask(steps: SharedSteps, network: Any, rows: int = 1, size: int = 8, patches: Patches = UNPATCHED) -> Tensor:
    x = torch.zeros(rows, 4, size, size)
    inputs = NetworkInputs(torch.arange(rows).float()[:, None, None].expand(rows, 77, 4))
    return steps.ask(network, x, torch.ones(rows), inputs, patches)


def middle(h: Tensor, place: object) -> Tensor:
    del place
    return h


@pytest.mark.parametrize("difference", ["size", "patches", "network", "device"])
def test_what_differs_in_more_than_its_samples_is_asked_apart(difference: str) -> None:
    runs, network = Sharing(), FakeNetwork()
    other: dict[str, Any] = {"network": network}
    if difference == "size":
        other["size"] = 16
    elif difference == "patches":
        other["patches"] = Patches(middle=(middle,))
    elif difference == "network":
        other["network"] = FakeNetwork()
    else:
        other["network"] = replace(network, device="cpu:0")
    runs.together(a=lambda: ask(runs.steps, network), b=lambda: ask(runs.steps, **other))
    assert runs.batches.sizes == [1, 1]


def test_the_same_patches_are_one_kind() -> None:
    runs, network = Sharing(), FakeNetwork(patches=Patches(middle=(middle,)))
    runs.together(
        a=lambda: ask(runs.steps, network),
        b=lambda: ask(runs.steps, replace(network, patches=Patches(middle=(middle,)))),
        c=lambda: ask(runs.steps, network),
    )
    assert sorted(runs.batches.sizes) == [1, 2]  # b is a clone with a network of its own here


def test_a_wrapped_network_is_never_called_for_two_nor_between_two_calls_of_one() -> None:
    """What is wrapped around it may remember the call before."""
    runs, order = Sharing(), []

    def wrap(call: Any, x: Tensor, timestep: Tensor, inputs: NetworkInputs) -> Tensor:
        result: Tensor = call(x, timestep, inputs)
        return result

    network = FakeNetwork(patches=Patches(network=(wrap,)))

    def work(name: str) -> Callable[[], None]:
        def several() -> None:
            for _ in range(3):
                ask(runs.steps, network)
                order.append(name)

        return several

    runs.together(a=work("a"), b=work("b"))
    assert order == [*"aaabbb"]
    assert runs.batches.sizes == [1] * 6


def test_a_common_batch_that_does_not_fit_is_split() -> None:
    memory = FakeMemory(300, measured=False)
    runs = Runs()
    steps = SharedSteps(runs.turn, Batches(memory=memory))

    class Limited(FakeNetwork):
        def predict(self, x: Tensor, timestep: Tensor, inputs: NetworkInputs, *, patches: Patches = UNPATCHED) -> Any:
            with memory.taking(100 * len(x)):
                return super().predict(x, timestep, inputs, patches=patches)

    network = Limited()
    got = runs.together(**{name: lambda: ask(steps, network, rows=2) for name in "abcd"})
    assert [rows[0] for rows, _ in network.calls][:3] == [2, 3, 3]
    for one in got.values():
        assert one.mean(dim=(1, 2, 3)).tolist() == [0, 1]
