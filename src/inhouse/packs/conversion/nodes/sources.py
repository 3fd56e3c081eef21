"""Nodes at the beginning of a conversion: open a model, export it, prove its shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from inhouse import Choices, Context, Range, node
from inhouse.files import Folders
from inhouse.models.catalogue import ModelCatalogue
from inhouse.packs.conversion.wires import Draft, Source
from inhouse.packs.conversion.workshop import Workshop

if TYPE_CHECKING:
    from pathlib import Path

_CATEGORY = "conversion"
_ANY = "auto"
TASKS = (_ANY, "embeddings", "image-classification", "text-classification", "chat", "diffusion", "tensors")
TARGETS = ("onnx", "openvino", "torch-export")


@node("LoadModelSource", category=_CATEGORY, display_name="Load Model To Convert", cacheable=False)
def load_model_source(
    *,
    model: str,
    task: Annotated[str, Choices(TASKS)] = _ANY,
    data: str = "",
    labels: str = "",
    architecture: str = "",
    context: Context,
) -> Source:
    """Open a model in any format that is known, with realistic inputs to try it on."""
    from pathlib import Path

    from inhouse.packs.conversion.sources import open_source

    workshop = _workshop(context)
    if workshop.anywhere:
        where, given = model, {"data": data, "labels": labels}
        places = {name: Path(value).expanduser() if value else None for name, value in given.items()}
    else:
        where = str(workshop.place(model, _roots(context)))
        places = {"data": _input(workshop, data, context), "labels": _input(workshop, labels, context)}
    return open_source(
        where,
        task=None if task == _ANY else task,
        data=places["data"],
        labels=places["labels"],
        architecture=architecture or None,
        allow_pickle=workshop.allow_pickle,
        allow_code=workshop.anywhere,
    )


def _workshop(context: Context) -> Workshop:
    """Return the workshop that the engine was built with, else a cautious one in the folder of temporary files."""
    found, folders = context.find(Workshop), context.find(Folders)
    return found or Workshop(None if folders is None else folders.temp / "conversion")


def _roots(context: Context) -> list[Path]:
    """Return all folders of models, and their parents where those are shared by all kinds."""
    catalogue = context.service(ModelCatalogue)
    return [folder for kind in catalogue.kinds() for folder in catalogue.folders(kind)]


def _input(workshop: Workshop, name: str, context: Context) -> Path | None:
    return workshop.place(name, [context.service(Folders).input, *_roots(context)]) if name else None


@node("ExportModel", category=_CATEGORY, display_name="Export Model", cacheable=False)
def export_model(
    *,
    source: Source,
    target: Annotated[str, Choices(TARGETS)] = "onnx",
    device: str = "cpu",
    threads: Annotated[int, Range(0, 1024)] = 0,
    context: Context,
) -> Draft:
    """Write a model as a graph for another runtime, and say how it is to be served; its free axes stay free."""
    from dataclasses import replace

    from inhouse.packs.conversion.exporting import export

    made = export(source, target, _workshop(context).draft_folder(source))
    return replace(made, serving=replace(made.serving, device=device, threads=threads))


@node("ShapeModel", category=_CATEGORY, display_name="Prove Model Shapes", cacheable=False)
def shape_model(*, draft: Draft) -> Draft:
    """Name the free axes, infer the shapes between, and prove by running that no axis was frozen on the way."""
    from inhouse.packs.conversion.shapes import shape

    return shape(draft)


NODES = (load_model_source, export_model, shape_model)
