"""Names of the wires that diffusion nodes share: Python types for a type checker, names on the wire at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from inhouse import Wire

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion import conditioning, control, noise, sampling, unet, vae
    from inhouse.packs.diffusion.samplers import base
    from inhouse.packs.diffusion.text import encoder

    Model: TypeAlias = unet.DiffusionModel
    Clip: TypeAlias = encoder.TextEncoder
    Vae: TypeAlias = vae.Vae
    Conditioning: TypeAlias = conditioning.Conditioning
    ControlNet: TypeAlias = control.ControlModel
    Sampler: TypeAlias = base.Sampler
    Sigmas: TypeAlias = Tensor
    Noise: TypeAlias = noise.NoiseMaker
    Guider: TypeAlias = sampling.Guiding
else:
    Model = Annotated[Any, Wire("MODEL")]
    Clip = Annotated[Any, Wire("CLIP")]
    Vae = Annotated[Any, Wire("VAE")]
    Conditioning = Annotated[Any, Wire("CONDITIONING")]
    ControlNet = Annotated[Any, Wire("CONTROL_NET")]
    Sampler = Annotated[Any, Wire("SAMPLER")]
    Sigmas = Annotated[Any, Wire("SIGMAS")]
    Noise = Annotated[Any, Wire("NOISE")]
    Guider = Annotated[Any, Wire("GUIDER")]
