"""Targets: what somebody names, and which variants of it are to be measured."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from inhouse.backends.sessions.base import SessionOptions
from inhouse.backends.sessions.registry import RUNTIMES, best_runtime
from inhouse.errors import ModelNotFoundError, ReceiptError
from inhouse.models.artifact import open_artifact
from inhouse.models.receipt import NAME as RECEIPT
from inhouse.models.receipt import read_receipt
from inhouse.packs.benchmark.asking import Recipe
from inhouse.packs.benchmark.feeds import Questions
from inhouse.packs.benchmark.model import Load, Variant
from inhouse.packs.benchmark.model_subject import ModelSubject

if TYPE_CHECKING:
    from inhouse.models.artifact import Serving

Kind: TypeAlias = Literal["model", "service", "workflow"]

COMPUTES: Mapping[str, str] = {"openvino": "bf16", "tensorrt": "fp16"}
"""Runtimes that are told what to compute in; of the others the graph decides, and one variant is all there is."""
_AS_MADE = "as made"


@dataclass(frozen=True, slots=True)
class Wishes:
    """Which variants and loads are wanted; what is left empty is as the target has it.

    Attributes:
        runtimes, precisions, threads: of models; each combination is a variant.
        batches: rows a call.
        concurrency: calls at once.
        rates: calls a second of open loops, which services are put under besides.
        device: of models.
        questions: what models are asked.

    """

    runtimes: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    threads: tuple[int, ...] = ()
    batches: tuple[int, ...] = (1, 8, 32)
    concurrency: tuple[int, ...] = (1,)
    rates: tuple[float, ...] = ()
    device: str = ""
    questions: Questions = field(default_factory=Questions)

    def loads(self) -> dict[str, list[Load]]:
        """Return what is asked, by kind; of a workflow one run after another."""
        closed = [Load(batch, many) for batch in self.batches for many in self.concurrency]
        opened = [Load(batch, 1, rate) for batch in self.batches for rate in self.rates]
        return {"model": closed, "service": closed + opened, "workflow": [Load()]}


def kind_of(target: str) -> Kind:
    """Tell what a target is: an address, an artifact's folder or a model's file, or else a workflow."""
    if "://" in target:
        return "service"
    path = Path(target)
    suffixes = {suffix for runtime in RUNTIMES.values() for suffix in runtime.suffixes}
    return "model" if path.is_dir() or path.suffix in suffixes else "workflow"


def model_subjects(target: str, wishes: Wishes) -> list[ModelSubject]:
    """Return one subject a variant of an artifact or a model's file.

    A runtime that cannot be used here, or does not load such files, is a variant that says so.

    Raises:
        ModelError: there is none, or its description cannot be read.
        UsageError: no runtime loads it.

    """
    path = Path(target)
    found = _read_artifact(path, wishes.questions) if path.is_dir() else _Model(path, path.stem, wishes.questions)
    if not found.file.is_file():
        raise ModelNotFoundError(f"There is no model {found.file.name}.", hint="Check the path.")
    device = wishes.device or (found.serving.device if found.serving else "cpu")
    own = found.serving.runtime if found.serving else ""
    runtimes = wishes.runtimes or (own or best_runtime(found.file, device),)
    return [
        _subject(target, found, runtime, precision, threads, device)
        for runtime, threads in itertools.product(runtimes, wishes.threads or (_threads(found),))
        for precision in _precisions(runtime, found, wishes)
    ]


@dataclass(frozen=True, slots=True)
class _Model:
    """A model's file, and what is known of it."""

    file: Path
    name: str
    questions: Questions
    serving: Serving | None = None
    receipt: Mapping[str, Any] = field(default_factory=dict)


def _read_artifact(folder: Path, questions: Questions) -> _Model:
    artifact = open_artifact(folder)
    facts = artifact.facts
    values = {name: (float(pair[0]), float(pair[1])) for name, pair in facts.get("values", {}).items()}
    asked = replace(questions, values={**values, **questions.values})
    return _Model(artifact.model, artifact.name, asked, artifact.serving, _receipt(folder))


def _receipt(folder: Path) -> dict[str, Any]:
    try:
        receipt = read_receipt(folder / RECEIPT)
    except ReceiptError as error:
        return {"problem": str(error)}
    return {
        "precision": receipt.precision,
        "checks": [
            {"case": one.case, "metric": one.metric, "value": one.value, "bound": one.bound, "passed": one.passed}
            for one in receipt.checks
        ],
        "reverted": list(receipt.reverted),
    }


def _threads(found: _Model) -> int:
    return found.serving.threads if found.serving else 0


def _precisions(runtime: str, found: _Model, wishes: Wishes) -> tuple[str, ...]:
    if runtime not in COMPUTES:
        return (_AS_MADE,)
    own = found.serving.precision if found.serving and found.serving.runtime == runtime else "fp32"
    return wishes.precisions or (own,)


def _subject(target: str, found: _Model, runtime: str, precision: str, threads: int, device: str) -> ModelSubject:
    options = dict(found.serving.options) if found.serving and found.serving.runtime == runtime else {}
    traits = {"runtime": runtime, "precision": precision, "threads": threads, "device": device}
    said = [found.name, runtime, *_marks(found, precision), *([f"{threads}t"] if threads else [])]
    variant = Variant(" ".join(said), "model", target, traits, disk_bytes=disk_bytes(found.file), receipt=found.receipt)
    variant.error = _refusal(runtime, found.file, device)
    chosen = SessionOptions(device, "fp32" if precision == _AS_MADE else precision, threads, options=options)
    return ModelSubject(variant, Recipe(runtime, found.file, chosen, found.questions))


def _marks(found: _Model, precision: str) -> list[str]:
    """Return the precision of weights, where a receipt says that they are integers, and of arithmetic."""
    weights = str(found.receipt.get("precision", ""))
    return [mark for mark in (weights if weights.startswith("int") else "", precision) if mark not in ("", _AS_MADE)]


def _refusal(runtime: str, file: Path, device: str) -> str:
    if runtime not in RUNTIMES:
        return f"There is no runtime {runtime}; there are {', '.join(RUNTIMES)}."
    known = RUNTIMES[runtime]
    if file.suffix not in known.suffixes:
        return f"{runtime} does not load files such as {file.name}."
    return known.lacking(device)


def disk_bytes(file: Path) -> int:
    """Return the size of a model's file with what lies beside it under its name: weights, external data."""
    beside = [path for path in file.parent.glob(f"{file.stem}*") if path.is_file() and _belongs(path, file)]
    return sum(path.stat().st_size for path in beside)


def _belongs(path: Path, file: Path) -> bool:
    own = {file.with_suffix(".bin").name} if file.suffix == ".xml" else {file.with_suffix(".data").name}
    return path == file or path.name in own | {f"{file.name}.data", f"{file.name}_data"}
