"""Programs of torch.export (.pt2): their inputs, free axes and the limits of those stand in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from inhouse.errors import ModelFormatError, ModelUnsupportedError
from inhouse.models.signature import BATCH, Size, TensorSpec
from inhouse.packs.conversion.model import SourceModel
from inhouse.packs.conversion.sources.archives import check_program
from inhouse.packs.conversion.sources.request import Request
from inhouse.packs.conversion.sources.samples import read_tensors
from inhouse.packs.conversion.sources.transformers_folder import build, labels_asset, random_rows

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_LONGEST = 512


def open_source(request: Request) -> SourceModel:
    """Open a program.

    Raises:
        UnsafeModelError: it holds something that could run code.
        ModelFormatError: it is damaged, or of another version of torch.
        ModelUnsupportedError: it takes something else than tensors.
        ModelTooLargeError: memory would not do.

    """
    check_program(request.path, request.memory)
    try:
        program = torch.export.load(str(request.path))
    except Exception as error:  # torch raises whatever it meets
        raise ModelFormatError(
            f"{request.path.name} is damaged, or of a version of torch that this one does not read.",
            hint="Save it again with torch.export.save.",
        ) from error
    inputs, limits = _inputs(program, request.name)
    given = request.data is not None and request.data.suffix in {".npy", ".npz"}
    samples = read_tensors(request.data, inputs) if given and request.data else random_rows(inputs, _least(limits))
    return build(
        request,
        program.module(),
        format_="torch-export",
        task=request.task or "tensors",
        inputs=inputs,
        outputs=None,
        samples=samples,
        limits=limits,
        assets=labels_asset(request),
        facts={"program": program},
    )


def _least(limits: dict[str, tuple[int, int]]) -> dict[str, int]:
    return {axis: max(least, min(most, 8)) for axis, (least, most) in limits.items()}


def _inputs(program: ExportedProgram, name: str) -> tuple[tuple[TensorSpec, ...], dict[str, tuple[int, int]]]:
    """Return what a program takes, and the limits of each free axis; the first axis of an input is the batch."""
    wanted = program.graph_signature.user_inputs
    tensors = {node.name: node.meta.get("val") for node in program.graph.nodes if node.name in wanted}
    symbols: dict[str, str] = {}
    specs = []
    for label in wanted:
        tensor = tensors.get(str(label))
        if not isinstance(tensor, torch.Tensor):
            raise ModelUnsupportedError(
                f"{name} takes {label}, which is no tensor.", hint="Export it with tensors only."
            )
        shape: list[Size] = []
        for axis, size in enumerate(tensor.shape):
            free = not str(size).isdecimal()  # a symbol passes for an int
            shape.append(symbols.setdefault(str(size), _axis(label, axis)) if free else int(size))
        specs.append(TensorSpec(str(label), str(tensor.dtype).removeprefix("torch."), tuple(shape)))
    return tuple(specs), {
        symbols[str(s)]: _limits(r) for s, r in program.range_constraints.items() if str(s) in symbols
    }


def _axis(label: object, axis: int) -> str:
    return BATCH if axis == 0 else f"{label}_{axis}"


def _limits(constraint: Any) -> tuple[int, int]:
    least = max(1, int(constraint.lower))
    most = max(least, _LONGEST)
    return least, min(int(constraint.upper), most) if constraint.upper <= most else most
