"""The attention that denoising networks are given: as settings or a node ask for it, else as the device is best at."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from inhouse.backends.attention import AUTO, REFERENCE, chosen, implementation

if TYPE_CHECKING:
    from inhouse.backends.compute import Compute
    from inhouse.packs.diffusion.patches import Attention

_log = logging.getLogger(__name__)


def attention_of(compute: Compute, device: str, wanted: str = AUTO) -> Attention:
    """Return the attention to use.

    Args:
        compute: what the settings say; a reference run has the one whose numbers are always the same.
        device: where the network computes.
        wanted: an implementation by name, or ``auto`` for what the settings say.

    """
    from inhouse.packs.diffusion.networks.attention import anywhere

    if compute.reference:
        if wanted not in {AUTO, REFERENCE}:
            _log.warning("Attention %s was asked for; a reference run uses %s.", wanted, REFERENCE)
        return anywhere(implementation(REFERENCE).attend)
    wanted = compute.attention if wanted == AUTO else wanted
    return anywhere(chosen(device, compute.dtype, wanted).attend)
