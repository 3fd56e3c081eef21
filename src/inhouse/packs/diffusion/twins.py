"""Networks that differ in a few layers and share everything else."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import nn

    N = TypeVar("N", bound=nn.Module)


def twin(network: N, layers: Iterable[str]) -> N:
    """Return a network that has some layers of its own, and the modules around them; all others are the other's.

    Their parameters are the same tensors until they are replaced. A deep copy of Stable Diffusion's UNet takes longer
    than many a LoRA, although all tensors are shared.

    Args:
        network: stays as it is.
        layers: paths of modules in it.

    """
    own = _alone(network)
    made: dict[str, nn.Module] = {"": own}
    for layer in layers:
        path = ""
        for part in filter(None, layer.split(".")):
            parent, path = made[path], f"{path}.{part}".lstrip(".")
            if path not in made:
                made[path] = _alone(parent.get_submodule(part))
                parent._modules[part] = made[path]  # noqa: SLF001 - assignment would refuse a list's number
    return own


def _alone(module: N) -> N:
    """Return a module with tables of its own of the same parameters, submodules and hooks."""
    other = copy.copy(module)
    for name, value in vars(module).items():
        if isinstance(value, dict | set):
            vars(other)[name] = value.copy()
    return other
