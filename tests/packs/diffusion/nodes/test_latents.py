from __future__ import annotations

from pathlib import Path

import pytest
import torch

from inhouse import Engine, Link, Registry, Workflow, WorkflowNode
from inhouse.files import Folders
from inhouse.packs.diffusion.nodes import latents as nodes
from inhouse.wires import Latent


def latent(value: float, height: int = 8, width: int = 8, batch: int = 1) -> Latent:
    return {"samples": torch.full((batch, 4, height, width), float(value))}


def test_sizes_are_in_pixels() -> None:
    assert nodes.empty(width=64, height=128, batch_size=3)["samples"].shape == (3, 4, 16, 8)
    wider = nodes.upscale(samples=latent(1), upscale_method="bilinear", width=128, height=64, crop="disabled")
    assert wider["samples"].shape == (1, 4, 8, 16)
    larger = nodes.upscale_by(samples=latent(1), upscale_method="nearest-exact", scale_by=1.5)
    assert larger["samples"].shape == (1, 4, 12, 12)
    cut = nodes.crop(samples=latent(1, 16, 16), width=64, height=64, x=64, y=0)
    assert cut["samples"].shape == (1, 4, 8, 8)


def test_batches_grow_and_shrink() -> None:
    assert nodes.repeat(samples=latent(1), amount=3)["samples"].shape[0] == 3
    assert nodes.batch(samples1=latent(1), samples2=latent(2))["samples"].shape[0] == 2
    taken = nodes.from_batch(samples=latent(1, batch=4), batch_index=2, length=2)
    assert taken["batch_index"] == [2, 3]


@pytest.mark.parametrize(
    ("mixed", "mean"),
    [
        (nodes.blend(samples1=latent(1), samples2=latent(3), blend_factor=0.5), 2.0),
        (nodes.add(samples1=latent(1), samples2=latent(3)), 4.0),
        (nodes.subtract(samples1=latent(1), samples2=latent(3)), -2.0),
        (nodes.multiply(samples=latent(2), multiplier=3), 6.0),
        (nodes.interpolate(samples1=latent(1), samples2=latent(3), ratio=0.5), 2.0),
        (nodes.composite(samples_to=latent(0), samples_from=latent(1), x=32, y=0), 0.5),
        (nodes.composite_masked(destination=latent(0), source=latent(1), x=0, y=32), 0.5),
    ],
)
def test_two_latents_are_mixed(mixed: Latent, mean: float) -> None:
    assert mixed["samples"].mean().item() == pytest.approx(mean, rel=1e-4)


def test_turned_and_mirrored_latents_come_back() -> None:
    start = {"samples": torch.arange(256.0).reshape(1, 4, 8, 8)}
    turned = start
    for _ in range(4):
        turned = nodes.rotate(samples=turned, rotation="90 degrees")
    assert turned["samples"].equal(start["samples"])
    for method in ("x-axis: vertically", "y-axis: horizontally"):
        once = nodes.flip(samples=start, flip_method=method)
        assert not once["samples"].equal(start["samples"])
        assert nodes.flip(samples=once, flip_method=method)["samples"].equal(start["samples"])


def test_a_mask_is_set_for_the_sampler() -> None:
    assert nodes.set_noise_mask(samples=latent(1), mask=torch.ones(64, 64))["noise_mask"].shape == (1, 1, 64, 64)


def test_a_saved_latent_loads_again(tmp_path: Path) -> None:
    folders = Folders(tmp_path / "in", tmp_path / "out", tmp_path / "temp")
    saving = Workflow(
        {
            "1": WorkflowNode("EmptyLatentImage", {"width": 64, "height": 64, "batch_size": 2}),
            "2": WorkflowNode("SaveLatent", {"samples": Link("1", 0), "filename_prefix": "deep/x"}),
        },
        {"prompt": {"1": {}}},
    )
    with Engine(Registry(nodes.NODES), services={Folders: folders}) as engine:
        shown = engine.run(saving).outputs["2"]["latents"][0]
        assert shown == {"filename": "x_00001_.latent", "subfolder": "deep", "type": "output"}
    context = _Context(folders)
    assert nodes.load(latent="deep/x_00001_.latent [output]", context=context)["samples"].shape == (2, 4, 8, 8)


class _Context:
    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    def service(self, kind: type[Folders]) -> Folders:
        assert kind is Folders
        return self._folders
