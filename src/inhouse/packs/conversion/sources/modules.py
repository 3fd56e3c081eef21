"""A torch module as a function of arrays, and what can be learnt about it by calling it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from inhouse.errors import ModelUnsupportedError
from inhouse.models.signature import TensorSpec
from inhouse.packs.conversion.shaping import observed

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from inhouse.backends.sessions.base import Feeds


class ModuleAnswer:
    """A module as an `Answer`: arrays by name in, arrays by name out, on the processor and without gradients."""

    def __init__(self, module: Callable[..., Any], inputs: Sequence[str], outputs: Sequence[str] | None = None) -> None:
        self._module = module
        self._inputs = tuple(inputs)
        self._outputs = None if outputs is None else tuple(outputs)

    def __call__(self, feeds: Feeds) -> dict[str, NDArray[Any]]:
        """Compute the outputs."""
        with torch.inference_mode():
            given = flat_outputs(self._module(*(tensor_of(feeds[name]) for name in self._inputs)))
        names = self._outputs or output_names(len(given))
        return {name: array_of(tensor) for name, tensor in zip(names, given, strict=True)}


def output_names(count: int) -> tuple[str, ...]:
    """Return names for outputs that have none."""
    return ("output",) if count == 1 else tuple(f"output_{number}" for number in range(count))


def tensor_of(array: NDArray[Any]) -> Tensor:
    """Return an array as a tensor, sharing its memory where it may be written to."""
    whole = np.ascontiguousarray(array)
    return torch.from_numpy(whole if whole.flags.writeable else whole.copy())


def array_of(tensor: Tensor) -> NDArray[Any]:
    """Return a tensor as an array; bfloat16, which NumPy does not know, as float32."""
    plain = tensor.detach().cpu()
    array: NDArray[Any] = (plain.float() if plain.dtype == torch.bfloat16 else plain).numpy()
    return array


def flat_outputs(result: Any) -> tuple[Tensor, ...]:
    """Return what a module gave as a flat tuple of tensors, whatever it was in.

    Raises:
        ModelUnsupportedError: there is something else in it.

    """
    if isinstance(result, torch.Tensor):
        return (result,)
    if result is None:
        return ()
    if isinstance(result, Mapping):
        return tuple(tensor for value in result.values() for tensor in flat_outputs(value))
    if isinstance(result, tuple | list):
        return tuple(tensor for value in result for tensor in flat_outputs(value))
    raise ModelUnsupportedError(
        f"The model gives a {type(result).__name__}, and only tensors can be exported.",
        hint="Wrap it in a module that returns tensors.",
    )


def nbytes_of(module: nn.Module) -> int:
    """Return the bytes of a module's weights."""
    return sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))


def frozen(module: nn.Module) -> nn.Module:
    """Return the module as it is to be exported: float32, without dropout, without gradients.

    A wrapper is set, too: an exporter puts back what it found, and would put its children into training.
    """
    return module.eval().float().requires_grad_(requires_grad=False)


def outputs_of(
    answer: Callable[[Feeds], Feeds],
    inputs: Sequence[TensorSpec],
    limits: Mapping[str, tuple[int, int]],
    values: Mapping[str, tuple[float, float]],
) -> tuple[TensorSpec, ...]:
    """Return what a model gives, found by calling it at several lengths of each free axis."""
    return observed(answer, inputs, limits, values)


@contextmanager
def hushed() -> Iterator[None]:
    """Keep transformers from telling users of what only its developers can use, and from drawing bars of its own."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
