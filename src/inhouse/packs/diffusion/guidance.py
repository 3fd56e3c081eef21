"""Classifier-free guidance: from a network and two conditionings to the denoiser that samplers ask.

Ho and Salimans (2022), Classifier-Free Diffusion Guidance, https://arxiv.org/abs/2207.12598.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from inhouse.errors import NodeInputError
from inhouse.packs.diffusion.evaluation import Evaluation, ignore
from inhouse.packs.diffusion.inpainting import shown_beside
from inhouse.packs.diffusion.regions import Region, regions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from inhouse.packs.diffusion.conditioning import Conditioning
    from inhouse.packs.diffusion.prediction import Prediction
    from inhouse.packs.diffusion.unet import DiffusionModel


@dataclass(frozen=True)
class GuidanceStep:
    """What is known when the predictions of one step are combined; all latents are (batch, channels, height, width).

    Attributes:
        x: the noisy latent.
        sigma: its noise levels (batch,).
        positive: the clean latent expected under the positive conditioning.
        negative: the same under the negative one.
        cfg: the guidance scale.
        prediction: how the network's output and ``x`` make a clean latent.
        predict: asks the network again under the positive conditioning; takes what the network takes beside its
            inputs, such as an attention hook, and returns a clean latent.

    """

    x: Tensor
    sigma: Tensor
    positive: Tensor
    negative: Tensor
    cfg: float
    prediction: Prediction
    predict: Callable[..., Tensor]


Combine = Callable[[GuidanceStep], "Tensor"]
"""Makes one clean latent of a step's predictions."""
Adjust = Callable[[GuidanceStep, "Tensor"], "Tensor"]
"""Changes the clean latent that a step came to."""


def classifier_free(step: GuidanceStep) -> Tensor:
    """Extrapolate from the negative prediction to the positive one and beyond."""
    return step.negative + (step.positive - step.negative) * step.cfg


@dataclass(frozen=True)
class Guidance:
    """How predictions become the latent that a sampler sees: the seam for features that change guidance.

    A model carries it as its option ``guidance``; see :func:`guidance_of`.

    Attributes:
        combine: in place of classifier-free guidance.
        adjust: changes made after it, in order.
        always_negative: whether the negative prediction is needed at a scale of 1 too.

    """

    combine: Combine = classifier_free
    adjust: tuple[Adjust, ...] = ()
    always_negative: bool = False

    def then(self, adjust: Adjust) -> Guidance:
        """Return the same guidance with one more change behind it."""
        return replace(self, adjust=(*self.adjust, adjust))

    def __call__(self, step: GuidanceStep) -> Tensor:
        """Return the guided clean latent of a step."""
        denoised = self.combine(step)
        for adjust in self.adjust:
            denoised = adjust(step, denoised)
        return denoised


def guidance_of(model: DiffusionModel) -> Guidance:
    """Return the guidance that a model carries, classifier-free guidance unless something changed it."""
    carried = model.options.get("guidance")
    return carried if isinstance(carried, Guidance) else Guidance()


@dataclass(frozen=True)
class GuidedDenoiser:
    """A network under its conditionings, as a sampler sees it.

    Attributes:
        evaluation: how the network is asked.
        positive: entries that say what the picture shows.
        negative: entries that say what it does not; none where there is no guidance.
        cfg: the guidance scale. At 1 the negative entries make no difference where a positive one counts, and are
            not asked about when one counts everywhere.
        guidance: how the predictions are combined.

    """

    evaluation: Evaluation
    positive: Sequence[Region]
    negative: Sequence[Region]
    cfg: float
    guidance: Guidance = field(default_factory=Guidance)

    @property
    def prediction(self) -> Prediction:
        """The model's noise levels, and how it mixes signal and noise."""
        return self.evaluation.model.prediction

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Return the clean latent expected behind ``x`` (batch, channels, height, width) at ``sigma`` (batch,)."""
        everywhere = any(region.whole and region.counts_at(float(sigma[0])) for region in self.positive)
        unguided = self.cfg == 1 and everywhere and not self.guidance.always_negative
        return self._guided(x, sigma, with_negative=not unguided)[0]

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Return the same, and the one expected under the negative conditioning alone, for CFG++."""
        return self._guided(x, sigma, with_negative=True)

    def _guided(self, x: Tensor, sigma: Tensor, *, with_negative: bool) -> tuple[Tensor, Tensor]:
        sides = [self.positive, self.negative if with_negative else ()]
        positive, negative = self._sides(sides, x, sigma)
        step = GuidanceStep(
            x=x,
            sigma=sigma,
            positive=positive,
            negative=negative,
            cfg=self.cfg,
            prediction=self.prediction,
            predict=partial(self._again, x, sigma),
        )
        return self.guidance(step), negative

    def _sides(self, sides: Sequence[Sequence[Region]], x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Return the average prediction of both sides; where one says nothing, that of the other stands."""
        import torch

        level = float(sigma[0])
        active = [[region for region in side if region.counts_at(level)] for side in sides]
        if not any(active):
            raise NodeInputError(
                f"No conditioning counts at noise level {level:.4g}.", hint="Widen its timestep range."
            )
        predicted = iter(self.evaluation.denoised([region for side in active for region in side], x, sigma))
        averages = [_average(side, [next(predicted) for _ in side], x) for side in active]
        (positive, says_positive), (negative, says_negative) = averages
        return torch.where(says_positive, positive, negative), torch.where(says_negative, negative, positive)

    def _again(self, x: Tensor, sigma: Tensor, **extra: Any) -> Tensor:
        """Return the clean latent under the positive conditioning alone."""
        active = [region for region in self.positive if region.counts_at(float(sigma[0]))]
        return _average(active, self.evaluation.denoised(active, x, sigma, **extra), x)[0]


def _average(active: Sequence[Region], predicted: Sequence[Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weighted average of predictions, 0 where nothing counts, and where something does."""
    import torch

    total, weight = torch.zeros_like(x), torch.zeros_like(x)
    for region, denoised in zip(active, predicted, strict=True):
        region.window.crop(total).add_(denoised * region.weight)
        region.window.crop(weight).add_(region.weight)
    says = weight > 0
    return total / torch.where(says, weight, 1.0), says


def guided(
    model: DiffusionModel,
    positive: Conditioning,
    negative: Conditioning,
    cfg: float,
    latent: Tensor,
    *,
    noise_mask: Tensor | None = None,
    check: Callable[[], None] = ignore,
    reference: bool = False,
) -> GuidedDenoiser:
    """Return the denoiser of a model under two conditionings, for latents in the shape of ``latent``.

    Args:
        model: the network, with its guidance.
        positive: says what the picture shows; not empty.
        negative: says what it does not; may be empty.
        cfg: the guidance scale, 0..100.
        latent: what sampling starts from, (batch, channels, height, width), scaled, without noise.
        noise_mask: (batch, 1, height, width), 1 where it may change.
        check: called before every call of the network; it stops the sampling by raising.
        reference: see :class:`~inhouse.packs.diffusion.evaluation.Evaluation`.

    """
    for_positive, for_negative = (
        [replace(region, beside=shown_beside(model, region.options, latent, noise_mask)) for region in side]
        for side in regions(positive, negative, latent, model.prediction)
    )
    return GuidedDenoiser(
        evaluation=Evaluation(model, check, reference),
        positive=for_positive,
        negative=for_negative,
        cfg=cfg,
        guidance=guidance_of(model),
    )
