from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inhouse.errors import FileError
from inhouse.models.folders import Layout, canonical_kind, layout_under, with_extra_paths

BASE: Layout = {"checkpoints": (Path("/home/checkpoints"),), "text_encoders": ()}


def extended(tmp_path: Path, text: str) -> Layout:
    path = tmp_path / "extra_model_paths.yaml"
    path.write_text(text, encoding="utf-8")
    return with_extra_paths(BASE, path)


def test_a_models_folder_has_the_usual_subfolders() -> None:
    layout = layout_under(Path("/models"))
    assert layout["text_encoders"] == (Path("/models/text_encoders"), Path("/models/clip"))
    assert layout["diffusion_models"] == (Path("/models/unet"), Path("/models/diffusion_models"))
    assert layout["loras"] == (Path("/models/loras"),)


def test_old_names_of_kinds_are_understood() -> None:
    assert [canonical_kind(kind) for kind in ("clip", "unet", "loras")] == [
        "text_encoders",
        "diffusion_models",
        "loras",
    ]


def test_folders_of_another_installation_come_after_the_own(tmp_path: Path) -> None:
    layout = extended(tmp_path, "other:\n  base_path: /other\n  checkpoints: models/Stable-diffusion\n")
    assert layout["checkpoints"] == (Path("/home/checkpoints"), Path("/other/models/Stable-diffusion"))


def test_default_sections_come_first(tmp_path: Path) -> None:
    layout = extended(tmp_path, "other:\n  is_default: true\n  base_path: /other\n  checkpoints: ckpt\n")
    assert layout["checkpoints"] == (Path("/other/ckpt"), Path("/home/checkpoints"))


def test_a_kind_may_have_a_folder_a_line_with_comments(tmp_path: Path) -> None:
    text = "a:\n  base_path: /b\n  clip: |\n    models/te/\n    models/clip/  # legacy location\n    # nothing\n"
    assert extended(tmp_path, text)["text_encoders"] == (Path("/b/models/te"), Path("/b/models/clip"))


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    layout = extended(tmp_path, "a:\n  base_path: sub\n  loras: l\nb:\n  vae: v\n")
    assert layout["loras"] == (tmp_path / "sub/l",)
    assert layout["vae"] == (tmp_path / "v",)


def test_home_and_environment_are_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("DISK", "/mnt/disk")
    layout = extended(tmp_path, "a:\n  base_path: $DISK/models\n  loras: x\n  vae: ~/vae\n")
    assert layout["loras"] == (Path("/mnt/disk/models/x"),)
    assert layout["vae"] == (Path("/home/me/vae"),)


def test_kinds_of_custom_nodes_are_kept(tmp_path: Path) -> None:
    assert extended(tmp_path, "a:\n  base_path: /b\n  ipadapter: ip\n")["ipadapter"] == (Path("/b/ip"),)


@pytest.mark.parametrize("text", ["", "# all commented out\n", "a:\n  checkpoints:\n"])
def test_a_file_without_entries_changes_nothing(tmp_path: Path, text: str) -> None:
    assert extended(tmp_path, text) == BASE


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [unclosed\n", "line 2 is no valid YAML"),
        ("- a\n- b\n", "named sections"),
        ("a: text\n", "section 'a' is no list"),
        ("a:\n  base_path: 3\n", "`base_path` of section 'a'"),
        ("a:\n  is_default: perhaps\n", "`is_default` of section 'a'"),
        ("a:\n  loras: [x]\n", "'loras' of section 'a'"),
        ("a: !!python/object/apply:os.system [ls]\n", "no valid YAML"),
    ],
)
def test_a_bad_file_is_refused_by_section(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(FileError, match=problem) as caught:
        extended(tmp_path, text)
    assert "extra_model_paths.yaml" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.yaml cannot be read"):
        with_extra_paths(BASE, tmp_path / "none.yaml")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(text=st.text(st.characters(codec="utf-8"), max_size=60) | st.text("a:- |[]{}\n#&*!\"'", max_size=40))
def test_whatever_the_text_is_the_error_is_ours(tmp_path: Path, text: str) -> None:
    try:
        layout = extended(tmp_path, text)
    except FileError:
        return
    assert layout.keys() >= BASE.keys()
