"""Artifacts: a converted model with all that serving it needs, in one folder under one signed receipt.

::

    folder/
        artifact.json    this description
        receipt.json     signed: hashes of all other files, and how the model came to be
        model.onnx       or model.xml and model.bin, model.pt2, ...
        tokenizer.json, labels.txt, ...
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.errors import ModelFormatError, ModelNotFoundError, OutputError, ReceiptError
from inhouse.files import digest, write_atomic
from inhouse.models.receipt import NAME as RECEIPT
from inhouse.models.receipt import read_receipt
from inhouse.models.signature import Field, TensorSpec

if TYPE_CHECKING:
    from inhouse.models.receipt import Receipt
    from inhouse.models.signing import Signer, Trust

NAME = "artifact.json"
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Serving:
    """How a model is run.

    Attributes:
        runtime: a row of `inhouse.backends.sessions.RUNTIMES`.
        model: the file, within the artifact.
        device: as the runtime's row calls it, such as ``cpu`` or ``cuda:0``.
        precision: what it computes in: ``fp32``, ``bf16``, ``fp16``; integers are the graph's own business.
        threads: of a session; 0 lets the runtime choose.
        options: further ones of the runtime, such as a TensorRT profile.

    """

    runtime: str
    model: str
    device: str = "cpu"
    precision: str = "fp32"
    threads: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A converted model.

    Attributes:
        folder: where it lies.
        name: of the model.
        task: ``embeddings``, ``image-classification``, ``text-classification``, ``chat``, ... or ``tensors``.
        serving: how it is run.
        inputs: the tensors that the model takes.
        outputs: the tensors that it gives.
        fields_in: what a service of it takes.
        fields_out: what a service of it gives.
        pipeline: a workflow in the API format, from ``ServiceInput`` nodes to ``ServiceOutput`` nodes.
        max_batch: the largest batch that it was compared at.
        facts: what nodes of the pipeline may want to know.

    """

    folder: Path
    name: str
    task: str
    serving: Serving
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    fields_in: tuple[Field, ...] = ()
    fields_out: tuple[Field, ...] = ()
    pipeline: Mapping[str, Any] = field(default_factory=dict)
    max_batch: int = 32
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> Path:
        """The model's file."""
        return self.folder / self.serving.model

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        serving = self.serving
        return {
            "schema": SCHEMA,
            "name": self.name,
            "task": self.task,
            "serving": {
                "runtime": serving.runtime,
                "model": serving.model,
                "device": serving.device,
                "precision": serving.precision,
                "threads": serving.threads,
                "options": dict(serving.options),
            },
            "inputs": [spec.as_dict() for spec in self.inputs],
            "outputs": [spec.as_dict() for spec in self.outputs],
            "fields_in": [declared.as_dict() for declared in self.fields_in],
            "fields_out": [declared.as_dict() for declared in self.fields_out],
            "pipeline": dict(self.pipeline),
            "max_batch": self.max_batch,
            "facts": dict(self.facts),
        }


def open_artifact(folder: Path) -> Artifact:
    """Return the artifact in a folder, without looking at its receipt.

    Raises:
        ModelNotFoundError: there is none.
        ModelFormatError: its description cannot be read.

    """
    try:
        data = json.loads((folder / NAME).read_bytes())
        if data.pop("schema") != SCHEMA:
            raise ModelFormatError(f"{folder.name} was made by another version of Inhouse.", hint="Convert it again.")
        return Artifact(
            **{
                **data,
                "folder": folder,
                "serving": Serving(**data["serving"]),
                "inputs": tuple(map(TensorSpec.from_dict, data["inputs"])),
                "outputs": tuple(map(TensorSpec.from_dict, data["outputs"])),
                "fields_in": tuple(map(Field.from_dict, data["fields_in"])),
                "fields_out": tuple(map(Field.from_dict, data["fields_out"])),
            }
        )
    except FileNotFoundError as error:
        raise ModelNotFoundError(
            f"{folder} is no converted model: it has no {NAME}.", hint="Make one with `inhouse convert`."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelFormatError(f"{folder.name}: {NAME} cannot be read.", hint="Convert the model again.") from error


def verify_artifact(folder: Path, trust: Trust) -> Receipt:
    """Check that an artifact is what its receipt says, file by file, and that somebody trusted signed that.

    Raises:
        ReceiptError: a file is missing, was changed or added, or the receipt itself is at fault.

    """
    receipt = read_receipt(folder / RECEIPT, trust)
    there = set(_files(folder))
    if lost := sorted(set(receipt.files) - there):
        raise ReceiptError(f"The artifact lacks {', '.join(lost)}.", hint="Copy it again, or convert the model again.")
    if strange := sorted(there - set(receipt.files)):
        raise ReceiptError(
            f"The artifact has files that its receipt does not know: {', '.join(strange)}.", hint="Remove them."
        )
    for name, wanted in receipt.files.items():
        if digest(folder / name) != wanted:
            raise ReceiptError(
                f"{name} is not the file that was verified: its hash differs from the receipt's.",
                hint="Convert the model again, and leave the artifact as it is.",
            )
    return receipt


def save_artifact(artifact: Artifact, receipt: Receipt, signer: Signer, place: Path) -> Artifact:
    """Describe, hash and sign what lies in the artifact's folder, and move it to its place, whole or not at all.

    Raises:
        OutputError: something is there already, or it cannot be written.

    """
    if place.exists():
        raise OutputError(f"{place} is there already.", hint="Choose another name, or remove it.")
    content = json.dumps(artifact.as_dict(), indent=1).encode() + b"\n"
    write_atomic(artifact.folder / NAME, lambda file: file.write(content))
    hashed = replace(receipt, files={name: digest(artifact.folder / name) for name in _files(artifact.folder)})
    sealed = hashed.sealed(signer)
    write_atomic(artifact.folder / RECEIPT, lambda file: file.write(sealed))
    move_folder(artifact.folder, place)
    return replace(artifact, folder=place)


def move_folder(folder: Path, place: Path) -> None:
    """Move a folder to a free place, whole or not at all, from another disk too.

    Raises:
        OutputError: it cannot be written.

    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.rename(place)
        except OSError:
            beside = Path(tempfile.mkdtemp(prefix=".copying-", dir=place.parent))
            try:
                shutil.copytree(folder, beside / "it")
                (beside / "it").rename(place)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"Cannot write {place}: {error.strerror or error}.", hint="Choose another place.") from error


def _files(folder: Path) -> list[str]:
    """Return the paths of all files but the receipt, within the folder."""
    found = (path for path in sorted(folder.rglob("*")) if not path.is_dir() or path.is_symlink())
    return [name for path in found if (name := path.relative_to(folder).as_posix()) != RECEIPT]
