"""On which device and in which precision models run."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from inhouse.backends.compute import Compute
from inhouse.errors import UsageError


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


def card(monkeypatch: pytest.MonkeyPatch, kind: str | None, *, bfloat16: bool | None = True, count: int = 1) -> None:
    """Let torch have found so many cards of a kind."""
    found = None if kind is None else SimpleNamespace(type=kind)
    monkeypatch.setattr(
        torch.accelerator, "current_accelerator", lambda *, check_available: found and check_available and found
    )
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: count)
    if kind is not None:
        module = SimpleNamespace() if bfloat16 is None else SimpleNamespace(is_bf16_supported=lambda: bfloat16)
        monkeypatch.setattr(torch, kind, module, raising=False)


@pytest.mark.parametrize("kind", ["cuda", "npu"])
@pytest.mark.parametrize(("supported", "dtype"), [(True, "bfloat16"), (False, "float16"), (None, "float16")])
def test_a_graphics_card_is_used_in_the_precision_it_has(
    monkeypatch: pytest.MonkeyPatch, kind: str, dtype: str, *, supported: bool | None
) -> None:
    machine(monkeypatch, gpu=True)
    card(monkeypatch, kind, bfloat16=supported)
    assert Compute.detect() == Compute(f"{kind}:0", dtype)


def test_a_graphics_card_that_torch_cannot_use_leaves_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpu=True)
    card(monkeypatch, None)
    assert Compute.detect() == Compute("cpu", "float32")


def test_what_somebody_asks_for_goes_before_what_is_best(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpu=True, flags="amx_bf16")
    card(monkeypatch, "cuda", count=2)
    assert Compute.detect("cpu") == Compute("cpu", "bfloat16")
    assert Compute.detect("cpu", "float16") == Compute("cpu", "float16")
    assert Compute.detect("cuda", "float32") == Compute("cuda:0", "float32")
    assert Compute.detect("cuda:1") == Compute("cuda:1", "bfloat16")


@pytest.mark.parametrize(
    ("device", "there"), [("cuda:2", "cpu, cuda:0, cuda:1"), ("npu", "cpu, cuda"), ("cuda:x", "cpu, cuda")]
)
def test_a_device_that_is_not_here_is_refused(monkeypatch: pytest.MonkeyPatch, device: str, there: str) -> None:
    card(monkeypatch, "cuda", count=2)
    with pytest.raises(UsageError, match=f"no device '{device}' here") as caught:
        Compute.detect(device)
    assert caught.value.hint == f"There is: {there}."


def test_a_precision_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match="no precision 'int4'"):
        Compute.detect(precision="int4")
