from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from tests.packs.diffusion.fakes import FakeNetwork, text

from inhouse.errors import InterruptedRunError, NodeInputError, NotFiniteError
from inhouse.packs.diffusion import latents
from inhouse.packs.diffusion.noise import initial_noise
from inhouse.packs.diffusion.sampling import Guider, Progress, find_sampler, sample, sample_sigmas, schedule_sigmas

EMPTY = latents.empty(64, 32)
SCALE = FakeNetwork().latent_format.scale_factor


def run(latent: dict[str, Any] = EMPTY, network: FakeNetwork | None = None, **changes: Any) -> dict[str, Any]:
    settings = {"seed": 1, "steps": 4, "cfg": 1.0, "sampler": "euler", "schedule": "normal", **changes}
    model = cast("Any", network or FakeNetwork())
    return sample(model, positive=text(2), negative=text(0), latent=latent, **settings)


def test_the_whole_schedule_ends_at_the_clean_latent_outside_the_models_scale() -> None:
    network = FakeNetwork()
    result = run(network=network)
    torch.testing.assert_close(result["samples"], torch.full((1, 4, 4, 8), 2 / SCALE))
    assert len(network.calls) == 4


def test_latents_of_half_precision_are_sampled_in_full() -> None:
    half = {"samples": EMPTY["samples"].half()}
    assert run(half)["samples"].equal(run()["samples"])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_values_that_are_no_numbers_end_the_sampling_at_the_step_that_came_to_them(bad: float) -> None:
    class Breaking(FakeNetwork):
        def predict(self, *args: Any, **kwargs: Any) -> torch.Tensor:
            return super().predict(*args, **kwargs) * (bad if len(self.calls) > 2 else 1)

    steps: list[int] = []
    with pytest.raises(NotFiniteError, match="Step 3 of 4 came to values that are no numbers"):
        run(network=Breaking(), callback=lambda progress: steps.append(progress.step))
    assert steps == [1, 2]


def test_what_else_a_latent_carries_stays() -> None:
    assert run({**EMPTY, "batch_index": [5], "kept": 1})["kept"] == 1
    assert EMPTY["samples"].eq(0).all()


def test_nodes_may_write_into_the_result() -> None:
    assert run()["samples"].zero_().eq(0).all()


def test_no_denoising_returns_the_latent_as_it_is() -> None:
    network = FakeNetwork()
    assert run(network=network, denoise=0.0) == EMPTY
    assert run(network=network, start_step=4) == EMPTY
    assert network.calls == []


def test_the_same_seed_gives_the_same_latent_and_another_seed_another() -> None:
    first, again, other = (run(seed=seed, sampler="euler_ancestral", last_step=2) for seed in (1, 1, 2))
    assert first["samples"].equal(again["samples"])
    assert not first["samples"].equal(other["samples"])


def test_stages_with_leftover_noise_make_up_the_whole() -> None:
    network = FakeNetwork()
    first = run(network=network, last_step=2, force_full_denoise=False)
    sigma = float(schedule_sigmas(network.prediction, "euler", "normal", 4, 1.0)[2])
    assert abs(float(first["samples"].std()) * SCALE - sigma) < sigma / 2
    second = run(first, network, start_step=2, disable_noise=True)
    torch.testing.assert_close(second["samples"], run()["samples"])


def test_an_early_end_can_be_clean() -> None:
    torch.testing.assert_close(run(last_step=2)["samples"], run()["samples"])


def test_a_sample_taken_from_a_batch_keeps_its_noise() -> None:
    whole = run(latents.empty(64, 32, 3), last_step=1, force_full_denoise=False)
    taken = run(latents.from_batch(latents.empty(64, 32, 3), 2), last_step=1, force_full_denoise=False)
    torch.testing.assert_close(taken["samples"], whole["samples"][2:])


def test_a_noise_mask_keeps_what_lies_outside() -> None:
    picture = {"samples": torch.full((1, 4, 4, 8), 3.0)}
    mask = torch.zeros(1, 32, 64)
    mask[..., 32:] = 1
    for sampler in ("euler", "euler_ancestral", "dpmpp_2m"):
        result = run(latents.set_noise_mask(picture, mask), sampler=sampler)
        torch.testing.assert_close(result["samples"][..., :4], picture["samples"][..., :4])
        torch.testing.assert_close(result["samples"][..., 4:], torch.full((1, 4, 4, 4), 2 / SCALE))


def test_an_empty_latent_takes_the_models_channels_and_a_picture_must_have_them() -> None:
    assert run({"samples": torch.zeros(1, 16, 4, 8)})["samples"].shape == (1, 4, 4, 8)
    with pytest.raises(NodeInputError, match="16 channels"):
        run({"samples": torch.ones(1, 16, 4, 8)})


@pytest.mark.parametrize("changes", [{"sampler": "nothing"}, {"schedule": "nothing"}])
def test_unknown_names_are_errors_that_list_the_known(changes: dict[str, Any]) -> None:
    with pytest.raises(NodeInputError, match=r"'nothing'.*There are: .*,"):
        run(**changes)


def test_progress_counts_steps_and_shows_a_small_picture() -> None:
    told: list[Progress] = []
    run(callback=told.append)
    assert [(progress.step, progress.steps) for progress in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert told[0].preview().shape == (4, 8, 3)


def test_an_interrupted_run_hands_over_the_clean_latent_so_far() -> None:
    def stop(progress: Progress) -> None:
        if progress.step == 2:
            raise InterruptedRunError

    with pytest.raises(InterruptedRunError) as caught:
        run({**EMPTY, "kept": 1}, callback=stop)
    partial = cast("dict[str, Any]", caught.value.partial)
    torch.testing.assert_close(partial["samples"], torch.full((1, 4, 4, 8), 2 / SCALE))
    assert partial["kept"] == 1


def test_a_run_stopped_before_its_first_step_hands_over_nothing() -> None:
    def stop() -> None:
        raise InterruptedRunError

    with pytest.raises(InterruptedRunError) as caught:
        run(check=stop)
    assert caught.value.partial is None


def test_given_noise_levels_return_the_noisy_and_the_clean_latent() -> None:
    guider = Guider(cast("Any", FakeNetwork()), text(2))
    sigmas = torch.tensor([10.0, 5.0])
    result = sample_sigmas(guider, sampler=find_sampler("euler"), sigmas=sigmas, seed=1, latent=EMPTY)
    torch.testing.assert_close(result.denoised["samples"], torch.full((1, 4, 4, 8), 2 / SCALE))
    expected = (2 + (initial_noise(EMPTY["samples"], 1) * 10 - 2) / 10 * 5) / SCALE
    torch.testing.assert_close(result.latent["samples"], expected)


def test_levels_that_rise_from_zero_are_refused() -> None:
    guider = Guider(cast("Any", FakeNetwork()), text(2))
    sigmas = torch.tensor([0.0, 5.0, 0.0])
    with pytest.raises(NodeInputError, match="rise from 0") as told:
        sample_sigmas(guider, sampler=find_sampler("dpmpp_sde"), sigmas=sigmas, seed=1, latent=EMPTY)
    assert told.value.input_name == "sigmas"
