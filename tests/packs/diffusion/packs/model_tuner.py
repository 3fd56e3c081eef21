# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN202, ANN204, ANN206, ARG001, B006, N802, N804 - written as packs of third parties are
"""A pack as they are in the wild: nodes that clone a model and change the clone."""

import comfy.model_patcher
import comfy.samplers
import torch
from comfy.model_patcher import ModelPatcher


class TunerFreeU:
    """FreeU, as an output-block patch."""

    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"model": ("MODEL",), "b": ("FLOAT", {"default": 1.2}), "s": ("FLOAT", {"default": 0.5})}}

    RETURN_TYPES = ("MODEL",)
    FUNCTION = "patch"

    def patch(self, model, b, s):
        channels = model.model.model_config.unet_config["model_channels"] * 2

        def output_block_patch(h, hsp, transformer_options):
            assert transformer_options["block"][0] == "output"
            if h.shape[1] == channels:
                h[:, : h.shape[1] // 2] = h[:, : h.shape[1] // 2] * b
                freq = torch.fft.fftshift(torch.fft.fftn(hsp, dim=(-2, -1)), dim=(-2, -1))
                y, x = hsp.shape[-2] // 2, hsp.shape[-1] // 2
                freq[..., y - 1 : y + 1, x - 1 : x + 1] *= s
                hsp = torch.fft.ifftn(torch.fft.ifftshift(freq, dim=(-2, -1)), dim=(-2, -1)).real
            return h, hsp

        m = model.clone()
        m.set_model_output_block_patch(output_block_patch)
        return (m,)


class TunerAttention:
    """Stronger queries by an attention patch; the rest of attention by a replacement of one block."""

    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"model": ("MODEL",), "q": ("FLOAT", {"default": 1.5})}}

    RETURN_TYPES = ("MODEL",)
    FUNCTION = "patch"

    def patch(self, model, q):
        def attn1_patch(n, context_attn1, value_attn1, extra_options):
            assert len(extra_options["cond_or_uncond"]) == len(n)
            return n * q, context_attn1, value_attn1

        def replace(query, key, value, extra_options):
            b, _, c = query.shape
            heads, dim = extra_options["n_heads"], extra_options["dim_head"]
            query, key, value = (t.view(b, -1, heads, dim).transpose(1, 2) for t in (query, key, value))
            out = (query @ key.transpose(-1, -2) * dim**-0.5).softmax(-1) @ value
            return out.transpose(1, 2).reshape(b, -1, c)

        m = model.clone()
        m.set_model_attn1_patch(attn1_patch)
        m.set_model_attn1_replace(replace, "middle", 0)
        return (m,)


class TunerGuidance:
    """Epsilon scaling behind a guidance of its own."""

    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"model": ("MODEL",), "factor": ("FLOAT", {"default": 1.1})}}

    RETURN_TYPES = ("MODEL",)
    FUNCTION = "patch"

    def patch(self, model, factor):
        def cfg_function(args):
            cond, uncond, scale = args["cond"], args["uncond"], args["cond_scale"]
            return uncond + (cond - uncond) * scale

        def post_cfg_function(args):
            return args["input"] - (args["input"] - args["denoised"]) / factor

        m = model.clone()
        m.set_model_sampler_cfg_function(cfg_function, disable_cfg1_optimization=True)
        m.set_model_sampler_post_cfg_function(post_cfg_function)
        return (m,)


class TunerPerturbed:
    """Perturbed-attention guidance, by asking the model once more."""

    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"model": ("MODEL",), "scale": ("FLOAT", {"default": 3.0})}}

    RETURN_TYPES = ("MODEL",)
    FUNCTION = "patch"

    def patch(self, model, scale):
        def perturbed(q, k, v, extra_options):
            return v

        def post_cfg_function(args):
            options = comfy.model_patcher.set_model_options_patch_replace(
                args["model_options"].copy(), perturbed, "attn1", "middle", 0
            )
            (pag,) = comfy.samplers.calc_cond_batch(
                args["model"], [args["cond"]], args["input"], args["sigma"], options
            )
            return args["denoised"] + (args["cond_denoised"] - pag) * scale

        m = model.clone()
        m.set_model_sampler_post_cfg_function(post_cfg_function)
        return (m,)


class TunerWrapper:
    """A wrapper that asks the model about one sample after the other."""

    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"model": ("MODEL",)}}

    RETURN_TYPES = ("MODEL",)
    FUNCTION = "patch"

    def patch(self, model):
        assert isinstance(model, ModelPatcher)
        assert not model.model_options.get("model_function_wrapper")

        def wrapper(apply_model, args):
            x, t, c = args["input"], args["timestep"], args["c"]
            parts = []
            for i in range(len(x)):
                own = {**c, "c_crossattn": c["c_crossattn"][i : i + 1]}
                parts.append(apply_model(x[i : i + 1], t[i : i + 1], **own))
            return torch.cat(parts)

        m = model.clone()
        m.set_model_unet_function_wrapper(wrapper)
        return (m,)


class TunerSampling:
    """The model's own noise levels, looked at and given back."""

    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"model": ("MODEL",)}}

    RETURN_TYPES = ("MODEL", "SIGMAS", "SAMPLER", "GUIDER")
    FUNCTION = "patch"

    def patch(self, model):
        sampling = model.get_model_object("model_sampling")
        assert float(sampling.sigma_max) > float(sampling.sigma_min) > 0
        assert model.get_model_object("latent_format").latent_channels == 4
        m = model.clone()
        m.add_object_patch("model_sampling", Levels(sampling))
        sigmas = comfy.samplers.calculate_sigmas(sampling, "normal", 2)
        guider = HalfGuider(m)
        return (m, sigmas, comfy.samplers.KSAMPLER(sample_euler), guider)


class Levels:
    """Noise levels in the manner of ComfyUI's classes."""

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def calculate_input(self, sigma, noise):
        return noise / (sigma.view(-1, 1, 1, 1) ** 2 + 1) ** 0.5

    def calculate_denoised(self, sigma, model_output, model_input):
        return model_input - model_output * sigma.view(-1, 1, 1, 1)


class HalfGuider(comfy.samplers.CFGGuider):
    """A guider that predicts otherwise."""

    def predict_noise(self, x, timestep, model_options={}, seed=None):
        return super().predict_noise(x, timestep, model_options, seed) / 2


class TunerGuide:
    """Sets what a guider is to follow."""

    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"guider": ("GUIDER",), "positive": ("CONDITIONING",), "negative": ("CONDITIONING",)}}

    RETURN_TYPES = ("GUIDER",)
    FUNCTION = "go"

    def go(self, guider, positive, negative):
        guider.set_conds(positive, negative)
        guider.set_cfg(2.0)
        return (guider,)


def sample_euler(model, x, sigmas, extra_args=None, callback=None, disable=None):
    s_in = x.new_ones([x.shape[0]])
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * s_in, **(extra_args or {}))
        callback({"x": x, "i": i, "sigma": sigmas[i], "sigma_hat": sigmas[i], "denoised": denoised})
        x = x + (x - denoised) / sigmas[i] * (sigmas[i + 1] - sigmas[i])
    return x


NODES = (TunerFreeU, TunerAttention, TunerGuidance, TunerPerturbed, TunerWrapper, TunerSampling, TunerGuide)
NODE_CLASS_MAPPINGS = {cls.__name__: cls for cls in NODES}
