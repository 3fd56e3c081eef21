"""What steers a network from outside: entries' ``control``, asked just before the network is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from inhouse.packs.diffusion.networks.inputs import NetworkInputs, Residuals

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.regions import Region, Window


class Control(Protocol):
    """What stands in an entry's option ``control``: a network of its own that steers this one."""

    def residuals(self, x: Tensor, timestep: Tensor, inputs: NetworkInputs, window: Window) -> Residuals | None:
        """Return what is to be added to the network's feature maps; None for nothing.

        Args:
            x: the scaled noisy latent that the network will see (batch, channels, window.height, window.width).
            timestep: (batch,).
            inputs: what the network will be told, with ``sigma``.
            window: the part of the latent that ``x`` is.

        """


def steered(
    members: Sequence[Region], x: Tensor, timestep: Tensor, told: Sequence[NetworkInputs]
) -> list[NetworkInputs]:
    """Return what the network is told of each entry, with what their controls add.

    Entries that one control steers through windows at one place are one batch for it.

    Args:
        members: entries whose windows are of one size.
        x: their scaled latents, one entry's samples after another's.
        timestep: of each sample.
        told: what the network is told of each entry without controls.

    """
    import torch

    results, each = list(told), len(x) // len(members)
    for control, window, places in _uses(members):
        rows = torch.cat([torch.arange(place * each, (place + 1) * each) for place in places]).to(x.device)
        inputs = NetworkInputs.join([told[place] for place in places])
        found = control.residuals(x[rows], timestep[rows], inputs, window)
        if found is None:
            continue
        for nth, place in enumerate(places):
            own = found.mapped(lambda maps, nth=nth: maps[nth * each : (nth + 1) * each])  # type: ignore[misc]
            before = results[place].residuals
            results[place] = replace(results[place], residuals=own if before is None else before + own)
    return results


def _uses(members: Sequence[Region]) -> list[tuple[Control, Window, list[int]]]:
    """Return each control, with a window and the entries that it steers through it."""
    uses: dict[tuple[int, Window], tuple[Control, Window, list[int]]] = {}
    for place, member in enumerate(members):
        for control in member.options.get("control") or ():
            uses.setdefault((id(control), member.window), (control, member.window, []))[2].append(place)
    return list(uses.values())
