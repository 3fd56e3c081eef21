from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest
import torch
from PIL import Image
from training.icons.art import SIZE
from training.icons.checkpoint import Model, Settings
from training.icons.concepts import Concept
from training.icons.evaluate import (
    Evaluation,
    Score,
    Wish,
    colour_wishes,
    difference,
    plain_wishes,
    read_wishes,
    score,
    share,
)
from training.icons.examples import Dataset
from training.icons.judge import Judge, Verdict, border
from training.icons.scenes import Bank
from training.icons.sheet import write_sheet
from training.icons.text import TextConfig, TextModel
from training.icons.tokens import Vocabulary
from training.icons.unet import UNet, UNetConfig
from training.icons.vae import DecoderHalf, EncoderHalf, VaeConfig

if TYPE_CHECKING:
    from pathlib import Path


def test_wishes_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "wishes.txt"
    path.write_text("# held out\ntwo red stars | star | red | - | 2\na cat on blue | cat-face | - | blue | 1\n")
    assert read_wishes(path) == [
        Wish("two red stars", "star", "red", None, 2),
        Wish("a cat on blue", "cat-face", None, "blue"),
    ]


def test_shares() -> None:
    assert share([True, False, True, True]) == 0.75
    assert share([]) is None


def test_a_score_counts_only_what_was_asked() -> None:
    wishes = [
        Wish("red star", "star", "red"),
        Wish("cat on blue", "cat", None, "blue"),
        Wish("two stars", "star", count=2),
    ]
    verdicts = [
        Verdict(0, {0: "red", 1: None}, 1, "white"),
        Verdict(0, {0: None, 1: None}, 1, "blue"),
        Verdict(0, {0: "green"}, 1, "white"),
    ]
    assert score(wishes, verdicts, ["star", "cat"]) == Score(3, round(2 / 3, 4), 1.0, 1.0, 0.0)


def test_the_difference_between_seeds_is_the_mean_over_pairs() -> None:
    pictures = torch.tensor([0.0, 0.5, 1.0])[:, None, None, None].expand(3, 3, 8, 8)
    assert difference(pictures) == pytest.approx((0.5 + 1.0 + 0.5) / 3)


@pytest.fixture
def bank() -> Bank:
    pictures = torch.zeros(3, SIZE, SIZE, 4, dtype=torch.uint8)
    places = torch.arange(SIZE) - SIZE / 2
    disc = (places[:, None] ** 2 + places[None] ** 2) < 60**2
    bar = (places[:, None].abs() < 20) & (places[None].abs() < 80)
    pictures[0][disc] = torch.tensor([255, 0, 0, 255], dtype=torch.uint8)
    pictures[1][disc] = torch.tensor([0, 0, 255, 255], dtype=torch.uint8)
    pictures[2][bar] = torch.tensor([255, 0, 0, 255], dtype=torch.uint8)
    return Bank(pictures, {(0, "flat", None): 0, (0, "flat", "blue"): 1, (1, "flat", None): 2})


def canvas(ground: tuple[float, float, float]) -> torch.Tensor:
    return torch.tensor(ground, dtype=torch.float32)[:, None, None].expand(3, 128, 128).clone()


def test_the_judge_knows_a_drawing_wherever_it_stands(bank: Bank) -> None:
    picture = canvas((0.44, 0.71, 0.96))
    places = torch.arange(128)
    picture[:, (places[:, None] - 50) ** 2 + (places[None] - 75) ** 2 < 30**2] = torch.tensor([0.0, 0.0, 1.0])[:, None]
    verdict = Judge(bank, ("flat",)).judge(picture)
    assert verdict.concept == 0
    assert verdict.colours[0] == "blue"
    assert verdict.background == "blue"


def test_the_judge_tells_shapes_apart(bank: Bank) -> None:
    picture = canvas((1, 1, 1))
    picture[:, 60:80, 20:100] = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    verdict = Judge(bank, ("flat",)).judge(picture)
    assert verdict.concept == 1
    assert verdict.background == "white"


def test_the_judge_counts(bank: Bank) -> None:
    picture = canvas((1, 1, 1))
    places = torch.arange(128)
    for x in (32, 96):
        picture[:, (places[:, None] - 64) ** 2 + (places[None] - x) ** 2 < 19**2] = torch.tensor([1.0, 0.0, 0.0])[
            :, None
        ]
    verdict = Judge(bank, ("flat",)).judge(picture, 2)
    assert verdict.concept == 0
    assert verdict.count == 2


def test_an_empty_picture_is_judged_too(bank: Bank) -> None:
    assert Judge(bank, ("flat",)).judge(canvas((1, 1, 1))).background == "white"


def test_the_border_s_median_overlooks_what_touches_it() -> None:
    picture = canvas((0, 1, 0))
    picture[:, :20, :] = 0.5
    assert border(picture).tolist() == [0, 1, 0]


def test_an_evaluation_leaves_figures_and_sheets(bank: Bank, tmp_path: Path) -> None:
    torch.manual_seed(0)
    unet = UNet(UNetConfig(channels=32, multipliers=(1, 1), attention=(1,), context=64))
    halves = (DecoderHalf(VaeConfig(32, (1, 1, 1, 1))), EncoderHalf(VaeConfig(32, (1, 1, 1, 1))))
    model = Model(unet, TextModel(TextConfig(49408, 64, 1)), *halves)
    concepts = [Concept("disc", ("disc",), paintable=True), Concept("bar", ("bar",), paintable=False)]
    dataset = Dataset(concepts, bank, Vocabulary(["disc", "bar"]), ("flat",))
    evaluation = Evaluation(model, dataset, Judge(bank, ("flat",)), Settings(steps=1), tmp_path)
    result = evaluation.ask("plain", plain_wishes(dataset), 1)
    assert result.pictures == 2
    assert json.loads((tmp_path / "plain.json").read_text())["pictures"] == 2
    assert [wish.prompt for wish in plain_wishes(dataset)] == ["a disc", "a bar"]
    assert colour_wishes(dataset, random.Random(0), 1)[0].colour == "blue"
    evaluation.compare({"one": Settings(steps=1), "two": Settings("euler", "normal", 1)})
    assert {path.name for path in tmp_path.glob("*.png")} == {"plain.png", "settings.png"}


def test_a_sheet_frames_what_is_wrong(tmp_path: Path) -> None:
    write_sheet(tmp_path / "sheet.png", torch.ones(3, 3, 16, 16), ["a", "b", "c"], [False, True, False], columns=2)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (48, 96)
        assert sheet.getpixel((24, 0)) == (220, 0, 0)
        assert sheet.getpixel((0, 0)) == (255, 255, 255)
