from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from inhouse.errors import NodeInputError
from inhouse.packs.diffusion.nodes.text import NODES, encode_flux, encode_sd3, encode_sdxl, encode_sdxl_refiner


@dataclass
class FakeEncoder:
    """Notes what it is to encode."""

    asked: list[tuple[Any, dict[str, object]]] = field(default_factory=list)

    def encode(self, prompt: str, **options: object) -> str:
        return self.encode_each(cast("Any", prompt), **options)

    def encode_each(self, prompts: Mapping[str, str], **options: object) -> str:
        self.asked.append((prompts, options))
        return "conditioning"


def asked(spec: Any, **inputs: Any) -> tuple[Any, dict[str, object]]:
    clip = FakeEncoder()
    assert spec(clip=clip, **inputs) == "conditioning"
    return clip.asked[0]


def test_sdxl_gets_a_prompt_for_each_encoder_and_six_sizes() -> None:
    prompts, options = asked(encode_sdxl, text_g="g", text_l="l", width=640, crop_h=32, target_height=768)
    assert prompts == {"g": "g", "l": "l"}
    assert options == {
        "width": 640,
        "height": 1024,
        "crop_w": 0,
        "crop_h": 32,
        "target_width": 1024,
        "target_height": 768,
    }


def test_the_refiner_gets_a_score() -> None:
    prompt, options = asked(encode_sdxl_refiner, text="a", ascore=7.5)
    assert (prompt, options) == ("a", {"aesthetic_score": 7.5, "width": 1024, "height": 1024})


@pytest.mark.parametrize(
    ("padding", "prompts"),
    [("none", {"g": "a", "l": "b"}), ("empty_prompt", {"g": "a", "l": "b", "t5xxl": ""})],
)
def test_sd3s_empty_prompt_may_say_nothing(padding: str, prompts: dict[str, str]) -> None:
    assert asked(encode_sd3, clip_g="a", clip_l="b", t5xxl="", empty_padding=padding) == (prompts, {})


def test_flux_gets_its_guidance() -> None:
    assert asked(encode_flux, clip_l="a", t5xxl="b", guidance=2.0) == ({"l": "a", "t5xxl": "b"}, {"guidance": 2.0})


@pytest.mark.parametrize("spec", NODES, ids=lambda spec: spec.id)
def test_a_checkpoint_without_a_text_encoder_says_so(spec: Any) -> None:
    texts = {name: "" for name, declared in spec.inputs.items() if str(declared.type) == "STRING"}
    more = {"empty_padding": "none"} if "empty_padding" in spec.inputs else {}
    with pytest.raises(NodeInputError, match=r"no text encoder.*DualCLIPLoader"):
        spec(clip=None, **texts, **more)
