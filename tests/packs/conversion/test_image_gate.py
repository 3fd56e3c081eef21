"""Parts of diffusion models are judged by what they draw."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inhouse.errors import AccuracyError
from inhouse.models.artifact import Serving
from inhouse.packs.conversion.exporting import export
from inhouse.packs.conversion.image_gate import Studio, image_figures
from inhouse.packs.conversion.model import Draft, Metric, SourceModel
from inhouse.packs.conversion.sources import open_source
from inhouse.packs.conversion.verifying import verify

LIMIT = Metric("psnr", 0.01)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parts of a pipeline of the usual topology, tiny and with random weights."""
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel

    folder = tmp_path_factory.mktemp("pipeline")
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=8,
        attention_head_dim=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )
    vae = AutoencoderKL(
        sample_size=16,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
    )
    unet.save_pretrained(folder / "unet")
    vae.save_pretrained(folder / "vae")
    DDIMScheduler().save_pretrained(folder / "scheduler")
    return folder


@pytest.fixture(scope="module")
def denoiser(pipeline: Path) -> SourceModel:
    return open_source(str(pipeline / "unet"))


def test_the_same_part_draws_the_same_picture(denoiser: SourceModel) -> None:
    first, second = Studio(denoiser, 3).pictures(denoiser.answer, denoiser.answer)
    assert first.shape == (16, 16, 3)
    assert first.std() > 0
    assert (first == second).all()
    other, _ = Studio(denoiser, 4).pictures(denoiser.answer, denoiser.answer)
    assert (other != first).any()


def test_errors_add_up_over_the_steps(denoiser: SourceModel) -> None:
    def worse(feeds: Any) -> Any:
        return {name: array * np.float32(0.5) for name, array in denoiser.answer(feeds).items()}

    told = list(image_figures(LIMIT, *Studio(denoiser).pictures(denoiser.answer, worse)))
    assert [figure.metric for figure in told] == ["PSNR in dB", "SSIM"]
    assert not all(figure.passed for figure in told)


def test_a_budget_of_a_hundredth_is_forty_decibels() -> None:
    picture = np.random.default_rng(0).random((16, 16, 3))
    told = list(image_figures(LIMIT, picture, picture))
    assert [round(figure.bound, 2) for figure in told] == [40.0, 0.97]
    assert all(figure.passed for figure in told)


@pytest.mark.parametrize("part", ["unet", "vae"])
def test_a_sound_conversion_of_a_part_passes(pipeline: Path, tmp_path: Path, part: str) -> None:
    draft = export(open_source(str(pipeline / part)), "onnx", tmp_path / part)
    done = verify(draft, LIMIT, batch=2)
    drawn = {check.metric: check for check in done.checks if check.case == "a picture at seed 0"}
    assert set(drawn) == {"PSNR in dB", "SSIM"}
    assert all(check.passed for check in drawn.values())


def test_a_part_that_draws_something_else_is_refused(denoiser: SourceModel, tmp_path: Path) -> None:
    import onnx
    from onnx import numpy_helper

    draft = export(denoiser, "onnx", tmp_path)
    model = onnx.load(draft.model)
    weights = next(
        found for found in model.graph.initializer if found.name.endswith("mid_block.resnets.0.conv1.weight")
    )
    weights.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(weights), weights.name))
    onnx.save(model, draft.model)
    assert isinstance(draft, Draft)
    assert isinstance(draft.serving, Serving)
    with pytest.raises(AccuracyError) as raised:
        verify(draft, LIMIT, batch=2)
    assert raised.value.layer == "mid_block.resnets.0.conv1"
