"""Nodes that choose how a model is computed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.packs.diffusion.checkpoints import save_checkpoint

from inhouse.backends.compute import Compute
from inhouse.packs.diffusion.adapters import change_of
from inhouse.packs.diffusion.engines.base import EngineNetwork
from inhouse.packs.diffusion.loading import load_checkpoint
from inhouse.packs.diffusion.lora import LoraApplication
from inhouse.packs.diffusion.nodes import engines as nodes
from inhouse.packs.diffusion.unet import DiffusionModel


class Here:
    """A context of which only what to compute on is asked."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute

    def service(self, kind: type[Any]) -> Compute:
        assert kind is Compute
        return self._compute


@pytest.fixture
def model(tmp_path: Path) -> DiffusionModel:
    return load_checkpoint(save_checkpoint(tmp_path / "small.safetensors")).model


def test_attention_is_chosen_for_one_model(model: DiffusionModel) -> None:
    changed = nodes.model_attention(model=model, attention="plain", context=Here(Compute()))
    assert changed.attention is not None
    assert changed.network is model.network
    query = torch.randn(1, 3, 8)
    assert changed.attention(query, query, query, 1, None).shape == query.shape


def test_a_model_is_run_by_an_engine_loras_and_all(model: DiffusionModel) -> None:
    changed = nodes.torch_compile_model(model=model, backend="inductor", context=Here(Compute()))
    change = change_of({"diff": torch.ones(4)})
    assert change is not None
    lora = LoraApplication({"out.2.bias": change}, 1.0)
    network = changed.with_lora(lora).network.get()
    assert isinstance(network, EngineNetwork)
    torch.testing.assert_close(
        network.network.get_parameter("out.2.bias"), model.network.get().get_parameter("out.2.bias") + 1
    )


def test_a_reference_run_has_no_engine(model: DiffusionModel, caplog: pytest.LogCaptureFixture) -> None:
    here = Here(Compute.for_reference())
    assert nodes.torch_compile_model(model=model, backend="inductor", context=here) is model
    assert "reference" in caplog.text


def test_an_engine_that_is_not_installed_leaves_the_model_and_says_so(
    model: DiffusionModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    for engine, extra in (("openvino", "openvino"), ("onnxruntime", "onnx")):
        assert nodes.model_engine(model=model, engine=engine, context=Here(Compute())) is model
        assert f"pip install 'inhouse[{extra}]'" in caplog.text
