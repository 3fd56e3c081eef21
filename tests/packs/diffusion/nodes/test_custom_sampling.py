from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tiny_model import text_to_image, write_checkpoint

from inhouse.compat.document import read_document
from inhouse.packs.diffusion.latent_files import load
from inhouse.workers.session import Places, Session, open_session

CONDS = {"positive": ["positive", 0], "negative": ["negative", 0]}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("custom")
    write_checkpoint(folder / "models")
    with open_session(Places(folder / "models", folder / "in", folder / "out"), reference=True) as opened:
        yield opened


def run(session: Session, output: int = 0, sampler: dict[str, Any] | None = None, **others: Any) -> torch.Tensor:
    nodes = text_to_image(sampler=sampler if sampler and "class_type" not in sampler else {}) | others
    if sampler and "class_type" in sampler:
        nodes["sampler"] = sampler
    del nodes["decode"]
    nodes["save"] = {"class_type": "SaveLatent", "inputs": {"samples": ["sampler", output], "filename_prefix": "x"}}
    result = session.engine.run(read_document(nodes, session.registry))
    assert not result.failures, result.failures
    shown = result.outputs["save"]["latents"][0]
    samples: torch.Tensor = load(Path(session.folders.output, shown["subfolder"], shown["filename"]))["samples"]
    return samples


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


PARTS: dict[str, Any] = {
    "noise": node("RandomNoise", noise_seed=7),
    "guider": node("CFGGuider", model=["loader", 0], cfg=2.0, **CONDS),
    "choice": node("KSamplerSelect", sampler_name="euler"),
    "sigmas": node("BasicScheduler", model=["loader", 0], scheduler="normal", steps=2, denoise=1.0),
}


def advanced(**changes: Any) -> dict[str, Any]:
    links = {"noise": ["noise", 0], "guider": ["guider", 0], "sampler": ["choice", 0], "sigmas": ["sigmas", 0]}
    return node("SamplerCustomAdvanced", **{**links, "latent_image": ["empty", 0], **changes})


def test_the_parts_of_a_sampling_come_to_what_ksampler_comes_to(session: Session) -> None:
    whole = run(session)
    assert run(session, sampler=advanced(), **PARTS).equal(whole)
    custom = node(
        "SamplerCustom",
        model=["loader", 0],
        add_noise=True,
        noise_seed=7,
        cfg=2.0,
        **CONDS,
        sampler=["choice", 0],
        sigmas=["sigmas", 0],
        latent_image=["empty", 0],
    )
    assert run(session, sampler=custom, **PARTS).equal(whole)


def test_a_sampling_that_is_split_is_the_whole_one(session: Session) -> None:
    split = node("SplitSigmas", sigmas=["sigmas", 0], step=1)
    parts = {
        **PARTS,
        "split": split,
        "first": advanced(sigmas=["split", 0]),
        "none": node("DisableNoise"),
    }
    rest = advanced(sigmas=["split", 1], latent_image=["first", 0], noise=["none", 0])
    torch.testing.assert_close(run(session, sampler=rest, **parts), run(session), atol=1e-3, rtol=1e-3)


def test_the_second_output_is_the_clean_latent_expected_behind_the_first(session: Session) -> None:
    parts = {**PARTS, "split": node("SplitSigmas", sigmas=["sigmas", 0], step=1)}
    noisy, clean = (run(session, output, advanced(sigmas=["split", 0]), **parts) for output in (0, 1))
    assert not torch.allclose(noisy, clean, atol=1e-3)
    ends = [run(session, output, advanced(), **PARTS) for output in (0, 1)]
    torch.testing.assert_close(*ends, atol=1e-3, rtol=1e-3)


def test_noise_put_on_before_is_noise_drawn(session: Session) -> None:
    parts = {
        **PARTS,
        "added": node(
            "AddNoise", model=["loader", 0], noise=["noise", 0], sigmas=["sigmas", 0], latent_image=["empty", 0]
        ),
        "none": node("DisableNoise"),
    }
    found = run(session, sampler=advanced(noise=["none", 0], latent_image=["added", 0]), **parts)
    other = run(session, sampler=advanced(), **PARTS)
    assert float(torch.nn.functional.cosine_similarity(found.flatten(), other.flatten(), dim=0)) > 0.9


GUIDERS: dict[str, dict[str, Any]] = {
    "BasicGuider": {"conditioning": ["positive", 0]},
    "DualCFGGuider": {
        "cond1": ["positive", 0],
        "cond2": ["negative", 0],
        "negative": ["negative", 0],
        "cfg_conds": 2.0,
        "cfg_cond2_negative": 3.0,
        "style": "nested",
    },
    "PerpNegGuider": {**CONDS, "empty_conditioning": ["negative", 0], "cfg": 2.0, "neg_scale": 1.0},
}


@pytest.mark.parametrize("kind", GUIDERS)
def test_each_guider_guides_otherwise(session: Session, kind: str) -> None:
    parts = {**PARTS, "guider": node(kind, model=["loader", 0], **GUIDERS[kind])}
    found = run(session, sampler=advanced(), **parts)
    assert bool(found.isfinite().all())
    assert found.equal(run(session)) == (kind == "PerpNegGuider")  # nothing is taken away where nothing is negative
