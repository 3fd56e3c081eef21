"""Medical pictures: DICOM in, identity out, a model's map drawn over the slice, all on one machine.

The model is no diagnosis and makes no clinical claim: a small network with weights written by hand that marks air which
lies within tissue. It stands where a hospital's own model would: everything around it is what such a model needs.

Run it with ``python -m examples.medical FOLDER [FILE ...]``; pydicom has slices for it.
"""

from __future__ import annotations

import base64
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import torch
from torch import nn

from examples.steps import ask, convert, with_pipeline
from inhouse.models.signature import Field
from inhouse.workers.replicas.loading import load_pipeline

if TYPE_CHECKING:
    from torch import Tensor

SIZE = 256
"""Pixels of a side that the model sees."""
LOCAL_MS, CLOUD_MS = 30.0, 200.0
"""The claim that is checked here: an answer takes a cloud's endpoint 200 ms, the way included, and 30 ms locally."""
_ROUNDS = 30


class AirInTissue(nn.Module):
    """Marks air that lies within tissue: two thresholds, smoothed, and how much tissue there is all around.

    Takes (batch, 1, 256, 256) of a window from -1000 to 1000 Hounsfield units as 0 to 1; gives a map of the same shape.
    """

    def __init__(self) -> None:
        super().__init__()
        axis = torch.arange(5) - 2.0
        line = torch.exp(-(axis**2) / 2)
        kernel = torch.outer(line, line)
        self.smooth = nn.Conv2d(1, 1, 5, padding=2, bias=False)
        self.smooth.weight.data = (kernel / kernel.sum())[None, None]
        self.around = nn.Sequential(  # a mean over 72 x 72 pixels, which changes slowly: it is taken at every eighth
            nn.AvgPool2d(8), nn.AvgPool2d(9, stride=1, padding=4), nn.Upsample(scale_factor=8.0, mode="bilinear")
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the map, 0 to 1."""
        smooth = self.smooth(pixels)
        air = torch.sigmoid((0.3 - smooth) * 40)  # 0.3 of the window is -400 Hounsfield units: between lung and tissue
        surrounded = torch.sigmoid((self.around(1 - air) - 0.35) * 20)
        return air * surrounded


def build() -> tuple[nn.Module, Tensor, dict[str, dict[int, str]]]:
    """Return the model, examples of its input, and its free axis, as ``inhouse convert`` wants them."""
    generator = torch.Generator().manual_seed(0)
    examples = torch.rand((8, 1, 8, 8), generator=generator)  # blots, as slices have them, not single dots
    return AirInTissue().eval(), nn.functional.interpolate(examples, (SIZE, SIZE)), {"pixels": {0: "batch"}}


def pipeline() -> dict[str, Any]:
    """Return the nodes from a DICOM file to an overlay, a report, and the slice without identity."""

    def node(kind: str, /, **inputs: Any) -> dict[str, Any]:
        return {"class_type": kind, "inputs": inputs}

    return {
        "in": node("ServiceInput", name="slices", kind="file"),
        "decode": node("DecodeDicom", files=["in", 0]),
        "key": node("NewStudyKey"),
        "private": node("DeidentifyDicom", slices=["decode", 0], key=["key", 0], burned_in_annotations=False),
        "units": node("WindowDicom", slices=["private", 0], center=0.0, width=2000.0),
        "shown": node("WindowDicom", slices=["private", 0], center=0.0, width=0.0),
        "tensor": node("StackPixels", pixels=["units", 0], height=SIZE, width=SIZE, channels=1, mean=0.0, std=1.0),
        "named": node("NamedTensor", tensor=["tensor", 0], name="pixels"),
        "model": node("ServedModel"),
        "run": node("RunModel", session=["model", 0], tensors=["named", 0]),
        "map": node("SelectTensor", tensors=["run", 0], name=""),
        "overlay": node("OverlayMaps", pixels=["shown", 0], maps=["map", 0], opacity=0.5),
        "file": node("EncodeDicom", slices=["private", 0]),
        "out": node("ServiceOutput", value=["overlay", 0], name="overlays"),
        "report": node("ServiceOutput", value=["private", 1], name="reports"),
        "kept": node("ServiceOutput", value=["file", 0], name="slices"),
    }


FIELDS_IN = (Field("slices", "file", "DICOM files of one grey slice each."),)
FIELDS_OUT = (
    Field("overlays", "image", "The slice with the model's map over it, as PNG."),
    Field("reports", "json", "How many attributes were removed, emptied and replaced."),
    Field("slices", "file", "The slice without identity."),
)


class Found(TypedDict):
    """What came of it: PNG files, reports, files without identity, and milliseconds by step."""

    overlays: list[bytes]
    reports: list[Any]
    slices: list[bytes]
    steps: dict[str, float]


def run(folder: Path, files: list[bytes]) -> Found:
    """Convert into a folder, serve, send the files, and measure each step of a single slice."""
    made = convert("examples.medical:build", folder / "air-in-tissue")
    artifact = with_pipeline(made, folder / "air-in-tissue-dicom", pipeline(), FIELDS_IN, FIELDS_OUT)
    answer = ask(artifact.folder, {"slices": files}, len(files))
    if "error" in answer:
        raise SystemExit(answer["error"]["message"])
    return {
        "overlays": [base64.b64decode(text) for text in answer["overlays"]],
        "reports": answer["reports"],
        "slices": [base64.b64decode(text) for text in answer["slices"]],
        "steps": steps(artifact.folder, files[0]),
    }


def steps(folder: Path, file: bytes) -> dict[str, float]:
    """Return the median milliseconds of each step of one slice."""
    service = load_pipeline(folder, threads=1)
    rounds = [service.timed({"slices": [file]}) for _ in range(_ROUNDS)]
    medians = [statistics.median(one[place][1] for one in rounds) * 1e3 for place in range(len(rounds[0]))]
    found: dict[str, float] = {}
    for (kind, _), milliseconds in zip(rounds[0], medians, strict=True):
        found[kind] = found.get(kind, 0.0) + milliseconds
    return found


def sample() -> bytes:
    """Return pydicom's small CT slice."""
    from pydicom.data import get_testdata_file

    path = get_testdata_file("CT_small.dcm", download=False)
    return Path(str(path)).read_bytes()


def main() -> None:
    """Show the figures, and write pictures and files into the folder."""
    folder = Path(sys.argv[1])
    found = run(folder, [Path(name).read_bytes() for name in sys.argv[2:]] or [sample()])
    for number, (picture, kept) in enumerate(zip(found["overlays"], found["slices"], strict=True), 1):
        (folder / f"overlay-{number}.png").write_bytes(picture)
        (folder / f"slice-{number}.dcm").write_bytes(kept)
        print(f"slice {number}: {found['reports'][number - 1]}")
    for kind, milliseconds in found["steps"].items():
        print(f"{kind:20}{milliseconds:8.2f} ms")
    total = sum(found["steps"].values())
    verdict = "within" if total <= LOCAL_MS else "over"
    print(f"{'all':20}{total:8.2f} ms: {verdict} {LOCAL_MS:g} ms locally; a cloud is said to take {CLOUD_MS:g} ms")


if __name__ == "__main__":
    main()
