"""What custom packs do to models comes to what our own nodes do, and leaves the model that they were given alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tiny_model import text_to_image, write_checkpoint

from inhouse.compat.document import read_document
from inhouse.packs.diffusion.comfy_model import HostModel, inwards, outwards
from inhouse.packs.diffusion.latent_files import load
from inhouse.packs.diffusion.loading import load_checkpoint
from inhouse.packs.diffusion.patches import Patches
from inhouse.workers.session import Places, Session, open_session

PACKS = Path(__file__).parent / "packs"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("tuner")
    write_checkpoint(folder / "models")
    places = Places(folder / "models", folder / "input", folder / "output", PACKS)
    with open_session(places, reference=True) as opened:
        yield opened


def run(session: Session, *changes: tuple[str, dict[str, Any]], **others: Any) -> torch.Tensor:
    """Return the latent of a workflow whose model goes through nodes (class, inputs) before it is sampled."""
    nodes = text_to_image()
    source: list[Any] = ["loader", 0]
    for number, (kind, inputs) in enumerate(changes):
        nodes[f"change{number}"] = {"class_type": kind, "inputs": {"model": source, **inputs}}
        source = [f"change{number}", 0]
    nodes["sampler"]["inputs"]["model"] = source
    nodes.update(others)
    del nodes["decode"]
    nodes["save"] = {"class_type": "SaveLatent", "inputs": {"samples": ["sampler", 0], "filename_prefix": "x"}}
    result = session.engine.run(read_document(nodes, session.registry))
    assert not result.failures, result.failures
    shown = result.outputs["save"]["latents"][0]
    samples: torch.Tensor = load(Path(session.folders.output, shown["subfolder"], shown["filename"]))["samples"]
    return samples


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.allclose(one, other, atol=2e-3 * float(other.std()))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (("TunerFreeU", {"b": 1.2, "s": 0.5}), ("FreeU", {"b1": 1, "s1": 1, "b2": 1.2, "s2": 0.5})),
        (("TunerAttention", {"q": 1.5}), ("UNetSelfAttentionMultiply", {"q": 1.5, "k": 1, "v": 1, "out": 1})),
        (("TunerGuidance", {"factor": 1.1}), ("Epsilon Scaling", {"scaling_factor": 1.1})),
        (("TunerPerturbed", {"scale": 2.0}), ("PerturbedAttentionGuidance", {"scale": 2.0})),
    ],
)
def test_a_pack_that_does_what_a_node_of_ours_does_gives_the_same_picture(
    session: Session, theirs: tuple[str, dict[str, Any]], ours: tuple[str, dict[str, Any]]
) -> None:
    made = run(session, ours)
    assert same(run(session, theirs), made)
    assert not same(made, run(session))


@pytest.mark.parametrize("kind", ["TunerWrapper", "TunerSampling"])
def test_a_pack_that_changes_nothing_gives_the_same_picture(session: Session, kind: str) -> None:
    assert same(run(session, (kind, {})), run(session))


def test_what_several_packs_do_adds_up_with_what_ours_do_between(session: Session) -> None:
    pack = ("TunerAttention", {"q": 1.5}), ("RescaleCFG", {"multiplier": 0.7}), ("TunerFreeU", {"b": 1.2, "s": 0.5})
    own = (
        ("UNetSelfAttentionMultiply", {"q": 1.5, "k": 1, "v": 1, "out": 1}),
        ("RescaleCFG", {"multiplier": 0.7}),
        ("FreeU", {"b1": 1, "s1": 1, "b2": 1.2, "s2": 0.5}),
    )
    assert same(run(session, *pack), run(session, *own))


def test_a_sampler_and_noise_levels_of_a_pack_run_in_custom_sampling(session: Session) -> None:
    common = {"positive": ["positive", 0], "negative": ["negative", 0]}
    inputs = {
        **common,
        "model": ["loader", 0],
        "add_noise": True,
        "noise_seed": 7,
        "cfg": 2.0,
        "sampler": ["theirs", 2],
        "sigmas": ["theirs", 1],
        "latent_image": ["empty", 0],
    }
    theirs = {"class_type": "TunerSampling", "inputs": {"model": ["loader", 0]}}
    assert same(run(session, theirs=theirs, sampler={"class_type": "SamplerCustom", "inputs": inputs}), run(session))


def test_a_guider_that_a_pack_derived_predicts_as_it_says(session: Session) -> None:
    others = {
        "theirs": {"class_type": "TunerSampling", "inputs": {"model": ["loader", 0]}},
        "guide": {
            "class_type": "TunerGuide",
            "inputs": {"guider": ["theirs", 3], "positive": ["positive", 0], "negative": ["negative", 0]},
        },
        "noise": {"class_type": "RandomNoise", "inputs": {"noise_seed": 7}},
    }
    inputs = {
        "noise": ["noise", 0],
        "guider": ["guide", 0],
        "sampler": ["theirs", 2],
        "sigmas": ["theirs", 1],
        "latent_image": ["empty", 0],
    }
    halved = run(session, **others, sampler={"class_type": "SamplerCustomAdvanced", "inputs": inputs})
    assert halved.isfinite().all()
    assert not same(halved, run(session))


def test_settings_come_back_to_the_next_pack_and_leave_our_patches_alone(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    model = load_checkpoint(tmp_path / "checkpoints" / "tiny.safetensors").model
    holder = outwards(model)
    assert isinstance(holder, HostModel)
    assert inwards(holder) is model

    clone = holder.clone()
    clone.model_options["transformer_options"]["mine"] = 3
    clone.set_model_output_block_patch(lambda h, skip, _options: (h, skip))
    assert holder.model_options == {"transformer_options": {}}
    changed = inwards(clone)
    assert len(changed.patches.joining) == 1
    assert not model.patches

    ours = Patches(kept=(lambda h, _place: h,))
    again = outwards(changed.with_patches(ours))
    assert again.model_options == clone.model_options
    assert again.host.patches == ours
    assert len(inwards(again).patches.joining) == 1
