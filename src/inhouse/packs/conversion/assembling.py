"""From a verified draft to an artifact: its files in one folder, under a receipt that says all that is known."""

from __future__ import annotations

import importlib.metadata
import itertools
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.errors import ConversionError, OutputError
from inhouse.files import inside
from inhouse.models.artifact import Artifact, save_artifact
from inhouse.models.receipt import Receipt
from inhouse.models.signature import Size, TensorSpec
from inhouse.packs.conversion.costs import costs, model_files
from inhouse.packs.conversion.pipelines import service_of
from inhouse.packs.conversion.verifying import MIXED, VERIFY

if TYPE_CHECKING:
    from inhouse.models.signing import Signer
    from inhouse.packs.conversion.model import Draft

TOOLS = (
    "inhouse",
    "numpy",
    "torch",
    "transformers",
    "diffusers",
    "onnx",
    "onnxscript",
    "onnxruntime",
    "openvino",
    "nncf",
    "tensorrt",
    "gguf",
    "scikit-learn",
    "skl2onnx",
)
"""Packages whose versions a receipt has, where they are installed."""


def save(draft: Draft, place: Path, signer: Signer, *, name: str = "") -> tuple[Artifact, Receipt]:
    """Write the artifact of a verified draft, whole or not at all.

    Args:
        draft: what was converted; its last pass was the verification.
        place: where its folder is to be; nothing may be there.
        signer: signs the receipt.
        name: what it is to be called; the source's name if empty.

    Raises:
        ConversionError: the draft was not verified as it is now.
        OutputError: something is there already, or it cannot be written.

    """
    if not draft.passes or draft.passes[-1].name != VERIFY or not all(check.passed for check in draft.checks):
        raise ConversionError("Only what was compared with the original becomes an artifact.", hint="Verify it first.")
    if place.exists():
        raise OutputError(f"{place} is there already.", hint="Choose another name, or remove it.")
    before, after = costs(draft)
    made = _made(place.parent)
    try:
        artifact = _artifact(draft, made / "it", name or draft.source.name)
        receipt = _receipt(draft, artifact, before, after)
        return save_artifact(artifact, receipt, signer, place), receipt
    except OSError as error:
        raise OutputError(f"Cannot write {place}: {error.strerror or error}.", hint="Free some space there.") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def free_place(folder: Path, name: str) -> Path:
    """Return ``folder/name``, or with a number behind it where that is taken.

    Raises:
        PathEscapeError: the name leads out of the folder.

    """
    place = inside(folder, name)
    numbers = (place.with_name(f"{place.name}-{number}") for number in itertools.count(2))
    return next(found for found in itertools.chain((place,), numbers) if not found.exists())


def _made(parent: Path) -> Path:
    """Return a new folder on the same disk as the artifact will be on."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".converting-", dir=parent))
    except OSError as error:
        raise OutputError(
            f"Cannot write to {parent}: {error.strerror or error}.", hint="Choose another place."
        ) from error


def _artifact(draft: Draft, folder: Path, name: str) -> Artifact:
    folder.mkdir()
    root = draft.folder.resolve()
    for file in model_files(draft.model):
        target = folder / file.resolve().relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    for asset, file in draft.source.assets.items():
        shutil.copyfile(file, folder / asset)
    inputs, outputs = _tensors(draft)
    service = service_of(draft.source, inputs, outputs)
    batch = _largest_batch(draft)
    return Artifact(
        folder=folder,
        name=name,
        task=draft.source.task,
        serving=draft.serving,
        inputs=inputs,
        outputs=outputs,
        fields_in=service.fields_in,
        fields_out=service.fields_out,
        pipeline=service.pipeline,
        max_batch=batch,
        facts=_plain(draft.source.facts),
    )


def _largest_batch(draft: Draft) -> int:
    """Return in how many rows it may be asked: one where rows do not answer as they do alone, whoever is to blame."""
    mixing = any(check.case == MIXED for check in draft.checks)
    batched = all(spec.batched for spec in draft.source.inputs)
    return int(draft.passes[-1].options["batch"]) if batched and not mixing else 1


def _tensors(draft: Draft) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Return the tensors as the converted model has them: the original's, with the lengths that it fixed."""
    from inhouse.packs.conversion.verifying import opened

    session = opened(draft)
    try:
        declared = dict(session.inputs)
    finally:
        session.close()
    fixed: dict[str, int] = {}
    inputs = []
    for spec in draft.source.inputs:
        dtype, shape = declared.get(spec.name, (spec.dtype, spec.shape))
        fixed |= {
            size: now
            for size, now in zip(spec.shape, shape, strict=True)
            if isinstance(size, str) and isinstance(now, int)
        }
        inputs.append(TensorSpec(spec.name, str(dtype), _fixed(spec.shape, fixed)))
    return tuple(inputs), tuple(
        TensorSpec(spec.name, spec.dtype, _fixed(spec.shape, fixed)) for spec in draft.source.outputs
    )


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that can be written as JSON; the others were for passes."""
    found = {}
    for name, value in facts.items():
        try:
            found[name] = json.loads(json.dumps(value))
        except (TypeError, ValueError):
            continue
    return found


def _fixed(shape: tuple[Size, ...], lengths: Mapping[str, int]) -> tuple[Size, ...]:
    return tuple(lengths.get(size, size) if isinstance(size, str) else size for size in shape)


def _receipt(draft: Draft, artifact: Artifact, before: Any, after: Any) -> Receipt:
    serving, source = draft.serving, draft.source
    return Receipt(
        name=artifact.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        source={"name": source.name, "format": source.format, "sha256": source.sha256},
        files={},
        format=draft.format,
        precision=draft.precision,
        opset=draft.opset,
        passes=draft.passes,
        reverted=draft.reverted,
        budget=dict(draft.passes[-1].options),
        checks=draft.checks,
        before=before,
        after=after,
        served_with={
            "runtime": serving.runtime,
            "device": serving.device,
            "precision": serving.precision,
            "threads": serving.threads,
            "options": dict(serving.options),
            "max_batch": artifact.max_batch,
        },
        machine=machine(),
        tools=tools(),
    )


def machine() -> dict[str, Any]:
    """Return what is known of this machine: processor, cores, memory in gigabytes, system."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "memory_gb": round(memory / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def tools() -> dict[str, str]:
    """Return the versions of what a conversion may be made with."""
    found = {}
    for name in TOOLS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
