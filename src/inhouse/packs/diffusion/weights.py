"""Weights on their way from files into networks, one tensor at a time.

A `Weights` maps a network's parameter names to where their values lie. It is made from headers alone; nothing is read
before `fill`, which copies nothing that can be used where it lies, and else never holds more than one tensor of the
file beside the network itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import torch

from inhouse.backends.casting import cast_into
from inhouse.errors import ModelFormatError, ModelUnsupportedError
from inhouse.packs.diffusion.rows import WHOLE, Rows, equal

if TYPE_CHECKING:
    from torch import Tensor, nn

    from inhouse.models.safetensors_file import SafetensorsFile, TensorInfo, TensorReader

DTYPES: Mapping[str, torch.dtype] = MappingProxyType(
    {
        "F64": torch.float64,
        "F32": torch.float32,
        "F16": torch.float16,
        "BF16": torch.bfloat16,
        "F8_E4M3": torch.float8_e4m3fn,
        "F8_E5M2": torch.float8_e5m2,
        "I64": torch.int64,
        "I32": torch.int32,
        "I16": torch.int16,
        "I8": torch.int8,
        "U8": torch.uint8,
        "BOOL": torch.bool,
    }
)
"""Types of the safetensors format that torch can hold."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a parameter's values lie.

    Attributes:
        file: the file.
        name: the tensor's name in it.
        rows: which of its rows.
        transposed: whether the file has it the other way round.

    """

    file: SafetensorsFile
    name: str
    rows: Rows = WHOLE
    transposed: bool = False

    @property
    def info(self) -> TensorInfo:
        """The tensor's entry in the header."""
        return self.file.tensors[self.name]

    @property
    def shape(self) -> tuple[int, ...]:
        """The parameter's shape, as the file has it."""
        shape = self.rows.shape(self.info.shape)
        return shape[::-1] if self.transposed else shape

    def of(self, tensor: Tensor) -> Tensor:
        """Return the parameter's values out of the tensor that holds them."""
        rows = self.rows.of(tensor)
        return rows.T if self.transposed else rows

    def split(self, count: int) -> tuple[Origin, ...]:
        """Return the origins of equal parts along the first axis."""
        return tuple(replace(self, rows=rows) for rows in equal(count))


Weights: TypeAlias = Mapping[str, Origin]


def weights_of(files: Iterable[SafetensorsFile]) -> dict[str, Origin]:
    """Return the origins of all tensors of some files under the names that they have there."""
    return {name: Origin(file, name) for file in files for name in file.tensors}


def shapes(weights: Weights) -> dict[str, tuple[int, ...]]:
    """Return parameter name -> shape."""
    return {name: origin.shape for name, origin in weights.items()}


def tensor_of(info: TensorInfo, data: memoryview, source: str) -> Tensor:
    """Return the tensor whose bytes lie in a buffer: a view of it where its place allows, else a copy.

    Raises:
        ModelUnsupportedError: torch has no such type.

    """
    if info.dtype not in DTYPES:
        raise ModelUnsupportedError(
            f"{source}: tensor {info.name!r} has the type {info.dtype}, which torch cannot hold.",
            hint="Use the model in float16, bfloat16 or float32.",
        )
    dtype = DTYPES[info.dtype]
    if not info.nbytes:
        return torch.empty(info.shape, dtype=dtype)
    raw = torch.frombuffer(data, dtype=torch.uint8)
    if info.start % dtype.itemsize:
        raw = raw.clone()
    return raw.view(dtype).reshape(info.shape)


def read_tensor(reader: TensorReader, name: str) -> Tensor:
    """Read one tensor as it is in the file.

    Raises:
        ModelUnsupportedError: torch has no such type.

    """
    info = reader.file.tensors[name]
    data = memoryview(bytearray(info.nbytes))
    reader.read_into(name, data)
    return tensor_of(info, data, reader.file.path.name)


def read_origin(reader: TensorReader, origin: Origin) -> Tensor:
    """Read the values that an origin names, as a view of the tensor that they are part of where that can be."""
    return origin.of(read_tensor(reader, origin.name))


def read_all(file: SafetensorsFile) -> dict[str, Tensor]:
    """Read a small file whole."""
    with file.reader() as reader:
        return {name: read_tensor(reader, name) for name in file.tensors}


def fill(
    network: nn.Module,
    weights: Weights,
    *,
    dtype: torch.dtype | None,
    device: str = "cpu",
    rounded: torch.dtype | None = None,
) -> None:
    """Give a network that was built on the meta device its values.

    What the file has in the type and the arrangement that are asked for is not copied: the parameter is a view of the
    mapped file. The rest is cast tensor by tensor, and the file's pages are given back at once. 1x1 convolutions of
    the file fit linear layers of the network, and the other way round.

    Args:
        network: built on the meta device.
        weights: where the values lie; may hold more than the network has.
        dtype: the type that it will compute in; None leaves each parameter in the type that the file has.
        device: where it will compute.
        rounded: a type that the values are rounded to first, as if they had been stored in it.

    Raises:
        ModelFormatError: a parameter is missing, or has another shape.
        ModelUnsupportedError: a parameter is of a type that nothing can be computed with.

    """
    targets = dict(network.named_parameters())
    if missing := [name for name in targets if name not in weights]:
        raise ModelFormatError(
            f"{_files(weights)}: {len(missing)} of {len(targets)} weights are missing, for one {missing[0]!r}.",
            hint="The file is a part of a model, or was made for another program; download the whole model.",
        )
    _require_numbers(weights[name] for name in targets)
    by_file: dict[int, list[str]] = defaultdict(list)
    for name in targets:
        by_file[id(weights[name].file)].append(name)
    for names in by_file.values():
        source = weights[names[0]].file.mapped()
        kept = []
        for name in sorted(names, key=lambda name: weights[name].info.start):
            origin = weights[name]
            stored = tensor_of(origin.info, source.bytes(origin.name), origin.file.path.name)
            value = _fitted(origin.of(stored), targets[name], name, origin)
            placed = _placed(value.to(rounded) if rounded else value, dtype, device)
            if placed.untyped_storage().data_ptr() == stored.untyped_storage().data_ptr():
                kept.append(origin.name)
            else:
                source.drop(origin.name)
            _assign(network, name, placed)
        source.fetch(kept)


def _fitted(value: Tensor, target: Tensor, name: str, origin: Origin) -> Tensor:
    trailing = max(value.ndim, target.ndim) - min(value.ndim, target.ndim)
    longer = value.shape if value.ndim > target.ndim else target.shape
    if value.numel() == target.numel() and all(size == 1 for size in longer[len(longer) - trailing :]):
        reshaped = value.reshape(target.shape)
        if reshaped.shape[: min(value.ndim, target.ndim)] == value.shape[: min(value.ndim, target.ndim)]:
            return reshaped
    raise ModelFormatError(
        f"{origin.file.path.name}: weight {origin.name!r} has the shape {tuple(value.shape)}, "
        f"and {tuple(target.shape)} is needed for {name!r}.",
        hint="The file is damaged, or of an architecture that nothing here knows.",
    )


def _require_numbers(origins: Iterable[Origin]) -> None:
    """Refuse parameters of whole numbers: they mean nothing without the scales of whatever quantised them."""
    for origin in origins:
        if origin.info.dtype in DTYPES and not DTYPES[origin.info.dtype].is_floating_point:
            raise ModelUnsupportedError(
                f"{origin.file.path.name}: weight {origin.name!r} has the type {origin.info.dtype}: quantised, in a way"
                " that is not supported.",
                hint="Use the model in float16, bfloat16, float32 or an 8-bit float.",
            )


def _placed(value: Tensor, dtype: torch.dtype | None, device: str) -> Tensor:
    """Return a value where and as it is needed: itself, if it is so already."""
    if device == "cpu" and dtype is not None and dtype != value.dtype:
        return cast_into(torch.empty(value.shape, dtype=dtype), value)
    return value.to(device=device, dtype=dtype).contiguous()


def _assign(network: nn.Module, name: str, value: Tensor) -> None:
    owner, _, leaf = name.rpartition(".")
    setattr(network.get_submodule(owner), leaf, torch.nn.Parameter(value, requires_grad=False))


def _files(weights: Weights) -> str:
    return ", ".join(sorted({origin.file.path.name for origin in weights.values()})) or "no file"
