"""An engine, and a network that is run by one wherever that can be."""

# A module's call is untyped in torch.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from torch import Tensor, nn

from inhouse.backends.memory import is_out_of_memory
from inhouse.packs.diffusion.networks.inputs import NetworkInputs
from inhouse.packs.diffusion.patches import UNPATCHED, Patches

if TYPE_CHECKING:
    from inhouse.packs.diffusion.patches import Attention

_log = logging.getLogger(__name__)

Told: TypeAlias = tuple[Tensor, ...]
"""Latent, timestep, context, and what of ``vector`` and ``guidance`` the network takes."""
Compiled: TypeAlias = Callable[[Told], Tensor]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a network is compiled for: which of its inputs there are, each sample's shape, and the type.

    Attributes:
        names: of the inputs, in order.
        sizes: of a sample of each.
        dtype: name of the type that the network computes in.
        device: where.

    """

    names: tuple[str, ...]
    sizes: tuple[tuple[int, ...], ...]
    dtype: str
    device: str

    @classmethod
    def of(cls, x: Tensor, timestep: Tensor, inputs: NetworkInputs) -> tuple[Shape, Told]:
        """Return the shape of a call, and its tensors."""
        given = {"x": x, "timestep": timestep, "context": inputs.context}
        given |= {n: t for n, t in (("vector", inputs.vector), ("guidance", inputs.guidance)) if t is not None}
        sizes = tuple(tuple(tensor.shape[1:]) for tensor in given.values())
        return cls(tuple(given), sizes, str(x.dtype).removeprefix("torch."), str(x.device)), tuple(given.values())


class Engine(Protocol):
    """Compiles networks."""

    @property
    def name(self) -> str:
        """What messages call it."""

    def lacking(self) -> str:
        """Return why it cannot be used on this machine, with what to do; empty where it can."""

    def compile(self, network: nn.Module, shape: Shape, example: Told) -> Compiled:
        """Return a network compiled for a shape, with any number of samples.

        Args:
            network: as `Flat` calls it.
            shape: of the call.
            example: tensors of that shape.

        """


class Flat(nn.Module):
    """A network that is called with tensors alone, as compilers want it."""

    def __init__(self, network: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network = network
        self._names = names[2:]

    def forward(self, x: Tensor, timestep: Tensor, *told: Tensor) -> Tensor:
        """Return what the network gives, unpatched."""
        named: dict[str, Any] = dict(zip(self._names, told, strict=True))
        return self.network(x, timestep, NetworkInputs(**named))


class EngineNetwork(nn.Module):
    """A network that an engine runs; the network itself does where the engine cannot, which is told once.

    Args:
        network: any denoising network.
        engine: compiles it for each shape that it meets.

    """

    stage = "steps"
    """What it works on, for profiles."""

    def __init__(self, network: nn.Module, engine: Engine) -> None:
        super().__init__()
        self.network = network
        self._engine = engine
        self._compiled: dict[Shape, Compiled | None] = {}
        self._told: set[str] = set()

    def forward(
        self,
        x: Tensor,
        timestep: Tensor,
        inputs: NetworkInputs,
        *,
        attend: Attention | None = None,
        patches: Patches = UNPATCHED,
    ) -> Tensor:
        """Return the network's output; arguments are the network's own."""
        if reason := _beyond(inputs, patches):
            self._tell(reason)
        else:
            shape, told = Shape.of(x, timestep, inputs)
            if (compiled := self._for(shape, told)) is not None:
                return compiled(told)
        chosen = {} if attend is None else {"attend": attend}
        return self.network(x, timestep, inputs, patches=patches, **chosen)

    def _for(self, shape: Shape, example: Told) -> Compiled | None:
        if shape not in self._compiled:
            self._compiled[shape] = self._made(shape, example)
        return self._compiled[shape]

    def _made(self, shape: Shape, example: Told) -> Compiled | None:
        if reason := self._engine.lacking():
            self._tell(reason)
            return None
        try:
            compiled = self._engine.compile(self.network, shape, example)
            compiled(example)  # some compile only now
        except Exception as error:  # whatever a compiler says, the network itself still answers
            if is_out_of_memory(error):
                raise
            self._tell(f"it failed on {shape.sizes[0]}: {type(error).__name__}: {first_line(error)}")
            _log.debug("What engine %s said.", self._engine.name, exc_info=True)
            return None
        return compiled

    def _tell(self, reason: str) -> None:
        if reason not in self._told:
            self._told.add(reason)
            _log.warning("Engine %s is not used, the network itself runs: %s.", self._engine.name, reason)


def first_line(error: BaseException) -> str:
    """Return the first line that says something in what an error says, at most 200 characters."""
    lines = (line.strip() for line in str(error).splitlines())
    return next((line for line in lines if line), "")[:200].rstrip(".")


def _beyond(inputs: NetworkInputs, patches: Patches) -> str:
    """Return what a compiled network could not do of what is asked; empty for nothing."""
    changed = [name for name in Patches.__dataclass_fields__ if name != "network" and getattr(patches, name)]
    if changed:
        return f"the model is patched ({', '.join(changed)}), and patches are not compiled"
    if inputs.residuals is not None:
        return "a ControlNet or an adapter adds to its feature maps"
    return ""
