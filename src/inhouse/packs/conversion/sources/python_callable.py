"""Code of the user's own: ``package.module:callable`` builds a torch module, and says what it is tried with.

It returns the module; or the module and examples (tensors in order, or by name); or also names of its free axes, as
``{"pixels": {0: "batch", 2: "height"}}``. Where there are no examples, ``data`` has them.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from inhouse.errors import InhouseError, ModelUnsupportedError, NodeExecutionError, UsageError
from inhouse.packs.conversion.model import SourceModel
from inhouse.packs.conversion.sources.example_inputs import arrays_of, build_from_examples, parameters_of
from inhouse.packs.conversion.sources.modules import array_of, frozen, nbytes_of
from inhouse.packs.conversion.sources.request import Request, must_fit

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn


def open_source(request: Request) -> SourceModel:
    """Call the user's code.

    Raises:
        UsageError: there is no such callable, or there are no examples.
        NodeExecutionError: it raised an exception.
        ModelUnsupportedError: it gave no module.
        ModelTooLargeError: memory would not do to convert what it built.

    """
    function = _function(request.spec)
    try:
        built = function()
    except InhouseError:
        raise
    except Exception as error:
        raise NodeExecutionError(f"{request.spec} raised {type(error).__name__}: {error}", hint="Mend it.") from error
    module, examples, axes = built if isinstance(built, tuple) and len(built) == 3 else (*_pair(built), None)
    if not isinstance(module, torch.nn.Module):
        raise ModelUnsupportedError(
            f"{request.spec} gave a {type(module).__name__}, no torch module.", hint="Return a torch.nn.Module."
        )
    must_fit(nbytes_of(module), request.spec, request.memory)
    names = parameters_of(module.forward) or list(examples if isinstance(examples, Mapping) else ())
    arrays = _arrays(examples, names) if examples is not None else arrays_of(request.data, names, request.spec)
    file = Path(getattr(importlib.import_module(function.__module__), "__file__", None) or __file__)
    return build_from_examples(
        replace(request, path=file),
        frozen(module),
        arrays,
        format_="python",
        axes=axes,
        facts={"callable": request.spec},
    )


def _function(spec: str) -> Any:
    name, _, attribute = spec.partition(":")
    try:
        return getattr(importlib.import_module(name), attribute)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"There is no {spec}: {error}.", hint="Give package.module:callable, of a package that can be imported."
        ) from error


def _pair(built: Any) -> tuple[nn.Module, Any]:
    return built if isinstance(built, tuple) and len(built) == 2 else (built, None)


def _arrays(examples: Any, names: list[str]) -> dict[str, NDArray[Any]]:
    """Return examples by name, in the order of the module's parameters."""
    if isinstance(examples, torch.Tensor):
        examples = (examples,)
    given = dict(examples) if isinstance(examples, Mapping) else dict(zip(names, examples, strict=False))
    if missing := [name for name in names if name not in given]:
        raise UsageError(f"The examples lack {', '.join(missing)}.", hint="Give a tensor for each parameter.")
    return {name: array_of(torch.as_tensor(given[name])) for name in names}
