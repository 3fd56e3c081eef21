"""Sampling as custom packs call it (``comfy.samplers``, ``nodes.common_ksampler``), done by our own nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inhouse.compat.comfy_utils import ProgressBar
from inhouse.compat.module_table import make_module
from inhouse.compat.unavailable import missing_class, missing_function
from inhouse.engine.markers import Choices

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from inhouse.engine.registry import Registry

_STEPS = 10_000
"""What stands for the last step."""
_USE_NODES = "use the nodes KSampler and KSamplerAdvanced, or nodes.common_ksampler"


def common_ksampler_of(classes: Mapping[str, type[Any]]) -> Callable[..., tuple[Any]]:
    """Return ``nodes.common_ksampler``.

    Args:
        classes: the nodes there are.

    """

    def common_ksampler(  # noqa: PLR0913, PLR0917 - packs call it so
        model: Any,
        seed: int,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        positive: Any,
        negative: Any,
        latent: Any,
        denoise: float = 1.0,
        disable_noise: bool = False,  # noqa: FBT001, FBT002 - as above
        start_step: int | None = None,
        last_step: int | None = None,
        force_full_denoise: bool = False,  # noqa: FBT001, FBT002 - as above
    ) -> tuple[Any]:
        """Return a sampled latent, as a tuple of one."""
        common = {
            "model": model,
            "steps": steps,
            "cfg": cfg,
            "sampler_name": sampler_name,
            "scheduler": scheduler,
            "positive": positive,
            "negative": negative,
            "latent_image": latent,
        }
        if not disable_noise and start_step is None and last_step is None:
            node: Any = classes["KSampler"]()
            return tuple(node.run(seed=seed, denoise=denoise, **common))
        if denoise < 1:  # the schedule is that of more steps, of which the last ones are run
            total = int(steps / denoise)
            first = total - steps
            start_step, common["steps"] = (start_step or 0) + first, total
            last_step = None if last_step is None else last_step + first
        node = classes["KSamplerAdvanced"]()
        return tuple(
            node.run(
                noise_seed=seed,
                add_noise="disable" if disable_noise else "enable",
                start_at_step=start_step or 0,
                end_at_step=_STEPS if last_step is None else last_step,
                return_with_leftover_noise="disable" if force_full_denoise or last_step is None else "enable",
                **common,
            )
        )

    return common_ksampler


def sampling_modules(registry: Registry) -> list[ModuleType]:
    """Return ``comfy.samplers``, ``comfy.sample`` and ``latent_preview``.

    Args:
        registry: knows the names of samplers and schedules.

    """
    samplers, schedules = (list(registry.choices(Choices(source))) for source in ("samplers", "schedules"))
    ksampler = missing_class("comfy.samplers.KSampler", _USE_NODES)
    ksampler.SAMPLERS, ksampler.SCHEDULERS, ksampler.DISCARD_PENULTIMATE_SIGMA_SAMPLERS = (
        samplers,
        schedules,
        {name for name in samplers if name in ("dpm_2", "dpm_2_ancestral", "uni_pc", "uni_pc_bh2")},
    )
    functions = ("sampler_object", "ksampler", "calculate_sigmas", "sample", "sampling_function", "calc_cond_batch")
    inside = {name: missing_function(f"comfy.samplers.{name}", _USE_NODES) for name in functions}
    classes = {name: missing_class(f"comfy.samplers.{name}", _USE_NODES) for name in ("CFGGuider", "KSAMPLER")}
    return [
        make_module(
            "comfy.samplers",
            KSampler=ksampler,
            SAMPLER_NAMES=samplers,
            KSAMPLER_NAMES=samplers,
            SCHEDULER_NAMES=schedules,
            SCHEDULER_HANDLERS=dict.fromkeys(schedules),
            **inside,
            **classes,
        ),
        make_module(
            "comfy.sample",
            prepare_noise=prepare_noise,
            fix_empty_latent_channels=lambda _model, latent_image, *_more: latent_image,
            **{name: missing_function(f"comfy.sample.{name}", _USE_NODES) for name in ("sample", "sample_custom")},
        ),
        make_module(
            "latent_preview",
            MAX_PREVIEW_RESOLUTION=512,
            prepare_callback=prepare_callback,
            get_previewer=lambda *_given: None,
            set_preview_method=lambda *_given: None,
            **{
                name: missing_class(f"latent_preview.{name}", "previews are made by the nodes that sample")
                for name in ("LatentPreviewer", "Latent2RGBPreviewer", "TAESDPreviewerImpl")
            },
        ),
    ]


def prepare_noise(latent_image: Any, seed: int, noise_inds: Any = None) -> Any:
    """Return noise of a latent's shape (batch, ...), drawn on the CPU, so that a seed means the same everywhere.

    Args:
        latent_image: the latent.
        seed: 0..2^64 - 1.
        noise_inds: for each entry of the batch, which of the successive drawings it gets; None draws for all at once.

    """
    import torch

    generator = torch.Generator("cpu").manual_seed(seed)
    options: dict[str, Any] = {"dtype": latent_image.dtype, "layout": latent_image.layout, "generator": generator}
    if noise_inds is None:
        return torch.randn(latent_image.size(), device="cpu", **options)
    wanted = [int(index) for index in noise_inds]
    drawn = [
        torch.randn([1, *latent_image.size()[1:]], device="cpu", **options) for _ in range(max(wanted, default=-1) + 1)
    ]
    return torch.cat([drawn[index] for index in wanted])


def prepare_callback(
    model: Any,  # noqa: ARG001 - packs call it so
    steps: int,
    x0_output_dict: dict[str, Any] | None = None,
) -> Callable[[int, Any, Any, int], None]:
    """Return a function that reports each step of a sampling, and keeps the clean latent expected so far as ``x0``."""
    bar = ProgressBar(steps)

    def callback(step: int, x0: Any, _x: Any, total_steps: int) -> None:
        if x0_output_dict is not None:
            x0_output_dict["x0"] = x0
        bar.update_absolute(step + 1, total_steps)

    return callback
