from pathlib import Path

import pytest

from inhouse.compat.folder_paths import FolderPaths
from inhouse.errors import PathEscapeError
from inhouse.files import Folders
from inhouse.models.catalogue import ModelCatalogue
from inhouse.models.folders import layout_under


@pytest.fixture
def paths(tmp_path: Path) -> FolderPaths:
    for name in ("input/sub", "output", "temp", "models/loras/sub", "models/unet"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("input/a.png", "output/a.png", "models/loras/sub/b.safetensors", "models/loras/readme.txt"):
        (tmp_path / name).touch()
    folders = Folders(tmp_path / "input", tmp_path / "output", tmp_path / "temp")
    return FolderPaths(folders, ModelCatalogue(layout_under(tmp_path / "models")), tmp_path / "custom_nodes")


def test_model_files_are_listed_and_found_by_kind(paths: FolderPaths, tmp_path: Path) -> None:
    assert paths.get_filename_list("loras") == ["sub/b.safetensors"]
    assert paths.get_full_path("loras", "sub\\b.safetensors") == str(tmp_path / "models/loras/sub/b.safetensors")
    assert paths.get_full_path("loras", "c.safetensors") is None
    assert paths.get_full_path("loras", "../unet") is None
    assert paths.get_full_path("nothing", "c") is None
    assert paths.models_dir == str(tmp_path / "models")
    with pytest.raises(FileNotFoundError, match=r"'c\.safetensors' among the loras"):
        paths.get_full_path_or_raise("loras", "c.safetensors")


def test_old_names_of_kinds_are_understood(paths: FolderPaths) -> None:
    assert paths.get_folder_paths("unet") == paths.get_folder_paths("diffusion_models")


def test_packs_add_folders_and_kinds_of_their_own(paths: FolderPaths, tmp_path: Path) -> None:
    paths.add_model_folder_path("toys", str(tmp_path / "input"))
    assert paths.get_filename_list("toys") == ["a.png"]
    paths.add_model_folder_path("toys", str(tmp_path / "output"), is_default=True)
    assert paths.get_full_path("toys", "a.png") == str(tmp_path / "output/a.png")
    paths.folder_names_and_paths["more"] = ([str(tmp_path / "models/loras")], {".txt"})
    assert paths.get_filename_list("more") == ["readme.txt"]
    assert paths.filter_files_extensions(["b.TXT", "a.txt", "c.md"], [".txt"]) == ["a.txt", "b.TXT"]


def test_pictures_are_found_by_their_annotation(paths: FolderPaths, tmp_path: Path) -> None:
    assert paths.get_annotated_filepath("a.png") == str(tmp_path / "input/a.png")
    assert paths.get_annotated_filepath("a.png [output]") == str(tmp_path / "output/a.png")
    assert paths.get_annotated_filepath("a.png", str(tmp_path / "temp")) == str(tmp_path / "temp/a.png")
    assert paths.annotated_filepath("a.png [temp]") == ("a.png", str(tmp_path / "temp"))
    assert [paths.exists_annotated_filepath(n) for n in ("a.png", "a.png [temp]", "../a")] == [True, False, False]
    with pytest.raises(PathEscapeError):
        paths.get_annotated_filepath("../../secret")
    assert paths.get_directory_by_type("input") == paths.get_input_directory()
    assert paths.get_directory_by_type("elsewhere") is None


def test_the_next_free_number_is_given_to_a_picture(paths: FolderPaths, tmp_path: Path) -> None:
    out = paths.get_output_directory()
    assert paths.get_save_image_path("x/%width%x%height%/a", out, 24, 16) == (
        str(tmp_path / "output/x/24x16"),
        "a",
        1,
        "x/24x16",
        "x/24x16/a",
    )
    (tmp_path / "output/a_00007_.png").touch()
    (tmp_path / "output/ab_00009_.png").touch()
    assert paths.get_save_image_path("a", out)[1:4] == ("a", 8, "")
    assert "%" not in paths.get_save_image_path("%year%-%month%-%day%", out)[4]
    with pytest.raises(PathEscapeError):
        paths.get_save_image_path("../a", out)


def test_packs_keep_settings_of_their_own(paths: FolderPaths, tmp_path: Path) -> None:
    kept = Path(paths.get_system_user_directory("my_pack"))
    assert (kept, kept.is_dir()) == (tmp_path / "user" / "__my_pack", True)
    assert paths.get_public_user_directory("ann") == str(tmp_path / "user" / "ann")
    assert paths.get_public_user_directory("__my_pack") is None
    with pytest.raises(PathEscapeError):
        paths.get_system_user_directory("/../../../x")


def test_folders_that_packs_take_for_granted_are_there(paths: FolderPaths, tmp_path: Path) -> None:
    (tmp_path / "temp").rmdir()
    assert Path(paths.get_temp_directory()).is_dir()
    assert paths.get_folder_paths("custom_nodes") == [str(tmp_path / "custom_nodes")]


def test_listings_with_their_times_of_change(paths: FolderPaths, tmp_path: Path) -> None:
    names, times, at = paths.get_filename_list_("loras")
    assert names == ["sub/b.safetensors"]
    assert set(times) == {str(tmp_path / "models/loras"), str(tmp_path / "models/loras/sub")}
    assert at > 0
    found, folders = paths.recursive_search(str(tmp_path / "models/loras"), ["sub"])
    assert (found, list(folders)) == (["readme.txt"], [str(tmp_path / "models/loras")])
    assert paths.get_input_subfolders() == ["sub"]


def test_files_are_chosen_by_what_they_are(paths: FolderPaths) -> None:
    files = ["a.png", "b.mp4", "c.wav", "d"]
    assert paths.filter_files_content_types(files, ["image", "audio"]) == ["a.png", "c.wav"]


def test_there_is_no_cache_to_clear(paths: FolderPaths) -> None:
    with paths.cache_helper:
        paths.cache_helper.set("loras", 1)
        paths.cache_helper.clear()
    assert paths.cache_helper.get("loras") is None
