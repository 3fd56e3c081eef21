from __future__ import annotations

from pathlib import Path

from inhouse.server.pack_files import example_file, examples, subgraphs, translations
from inhouse.workers.base import PackDescription


def pack(root: Path, name: str, **files: str) -> PackDescription:
    for path, content in files.items():
        target = root / name / path.replace("__", "/").replace("_json", ".json")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    return PackDescription(name, folder=root / name)


def test_later_packs_add_to_the_texts_of_earlier_ones(tmp_path: Path) -> None:
    one = pack(tmp_path, "one", locales__en__main_json='{"a": {"x": 1, "y": 1}}')
    two = pack(tmp_path, "two", locales__en__main_json='{"a": {"y": 2}}', locales__en__settings_json='{"s": 1}')
    assert translations([one, two]) == {"en": {"a": {"x": 1, "y": 2}, "settings": {"s": 1}}}


def test_examples_lie_in_folders_of_several_names(tmp_path: Path) -> None:
    found = pack(tmp_path, "one", workflows__b_json="{}", example__a_json="{}", secret_json="{}")
    assert examples(found) == ["a", "b"]
    assert example_file(found, "b.json") == (tmp_path / "one" / "workflows" / "b.json").resolve()
    assert example_file(found, "../secret.json") is None
    assert example_file(PackDescription("nowhere"), "b.json") is None


def test_a_subgraph_keeps_its_id(tmp_path: Path) -> None:
    found = pack(tmp_path, "one", subgraphs__Up_json="{}")
    assert list(subgraphs([found])) == list(subgraphs([found, PackDescription("nowhere")]))


def test_a_language_that_is_no_folder_is_left_out(tmp_path: Path) -> None:
    assert translations([pack(tmp_path, "one", locales__notes_json="[]")]) == {}
