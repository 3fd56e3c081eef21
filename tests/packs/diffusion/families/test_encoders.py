from __future__ import annotations

import pytest

from inhouse.models.detection import detect
from inhouse.packs.diffusion.families.encoders import CLIP_H, ENCODERS, clip_h


@pytest.mark.parametrize(("width", "name"), [(768, "clip_l"), (128, "clip_l"), (1024, "clip_h"), (1280, "clip_g")])
def test_a_text_model_is_told_by_its_width(width: int, name: str) -> None:
    family = detect({"text_model.embeddings.token_embedding.weight": (49408, width)}, ENCODERS)
    assert family is not None
    assert family.name == name


def test_other_widths_and_other_files_are_none_of_them() -> None:
    assert detect({"text_model.embeddings.token_embedding.weight": (49408, 1281)}, ENCODERS) is None
    assert detect({"x": (1,)}, ENCODERS) is None


def test_a_text_model_whose_last_layer_is_left_out_conditions_with_what_is_its_last() -> None:
    def layers(count: int) -> dict[str, object]:
        return {f"text_model.encoder.layers.{layer}.mlp.fc1.weight": None for layer in range(count)}

    assert clip_h(layers(24)) == CLIP_H  # type: ignore[arg-type]
    assert clip_h(layers(23)).default_layer == -1  # type: ignore[arg-type]
