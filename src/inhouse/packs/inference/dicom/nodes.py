"""Nodes for DICOM. Wires carry a row a slice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from inhouse import Output, Range, Wire, node
from inhouse.packs.inference.dicom.deidentifying import Deidentifier, to_file
from inhouse.packs.inference.dicom.overlay import overlaid, resized
from inhouse.packs.inference.dicom.reading import read_slices
from inhouse.packs.inference.dicom.windowing import window

if TYPE_CHECKING:
    from inhouse.packs.inference.dicom.reading import Slice

Files = Annotated[Any, Wire("FILES")]
Slices = Annotated[Any, Wire("DICOM")]
Pixels = Annotated[Any, Wire("PIXELS")]
Tensor = Annotated[Any, Wire("TENSOR")]
Rows = Annotated[Any, Wire("JSON")]

Key = Annotated[Any, Wire("STUDY_KEY")]

_CATEGORY = "inference/medical"


class Deidentified(NamedTuple):
    """Slices without identity, and what was done to each."""

    slices: Annotated[Any, Wire("DICOM")]
    report: Annotated[Any, Wire("JSON")]


@node("DecodeDicom", category=_CATEGORY, display_name="Decode DICOM")
def decode_dicom(*, files: Files) -> Annotated[Any, Wire("DICOM"), Output("slices")]:
    """Read DICOM files: a grey picture each, in the units of the modality."""
    return read_slices(files)


@node("NewStudyKey", category=_CATEGORY, display_name="New Study Key", cacheable=False)
def new_study_key() -> Annotated[Any, Wire("STUDY_KEY"), Output("key")]:
    """Make a key by which slices of a study keep belonging together; it is never written down.

    A service makes it once, when it is loaded: slices that come in several requests stay together.
    """
    return Deidentifier()


@node("DeidentifyDicom", category=_CATEGORY, display_name="De-identify DICOM")
def deidentify_dicom(*, slices: Slices, key: Key, burned_in_annotations: bool = False) -> Deidentified:
    """Take out of each header who it is of, by the basic profile of DICOM PS3.15; the pixels stay."""
    done = [key.apply(one, burned_in=burned_in_annotations) for one in slices]
    return Deidentified([slice_ for slice_, _ in done], [counts for _, counts in done])


@node("EncodeDicom", category=_CATEGORY, display_name="Encode DICOM")
def encode_dicom(*, slices: Slices) -> Annotated[Any, Wire("FILES"), Output("files")]:
    """Write slices as DICOM files."""
    return [to_file(one) for one in slices]


@node("WindowDicom", category=_CATEGORY, display_name="Window DICOM")
def window_dicom(
    *,
    slices: Slices,
    center: Annotated[float, Range(-100_000, 100_000)] = 0.0,
    width: Annotated[float, Range(0, 200_000)] = 0.0,
) -> Annotated[Any, Wire("PIXELS"), Output("pixels")]:
    """Turn slices into grey by a window in the modality's units; a width of 0 takes the file's own."""
    return [window(one, center, width) for one in slices]


@node("StackPixels", category=_CATEGORY, display_name="Stack Pixels")
def stack_pixels(
    *,
    pixels: Pixels,
    height: Annotated[int, Range(1, 8192)] = 224,
    width: Annotated[int, Range(1, 8192)] = 224,
    channels: Annotated[int, Range(1, 3)] = 1,
    mean: float = 0.0,
    std: Annotated[float, Range(1e-6, 1e6)] = 1.0,
) -> Annotated[Any, Wire("TENSOR"), Output("tensor")]:
    """Bring grey pictures to one size, and into a tensor (batch, channels, height, width), (value - mean) / std."""
    import numpy as np

    stacked = np.stack([resized(one, height, width) for one in pixels])[:, None]
    return np.ascontiguousarray(np.repeat((stacked - mean) / std, channels, axis=1), dtype=np.float32)


@node("OverlayMaps", category=_CATEGORY, display_name="Overlay Maps")
def overlay_maps(
    *, pixels: Pixels, maps: Tensor, opacity: Annotated[float, Range(0, 1)] = 0.5
) -> Annotated[Any, Wire("FILES"), Output("files")]:
    """Draw a model's maps, (batch, 1, height, width) of 0 to 1, in colour over grey pictures; PNG files."""
    return [overlaid(grey, found[0], opacity) for grey, found in zip(pixels, maps, strict=True)]


def described(slice_: Slice) -> dict[str, Any]:
    """Return what may be said of a slice without saying of whom it is."""
    dataset = slice_.dataset
    height, width = slice_.pixels.shape
    return {"modality": str(dataset.get("Modality", "")), "height": height, "width": width}


@node("DescribeDicom", category=_CATEGORY, display_name="Describe DICOM")
def describe_dicom(*, slices: Slices) -> Annotated[Any, Wire("JSON"), Output("rows")]:
    """Say modality and size of each slice, nothing of the patient."""
    return [described(one) for one in slices]


NODES = [
    decode_dicom,
    new_study_key,
    deidentify_dicom,
    encode_dicom,
    window_dicom,
    stack_pixels,
    overlay_maps,
    describe_dicom,
]
