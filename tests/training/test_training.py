from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn
from torch.nn import functional
from training.icons.course import Course, owned
from training.icons.latents import Projection
from training.icons.layers import GroupNorm
from training.icons.optimizer import Optimizers, is_matrix, orthogonalise
from training.icons.sampling import dpmpp_2m, euler, guided, karras_sigmas, model_sigmas, normal_sigmas, timestep
from training.icons.schedule import alphas_cumprod, diffuse, stratified_steps, undiffuse
from training.icons.text import TextConfig, TextModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_the_schedule_is_the_family_s() -> None:
    share = alphas_cumprod()
    assert float(share[0]) == pytest.approx(0.99915, abs=1e-5)
    assert float(share[-1]) == pytest.approx(0.00466, abs=1e-5)


def test_steps_spread_over_the_whole_schedule() -> None:
    torch.manual_seed(0)
    steps = stratified_steps(1000)
    assert int(steps.min()) < 20
    assert int(steps.max()) == 999
    assert 0.6 < float((steps >= 500).float().mean()) < 0.75


def test_v_and_the_noisy_latents_give_the_latents_back() -> None:
    latents, noise, steps = torch.randn(5, 4, 2, 2), torch.randn(5, 4, 2, 2), torch.tensor([0, 250, 500, 750, 999])
    noisy, v = diffuse(latents, noise, steps)
    assert torch.allclose(undiffuse(noisy, v, steps), latents, atol=1e-5)


@pytest.mark.parametrize("sampler", [euler, dpmpp_2m])
@pytest.mark.parametrize("schedule", [normal_sigmas, karras_sigmas])
def test_a_perfect_denoiser_leads_to_the_picture(
    sampler: Callable[..., torch.Tensor], schedule: Callable[..., torch.Tensor]
) -> None:
    wanted = torch.randn(2, 4, 4, 4)
    sigmas = schedule(10)
    drawn = sampler(lambda x, sigma: wanted, torch.randn(2, 4, 4, 4) * sigmas[0], sigmas)  # noqa: ARG005
    assert torch.allclose(drawn, wanted, atol=1e-4)


def test_noise_levels_fall_to_zero() -> None:
    for sigmas in (normal_sigmas(20), karras_sigmas(20)):
        assert len(sigmas) == 21
        assert bool((sigmas.diff() < 0).all())
        assert float(sigmas[-1]) == 0
        assert float(sigmas[0]) == pytest.approx(float(model_sigmas()[-1]), rel=1e-4)


def test_timesteps_of_the_model_s_own_levels() -> None:
    assert float(timestep(model_sigmas()[437])) == pytest.approx(437, abs=0.01)


def test_guidance_of_one_is_the_prompt_alone() -> None:
    context, empty = torch.ones(1, 3, 8), torch.zeros(1, 3, 8)

    def predict(x: torch.Tensor, _: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return x * 0 + c.mean((1, 2))[:, None, None, None]

    x, sigma = torch.zeros(1, 4, 2, 2), torch.tensor(1.0)
    plain = guided(predict, context, empty, 1.0)(x, sigma)
    strong = guided(predict, context, empty, 3.0)(x, sigma)
    assert torch.allclose(plain, torch.full_like(x, -(2**-0.5)))
    assert torch.allclose(strong, plain * 3)


def test_latents_have_unit_variance_and_keep_mean_colours() -> None:
    torch.manual_seed(0)
    pictures = functional.interpolate(torch.rand(40, 3, 16, 16), scale_factor=8)
    space = Projection.fit(pictures)
    latents = space.encode(pictures)
    assert latents.shape == (40, 4, 16, 16)
    assert torch.allclose(latents[:, :3].std((0, 2, 3)), torch.ones(3), atol=0.05)
    assert torch.allclose(space.encode(functional.avg_pool2d(pictures, 2)), latents, atol=1e-5)


def test_words_after_a_token_do_not_change_it() -> None:
    torch.manual_seed(0)
    model = TextModel(TextConfig(10, 64, 2))
    short, long = model(torch.tensor([[0, 3, 4]])), model(torch.tensor([[0, 3, 4, 5, 6]]))
    assert torch.allclose(short, long[:, :3], atol=1e-5)


@pytest.mark.parametrize("silu", [False, True])
def test_the_c_kernels_agree_with_the_library(silu: bool) -> None:  # noqa: FBT001
    torch.manual_seed(0)
    norm = GroupNorm(64, 1e-5)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    x = torch.randn(2, 64, 5, 7).bfloat16().float()
    slope = torch.randn(2, 64, 5, 7).bfloat16().float()
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    fast = norm.silu(ours) if silu else norm(ours)
    slow = functional.group_norm(theirs, 32, norm.weight, norm.bias, 1e-5)
    slow = functional.silu(slow) if silu else slow
    pairs = zip(
        torch.autograd.grad(fast, (ours, norm.weight, norm.bias), slope.bfloat16()),
        torch.autograd.grad(slow, (theirs, norm.weight, norm.bias), slope),
        strict=True,
    )
    assert torch.allclose(fast.float(), slow, atol=0.03, rtol=0.02)
    for own, other in pairs:
        assert float((own.float() - other).norm() / other.norm()) < 0.01


def test_muon_s_updates_are_nearly_orthogonal() -> None:
    torch.manual_seed(0)
    for shape in ((32, 96), (96, 32)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)).float())
        assert float(values.min()) > 0.3
        assert float(values.max()) < 1.4


def test_tables_and_ends_are_left_to_adam() -> None:
    assert is_matrix("middle_block.0.in_layers.2.weight", torch.zeros(32, 32, 3, 3))
    assert not is_matrix("embeddings.token_embedding.weight", torch.zeros(64, 64))
    assert not is_matrix("out.2.weight", torch.zeros(4, 64, 3, 3))
    assert not is_matrix("norm.weight", torch.zeros(64))


def test_both_optimisers_go_down() -> None:
    weight, bias = nn.Parameter(torch.ones(16, 16)), nn.Parameter(torch.ones(16))
    optimizers = Optimizers([("weight", weight), ("bias", bias)], 0.1)
    weight.grad, bias.grad = torch.eye(16), torch.ones(16)
    optimizers.step(1.0)
    assert float(weight.detach().diagonal().max()) < 1
    assert float(bias.detach().max()) < 1


def test_each_parameter_has_one_owner() -> None:
    named = [(str(i), torch.zeros(size)) for i, size in enumerate((5, 100, 7, 90, 1))]
    shares = [owned(named, rank, 2) for rank in range(2)]
    assert sorted(shares[0] + shares[1]) == [0, 1, 2, 3, 4]
    assert {1, 3} & set(shares[0]) != {1, 3}


def begin(path: Path, line: nn.Linear, minutes: float) -> Course:
    course = Course(path, {"line": line}, minutes=minutes, lr=1e-3, cooldown=0.0, workers=1)
    course.run(lambda _: lambda: line(torch.ones(1, 16)).square().mean())
    return course


def test_a_course_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    path, line, other = tmp_path / "line.pt", nn.Linear(16, 16), nn.Linear(16, 16)
    before = line.weight.detach().clone()
    first = begin(path, line, 1e-9)
    assert first.steps == 1
    assert not torch.equal(before, line.weight)
    idle = begin(path, other, 1e-9)
    assert torch.equal(other.weight, line.weight)
    assert idle.steps == 1
    later = begin(path, other, first.clock.item() / 60 + 1e-9)
    assert later.steps == 2
    assert not list(tmp_path.glob("*.part"))
