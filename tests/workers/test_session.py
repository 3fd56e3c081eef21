"""What a command works with."""

import os
import stat
from pathlib import Path

import pytest

from inhouse.backends.compute import Compute
from inhouse.backends.residency import Residency
from inhouse.errors import FileError, UsageError
from inhouse.files import Folders
from inhouse.models.catalogue import ModelCatalogue
from inhouse.workers.session import Places, choice_sources, open_catalogue, open_session, temporary_folder


def test_a_session_has_every_packs_nodes_and_templates(tmp_path: Path) -> None:
    with open_session(Places(tmp_path)) as session:
        assert {"KSampler", "SaveImage", "TryExcept", "StringConcatenate"} <= {spec.id for spec in session.registry}
        assert session.templates
        assert {Folders, ModelCatalogue, Compute} <= session.engine.services.keys()


def test_a_reference_computes_in_float32(tmp_path: Path) -> None:
    with open_session(Places(tmp_path), reference=True) as session:
        assert session.engine.services[Compute] == Compute.for_reference()


def test_device_precision_and_memory_are_what_was_asked_for(tmp_path: Path) -> None:
    with open_session(Places(tmp_path), device="cpu", precision="float16", models_bytes=10) as session:
        assert session.engine.services[Compute] == session.compute() == Compute("cpu", "float16")
        assert isinstance(session.engine.services[Residency], Residency)
    late = open_session(Places(tmp_path), precision="int4", detect=False)
    with late as session, pytest.raises(UsageError, match="int4"):
        session.compute()


def test_a_folder_of_custom_nodes_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="nowhere"), open_session(Places(custom_nodes=tmp_path / "nowhere")):
        pass


def test_custom_nodes_are_there_and_bad_ones_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "good.py").write_text(
        "class Hello:\n"
        "    INPUT_TYPES = classmethod(lambda s: {'required': {}})\n"
        "    RETURN_TYPES = ('STRING',)\n    FUNCTION = 'go'\n"
        "    def go(self): return ('hello',)\n"
        "NODE_CLASS_MAPPINGS = {'Hello': Hello}\n"
    )
    (tmp_path / "bad.py").write_text("import no_such_library\n")
    with open_session(Places(custom_nodes=tmp_path)) as session:
        assert "Hello" in session.registry
    assert "no_such_library" in caplog.text


def test_models_are_found_by_kind(tmp_path: Path) -> None:
    (tmp_path / "loras").mkdir()
    (tmp_path / "loras" / "a.safetensors").write_bytes(b"")
    assert open_catalogue(tmp_path).names("loras") == ["a.safetensors"]


def test_extra_model_paths_beside_the_models_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "a.safetensors").write_bytes(b"")
    (tmp_path / "extra_model_paths.yaml").write_text("disk:\n  loras: big\n")
    assert open_catalogue(Path("models")).names("loras") == ["a.safetensors"]


def test_a_missing_folder_is_said_to_be_missing(tmp_path: Path) -> None:
    folders = Folders(tmp_path / "input", tmp_path, tmp_path)
    sources = choice_sources(open_catalogue(tmp_path), folders)
    assert sources["input"].where is not None
    assert sources["input"].where("images") == f"Looked in: {tmp_path / 'input'} (no such folder)."
    folders.input.mkdir()
    assert sources["input"].where("images") == f"Looked in: {tmp_path / 'input'}."


def test_only_files_that_a_loader_reads_are_offered(tmp_path: Path) -> None:
    for name in ("a.png", "b.latent", "c.txt"):
        (tmp_path / name).write_bytes(b"")
    sources = choice_sources(open_catalogue(tmp_path), Folders(tmp_path, tmp_path, tmp_path))
    assert sources["input"].names("images") == ["a.png"]
    assert sources["input"].names("latents") == ["b.latent"]


def test_previews_lie_where_no_other_user_sees_them(tmp_path: Path) -> None:
    folder = temporary_folder(tmp_path)
    assert folder.parent == tmp_path
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert temporary_folder(tmp_path) == folder


def test_a_folder_that_somebody_planted_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"inhouse-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    folder = temporary_folder(tmp_path)
    assert folder.name != f"inhouse-{os.getuid()}"
    assert folder.is_dir()


def test_a_file_in_its_place_is_left_to_who_writes_there(tmp_path: Path) -> None:
    (tmp_path / f"inhouse-{os.getuid()}").write_text("in the way")
    assert temporary_folder(tmp_path) == tmp_path / "inhouse"


def test_a_machine_without_any_temporary_folder_can_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", none)
    with open_session(Places(tmp_path)) as session:
        assert session.folders.temp == Path("/tmp/inhouse")
