"""The courses of training: text, then denoiser; decoder and encoder at any time beside them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from training.icons.course import Course
from training.icons.latents import PIXELS, Projection
from training.icons.layers import channels_last
from training.icons.schedule import diffuse, stratified_steps, undiffuse
from training.icons.text import POSITIONS, TextConfig, TextModel
from training.icons.unet import UNet, UNetConfig
from training.icons.vae import DecoderHalf, EncoderHalf, VaeConfig

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from training.icons.examples import Dataset
    from training.icons.scenes import Scene

WIDTH = 128
SHORT = 28
LONG_SHARE = 0.15
TEXT_BATCH = 96
BATCH = 48
FIT_PICTURES = 2000
TEXT_RATE, RATE, PICTURE_RATE = 2e-3, 2e-3, 2e-3
PICTURE_BATCH = 8
LATENT_NOISE = 0.15
BLUR_STEPS = (150, 550)


def projection(dataset: Dataset, work: Path) -> Projection:
    """Return the latent space's projection, fitting it the first time."""
    path = work / "projection.pt"
    if not path.exists():
        rng = random.Random(7)
        pictures = [dataset.pictures(dataset.scenes(100, rng), rng, 64) for _ in range(FIT_PICTURES // 100)]
        fitted = Projection.fit(torch.cat(pictures))
        torch.save({"weight": fitted.weight, "mean": fitted.mean}, path)
    return Projection(**torch.load(path, weights_only=True))


def text_model(dataset: Dataset) -> TextModel:
    """Return an untrained text encoder over the compact vocabulary."""
    return TextModel(TextConfig(dataset.vocabulary.size, WIDTH))


def thumbnails(dataset: Dataset, scenes: list[Scene], rng: random.Random) -> Tensor:
    """Return the scenes without chance, 32x32, flat: (batch, 3072)."""
    return functional.avg_pool2d(dataset.pictures(scenes, rng, 64, still=True), 2).flatten(1)


@dataclass(frozen=True)
class Plan:
    """How long a course takes (minutes, of them the last ``cooldown`` with a falling rate) and on how many workers."""

    work: Path
    minutes: float
    cooldown: float
    workers: int

    def course(self, name: str, modules: dict[str, nn.Module], lr: float) -> Course:
        """Begin or resume the course."""
        path = self.work / f"{name}.pt"
        return Course(path, modules, minutes=self.minutes, lr=lr, cooldown=self.cooldown, workers=self.workers)


def train_text(dataset: Dataset, plan: Plan) -> None:
    """Teach the text encoder what pictures look like: regress their principal components from its last states."""
    rng = random.Random(8)
    sample = torch.cat([thumbnails(dataset, dataset.scenes(100, rng), rng) for _ in range(FIT_PICTURES // 100)])
    mean = sample.mean(0)
    _, _, basis = torch.svd_lowrank(sample - mean, WIDTH, niter=3)
    scale = ((sample - mean) @ basis).std(0)
    weight = scale / scale[0] + 0.05
    model, head = text_model(dataset), nn.Linear(WIDTH, WIDTH)

    def build(rng: random.Random) -> Callable[[], Tensor]:
        def loss() -> Tensor:
            scenes = dataset.scenes(TEXT_BATCH // plan.workers, rng)
            tokens = dataset.vocabulary.encode(dataset.captions(scenes, rng, empty=0.0), SHORT)
            target = (thumbnails(dataset, scenes, rng) - mean) @ basis / scale
            ended = (torch.cumsum(tokens == 1, 1) > 0).float()
            error = ((head(model(tokens)) - target[:, None]) ** 2 * weight).sum(-1) / weight.sum()
            mean_error: Tensor = ((error * ended).sum(1) / ended.sum(1)).mean()
            return mean_error

        return loss

    plan.course("text", {"text": model, "head": head}, TEXT_RATE).run(build)


def train_denoiser(dataset: Dataset, plan: Plan) -> None:
    """Train UNet and text encoder together on the latents of fresh scenes.

    Captions are padded to 28 tokens, and only for some batches to the 77 that the model will be given: padding
    changes little, and costs a fifth of the time.
    """
    space = projection(dataset, plan.work)
    unet = channels_last(UNet(UNetConfig(context=WIDTH)))
    text = text_model(dataset)
    text.load_state_dict(torch.load(plan.work / "text.pt", weights_only=True)["averages"]["text"])
    batch = BATCH // plan.workers
    course = plan.course("denoiser", {"unet": unet, "text": text}, RATE)

    def build(rng: random.Random) -> Callable[[], Tensor]:
        def loss() -> Tensor:
            scenes = dataset.scenes(batch, rng)
            length = POSITIONS if rng.random() < LONG_SHARE else SHORT
            tokens = dataset.vocabulary.encode(dataset.captions(scenes, rng), length)
            latents = space.encode(dataset.pictures(scenes, rng, PIXELS // 2))
            steps = stratified_steps(batch)
            noisy, target = diffuse(latents, torch.randn_like(latents), steps)
            with torch.autocast("cpu", torch.bfloat16):
                said = unet(noisy.contiguous(memory_format=torch.channels_last), steps, text(tokens))
            return functional.mse_loss(said.float(), target)

        return loss

    course.run(build)


def picture_loss(said: Tensor, wanted: Tensor) -> Tensor:
    """Return how far pictures are apart: values, edges, and mean colours of 8x8 patches."""
    gap = said - wanted
    edges = (gap[..., 1:] - gap[..., :-1]).abs().mean() + (gap[..., 1:, :] - gap[..., :-1, :]).abs().mean()
    return gap.abs().mean() + 0.5 * gap.square().mean() + 0.5 * edges + 0.5 * functional.avg_pool2d(gap, 8).abs().mean()


class Blur:
    """What the denoiser makes of noisy latents at one stroke: blurred as its pictures are, with a known original."""

    def __init__(self, dataset: Dataset, path: Path) -> None:
        averages = torch.load(path, weights_only=True)["averages"]
        self.vocabulary = dataset.vocabulary
        self.unet, self.text = channels_last(UNet(UNetConfig(context=WIDTH))), text_model(dataset)
        for module, weights in ((self.unet, averages["unet"]), (self.text, averages["text"])):
            module.load_state_dict(weights)
            module.requires_grad_(requires_grad=False)

    @torch.no_grad()
    def __call__(self, latents: Tensor, captions: list[str]) -> Tensor:
        """Return latents of the same shape, each at a noise level of its own."""
        steps = torch.randint(*BLUR_STEPS, (len(latents),))
        noisy, _ = diffuse(latents, torch.randn_like(latents), steps)
        with torch.autocast("cpu", torch.bfloat16):
            context = self.text(self.vocabulary.encode(captions, SHORT))
            v = self.unet(noisy.contiguous(memory_format=torch.channels_last), steps, context).float()
        return undiffuse(noisy, v, steps)


def train_decoder(dataset: Dataset, plan: Plan) -> None:
    """Train the decoder on the projected latents, a little noise added since the denoiser is never quite right.

    Once there is a denoiser, every other picture is decoded from what the denoiser makes of it.
    """
    space = projection(dataset, plan.work)
    half = channels_last(DecoderHalf(VaeConfig()))
    batch = PICTURE_BATCH // plan.workers
    denoiser = plan.work / "denoiser.pt"
    blur = Blur(dataset, denoiser) if denoiser.exists() else None

    def build(rng: random.Random) -> Callable[[], Tensor]:
        def loss() -> Tensor:
            scenes = dataset.scenes(batch, rng)
            pictures = dataset.pictures(scenes, rng, PIXELS)
            latents = space.encode(pictures)
            latents = latents + torch.rand(batch, 1, 1, 1) * LATENT_NOISE * torch.randn_like(latents)
            if blur:
                captions = dataset.captions(scenes[::2], rng, empty=0.0)
                latents[::2] = blur(latents[::2], captions)
            with torch.autocast("cpu", torch.bfloat16):
                said = half(latents.contiguous(memory_format=torch.channels_last))
            return picture_loss(said.float(), pictures * 2 - 1)

        return loss

    plan.course("decoder", {"half": half}, PICTURE_RATE).run(build)


def train_encoder(dataset: Dataset, plan: Plan) -> None:
    """Train the encoder to say the projected latents, with a log variance of -9 about them."""
    space = projection(dataset, plan.work)
    half = channels_last(EncoderHalf(VaeConfig()))
    batch = PICTURE_BATCH // plan.workers

    def build(rng: random.Random) -> Callable[[], Tensor]:
        def loss() -> Tensor:
            pictures = dataset.pictures(dataset.scenes(batch, rng), rng, PIXELS)
            with torch.autocast("cpu", torch.bfloat16):
                mean, log_variance = half((pictures * 2 - 1).contiguous(memory_format=torch.channels_last))
            spread: Tensor = (log_variance.float() + 9).square().mean()
            return functional.mse_loss(mean.float(), space.encode(pictures)) + 0.01 * spread

        return loss

    plan.course("encoder", {"half": half}, PICTURE_RATE).run(build)


COURSES = {"text": train_text, "denoiser": train_denoiser, "decoder": train_decoder, "encoder": train_encoder}
