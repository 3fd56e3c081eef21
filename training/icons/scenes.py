"""Scenes: drawings placed on a background, as the training pictures are.

A scene is a few numbers; pictures are made from them on the fly, so that no two batches are alike.
"""

from __future__ import annotations

import colorsys
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from training.icons.art import SIZE, draw_all, rgb
from training.icons.concepts import BACKGROUNDS

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from training.icons.concepts import Concept

PLACES = {1: ((0.0, 0.0),), 2: ((-0.25, 0.0), (0.25, 0.0)), 3: ((-0.25, 0.25), (0.25, 0.25), (0.0, -0.25))}
SIZES = {-1: 0.5, 0: 0.875, 1: 1.0}
STEP = 0.5 / 16
COUNT_SCALE = {1: 1.0, 2: 0.5 / 0.875, 3: 0.5 / 0.875}
"""Two, three and a small one are half as large as the picture, on whole latents: one pattern to learn, not three."""
COUNT_SHARE, SIZE_SHARE = 0.1, 0.07


@dataclass(frozen=True)
class Scene:
    """What one training picture shows.

    ``background`` is a named colour or None (white or a pale tint); ``size`` is -1 small, 0 usual, 1 large;
    ``count`` is 1 to 3 copies.
    """

    concept: int
    style: str
    colour: str | None = None
    background: str | None = None
    count: int = 1
    size: int = 0


class Bank:
    """Every drawing, found by concept, style and colour."""

    def __init__(self, pictures: Tensor, index: dict[tuple[int, str, str | None], int]) -> None:
        self.pictures = pictures
        self.index = index

    @classmethod
    def load(cls, folder: Path, concepts: list[Concept], packages: Path) -> Bank:
        """Read the rendered drawings from ``folder``, rendering them first if they are not there (half a minute)."""
        pictures, listing = folder / "drawings.npy", folder / "drawings.json"
        if not listing.exists():
            drawings = draw_all(concepts, packages)
            folder.mkdir(parents=True, exist_ok=True)
            np.save(pictures, np.stack([d.picture for d in drawings]))
            listing.write_text(json.dumps([[d.concept, d.style, d.colour] for d in drawings]), encoding="utf-8")
        rows = json.loads(listing.read_text(encoding="utf-8"))
        index = {(concept, style, colour): row for row, (concept, style, colour) in enumerate(rows)}
        return cls(torch.from_numpy(np.load(pictures)), index)

    def has(self, scene: Scene) -> bool:
        """Say whether there is a drawing for the scene."""
        return (scene.concept, scene.style, scene.colour) in self.index

    def colours(self, concept: int, style: str) -> list[str]:
        """Return the colours that the concept is painted in, in this style."""
        return [c for (k, s, c) in self.index if k == concept and s == style and c is not None]


def backdrop(name: str | None, rng: random.Random, *, still: bool) -> tuple[float, ...]:
    """Return a background's colour in 0..1: a shade of the named one; unnamed, white or a pale tint."""
    if name is None and not still and rng.random() < 0.5:
        return colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.05, 0.3), rng.uniform(0.9, 1))
    if name in {None, "white"}:
        return (1.0, 1.0, 1.0)
    return tuple(min(1.0, max(0.0, float(part) + rng.uniform(-0.03, 0.03))) for part in rgb(BACKGROUNDS[name]))


@dataclass(frozen=True)
class Pose:
    """Where one copy stands: centre in -0.5..0.5 of the picture, scale 1 for the whole picture."""

    x: float
    y: float
    scale: float


def still_poses(scene: Scene) -> list[Pose]:
    """Place the scene's copies upright, centred and as large as the drawing."""
    return [Pose(x, y, COUNT_SCALE[scene.count]) for x, y in PLACES[scene.count]]


def poses(scene: Scene, rng: random.Random) -> list[Pose]:
    """Place the scene's copies off the centre, to a side and up or down.

    The places are one latent apart: a drawing moved by less is another pattern of latents, which would have to be
    learnt anew.
    """
    scale = SIZES[scene.size] * COUNT_SCALE[scene.count]
    right, down = rng.choice((-STEP, STEP)), rng.choice((-STEP, STEP))
    return [Pose(x + right, y + down, scale) for x, y in PLACES[scene.count]]


def affine(pose: Pose) -> list[list[float]]:
    """Return the 2x3 matrix that takes places of the picture (-1..1) to places of the drawing."""
    zoom = 1 / pose.scale
    return [[zoom, 0.0, -2 * pose.x * zoom], [0.0, zoom, -2 * pose.y * zoom]]


def compose(bank: Bank, scenes: list[Scene], rng: random.Random, size: int, *, still: bool = False) -> Tensor:
    """Draw the scenes: (batch, 3, size, size) float32 in 0..1. ``still`` leaves chance out."""
    grounds = [backdrop(scene.background, rng, still=still) for scene in scenes]
    owners, rows, matrices = [], [], []
    for owner, scene in enumerate(scenes):
        for pose in still_poses(scene) if still else poses(scene, rng):
            owners.append(owner)
            rows.append(bank.index[scene.concept, scene.style, scene.colour])
            matrices.append(affine(pose))
    grid = functional.affine_grid(torch.tensor(matrices), [len(rows), 4, size, size], align_corners=False)
    drawings = bank.pictures[rows].permute(0, 3, 1, 2).float() / 255
    if size * 2 <= SIZE:
        drawings = functional.avg_pool2d(drawings, SIZE // size)
    copies = functional.grid_sample(drawings, grid, align_corners=False)
    canvas = torch.tensor(grounds)[:, :, None, None].expand(-1, -1, size, size).clone()
    last = {owner: i for i, owner in enumerate(owners)}
    if len(last) == len(owners):
        return copies[:, :3] + canvas * (1 - copies[:, 3:])
    for i, owner in enumerate(owners):
        canvas[owner] = copies[i, :3] + canvas[owner] * (1 - copies[i, 3:])
    return canvas


def random_scene(bank: Bank, concept: int, styles: Sequence[str], rng: random.Random) -> Scene:
    """Draw up a scene of the concept in one of the styles, with everything else left to chance."""
    style = rng.choice(styles)
    colours = bank.colours(concept, style)
    colour = rng.choice(colours) if colours and rng.random() < 0.5 else None
    background = None
    if rng.random() < 0.25:
        background = rng.choice([name for name in BACKGROUNDS if name != colour])
    count, size = 1, 0
    chance = rng.random()
    if chance < COUNT_SHARE:
        count = rng.choice([2, 2, 3])
    elif chance < COUNT_SHARE + SIZE_SHARE:
        size = rng.choice([-1, -1, 1])
    return Scene(concept, style, colour, background, count, size)
