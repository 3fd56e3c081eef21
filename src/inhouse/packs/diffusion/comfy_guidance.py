"""Functions for guidance that custom ComfyUI packs put on a model (``model.model_options``), as guidance of ours.

They are called with one dictionary, by the names that packs expect.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from inhouse.compat.unavailable import unavailable
from inhouse.packs.diffusion.comfy_options import patches_of
from inhouse.packs.diffusion.guidance import Guidance, GuidanceStep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor


def guidance_with(guidance: Guidance, options: Mapping[str, Any], model: Any) -> Guidance:
    """Return guidance with a pack's functions for it.

    Args:
        guidance: what the model has else.
        options: ``model_options``.
        model: what the functions are told the model is.

    """
    cfg = options.get("sampler_cfg_function")
    before, after = (options.get(f"sampler_{when}_cfg_function", ()) for when in ("pre", "post"))
    if cfg is None and not before and not after:
        return guidance
    return replace(
        guidance,
        combine=_combine(cfg, options, model) if cfg is not None else guidance.combine,
        prepare=(*guidance.prepare, *(_prepare(function, options, model) for function in before)),
        adjust=(*guidance.adjust, *(_adjust(function, options, model) for function in after)),
        always_negative=guidance.always_negative or bool(options.get("disable_cfg1_optimization")),
    )


@dataclass(frozen=True)
class Side:
    """A conditioning within a step, as packs hand it to ``calc_cond_batch``.

    Attributes:
        step: the step.
        index: 0 for the positive side, 1 for the negative.
        options: the ``model_options`` that the step is taken with.

    """

    step: GuidanceStep
    index: int
    options: Mapping[str, Any]

    def predicted(self, x: Tensor, options: Mapping[str, Any]) -> Tensor:
        """Return the clean latent expected behind ``x`` with patches that other ``model_options`` have besides."""
        more = patches_of(_besides(options, self.options), self.step.prediction, x.shape[1])
        return self.step.predict(x=x, patches=more, side=self.index)


def _besides(options: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``model_options`` have that others have not."""
    told, old = options.get("transformer_options", {}), known.get("transformer_options", {})
    before, replaced_before = old.get("patches", {}), old.get("patches_replace", {})
    patches = {
        name: [patch for patch in patches if patch not in before.get(name, ())]
        for name, patches in told.get("patches", {}).items()
    }
    replaced = {
        name: {place: patch for place, patch in places.items() if replaced_before.get(name, {}).get(place) is not patch}
        for name, places in told.get("patches_replace", {}).items()
    }
    wrapper = options.get("model_function_wrapper")
    return {
        "transformer_options": {**told, "patches": patches, "patches_replace": replaced},
        "model_function_wrapper": None if wrapper is known.get("model_function_wrapper") else wrapper,
    }


def calc_cond_batch(
    model: object,  # noqa: ARG001 - packs call it so
    conds: list[Side | None],
    x_in: Tensor,
    timestep: Tensor,  # noqa: ARG001 - as above; it is that of the step
    model_options: Mapping[str, Any],
) -> list[Tensor]:
    """Return the clean latent expected under each conditioning of a step, zeros where there is none.

    Raises:
        NotOfferedError: a conditioning is not one that a guidance function was given.

    """
    if not all(cond is None or isinstance(cond, Side) for cond in conds):
        raise unavailable(
            "comfy.samplers.calc_cond_batch", "it takes what a guidance function is given as cond and uncond"
        )
    return [x_in * 0 if cond is None else cond.predicted(x_in, model_options) for cond in conds]


def _sides_of(step: GuidanceStep, options: Mapping[str, Any]) -> tuple[Side, Side]:
    return Side(step, 0, options), Side(step, 1, options)


def _common(step: GuidanceStep, options: Mapping[str, Any], model: Any) -> dict[str, Any]:
    return {
        "input": step.x,
        "sigma": step.sigma,
        "timestep": step.sigma,
        "cond_scale": step.cfg,
        "model": model,
        "model_options": options,
    }


def _combine(function: Callable[..., Any], options: Mapping[str, Any], model: Any) -> Callable[[GuidanceStep], Tensor]:
    old_style = _parameters(function) == 3

    def combine(step: GuidanceStep) -> Tensor:
        cond, uncond = step.x - step.positive, step.x - step.negative
        if old_style:
            return step.x - function(cond, uncond, step.cfg)  # type: ignore[no-any-return]
        told = {"cond": cond, "uncond": uncond, "cond_denoised": step.positive, "uncond_denoised": step.negative}
        return step.x - function({**_common(step, options, model), **told})  # type: ignore[no-any-return]

    return combine


def _prepare(
    function: Callable[..., Any], options: Mapping[str, Any], model: Any
) -> Callable[[GuidanceStep], GuidanceStep]:
    def prepare(step: GuidanceStep) -> GuidanceStep:
        told = {"conds_out": [step.positive, step.negative], "conds": list(_sides_of(step, options))}
        positive, negative, *_ = function({**_common(step, options, model), **told})
        return replace(step, positive=positive, negative=negative)

    return prepare


def _adjust(
    function: Callable[..., Any], options: Mapping[str, Any], model: Any
) -> Callable[[GuidanceStep, Tensor], Tensor]:
    def adjust(step: GuidanceStep, denoised: Tensor) -> Tensor:
        told = {"denoised": denoised, "cond_denoised": step.positive, "uncond_denoised": step.negative}
        positive, negative = _sides_of(step, options)
        adjusted: Tensor = function({**_common(step, options, model), **told, "cond": positive, "uncond": negative})
        return adjusted

    return adjust


def _parameters(function: Callable[..., Any]) -> int:
    try:
        return len(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return 1
