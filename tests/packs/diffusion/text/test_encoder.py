from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast

import pytest
import torch

from inhouse.errors import NodeInputError
from inhouse.packs.diffusion.text.base import Encoded
from inhouse.packs.diffusion.text.encoder import TextEncoder, needed
from inhouse.packs.diffusion.text.joining import ALONE, SDXL, Joiner
from inhouse.packs.diffusion.text_model import TextModels


@dataclass(frozen=True)
class FakePart:
    """Stands for a text model and its encoder; a word is a window, and a window's vectors are its number.

    Attributes:
        width: of its vectors.
        asked: the layers that it was asked for.

    """

    width: int
    asked: list[int | None] = field(default_factory=list)

    def encoder(self, embeddings: object, layer: int | None) -> FakePart:
        del embeddings
        self.asked.append(layer)
        return self

    def tokenize(self, prompt: str) -> list[list[tuple[int, float]]]:
        return [[(len(word), 1.0)] for word in prompt.split()] or [[(0, 1.0)]]

    def encode_tokens(self, chunks: list[list[tuple[int, float]]]) -> Encoded:
        numbers = torch.tensor([float(window[0][0]) for window in chunks])
        return Encoded(numbers[None, :, None].expand(1, len(chunks), self.width), torch.full((1, 2), float(self.width)))


def encoder(joiner: Joiner = SDXL, **parts: FakePart) -> TextEncoder:
    return TextEncoder(TextModels(MappingProxyType(cast("Any", parts)), joiner))


def both() -> TextEncoder:
    return encoder(l=FakePart(3), g=FakePart(5))


def test_each_encoder_reads_the_prompt_and_the_family_joins_them() -> None:
    ((vectors, options),) = both().encode("one three", width=64)
    assert vectors.shape == (1, 2, 8)
    assert vectors[0, :, 0].tolist() == vectors[0, :, 7].tolist() == [3, 5]
    assert options["pooled_output"].tolist() == [[5, 5]]
    assert options["width"] == 64


def test_each_encoder_may_have_a_prompt_of_its_own_brought_to_one_length() -> None:
    ((vectors, _),) = both().encode_each({"g": "seven", "l": "a bb ccc"})
    assert vectors[0, :, 0].tolist() == [1, 2, 3]
    assert vectors[0, :, 7].tolist() == [5, 0, 0]


def test_tokens_can_be_changed_between_the_two_steps() -> None:
    clip = both()
    tokens = clip.tokenize("a")
    tokens["l"] = clip.tokenize("bbbb")["l"]
    assert clip.encode_tokens(tokens).vectors[0, 0, [0, 7]].tolist() == [4, 1]


def test_clip_skip_reaches_every_encoder() -> None:
    part = FakePart(3)
    skipped = encoder(ALONE, l=part).with_layer(-4)
    skipped.encode("a")
    assert part.asked == [-4]


def test_other_models_keep_the_settings() -> None:
    clip = both().with_layer(-2)
    assert clip.with_models(clip.models).layer == -2


@pytest.mark.parametrize("prompt", ["", "a"])
def test_without_a_pooled_output_there_is_none_among_the_options(prompt: str) -> None:
    @dataclass(frozen=True)
    class Silent(FakePart):
        def encode_tokens(self, chunks: list[list[tuple[int, float]]]) -> Encoded:
            return Encoded(super().encode_tokens(chunks).vectors, None)

    ((_, options),) = encoder(ALONE, t5xxl=Silent(3)).encode(prompt)
    assert options == {}


def test_custom_packs_encode_tokens_by_their_own_names() -> None:
    clip = both()
    tokens = clip.tokenize("a bb")
    vectors, pooled = clip.encode_tokens(tokens)
    assert clip.encode_from_tokens(tokens).equal(vectors)
    found, also = clip.encode_from_tokens(tokens, return_pooled=True)
    assert found.equal(vectors)
    assert also.equal(pooled)
    assert set(clip.encode_from_tokens(tokens, return_dict=True)) == {"cond", "pooled_output"}
    ((scheduled, options),) = clip.encode_from_tokens_scheduled(tokens, add_dict={"width": 8})
    assert scheduled.equal(vectors)
    assert options["width"] == 8


def test_a_checkpoint_without_a_text_encoder_says_so() -> None:
    clip = both()
    assert needed(clip) is clip
    with pytest.raises(NodeInputError, match=r"no text encoder.*CLIPLoader"):
        needed(None)
