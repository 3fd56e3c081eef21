"""torch.compile: kernels that are generated for the network, by a C++ compiler on processors and Triton on cards."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.engines.base import Compiled, Flat, Shape, Told

if TYPE_CHECKING:
    from torch import Tensor, nn

BACKENDS = ("inductor", "cudagraphs")
_COMPILERS = ("g++", "c++", "clang++")


@dataclass(frozen=True, slots=True)
class TorchCompile:
    """Runs networks as torch compiles them.

    Attributes:
        backend: one of `BACKENDS`.
        device: where networks compute.

    """

    backend: str = "inductor"
    device: str = "cpu"

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"torch.compile ({self.backend})"

    def lacking(self) -> str:
        """Return why it cannot be used on this machine; empty where it can."""
        on_cpu = self.device == "cpu"
        if self.backend == "cudagraphs" and on_cpu:
            return "cudagraphs is for graphics cards"
        if on_cpu and not any(shutil.which(name) for name in (os.environ.get("CXX", ""), *_COMPILERS) if name):
            return "there is no C++ compiler; install g++ or clang++"
        return ""

    def compile(self, network: nn.Module, shape: Shape, example: Told) -> Compiled:
        """Return the network compiled; see `Engine.compile`."""
        import torch

        del example
        compiled = torch.compile(Flat(network, shape.names), backend=self.backend)

        def call(told: Told) -> Tensor:
            output: Tensor = compiled(*told)
            return output

        return call
