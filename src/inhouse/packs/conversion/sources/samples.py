"""Realistic inputs: what the user gives, or what is built in."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inhouse.errors import InputNotFoundError, ModelFormatError, ModelNotFoundError, UsageError
from inhouse.files import PICTURES
from inhouse.packs.conversion.sources.texts import TEXTS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from inhouse.backends.sessions.base import Feeds
    from inhouse.models.signature import TensorSpec

LEAST = 8
"""Samples that a source has."""
MOST = 256
"""Samples that are read of the user's data; more would not make figures better, and take long."""
_MAX_PIXELS = 64_000_000
_TENSOR_SUFFIXES = (".npy", ".npz")


def read_texts(data: Path | None) -> list[str]:
    """Return texts: lines of a .txt, entries of a .jsonl (texts, or objects with a ``text``), or built-in ones.

    Raises:
        InputNotFoundError: there is no such file.
        UsageError: it holds no texts.

    """
    if data is None:
        return list(TEXTS)
    if data.suffix not in {".txt", ".jsonl"}:
        raise UsageError(f"{data.name} holds no texts.", hint="Give a .txt with a text a line, or a .jsonl.")
    lines = _read(data).decode("utf-8", errors="replace").splitlines()
    texts = [text for line in lines if line.strip() and (text := _text(line, data)).strip()][:MOST]
    if not texts:
        raise UsageError(f"{data.name} is empty.", hint="Give at least a few texts.")
    return _repeated(texts)


def _text(line: str, data: Path) -> str:
    if data.suffix == ".txt":
        return line
    try:
        entry = json.loads(line)
        return str(entry["text"] if isinstance(entry, dict) else entry)
    except (ValueError, KeyError, RecursionError) as error:
        raise UsageError(
            f"{data.name}: a line is neither a JSON text nor an object with a `text`.", hint="Mend it."
        ) from error


def read_pictures(data: Path | None, wanted: int = 32) -> list[Image]:
    """Return RGB pictures: those of a folder, or crops of the two photographs that scikit-learn brings along.

    Raises:
        InputNotFoundError: there is no such folder.
        UsageError: it has no pictures.

    """
    if data is None:
        return _crops(wanted)
    if not data.exists():
        raise InputNotFoundError(f"{data} does not exist.", hint="Give a folder of pictures.")
    files = sorted(data.rglob("*")) if data.is_dir() else [data]
    found = [file for file in files if file.is_file() and PICTURES.search(file.name)][:MOST]
    if not found:
        raise UsageError(f"{data.name} has no pictures.", hint="Give a folder of .jpg, .png or .webp files.")
    return _repeated([_picture(file) for file in found])


def _picture(path: Path) -> Image:
    from PIL import Image

    try:
        with Image.open(path) as opened:
            if opened.width * opened.height <= _MAX_PIXELS:
                return opened.convert("RGB")
    except Exception as error:  # Pillow's decoders raise whatever they like at damaged files
        raise UsageError(f"{path.name} is no picture that can be read.", hint="Remove it from the folder.") from error
    raise UsageError(f"{path.name} has too many pixels.", hint="Make it smaller.")


def _crops(wanted: int) -> list[Image]:
    """Return crops of several sizes and places, of photographs where there are some, else of coloured noise."""
    rng = np.random.default_rng(7)
    photographs = _photographs() or [_noise(rng) for _ in range(2)]
    crops = []
    for number in range(wanted):
        photograph = photographs[number % len(photographs)]
        width, height = photograph.size
        side = int(min(width, height) * rng.uniform(0.35, 1.0)) if number >= len(photographs) else min(width, height)
        left, top = int(rng.integers(0, width - side + 1)), int(rng.integers(0, height - side + 1))
        crops.append(photograph.crop((left, top, left + side, top + side)))
    return crops


def _photographs() -> list[Image]:
    spec = importlib.util.find_spec("sklearn")
    places = [] if spec is None else list(spec.submodule_search_locations or ())
    return [_picture(file) for place in places for file in sorted(Path(place, "datasets", "images").glob("*.jpg"))]


def _noise(rng: np.random.Generator) -> Image:
    """Return noise with the spectrum of photographs: amplitude falls as 1/f (Field, 1987)."""
    from PIL import Image

    side = 320
    rows, columns = np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij")
    amplitude = 1 / np.maximum(np.hypot(rows, columns), 1 / side)
    spectrum = amplitude[..., None] * np.exp(2j * np.pi * rng.random((side, side, 3)))
    field = np.fft.ifft2(spectrum, axes=(0, 1)).real
    field = (field - field.mean()) / field.std()
    return Image.fromarray((np.clip(field * 0.2 + 0.45, 0, 1) * 255).astype(np.uint8))


def read_tensors(data: Path, inputs: Sequence[TensorSpec]) -> list[Feeds]:
    """Return the rows of a .npz (arrays by the inputs' names) or a .npy (of a model with one input), one a sample.

    Raises:
        InputNotFoundError: there is no such file.
        UsageError: it does not fit the inputs.

    """
    arrays = load_arrays(data)
    if data.suffix == ".npy":
        arrays = {spec.name: array for spec, array in zip(inputs, arrays.values(), strict=False)}
    if missing := [spec.name for spec in inputs if spec.name not in arrays]:
        raise UsageError(f"{data.name} lacks {', '.join(missing)}.", hint="Save the arrays by the inputs' names.")
    for spec in inputs:
        fits(arrays[spec.name], spec, data)
    rows = min(arrays[spec.name].shape[0] for spec in inputs if spec.batched) if inputs[0].batched else 1
    batches = [
        {spec.name: _row(arrays[spec.name], row, spec).astype(spec.dtype) for spec in inputs}
        for row in range(min(rows, MOST))
    ]
    if not batches:
        raise UsageError(f"{data.name} has no rows.", hint="Give at least a few.")
    return _repeated(batches)


def load_arrays(data: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a .npz by name, or that of a .npy; never an array of Python objects.

    Raises:
        InputNotFoundError: there is no such file.
        UsageError: it cannot be read.

    """
    if not data.is_file():
        raise InputNotFoundError(f"{data} does not exist.", hint="Give a .npy or .npz file.")
    if data.suffix not in _TENSOR_SUFFIXES:
        raise UsageError(f"{data.name} holds no tensors.", hint="Give a .npy or .npz file.")
    try:
        loaded = np.load(data, allow_pickle=False)
        return {data.stem: loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except Exception as error:  # NumPy raises whatever its header parser does
        raise UsageError(
            f"{data.name} cannot be read as arrays of numbers.", hint="Save it with numpy.savez."
        ) from error


def fits(array: NDArray[Any], spec: TensorSpec, data: Path) -> None:
    """Raise UsageError where an array does not have an input's axes."""
    same = array.ndim == len(spec.shape) and all(
        isinstance(wanted, str) or wanted == size for wanted, size in zip(spec.shape, array.shape, strict=True)
    )
    if not same:
        wanted = ", ".join(map(str, spec.shape))
        raise UsageError(f"{data.name}: {spec.name} has shape {list(array.shape)}, and [{wanted}] is wanted.")


def _row(array: NDArray[Any], row: int, spec: TensorSpec) -> NDArray[Any]:
    return array[row : row + 1] if spec.batched else array


def _repeated(samples: list[Any]) -> list[Any]:
    """Return at least 8 of them, the first ones again if need be."""
    times = -(-LEAST // len(samples))
    return samples if times <= 1 else (samples * times)[:LEAST]


def read_labels(path: Path | None, config: dict[str, Any] | None = None) -> list[str]:
    """Return the labels of a file, a line each, or of a config's ``id2label``; none where there are none.

    Raises:
        ModelNotFoundError: there is no such file.
        ModelFormatError: it is no text.

    """
    if path is not None:
        if not path.is_file():
            raise ModelNotFoundError(f"{path} does not exist.", hint="Give a text file with a label a line.")
        try:
            return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        except UnicodeDecodeError as error:
            raise ModelFormatError(f"{path.name} is no text.", hint="Save it as UTF-8.") from error
    named = (config or {}).get("id2label")
    if not isinstance(named, dict):
        return []
    labels = [str(named[key]) for key in sorted(named, key=_number)]
    given = any(label != f"LABEL_{number}" for number, label in enumerate(labels))
    return labels if given else []


def _number(key: Any) -> int:
    return int(key) if str(key).isdecimal() else 0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputNotFoundError(f"{path} cannot be read.", hint="Check the name.") from error
