"""On which device and in which precision models run."""

from pathlib import Path

import pytest
import torch

from inhouse.backends.compute import Compute


def machine(monkeypatch: pytest.MonkeyPatch, *, gpu: bool = False, flags: str | None = "") -> None:
    """Let the machine look as if it had a graphics card, and a CPU of these flags."""

    def exists(path: Path, **_: object) -> bool:
        return gpu and str(path) == "/dev/nvidiactl"

    def read_text(path: Path, **_: object) -> str:
        if flags is None:
            raise FileNotFoundError(path)
        return f"flags : fpu {flags}\n"

    monkeypatch.setattr(Path, "exists", exists)
    monkeypatch.setattr(Path, "read_text", read_text)


def test_a_reference_is_the_same_on_every_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpu=True, flags="amx_bf16")
    assert Compute.for_reference() == Compute("cpu", "float32", reference=True)


@pytest.mark.parametrize(
    ("flags", "dtype"), [("amx_bf16 amx_tile", "bfloat16"), ("avx512f", "float32"), (None, "float32")]
)
def test_a_cpu_computes_in_bfloat16_only_if_it_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, flags: str | None, dtype: str
) -> None:
    machine(monkeypatch, flags=flags)
    assert Compute.detect() == Compute("cpu", dtype)


@pytest.mark.parametrize(("supported", "dtype"), [(True, "bfloat16"), (False, "float16")])
def test_a_graphics_card_is_used_in_the_precision_it_has(
    monkeypatch: pytest.MonkeyPatch, dtype: str, *, supported: bool
) -> None:
    machine(monkeypatch, gpu=True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: supported)
    assert Compute.detect() == Compute("cuda:0", dtype)


def test_a_graphics_card_that_torch_cannot_use_leaves_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpu=True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert Compute.detect() == Compute("cpu", "float32")
