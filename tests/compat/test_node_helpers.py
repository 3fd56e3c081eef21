from pathlib import Path

import pytest
import torch
from PIL import Image, ImageFile

from inhouse.compat import node_helpers


def test_options_are_set_on_every_entry_and_the_argument_stays() -> None:
    given = [["a", {"x": [1]}], ["b", {}]]
    assert node_helpers.conditioning_set_values(given, {"x": [2]}) == [["a", {"x": [2]}], ["b", {"x": [2]}]]
    assert node_helpers.conditioning_set_values(given, {"x": [2]}, append=True)[0] == ["a", {"x": [1, 2]}]
    assert given == [["a", {"x": [1]}], ["b", {}]]


def test_a_picture_cut_short_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:-1000])
    opened = node_helpers.open_image(str(path))
    assert node_helpers.pillow(lambda image: image.convert("RGB"), opened).size == (64, 64)
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_what_is_no_picture_stays_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"text")
    with pytest.raises(OSError, match="cannot identify"):
        node_helpers.open_image(str(tmp_path / "x.png"))


def test_names_of_number_formats() -> None:
    assert node_helpers.string_to_torch_dtype("bf16") is torch.bfloat16
    assert node_helpers.string_to_torch_dtype("fp4") is None


@pytest.mark.parametrize(("channels", "last"), [(3, 1.0), (4, 0.5), (5, 0.5)])
def test_pictures_get_as_many_channels(channels: int, last: float) -> None:
    wanted = torch.zeros(1, 2, 2, 4)
    _, got = node_helpers.image_alpha_fix(wanted, torch.full((1, 2, 2, channels), 0.5))
    assert got.shape == wanted.shape
    assert got[0, 0, 0, -1] == last


def test_files_are_told_apart_by_sha256() -> None:
    assert node_helpers.hasher()(b"").hexdigest().startswith("e3b0c442")
