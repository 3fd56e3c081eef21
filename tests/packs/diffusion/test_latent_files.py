from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from inhouse.errors import ModelFormatError
from inhouse.packs.diffusion.latent_files import load, serialise


def test_a_latent_survives_a_file(tmp_path: Path) -> None:
    samples = torch.randn(2, 4, 3, 5)[..., ::2]
    (tmp_path / "a.latent").write_bytes(serialise({"samples": samples}, {"prompt": "{}"}))
    assert load(tmp_path / "a.latent")["samples"].equal(samples)
    with safe_open(tmp_path / "a.latent", "pt") as file:
        assert sorted(file.keys()) == ["latent_format_version_0", "latent_tensor"]
        assert file.metadata() == {"prompt": "{}"}


def test_files_from_before_the_version_mark_are_scaled(tmp_path: Path) -> None:
    save_file({"latent_tensor": torch.full((1, 4, 2, 2), 0.18215)}, tmp_path / "old.latent")
    torch.testing.assert_close(load(tmp_path / "old.latent")["samples"], torch.ones(1, 4, 2, 2))


def test_files_that_are_no_latents_are_errors(tmp_path: Path) -> None:
    save_file({"other": torch.ones(1)}, tmp_path / "other.latent")
    (tmp_path / "damaged.latent").write_bytes(b"\0" * 20)
    for name in ("other", "damaged", "missing"):
        with pytest.raises(ModelFormatError, match=name):
            load(tmp_path / f"{name}.latent")
