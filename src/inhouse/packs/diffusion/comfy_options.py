"""Settings that custom ComfyUI packs put on a model (``model.model_options``), as patches of ours.

Their functions are called with the arguments that packs expect: dictionaries by the names below, latents and features
as tensors, ``transformer_options`` with what is known of the place.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from inhouse.packs.diffusion.patches import Patches, unshared

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from inhouse.packs.diffusion.networks.inputs import NetworkInputs
    from inhouse.packs.diffusion.patches import Attention, Call, Place, Site
    from inhouse.packs.diffusion.prediction import Prediction

PATCHES = frozenset(
    {
        *("attn1_patch", "attn2_patch", "attn1_output_patch", "attn2_output_patch"),
        *("input_block_patch", "input_block_patch_after_skip", "output_block_patch"),
    }
)
"""Names of patches that are offered."""


def patches_of(options: Mapping[str, Any], prediction: Prediction, channels: int) -> Patches:
    """Return the patches that a pack's options stand for.

    Args:
        options: ``model_options``.
        prediction: the model's, for a wrapper around it, which works on latents rather than on the network's numbers.
        channels: of a latent; what a network is shown beyond them is no part of it.

    """
    told = options.get("transformer_options", {})
    by_name: Mapping[str, list[Any]] = told.get("patches", {})
    wrapper = options.get("model_function_wrapper")
    around = () if wrapper is None else (_around(wrapper, told, prediction, channels),)
    patches = Patches(
        attention=(_replacing(told),) if any(told.get("patches_replace", {}).values()) else (),
        tokens=tuple(_tokens(by_name, told)),
        attended=tuple(_attended(by_name, told)),
        entering=tuple(_map_change(patch, told) for patch in by_name.get("input_block_patch", ())),
        kept=tuple(_map_change(patch, told) for patch in by_name.get("input_block_patch_after_skip", ())),
        joining=tuple(_join(patch, told) for patch in by_name.get("output_block_patch", ())),
        network=around,
    )
    return patches + Patches(network=(unshared,)) if patches else patches


def _at(place: Place, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a patch is told of a block."""
    inputs = place.inputs
    return {
        **told,
        "block": (place.part, place.block),
        "cond_or_uncond": _sides(inputs),
        "sigmas": inputs.sigma,
        "original_shape": [len(inputs.context), 0, *place.latent_size],
    }


def _at_site(site: Site, told: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return what a patch is told of an attention."""
    shape = [len(site.place.inputs.context), 0, site.height, site.width]
    return {**_at(site.place, told), "block_index": site.depth, "activations_shape": shape, **more}


def _sides(inputs: NetworkInputs) -> list[int]:
    """Return for each sample 1 where it is under the negative conditioning, else 0."""
    return [] if inputs.negative is None else [int(negative) for negative in inputs.negative.tolist()]


def _tokens(by_name: Mapping[str, list[Any]], told: Mapping[str, Any]) -> list[Any]:
    def change(patch: Callable[..., Any], *, cross: bool) -> Any:
        def tokens(query: Tensor, key: Tensor, value: Tensor, site: Site) -> tuple[Tensor, Tensor, Tensor]:
            if site.cross != cross:
                return query, key, value
            changed: tuple[Tensor, Tensor, Tensor] = patch(query, key, value, _at_site(site, told))
            return changed

        return tokens

    return [
        change(patch, cross=cross)
        for name, cross in (("attn1_patch", False), ("attn2_patch", True))
        for patch in by_name.get(name, ())
    ]


def _attended(by_name: Mapping[str, list[Any]], told: Mapping[str, Any]) -> list[Any]:
    def change(patch: Callable[..., Any], *, cross: bool) -> Any:
        def attended(tokens: Tensor, site: Site) -> Tensor:
            changed: Tensor = patch(tokens, _at_site(site, told)) if site.cross == cross else tokens
            return changed

        return attended

    return [
        change(patch, cross=cross)
        for name, cross in (("attn1_output_patch", False), ("attn2_output_patch", True))
        for patch in by_name.get(name, ())
    ]


def _replacing(told: Mapping[str, Any]) -> Any:
    replaced: Mapping[str, Mapping[Any, Any]] = told.get("patches_replace", {})

    def attend(
        attention: Attention, query: Tensor, key: Tensor, value: Tensor, heads: int, site: Site | None
    ) -> Tensor:
        patch = _replacement(replaced, site)
        if patch is None or site is None:
            return attention(query, key, value, heads, site)
        more = {"n_heads": heads, "dim_head": query.shape[-1] // heads}
        found: Tensor = patch(query, key, value, _at_site(site, told, **more))
        return found

    return attend


def _replacement(replaced: Mapping[str, Mapping[Any, Any]], site: Site | None) -> Any:
    if site is None:
        return None
    known = replaced.get("attn2" if site.cross else "attn1", {})
    return known.get((site.part, site.block, site.depth), known.get((site.part, site.block)))


def _map_change(patch: Callable[..., Any], told: Mapping[str, Any]) -> Any:
    def change(h: Tensor, place: Place) -> Tensor:
        changed: Tensor = patch(h, _at(place, told))
        return changed

    return change


def _join(patch: Callable[..., Any], told: Mapping[str, Any]) -> Any:
    def join(h: Tensor, skip: Tensor, place: Place) -> tuple[Tensor, Tensor]:
        changed, changed_skip = patch(h, skip, _at(place, told))
        return changed, changed_skip

    return join


def _around(wrapper: Callable[..., Any], told: Mapping[str, Any], prediction: Prediction, channels: int) -> Any:
    """Return a wrapper of a pack's, which calls a model from noisy latents to clean ones, around the network."""

    def network(call: Call, x: Tensor, timestep: Tensor, inputs: NetworkInputs) -> Tensor:
        import torch

        sigma = inputs.sigma if inputs.sigma is not None else prediction.sigma(timestep)
        shown, beside = x[:, :channels], x[:, channels:]
        scale = prediction.scale_input(torch.ones_like(shown, dtype=torch.float32), sigma)

        def apply_model(latent: Tensor, t: Tensor, **c: Any) -> Tensor:
            scaled = prediction.scale_input(latent.float(), t).to(x.dtype)
            concat = c.get("c_concat")
            scaled = torch.cat([scaled, concat.to(scaled)], dim=1) if concat is not None else scaled
            context = c.get("c_crossattn")
            again = replace(inputs, context=inputs.context if context is None else context.to(inputs.context))
            return prediction.denoised(call(scaled, prediction.timestep(t), again).float(), latent.float(), t)

        options = {**told, "cond_or_uncond": _sides(inputs), "sigmas": sigma}
        c = {"c_crossattn": inputs.context, "transformer_options": options}
        more = {"c_concat": beside if beside.shape[1] else None, "y": inputs.vector}
        c |= {name: value for name, value in more.items() if value is not None}
        noisy = shown.float() / scale
        asked = {"input": noisy, "timestep": sigma, "c": c, "cond_or_uncond": _sides(inputs)}
        clean = wrapper(apply_model, asked).float()
        # The clean latent is a linear function of the network's output.
        start = prediction.denoised(torch.zeros_like(clean), noisy, sigma)
        slope = prediction.denoised(torch.ones_like(clean), noisy, sigma) - start
        output: Tensor = (clean - start) / slope
        return output

    return network
