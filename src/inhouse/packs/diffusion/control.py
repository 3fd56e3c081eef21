"""Control: networks that look at a picture and steer a diffusion model by it, as values and in use.

A `ControlModel` is what travels on a ``CONTROL_NET`` wire. Nodes put `ControlUse` into the option ``control`` of a
conditioning's entries, one behind another; what several say is added up. `controlled` binds them to a model when
sampling starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from inhouse.packs.diffusion.resizing import repeat_to, resize

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.conditioning import Conditioning
    from inhouse.packs.diffusion.networks.inputs import NetworkInputs, Residuals
    from inhouse.packs.diffusion.regions import Window
    from inhouse.packs.diffusion.unet import DiffusionModel
    from inhouse.wires import Image


class ControlModel(Protocol):
    """A network that steers another by a picture."""

    @property
    def name(self) -> str:
        """The file's name, for messages."""

    def check(self, model: DiffusionModel) -> None:
        """Make sure that it can steer a model.

        Raises:
            ModelMismatchError: it was made for another.

        """

    def encode(self, picture: Tensor) -> tuple[Tensor, ...]:
        """Return a picture (batch, 3, height, width), 0 to 1, as features, each (batch, ...)."""

    def residuals(self, x: Tensor, timestep: Tensor, inputs: NetworkInputs, features: tuple[Tensor, ...]) -> Residuals:
        """Return what it adds to the feature maps of the model that it steers, at full strength.

        Args:
            x: the scaled noisy latent (batch, channels, height, width).
            timestep: (batch,).
            inputs: what the model is told.
            features: the encoded picture, (batch, ...) each.

        """


@dataclass(frozen=True, eq=False)
class ControlUse:
    """A control at work on a conditioning.

    Attributes:
        control: the network.
        image: the picture (batch, height, width, 3), 0 to 1, one for each sample in turn.
        strength: a factor on what it adds.
        start: from which share of the sampling on it counts, 0 to 1.
        end: up to which share.
        both_sides: whether negative entries without a control of their own are steered alike.

    """

    control: ControlModel
    image: Image
    strength: float = 1.0
    start: float = 0.0
    end: float = 1.0
    both_sides: bool = False


@dataclass(frozen=True, eq=False)
class BoundControl:
    """A control in one sampling; a picture is encoded once for it.

    Attributes:
        use: how it is used.
        model: the model that it steers.
        batch: samples of the latent.
        encoded: the encoded picture by the size of a window.

    """

    use: ControlUse
    model: DiffusionModel
    batch: int
    encoded: dict[tuple[int, int], tuple[Tensor, ...]] = field(default_factory=dict)

    def residuals(self, x: Tensor, timestep: Tensor, inputs: NetworkInputs, window: Window) -> Residuals | None:
        """Return what it adds to the model's feature maps; None at noise levels at which it does not count."""
        prediction, strength = self.model.prediction, self.use.strength
        assert inputs.sigma is not None
        level = float(inputs.sigma[0])
        first, last = (prediction.percent_to_sigma(share) for share in (self.use.start, self.use.end))
        if strength == 0 or not last <= level <= first:
            return None
        size = (window.height, window.width)
        if size not in self.encoded:
            self.encoded[size] = self._features(*size)
        rows = len(x) // self.batch
        features = tuple(repeat_to(repeat_to(part, self.batch), rows * self.batch) for part in self.encoded[size])
        return self.use.control.residuals(x, timestep, inputs, features).mapped(lambda maps: maps * strength)

    def _features(self, height: int, width: int) -> tuple[Tensor, ...]:
        """Return the picture's features for a part of the latent of this size, which it is stretched over."""
        scale = self.model.latent_format.downscale
        picture = self.use.image[: self.batch, ..., :3].movedim(-1, 1)
        return self.use.control.encode(resize(picture, width * scale, height * scale, "nearest-exact", crop=True))


def steer(conditioning: Conditioning, use: ControlUse) -> Conditioning:
    """Return a conditioning with one more control on every entry."""
    return [
        [vectors, {**options, "control": (*(options.get("control") or ()), use)}] for vectors, options in conditioning
    ]


def controlled(sides: Sequence[Conditioning], model: DiffusionModel, batch: int) -> list[Conditioning]:
    """Return the conditionings of all sides of guidance with their controls bound to a model.

    Args:
        sides: the first says what the picture shows; the others are negative.
        model: the model that will be steered.
        batch: samples of the latent.

    Raises:
        ModelMismatchError: a control was made for another model.

    """
    bound: dict[int, BoundControl] = {}

    def bind(use: ControlUse) -> BoundControl:
        if id(use) not in bound:
            use.control.check(model)
            bound[id(use)] = BoundControl(use, model, batch)
        return bound[id(use)]

    def entry(vectors: Any, options: Any) -> list[Any]:
        uses = options.get("control")
        return [vectors, {**options, "control": tuple(bind(use) for use in uses)}] if uses else [vectors, options]

    first, *others = sides
    return [[entry(*pair) for pair in side] for side in (first, *(_spread(first, other) for other in others))]


def _spread(first: Conditioning, other: Conditioning) -> Conditioning:
    """Give entries without a control those of the first side that are for both."""
    shared = next((uses for _, options in first if (uses := _for_both(options))), ())
    if not shared:
        return other
    return [
        [vectors, options if options.get("control") else {**options, "control": shared}] for vectors, options in other
    ]


def _for_both(options: Any) -> tuple[ControlUse, ...]:
    return tuple(use for use in options.get("control") or () if use.both_sides)
