"""A network that is in memory while it is used, shared by everything that refers to it."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakSet

from inhouse.backends.residency import Residency

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from inhouse.packs.diffusion.parameters import Parameters

N = TypeVar("N", bound="nn.Module")


class Handle(Generic[N]):
    """Owns one network. UNet, autoencoder and text model have one each, so that none waits for another's bytes.

    Args:
        build: builds the network, ready to compute.
        nbytes: memory that it takes then.
        residency: decides how long it stays in memory; one of its own by default, which never needs room.
        device: where it computes.
        stream: builds the network such that it runs layer by layer, where there is no room for it whole; None where
            that cannot be.
        parameters: the network's parameters without the network, where they can be had.
        recast: returns the handle of the same network in another type, out of the same files.

    """

    def __init__(
        self,
        build: Callable[[], N],
        *,
        nbytes: int,
        residency: Residency | None = None,
        device: str = "cpu",
        stream: Callable[[], N] | None = None,
        parameters: Parameters | None = None,
        recast: Callable[[torch.dtype], Handle[N]] | None = None,
    ) -> None:
        self.device = device
        self.nbytes = self._whole_bytes = nbytes
        self.parameters = parameters
        self.residency = residency or Residency()
        self._build = build
        self._stream = stream
        self._recast = recast
        self._network: N | None = None
        self._lock = threading.RLock()
        self._copies: WeakSet[Handle[N]] = WeakSet()

    @property
    def loaded(self) -> bool:
        """Whether the network is in memory."""
        return self._network is not None

    @property
    def missing(self) -> int:
        """The bytes that it would take more if it were not in memory in parts only."""
        return self._whole_bytes - self.nbytes if self.loaded and self.nbytes < self._whole_bytes else 0

    @property
    def needed(self) -> bool:
        """Whether a changed copy in memory shares this network's weights."""
        return any(each.loaded for each in list(self._copies))

    def lease(self) -> AbstractContextManager[N]:
        """Have the network in memory while inside; ``with handle.lease() as network:``.

        Raises:
            ModelError: its file cannot be used.
            OutOfMemoryError: there is no room for it.

        """
        return self.residency.lease(self)

    def hold(self) -> AbstractContextManager[N]:
        """Keep the network in memory while inside, where it is leased again and again; raises as `lease`."""
        return self.residency.hold(self)

    def get(self) -> N:
        """Return the network, to look at it; to compute with it, lease it. Raises as `lease`."""
        with self.hold() as network:
            return network

    def load(self, *, whole: bool) -> N:
        """Return the network, built if need be; for the residency, see `Resident.load`."""
        import torch

        # Weights made in inference mode could not be used outside of it afterwards.
        with self._lock, torch.inference_mode(mode=False), torch.no_grad():
            if self._network is None:
                self._network = self._made(whole=whole)
            return self._network

    def _made(self, *, whole: bool) -> N:
        if whole or self._stream is None:
            return self._build()
        network = self._stream()
        self.nbytes = 2 * max(tensor.nbytes for tensor in _tensors(network))
        return network

    def evict(self) -> None:
        """Drop the network; the next `lease` builds it again. Whoever computes with it now goes on."""
        with self._lock:
            self._network, self.nbytes = None, self._whole_bytes

    unload = evict

    def computing_in(self, dtype: torch.dtype) -> Handle[N]:
        """Return the handle of the same network computing in another type."""
        if self._recast is not None:
            return self._recast(dtype)
        return self.derived(lambda network: copy.deepcopy(network).to(dtype))

    def derived(self, change: Callable[[N], N]) -> Handle[N]:
        """Return the handle of a changed copy, which is made when first used and leaves this network as it is.

        The copy takes the memory of what it does not share with this network.
        """
        changed = _Derived(self, change)
        self._copies.add(changed)
        return changed


class _Derived(Handle[N]):
    """A changed copy of a network, which keeps that in memory while it is there itself."""

    def __init__(self, base: Handle[N], change: Callable[[N], N]) -> None:
        super().__init__(base.get, nbytes=0, residency=base.residency, device=base.device)
        self._base = base
        self._change = change

    def _made(self, *, whole: bool) -> N:
        del whole  # it is as its base is
        with self._base.hold() as original:
            network = self._change(original)
        shared = {id(tensor) for tensor in _tensors(original)}
        self.nbytes = self._whole_bytes = sum(own.nbytes for own in _tensors(network) if id(own) not in shared)
        return network


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    yield from network.parameters()
    yield from network.buffers()
