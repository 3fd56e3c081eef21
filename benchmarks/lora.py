"""LoRAs: what it costs to change from one to another on a model in memory, and whether the memory comes back.

python -m benchmarks.lora

Eight LoRAs in kohya's layout are made for the whole Stable Diffusion 1 topology: rank 16 on every linear layer of every
transformer block, as trainings give by default; and two of rank 128, whose changes do not lie beside the weights. The
base is loaded from the disk cache, all of its UNet read; then each LoRA is put on it in turn, its network made, three
times over, and a hundred times for the memory.
"""

from __future__ import annotations

import gc
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from benchmarks.measure import keep, verdict
from safetensors.torch import save_file
from tests.golden.models import FILES, make_models

from inhouse.backends.file_pool import FilePool
from inhouse.packs.diffusion.loading import load_checkpoint, load_lora
from inhouse.packs.diffusion.lora import apply_lora

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from inhouse.packs.diffusion.lora import Targets
    from inhouse.packs.diffusion.unet import DiffusionModel

COUNTS = {16: 8, 128: 2}
RANK, ROUNDS, SWITCHES = 16, 3, 100
SHARE, SWELLING = 0.10, 0.02
KOHYA = ("lora_unet_down_blocks_", "lora_unet_mid_block_", "lora_unet_up_blocks_")


def make_lora(path: Path, targets: Targets, rank: int, seed: int) -> Path:
    """Write a LoRA for every linear layer of a UNet's transformer blocks, as kohya's trainer names them."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    for name, (target, *_) in targets.items():
        if not name.startswith(KOHYA) or "transformer_blocks" not in name or len(target.shape) != 2:
            continue
        out, row = target.shape
        tensors[f"{name}.lora_down.weight"] = (torch.randn(rank, row, generator=generator) / math.sqrt(row)).half()
        tensors[f"{name}.lora_up.weight"] = (torch.randn(out, rank, generator=generator) * 0.01).half()
        tensors[f"{name}.alpha"] = torch.tensor(rank / 2)
    save_file(tensors, path)
    return path


def resident() -> int:
    """Return the bytes of this process that are in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


def touch(network: nn.Module) -> float:
    """Read every parameter once, so that what is mapped from a file is in memory; return something of them."""
    return sum(float(parameter.flatten()[::1024].float().sum()) for parameter in network.parameters())


def put_on(model: DiffusionModel, pool: FilePool, path: Path) -> None:
    """Put a LoRA on a model, its network made, and drop it."""
    patched, _ = apply_lora(model, None, pool.get(path, load_lora), 0.8, 0.0)
    assert patched is not None
    with patched.network.lease():
        pass


def seconds(model: DiffusionModel, pool: FilePool, path: Path) -> float:
    """Return the seconds that one change of LoRA takes."""
    started = time.perf_counter()
    put_on(model, pool, path)
    return time.perf_counter() - started


def changes(model: DiffusionModel, rank: int, paths: Sequence[Path]) -> dict[str, float]:
    """Return what it takes to read LoRAs, to change from one to another, and what memory is left over."""
    pool = FilePool()
    first = [seconds(model, pool, path) for path in paths]
    warm = [seconds(model, pool, path) for _ in range(ROUNDS) for path in paths]
    found = {
        f"first_seconds_rank_{rank}": statistics.median(first),
        f"switch_seconds_rank_{rank}": statistics.median(warm),
    }
    if rank == RANK:
        found["resident_before"] = resident()
        for turn in range(SWITCHES):
            put_on(model, pool, paths[turn % len(paths)])
        found |= {"resident_after": resident(), "pool_bytes": pool.bytes}
        found["pool_hit_rate"] = pool.hits / (pool.hits + pool.misses)
    return found


def main() -> int:
    """Print what a change costs and what memory is left over, each with its limit; return 1 if one is over."""
    make_models("full")
    touch(load_checkpoint(FILES["full"]).model.network.get())  # into the disk cache
    gc.collect()
    started = time.perf_counter()
    model = load_checkpoint(FILES["full"]).model
    touch(model.network.get())
    loading = time.perf_counter() - started
    kept: dict[str, float] = {"base_seconds": loading}
    within = True
    for rank, count in COUNTS.items():
        with tempfile.TemporaryDirectory() as folder:
            paths = [
                make_lora(Path(folder, f"{number}.safetensors"), model.targets, rank, number) for number in range(count)
            ]
            kept |= changes(model, rank, paths)
    print(f"base loaded in {loading:.2f} s; LoRAs read and put on in {kept[f'first_seconds_rank_{RANK}']:.3f} s each")
    within &= verdict(
        f"change of LoRA, rank {RANK}, pool warm", kept[f"switch_seconds_rank_{RANK}"], SHARE * loading, "s"
    )
    verdict("change of LoRA, rank 128 (no limit is set)", kept["switch_seconds_rank_128"], SHARE * loading, "s")
    left = abs(kept["resident_after"] - kept["resident_before"]) / kept["resident_before"]
    within &= verdict(f"memory left over after {SWITCHES} changes", left, SWELLING, "of it")
    keep("lora", kept)
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
