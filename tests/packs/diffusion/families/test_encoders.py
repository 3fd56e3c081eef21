from __future__ import annotations

import pytest

from inhouse.models.detection import detect
from inhouse.packs.diffusion.families.encoders import CLIP_H, CLIP_L, ENCODERS


@pytest.mark.parametrize(("width", "encoder"), [(768, CLIP_L), (128, CLIP_L), (1024, CLIP_H)])
def test_a_text_model_is_told_by_its_width(width: int, encoder: object) -> None:
    family = detect({"text_model.embeddings.token_embedding.weight": (49408, width)}, ENCODERS)
    assert family is not None
    assert family.build == encoder


def test_other_widths_and_other_files_are_none_of_them() -> None:
    assert detect({"text_model.embeddings.token_embedding.weight": (49408, 1280)}, ENCODERS) is None
    assert detect({"x": (1,)}, ENCODERS) is None
