"""Reading slices: the file, and its pixels in the units of the modality."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inhouse.errors import NodeInputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pydicom.dataset import FileDataset

LARGEST = 64 * 1024 * 1024
"""Pixels that a file may have: a header of a few bytes could else ask for all memory."""
_GREY = ("MONOCHROME1", "MONOCHROME2")


@dataclass(frozen=True, slots=True)
class Slice:
    """One picture of a study.

    Attributes:
        dataset: the file's header.
        pixels: (height, width), float32, in the units of the modality: Hounsfield units of a CT.

    """

    dataset: FileDataset
    pixels: NDArray[np.float32]


def read_slices(files: Sequence[bytes]) -> list[Slice]:
    """Return the slice of each file.

    Raises:
        NodeInputError: one is no DICOM file, has no single grey picture, is too large, or is compressed in a way that
            nothing here can read; the message says which.

    """
    return [_read(file, f"File {number}") for number, file in enumerate(files, 1)]


def _read(file: bytes, name: str) -> Slice:
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that bend the standard; what matters here is checked here
        try:
            dataset = pydicom.dcmread(io.BytesIO(file))
            list(dataset.iterall())  # values are else read when they are asked for, and may fail there
        except Exception as error:  # what spoilt bytes lead to is of any kind
            raise NodeInputError(f"{name} is no DICOM file.", hint="Send a file as the PACS exports it.") from error
        _check(dataset, name)
        return Slice(dataset, _pixels(dataset, name))


def _check(dataset: FileDataset, name: str) -> None:
    rows, columns = _number(dataset, "Rows"), _number(dataset, "Columns")
    frames, samples = _number(dataset, "NumberOfFrames", 1), _number(dataset, "SamplesPerPixel", 1)
    if "PixelData" not in dataset or rows < 1 or columns < 1:
        raise NodeInputError(f"{name} has no picture.", hint="Send an image object, such as a CT or an MR slice.")
    if frames > 1:
        raise NodeInputError(f"{name} has {frames} frames.", hint="Send its frames as files of their own.")
    if samples != 1 or str(dataset.get("PhotometricInterpretation", "")) not in _GREY:
        raise NodeInputError(f"{name} is not a grey picture.", hint="Send a CT, MR, CR, DX or MG slice.")
    if rows * columns > LARGEST:
        raise NodeInputError(f"{name} has {rows} x {columns} pixels; {LARGEST} are the most.")


def _pixels(dataset: FileDataset, name: str) -> NDArray[np.float32]:
    import numpy as np
    from pydicom.pixels import apply_modality_lut

    try:
        return np.ascontiguousarray(apply_modality_lut(dataset.pixel_array, dataset), dtype=np.float32)
    except Exception as error:  # pydicom's decoders raise whatever theirs do
        syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
        known = getattr(syntax, "name", "an unknown way")
        raise NodeInputError(
            f"The pixels of {name} cannot be read: they are stored as {known}.",
            hint="Export it uncompressed, or install a decoder that pydicom knows (pylibjpeg, GDCM).",
        ) from error


def _number(dataset: FileDataset, keyword: str, otherwise: int = 0) -> int:
    value: Any = dataset.get(keyword, otherwise)
    try:
        return int(value)
    except (TypeError, ValueError):
        return otherwise
