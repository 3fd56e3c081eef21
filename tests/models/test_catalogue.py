from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inhouse.errors import ModelNotFoundError, PathEscapeError
from inhouse.models.catalogue import ModelCatalogue
from inhouse.models.folders import layout_under


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.fixture
def catalogue(tmp_path: Path) -> ModelCatalogue:
    touch(tmp_path / "a", "sd15.safetensors", "sub/deep/x.ckpt", "notes.txt", ".hidden/y.safetensors", ".z.pt")
    touch(tmp_path / "b", "other.sft", "sd15.safetensors")
    touch(tmp_path / "loras", "style.safetensors")
    touch(tmp_path / "clip", "clip_l.safetensors")
    touch(tmp_path / "secret", "key.safetensors")
    return ModelCatalogue(
        {
            "checkpoints": [tmp_path / "a", tmp_path / "b", tmp_path / "missing"],
            "loras": [tmp_path / "loras"],
            "clip": [tmp_path / "clip"],
        }
    )


def test_files_are_listed_by_their_path_in_the_folder_sorted(catalogue: ModelCatalogue) -> None:
    assert catalogue.names("checkpoints") == ["other.sft", "sd15.safetensors", "sub/deep/x.ckpt"]


def test_the_first_folder_wins(catalogue: ModelCatalogue, tmp_path: Path) -> None:
    assert catalogue.path("checkpoints", "sd15.safetensors") == tmp_path / "a/sd15.safetensors"
    assert catalogue.path("checkpoints", "other.sft") == tmp_path / "b/other.sft"


def test_a_file_copied_later_is_seen(catalogue: ModelCatalogue, tmp_path: Path) -> None:
    touch(tmp_path / "loras", "new.safetensors")
    assert catalogue.names("loras") == ["new.safetensors", "style.safetensors"]


def test_old_and_new_name_of_a_kind_are_one(catalogue: ModelCatalogue) -> None:
    assert catalogue.names("clip") == catalogue.names("text_encoders") == ["clip_l.safetensors"]
    assert catalogue.kinds() == ["checkpoints", "loras", "text_encoders"]


def test_a_name_saved_on_windows_is_found(catalogue: ModelCatalogue, tmp_path: Path) -> None:
    assert catalogue.path("checkpoints", "sub\\deep\\x.ckpt") == tmp_path / "a/sub/deep/x.ckpt"


@pytest.mark.parametrize(
    "name",
    ["../secret/key.safetensors", "sub/../../secret/key.safetensors", "..\\secret\\key.safetensors", "/etc/passwd",
     "C:\\models\\x.safetensors", "C:x.safetensors", "", ".", "a\0b"],
)  # fmt: skip
def test_a_name_never_leaves_the_folder(catalogue: ModelCatalogue, name: str) -> None:
    with pytest.raises(PathEscapeError):
        catalogue.path("checkpoints", name)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(name=st.text("./\\~ab:\0", max_size=12) | st.text(max_size=12))
def test_no_name_at_all_leaves_the_folder(catalogue: ModelCatalogue, tmp_path: Path, name: str) -> None:
    try:
        path = catalogue.path("checkpoints", name)
    except (PathEscapeError, ModelNotFoundError):
        return
    assert path.is_relative_to(tmp_path / "a") or path.is_relative_to(tmp_path / "b")


def test_links_are_followed_and_loops_end(catalogue: ModelCatalogue, tmp_path: Path) -> None:
    (tmp_path / "loras/elsewhere").symlink_to(tmp_path / "secret")
    (tmp_path / "loras/loop").symlink_to(tmp_path / "loras")
    assert catalogue.names("loras") == ["elsewhere/key.safetensors", "style.safetensors"]
    assert catalogue.path("loras", "elsewhere/key.safetensors").is_file()


def test_a_missing_model_is_answered_with_close_names_and_where_it_looked(
    catalogue: ModelCatalogue, tmp_path: Path
) -> None:
    with pytest.raises(ModelNotFoundError, match=r"Did you mean sd15\.safetensors") as caught:
        catalogue.path("checkpoints", "SD1.5.safetensors")
    assert str(tmp_path / "b") in str(caught.value)
    with pytest.raises(ModelNotFoundError, match=r"Did you mean sub/deep/x\.ckpt"):
        catalogue.path("checkpoints", "x.safetensors")


def test_a_missing_model_is_answered_with_all_there_are(catalogue: ModelCatalogue) -> None:
    with pytest.raises(ModelNotFoundError, match=r"There are style\.safetensors\."):
        catalogue.path("loras", "qqqq")


def test_a_model_in_the_folder_of_another_kind_is_pointed_out(catalogue: ModelCatalogue) -> None:
    with pytest.raises(ModelNotFoundError, match="lies among the loras"):
        catalogue.path("checkpoints", "style.safetensors")


def test_a_long_list_is_cut(catalogue: ModelCatalogue, tmp_path: Path) -> None:
    touch(tmp_path / "loras", *(f"{number:03}.pt" for number in range(40)))
    with pytest.raises(ModelNotFoundError, match="and 21 more"):
        catalogue.path("loras", "qqqq")


def test_an_unknown_kind_is_answered_with_the_known(catalogue: ModelCatalogue) -> None:
    with pytest.raises(ModelNotFoundError, match="checkpoints, loras, text_encoders"):
        catalogue.names("nope")


def test_a_diffusers_folder_is_one_model(tmp_path: Path) -> None:
    for kind in ("checkpoints", "diffusers"):
        touch(tmp_path / kind, "sd/model_index.json", "sd/unet/diffusion_pytorch_model.safetensors", "x.safetensors")
    catalogue = ModelCatalogue(layout_under(tmp_path))
    assert catalogue.names("checkpoints") == ["sd", "x.safetensors"]
    assert catalogue.names("diffusers") == ["sd"]
    assert catalogue.path("diffusers", "sd") == tmp_path / "diffusers/sd"


def test_configs_are_yaml(tmp_path: Path) -> None:
    touch(tmp_path / "configs", "v1-inference.yaml", "x.safetensors")
    assert ModelCatalogue(layout_under(tmp_path)).names("configs") == ["v1-inference.yaml"]
