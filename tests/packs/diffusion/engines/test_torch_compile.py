"""Networks run as torch compiles them."""

from __future__ import annotations

import shutil

import pytest
import torch
from tests.packs.diffusion.engines.running import check_equal

from inhouse.packs.diffusion.engines.torch_compile import TorchCompile


@pytest.mark.filterwarnings("ignore")  # the compiler's own
def test_it_gives_what_the_network_gives(caplog: pytest.LogCaptureFixture) -> None:
    # "aot_eager" traces and takes apart as "inductor" does, and generates no code, which takes a minute.
    check_equal(TorchCompile("aot_eager"), caplog, torch.float32, 2e-4)


def test_without_a_compiler_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert "install g++" in TorchCompile().lacking()
    assert not TorchCompile(device="cuda:0").lacking()


def test_graphs_of_cards_are_for_cards() -> None:
    assert "graphics cards" in TorchCompile("cudagraphs").lacking()
    assert not TorchCompile("cudagraphs", "cuda:0").lacking()
