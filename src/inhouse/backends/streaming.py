"""Streaming: networks that are larger than the memory where they compute run layer by layer.

The weights stay where and as they are stored: in the machine's memory for an accelerator, in the file's own type in
the mapped file for a processor. A layer's are moved and cast when it is called, the next one's meanwhile where copying
goes on beside computing, and are gone when it has answered.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol, Self
from weakref import WeakKeyDictionary, ref

import torch
from torch import Tensor, nn

from inhouse.backends.casting import cast_into

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SMALL = 2**14
"""Elements up to which a parameter is worth no journey: it is brought once and stays."""


class Copies(Protocol):
    """Brings tensors to where they compute."""

    device: str
    """Where they compute."""
    ahead: bool
    """Whether a copy goes on while something else computes, so that beginning early wins time."""

    def begin(self, tensors: Sequence[Tensor]) -> Any:
        """Begin to bring tensors."""

    def arrived(self, begun: Any) -> Sequence[Tensor]:
        """Return what was begun; what is computed from here on may use it."""

    def release(self, begun: Any) -> None:
        """Note that what is computed from here on does not use it any more."""


class Casts:
    """Brings tensors of the machine's memory into the type that a processor computes in; one scratch serves all.

    Args:
        dtype: the type; whole numbers stay as they are.

    """

    device = "cpu"
    ahead = False

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype
        self._scratch = torch.empty(0, dtype=torch.uint8)
        self._taken = 0

    def begin(self, tensors: Sequence[Tensor]) -> tuple[int, list[Tensor]]:
        """Cast tensors into the scratch, above what is in use there."""
        start = self._taken
        sizes = [-(-tensor.numel() * self._dtype.itemsize // 64) * 64 for tensor in tensors]
        if start + sum(sizes) > len(self._scratch):
            # What is in use keeps the old one alive.
            self._scratch = torch.empty(start + sum(sizes), dtype=torch.uint8)
        placed = []
        for tensor, size in zip(tensors, sizes, strict=True):
            room = self._scratch[self._taken : self._taken + tensor.numel() * self._dtype.itemsize]
            placed.append(cast_into(room.view(self._dtype).view(tensor.shape), tensor))
            self._taken += size
        return start, placed

    def arrived(self, begun: tuple[int, list[Tensor]]) -> list[Tensor]:
        """Return what was cast."""
        return begun[1]

    def release(self, begun: tuple[int, list[Tensor]]) -> None:
        """Give the scratch back; the last that was begun comes first, as calls are nested."""
        self._taken = begun[0]


class Transfers:
    """Brings tensors to an accelerator on a stream of its own, through pinned memory.

    CUDA, ROCm, Ascend and others alike: only what torch documents for every accelerator is used
    (https://docs.pytorch.org/docs/stable/accelerator.html).

    Args:
        device: as torch calls it.
        dtype: the type that it computes in; the cast is done there.
        stream: copies on it.
        current: returns the stream that computes.
        pinned: makes memory that the device can read by itself; None where there is none.

    """

    ahead = True

    def __init__(
        self,
        device: str,
        dtype: torch.dtype,
        *,
        stream: Any = None,
        current: Callable[[], Any] | None = None,
        pinned: Callable[[int], Tensor] | None = None,
    ) -> None:
        self.device, self._dtype = device, dtype
        self._stream = stream or torch.Stream(device=torch.device(device))
        self._current = current or (lambda: torch.accelerator.current_stream(device))
        self._pinned = pinned or (lambda count: torch.empty(count, dtype=torch.uint8, pin_memory=True))
        self._stages = [_Stage(), _Stage()]

    def begin(self, tensors: Sequence[Tensor]) -> tuple[Any, list[Tensor]]:
        """Begin to copy tensors; the machine goes on as soon as they are in pinned memory."""
        stage = self._stages[0]
        self._stages.reverse()
        staged = stage.take(tensors, self._pinned)
        with self._stream:
            moved = [tensor.to(self.device, non_blocking=True).to(self._dtype) for tensor in staged]
        stage.left = self._stream.record_event()
        return stage.left, moved

    def arrived(self, begun: tuple[Any, list[Tensor]]) -> list[Tensor]:
        """Let what computes wait for the copy, not the machine."""
        self._current().wait_event(begun[0])
        return begun[1]

    def release(self, begun: tuple[Any, list[Tensor]]) -> None:
        """Let later copies, which may be given the same memory, wait for what computes now."""
        del begun
        self._stream.wait_event(self._current().record_event())


class _Stage:
    """Pinned memory that a copy starts from; used again when the copy has left it."""

    def __init__(self) -> None:
        self.left: Any = None
        self._room = torch.empty(0, dtype=torch.uint8)

    def take(self, tensors: Sequence[Tensor], pinned: Callable[[int], Tensor]) -> list[Tensor]:
        if self.left is not None:
            self.left.synchronize()
        sizes = [-(-tensor.nbytes // 64) * 64 for tensor in tensors]
        if sum(sizes) > len(self._room):
            self._room = pinned(sum(sizes))
        taken, staged = 0, []
        for tensor, size in zip(tensors, sizes, strict=True):
            room = self._room[taken : taken + tensor.nbytes].view(tensor.dtype).view(tensor.shape)
            staged.append(room.copy_(tensor))
            taken += size
        return staged


def stream(network: nn.Module, device: str, dtype: torch.dtype) -> None:
    """Have a network, whose weights are in the machine's memory, compute on a device layer by layer.

    Args:
        network: changed in place; threads that call it from here on wait for each other at each layer.
        device: as torch calls it.
        dtype: the type to compute in.

    """
    Streaming(network, Casts(dtype) if device == "cpu" else Transfers(device, dtype))


class Streaming:
    """Runs a network layer by layer: what its layers' hooks do, one layer at a time.

    A deep copy of the network is streamed by the same object, so that copies with a few other weights need nothing
    more.
    """

    def __init__(self, network: nn.Module, copies: Copies) -> None:
        self._copies = copies
        self._lock = threading.RLock()
        self._begun: WeakKeyDictionary[nn.Module, Any] = WeakKeyDictionary()
        self._away: WeakKeyDictionary[nn.Module, tuple[Any, dict[str, nn.Parameter]]] = WeakKeyDictionary()
        self._after: WeakKeyDictionary[nn.Module, ref[nn.Module]] = WeakKeyDictionary()
        self._last: ref[nn.Module] | None = None
        for module in network.modules():
            for name, buffer in module.named_buffers(recurse=False):
                module._buffers[name] = buffer.to(copies.device)  # noqa: SLF001 - stays persistent, or not
            own = dict(module.named_parameters(recurse=False))
            small = {name: value for name, value in own.items() if value.numel() <= SMALL}
            if small:
                begun = copies.begin(list(small.values()))
                _put(module, small, [tensor.clone() for tensor in copies.arrived(begun)])
                copies.release(begun)
            if len(small) < len(own):
                module.register_forward_pre_hook(self._enter)
                module.register_forward_hook(self._leave, always_call=True)

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def _enter(self, module: nn.Module, arguments: object) -> None:
        del arguments
        self._lock.acquire()
        try:
            stored = _large(module)
            begun = self._begun.pop(module, None) or self._copies.begin(list(stored.values()))
            _put(module, stored, self._copies.arrived(begun))
            self._away[module] = begun, stored
        except BaseException:
            self._lock.release()
            raise
        if self._copies.ahead:
            self._look_ahead(module)

    def _look_ahead(self, module: nn.Module) -> None:
        """Begin to bring what came next the last time."""
        if self._last is not None and (last := self._last()) is not None:
            self._after[last] = ref(module)
        self._last = ref(module)
        following = self._after[module]() if module in self._after else None
        if following is not None and following not in self._begun and following not in self._away:
            self._begun[following] = self._copies.begin(list(_large(following).values()))

    def _leave(self, module: nn.Module, arguments: object, output: object) -> None:
        del arguments, output
        if module in self._away:  # else it failed before its weights had come
            begun, stored = self._away.pop(module)
            module._parameters.update(stored)  # noqa: SLF001 - assignment would refuse another type
            self._copies.release(begun)
            self._lock.release()


def _large(module: nn.Module) -> dict[str, nn.Parameter]:
    return {name: value for name, value in module.named_parameters(recurse=False) if value.numel() > SMALL}


def _put(module: nn.Module, stored: dict[str, nn.Parameter], tensors: Sequence[Tensor]) -> None:
    for name, tensor in zip(stored, tensors, strict=True):
        module._parameters[name] = nn.Parameter(tensor, requires_grad=False)  # noqa: SLF001 - as in `_leave`
