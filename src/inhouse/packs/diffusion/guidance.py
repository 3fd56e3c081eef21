"""Classifier-free guidance: from a network and two conditionings to the denoiser that samplers ask.

Ho and Salimans (2022), Classifier-Free Diffusion Guidance, https://arxiv.org/abs/2207.12598.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from inhouse.errors import NodeInputError
from inhouse.packs.diffusion.control import controlled
from inhouse.packs.diffusion.evaluation import Ask, Evaluation, alone, ignore
from inhouse.packs.diffusion.inpainting import shown_beside
from inhouse.packs.diffusion.patches import UNPATCHED, Patches
from inhouse.packs.diffusion.regions import Region, regions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from inhouse.packs.diffusion.conditioning import Conditioning
    from inhouse.packs.diffusion.prediction import Prediction
    from inhouse.packs.diffusion.unet import DiffusionModel


class Predict(Protocol):
    """Asks the network once more within a step."""

    def __call__(self, *, x: Tensor | None = None, patches: Patches = UNPATCHED, side: int = 0) -> Tensor:
        """Return the clean latent expected behind ``x``, the step's own if None.

        Args:
            x: the noisy latent (batch, channels, height, width).
            patches: more of them, behind the model's own.
            side: 0 under the positive conditioning, 1 under the negative, 2 and more under the others.

        """


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
        predict: asks the network again and returns a clean latent; see `Predict`.
        others: the clean latents expected under further conditionings, for guidance that has more than two sides.
        memory: what guidance keeps from step to step of one sampling; each has a key of its own.

    """

    x: Tensor
    sigma: Tensor
    positive: Tensor
    negative: Tensor
    cfg: float
    prediction: Prediction
    predict: Predict
    others: tuple[Tensor, ...] = ()
    memory: dict[object, Any] = field(default_factory=dict)


Combine = Callable[[GuidanceStep], "Tensor"]
"""Makes one clean latent of a step's predictions."""
Adjust = Callable[[GuidanceStep, "Tensor"], "Tensor"]
"""Changes the clean latent that a step came to."""
Prepare = Callable[[GuidanceStep], GuidanceStep]
"""Changes the predictions before they are combined."""


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
        prepare: changes made before it, in order.
        always_negative: whether the negative prediction is needed at a scale of 1 too.
        others: conditionings that it needs the predictions of besides, as the last of a step's ``others``.

    """

    combine: Combine = classifier_free
    adjust: tuple[Adjust, ...] = ()
    prepare: tuple[Prepare, ...] = ()
    always_negative: bool = False
    others: tuple[Conditioning, ...] = ()

    def then(self, adjust: Adjust) -> Guidance:
        """Return the same guidance with one more change behind it."""
        return replace(self, adjust=(*self.adjust, adjust))

    def __call__(self, step: GuidanceStep) -> Tensor:
        """Return the guided clean latent of a step."""
        for prepare in self.prepare:
            step = prepare(step)
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
        sides: entries that say what the picture shows; those that say what it does not, none where there is no
            guidance; those of further sides.
        cfg: the guidance scale. At 1 the negative entries make no difference where a positive one counts, and are
            not asked about when one counts everywhere.
        guidance: how the predictions are combined.
        memory: what guidance keeps from step to step.

    """

    evaluation: Evaluation
    sides: Sequence[Sequence[Region]]
    cfg: float
    guidance: Guidance = field(default_factory=Guidance)
    memory: dict[object, Any] = field(default_factory=dict, repr=False)

    @property
    def prediction(self) -> Prediction:
        """The model's noise levels, and how it mixes signal and noise."""
        return self.evaluation.model.prediction

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Return the clean latent expected behind ``x`` (batch, channels, height, width) at ``sigma`` (batch,)."""
        everywhere = any(region.whole and region.counts_at(float(sigma[0])) for region in self.sides[0])
        unguided = self.cfg == 1 and everywhere and not self.guidance.always_negative
        return self._guided(x, sigma, with_negative=not unguided)[0]

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Return the same, and the one expected under the negative conditioning alone, for CFG++."""
        return self._guided(x, sigma, with_negative=True)

    def _guided(self, x: Tensor, sigma: Tensor, *, with_negative: bool) -> tuple[Tensor, Tensor]:
        sides = [side if with_negative or place != 1 else () for place, side in enumerate(self.sides)]
        positive, negative, *others = self._predicted(sides, x, sigma)
        step = GuidanceStep(
            x=x,
            sigma=sigma,
            positive=positive,
            negative=negative,
            cfg=self.cfg,
            prediction=self.prediction,
            predict=partial(self._again, x, sigma),
            others=tuple(others),
            memory=self.memory,
        )
        return self.guidance(step), negative

    def _predicted(self, sides: Sequence[Sequence[Region]], x: Tensor, sigma: Tensor) -> list[Tensor]:
        """Return the average prediction of each side; where one says nothing, that of another stands."""
        import torch

        level = float(sigma[0])
        active = [[region for region in side if region.counts_at(level)] for side in sides]
        if not any(active):
            raise NodeInputError(
                f"No conditioning counts at noise level {level:.4g}.", hint="Widen its timestep range."
            )
        predicted = iter(self.evaluation.denoised([region for side in active for region in side], x, sigma))
        averages = [_average(side, [next(predicted) for _ in side], x) for side in active]
        results = []
        for place, (average, says) in enumerate(averages):
            other, _ = averages[1 if place == 0 else 0]
            results.append(torch.where(says, average, other))
        return results

    def _again(
        self, own: Tensor, sigma: Tensor, *, x: Tensor | None = None, patches: Patches = UNPATCHED, side: int = 0
    ) -> Tensor:
        """Return the clean latent under the conditioning of one side alone."""
        asked = own if x is None else x
        active = [region for region in self.sides[side] if region.counts_at(float(sigma[0]))]
        return _average(active, self.evaluation.denoised(active, asked, sigma, patches), asked)[0]


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
    others: Sequence[Conditioning] = (),
    noise_mask: Tensor | None = None,
    check: Callable[[], None] = ignore,
    ask: Ask = alone,
) -> GuidedDenoiser:
    """Return the denoiser of a model under its conditionings, for latents in the shape of ``latent``.

    Args:
        model: the network, with its guidance.
        positive: says what the picture shows; not empty.
        negative: says what it does not; may be empty.
        cfg: the guidance scale, 0..100.
        latent: what sampling starts from, (batch, channels, height, width), scaled, without noise.
        others: further sides, for guidance that has them.
        noise_mask: (batch, 1, height, width), 1 where it may change.
        check: called before every call of the network; it stops the sampling by raising.
        ask: calls the network.

    Raises:
        NodeInputError: a conditioning comes from text encoders of another family.

    """
    size, guidance = (latent.shape[-2], latent.shape[-1]), guidance_of(model)
    sides = [
        [
            replace(
                region,
                beside=shown_beside(model, region.options, latent, noise_mask),
                told=model.conditioner({**region.options, "negative": region.negative}, size),
            )
            for region in side
        ]
        for side in regions(
            controlled([positive, negative, *others, *guidance.others], model, len(latent)), latent, model.prediction
        )
    ]
    for place, side in enumerate(sides):
        for region in side:
            _refuse_strangers(model, region, "negative" if place else "positive")
    return GuidedDenoiser(Evaluation(model, check, ask), sides, cfg, guidance)


def _refuse_strangers(model: DiffusionModel, region: Region, side: str) -> None:
    width = region.vectors.shape[-1]
    if model.context_width not in {0, width}:  # 0: a network that attends to no text
        raise NodeInputError(
            f"The {side} conditioning is {width} wide and the model takes {model.context_width}: "
            "it comes from the text encoders of another family of models.",
            hint="Encode the prompt with the text encoders that belong to the model.",
            input_name=side,
        )
