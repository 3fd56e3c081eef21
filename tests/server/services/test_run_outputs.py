"""What output nodes showed, as a service's outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inhouse.errors import ServiceError
from inhouse.models.signature import Field
from inhouse.server.services.run_files import RunFiles
from inhouse.server.services.run_outputs import RunOutputs
from inhouse.server.user_folders import UserFolders
from inhouse.storage.services import Version
from inhouse.workers.replicas.messages import Blob


@pytest.fixture
def folders(tmp_path: Path) -> UserFolders:
    found = UserFolders(*(tmp_path / name for name in ("input", "output", "temp", "state")))
    (found.output / "ann").mkdir(parents=True)
    (found.output / "ann" / "a.png").write_bytes(b"abc")
    return found


def read(folders: UserFolders, field: Field, shown: Any, *, linked: bool = False) -> Any:
    version = Version(1, "workflow", fields_out=(field,), bindings={field.name: "7"})
    return RunOutputs(version, folders).read("ann", {"7": shown}, linked=linked)[field.name]


SHOWN = {"images": [{"filename": "a.png", "subfolder": "", "type": "output"}], "animated": [False]}


def test_pictures_come_as_base64_or_as_addresses(folders: UserFolders) -> None:
    assert read(folders, Field("image", "image", rows=False), SHOWN) == "YWJj"
    assert read(folders, Field("images", "image"), SHOWN) == ["YWJj"]
    assert read(folders, Field("image", "image", rows=False), SHOWN, linked=True).startswith("/view?filename=a.png")


@pytest.mark.parametrize(
    ("field", "shown", "value"),
    [
        (Field("a", "text", rows=False), ["hello"], "hello"),
        (Field("a", "text", rows=False), [7], "7"),
        (Field("a", "integer", rows=False), ["7"], 7),
        (Field("a", "number", rows=False), [0.5], 0.5),
        (Field("a", "boolean", rows=False), ["True"], True),
    ],
)
def test_texts_and_numbers_are_of_their_kind(folders: UserFolders, field: Field, shown: Any, value: Any) -> None:
    assert read(folders, field, {"text": shown}) == value


def test_what_is_not_there_is_an_error(folders: UserFolders) -> None:
    for field, shown in (
        (Field("a", "image"), {}),
        (Field("a", "image"), {"images": [{"filename": "gone.png"}]}),
        (Field("a", "image"), {"images": [{"filename": "../../key", "type": "output"}]}),
        (Field("a", "integer", rows=False), {"text": ["seven"]}),
    ):
        with pytest.raises(ServiceError):
            read(folders, field, shown)


def test_a_calls_pictures_lie_in_its_users_folder_while_it_runs(folders: UserFolders) -> None:
    files, kept = RunFiles(folders), list[Path]()
    name = files.keep("ann", Blob("file", (), b"\x89PNG..."), kept)
    assert name.endswith(".png")
    assert (folders.input / "ann" / name).read_bytes() == b"\x89PNG..."
    assert files.keep("ann", "a text", kept) == "a text"
    files.forget(kept)
    assert not (folders.input / "ann" / name).exists()
