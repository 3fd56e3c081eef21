"""Sixty-four latents under a byte budget that holds ten, against the best batch that one could have chosen by hand.

python -m benchmarks.batching

The network is the one that comes with the package, computing for real; its memory is a budget that refuses more than
ten samples. Once what a sample takes can be measured, once only failures tell; once with nothing learned, once again
with what the first time learned.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure import keep

from inhouse.backends.batching import Batches, SafeSizes
from inhouse.backends.fake import FakeMemory
from inhouse.models.catalogue import ModelCatalogue
from inhouse.workers.session import open_catalogue

SAMPLES, HOLDS, ROUNDS = 64, 10, 3
EACH = 1_000_000
LEAST = 0.8
"""Of the throughput of the best batch."""


@dataclass
class Step:
    """A step of the network for many latents, under a budget.

    Attributes:
        memory: the budget.
        sizes: what it was called with, and did.
        refused: what it was called with, and could not do.

    """

    memory: FakeMemory
    network: Any
    sizes: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    def __call__(self, part: slice) -> Any:
        """Compute a part; work half of it in vain where it does not fit, as an accelerator does."""
        size = part.stop - part.start
        try:
            with self.memory.taking(size * EACH):
                result = self.network(size)
        except RuntimeError:
            self.refused.append(size)
            self.network(HOLDS // 2)
            raise
        self.sizes.append(size)
        return result


def network_of(catalogue: ModelCatalogue) -> Any:
    """Return a function that calls the network for so many samples."""
    import torch

    from inhouse.packs.diffusion.loading import load_checkpoint
    from inhouse.packs.diffusion.networks.inputs import NetworkInputs

    name = catalogue.names("checkpoints")[0]
    model = load_checkpoint(catalogue.path("checkpoints", name)).model
    x = torch.randn(SAMPLES, model.in_channels, 8, 8)
    context = torch.randn(SAMPLES, 77, model.context_width)

    def call(size: int) -> Any:
        return model.predict(x[:size], torch.full((size,), 500.0), NetworkInputs(context[:size]))

    return call


def timed(batches: Batches, step: Step) -> float:
    """Return samples a second."""
    started = time.perf_counter()
    batches.run(SAMPLES, step, "step")
    return SAMPLES / (time.perf_counter() - started)


def fixed(network: Any) -> dict[int, float]:
    """Return samples a second for sizes of batch that fit."""
    rates = {}
    for size in (HOLDS // 2, HOLDS):
        started = time.perf_counter()
        for begin in range(0, SAMPLES, size):
            network(min(size, SAMPLES - begin))
        rates[size] = SAMPLES / (time.perf_counter() - started)
    return rates


def main() -> int:
    """Print the figures; return 1 if one falls short."""
    with tempfile.TemporaryDirectory() as folder:
        network = network_of(open_catalogue(Path(folder)))
    network(HOLDS)
    figures: dict[str, Any] = {}
    good = True
    for measured in (True, False):
        ratios, first_sizes, refusals = [], [], []
        for _ in range(ROUNDS):
            best = max(fixed(network).values())
            sizes = SafeSizes()
            for again in (False, True):
                step = Step(FakeMemory(HOLDS * EACH + EACH // 2, measured=measured), network)
                rate = timed(Batches(sizes, step.memory), step)
                ratios.append((again, rate / best))
                first_sizes.append((again, (step.refused + step.sizes)[0]))
                refusals.append((again, len(step.refused)))
        for again in (False, True):
            name = f"{'measured' if measured else 'by failures alone'}, {'a second time' if again else 'first'}"
            each = sorted(ratio for late, ratio in ratios if late is again)
            figures[name] = {
                "of_best_fixed_batch": round(each[len(each) // 2], 3),
                "first_size": max(size for late, size in first_sizes if late is again),
                "failures": max(number for late, number in refusals if late is again),
            }
            good &= figures[name]["of_best_fixed_batch"] >= LEAST or not (measured or again)
    print(f"{'':36}{'of the best fixed batch':>24}{'first size':>12}{'failures':>10}")
    for name, row in figures.items():
        print(f"{name:36}{row['of_best_fixed_batch']:24.2f}{row['first_size']:12}{row['failures']:10}")
    keep("batching", figures)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
