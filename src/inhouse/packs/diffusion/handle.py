"""A network that is built when it is first used, shared by everything that refers to it, and can be put down again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from torch import nn

N = TypeVar("N", bound="nn.Module")


class Handle(Generic[N]):
    """Owns one network. UNet, autoencoder and text model have one each, so that none waits for another's bytes.

    Attributes:
        nbytes: memory that the network takes once it is built.

    """

    def __init__(self, build: Callable[[], N], *, nbytes: int) -> None:
        self.nbytes = nbytes
        self._build = build
        self._network: N | None = None
        self._lock = threading.Lock()

    @property
    def loaded(self) -> bool:
        """Whether the network is in memory."""
        return self._network is not None

    def get(self) -> N:
        """Return the network, built if need be.

        Raises:
            ModelError: its file cannot be used.

        """
        import torch

        # Weights made in inference mode could not be used outside of it afterwards.
        with self._lock, torch.inference_mode(mode=False), torch.no_grad():
            if self._network is None:
                self._network = self._build()
            return self._network

    def unload(self) -> None:
        """Drop the network; the next `get` builds it again."""
        with self._lock:
            self._network = None

    def derived(self, change: Callable[[N], N]) -> Handle[N]:
        """Return the handle of a changed copy, which is made when first used and leaves this network as it is."""
        return Handle(lambda: change(self.get()), nbytes=self.nbytes)
