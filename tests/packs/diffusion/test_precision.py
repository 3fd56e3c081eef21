from __future__ import annotations

from pathlib import Path

import torch

from inhouse.packs.diffusion.precision import compute_dtype, has_bfloat16_tiles


def test_reference_mode_computes_in_float32_everywhere() -> None:
    assert compute_dtype(reference=True) == compute_dtype(reference=True, device="cuda") == torch.float32


def test_accelerators_compute_in_half_precision() -> None:
    assert compute_dtype(reference=False, device="cuda") == torch.float16


def test_a_processor_computes_in_bfloat16_where_it_can_in_hardware() -> None:
    expected = torch.bfloat16 if has_bfloat16_tiles() else torch.float32
    assert compute_dtype(reference=False) == expected


def test_the_processors_flags_are_read(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("flags : fpu avx512_bf16 amx_bf16\n")
    assert has_bfloat16_tiles(info)
    info.write_text("flags : fpu avx512_bf16\n")
    assert not has_bfloat16_tiles(info)
    assert not has_bfloat16_tiles(tmp_path / "none")
