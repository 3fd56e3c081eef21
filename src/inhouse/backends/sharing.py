"""Shared steps: how a denoising network is called, for as many samples and as many runs at once as memory allows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol

from inhouse.backends.batching import Batches
from inhouse.backends.meeting import Meeting

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.engine.turn import Turn


class Inputs(Protocol):
    """What a network is told beside latent and timestep, a row a sample."""

    @property
    def kind(self) -> Hashable:
        """What inputs have to agree in to be joined."""

    def mapped(self, change: Callable[[Tensor], Tensor]) -> Inputs:
        """Return the same with every tensor changed."""

    @staticmethod
    def join(parts: Sequence[Any]) -> Any:
        """Return the inputs of several samples as one batch."""


class Network(Protocol):
    """A denoising network as a value."""

    @property
    def network(self) -> object:
        """The weights; those that are one object are one network."""

    @property
    def spec(self) -> Any:
        """The architecture: what decides how much memory a sample takes."""

    @property
    def dtype(self) -> Any:
        """The type that it computes in."""

    @property
    def device(self) -> str:
        """Where it computes."""

    @property
    def attention(self) -> object:
        """How it computes attention."""

    @property
    def patches(self) -> Any:
        """What is changed about it: a dataclass of tuples of functions."""

    def predict(self, x: Tensor, timestep: Tensor, inputs: Any, *, patches: Any) -> Tensor:
        """Return its output, a row a sample."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of a network that a run waits for."""

    model: Network
    x: Tensor
    timestep: Tensor
    inputs: Inputs
    patches: Any

    @property
    def kind(self) -> Hashable:
        """What decides how much memory a sample takes."""
        return (self.model.spec, self.model.dtype, tuple(self.x.shape[1:]), self.inputs.kind)

    @property
    def key(self) -> Hashable:
        """What calls have to agree in to be made as one."""
        model = self.model
        functions = [id(function) for changes in (model.patches, self.patches) for function in _functions(changes)]
        return (id(model.network), id(model.attention), model.device, self.kind, *functions)


class SharedSteps:
    """Calls networks; see ``ask``.

    Runs whose samplers are about to call one network with latents of one shape are given one batch, whatever their
    samplers, steps, prompts and guidance: each sample has a noise level of its own. A run joins and leaves at any step.

    Args:
        turn: shared by runs that may be given one batch; None for runs that are alone.
        batches: how many samples at once; by default what a process learns by itself.

    """

    def __init__(self, turn: Turn | None = None, batches: Batches | None = None) -> None:
        self._meeting = None if turn is None else Meeting(turn)
        self._batches = batches or Batches()

    def ask(self, model: Network, x: Tensor, timestep: Tensor, inputs: Any, patches: Any) -> Tensor:
        """Return a network's output for each sample.

        A network that something is wrapped around is called for one run at a time, and none other runs in between:
        what is wrapped around it may well remember the call before.

        Args:
            model: the network.
            x: the scaled noisy latent (batch, channels, height, width).
            timestep: (batch,).
            inputs: the conditioning, a row a sample.
            patches: more of them, behind the model's own.

        Raises:
            InterruptedRunError: the run was asked to stop while others were computed.
            OutOfMemoryError: the memory does not suffice for a single sample.

        """
        call = _Call(model, x, timestep, inputs, patches)
        if self._meeting is None or model.patches.network or patches.network:
            return self._made([call])[0]
        return self._meeting.ask(call.key, call, self._made)

    def _made(self, calls: Sequence[_Call]) -> Sequence[Tensor]:
        """Make calls of one kind as one."""
        import torch

        first = calls[0]
        x = torch.cat([call.x for call in calls])
        timestep = torch.cat([call.timestep for call in calls])
        inputs = first.inputs.join([call.inputs for call in calls])

        def predict(part: slice) -> Tensor:
            told = inputs.mapped(lambda rows: rows[part])
            return first.model.predict(x[part], timestep[part], told, patches=first.patches)

        size = "x".join(map(str, x.shape[1:]))
        outputs = self._batches.run(
            len(x), predict, first.kind, device=first.model.device, what=f"one latent of {size} in the network"
        )
        sizes = [len(call.x) for call in calls]
        return torch.split(torch.cat(outputs), sizes)


def _functions(patches: Any) -> list[object]:
    return [function for field in fields(patches) for function in getattr(patches, field.name)] if patches else []
