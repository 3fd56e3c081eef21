from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from training.icons.art import SIZE, main_tone, paint, rgb, to_hsv, to_rgb
from training.icons.scenes import Bank, Scene, compose, random_scene


@pytest.fixture
def bank() -> Bank:
    pictures = torch.zeros(2, SIZE, SIZE, 4, dtype=torch.uint8)
    pictures[0, 48:144, 48:144] = torch.tensor([255, 0, 0, 255], dtype=torch.uint8)
    pictures[1, 48:144, 48:144] = torch.tensor([0, 0, 255, 255], dtype=torch.uint8)
    return Bank(pictures, {(0, "flat", None): 0, (0, "flat", "blue"): 1})


def test_a_still_scene_is_the_drawing_on_white(bank: Bank) -> None:
    picture = compose(bank, [Scene(0, "flat")], random.Random(0), 64, still=True)[0]
    assert picture[:, 32, 32].tolist() == pytest.approx([1, 0, 0], abs=0.01)
    assert picture[:, 2, 2].tolist() == [1, 1, 1]


def test_a_painted_scene_takes_the_painted_drawing(bank: Bank) -> None:
    picture = compose(bank, [Scene(0, "flat", "blue")], random.Random(0), 64, still=True)[0]
    assert picture[:, 32, 32].tolist() == pytest.approx([0, 0, 1], abs=0.01)


def test_a_named_background_is_a_shade_of_its_colour(bank: Bank) -> None:
    picture = compose(bank, [Scene(0, "flat", background="black")], random.Random(0), 64)[0]
    assert float(picture[:, 0, 0].max()) < 0.1


def test_chance_moves_the_drawing_by_whole_latents(bank: Bank) -> None:
    rng = random.Random(0)
    pictures = compose(bank, [Scene(0, "flat", background="white")] * 20, rng, 128)
    places = {tuple(int(line) for line in (picture[1] < 0.5).any(0).nonzero()[0]) for picture in pictures}
    assert len(places) == 2
    first, second = sorted(place[0] for place in places)
    assert second - first == 8


def test_two_copies_leave_the_middle_free(bank: Bank) -> None:
    picture = compose(bank, [Scene(0, "flat", count=2)], random.Random(0), 64, still=True)[0]
    assert picture[:, 32, 32].tolist() == [1, 1, 1]
    assert picture[:, 32, 16].tolist() == pytest.approx([1, 0, 0], abs=0.01)
    assert picture[:, 32, 48].tolist() == pytest.approx([1, 0, 0], abs=0.01)


def test_random_scenes_ask_for_drawings_that_exist(bank: Bank) -> None:
    rng = random.Random(0)
    scenes = [random_scene(bank, 0, ("flat",), rng) for _ in range(200)]
    assert all(bank.has(scene) for scene in scenes)
    assert all(scene.background != scene.colour or scene.background is None for scene in scenes)


def test_painting_changes_the_main_colour_only() -> None:
    picture = np.zeros((16, 16, 4), np.float32)
    picture[:, :12] = [0.9, 0.1, 0.1, 1]
    picture[:, 12:] = [0.5, 0.5, 0.5, 1]
    tone = main_tone(picture)
    assert tone is not None
    painted = paint(picture, tone, "blue")
    assert painted[0, 0, 2] > 0.7 > painted[0, 0, 0]
    assert np.array_equal(painted[:, 12:], picture[:, 12:])


def test_hue_saturation_value_and_back() -> None:
    colours = np.random.default_rng(0).random((50, 3), np.float32)
    assert np.allclose(to_rgb(*to_hsv(colours)), colours, atol=1e-4)


def test_colour_codes() -> None:
    assert rgb("#FF0080").tolist() == pytest.approx([1, 0, 128 / 255])
