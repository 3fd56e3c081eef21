from __future__ import annotations

from pathlib import Path

import pytest

from inhouse.plugins import load_packs
from inhouse.server.templates import Templates

TEXTS = """
[one]
title = { en = "One", zh = "一" }
description = { en = "The first." }
tags = ["a"]
thumbnail = "compareSlider"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("one.json", "two.json", "two-1.jpg", "notes.txt"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "templates.toml").write_text(TEXTS, encoding="utf-8")
    return tmp_path


def test_each_workflow_is_listed_with_what_its_pack_says_of_it(folder: Path) -> None:
    [category] = Templates([folder], "Ours").index()
    assert (category["title"], category["moduleName"]) == ("Ours", "default")
    one, two = category["templates"]
    assert one == {
        "name": "one",
        "title": "One",
        "description": "The first.",
        "mediaType": "image",
        "mediaSubtype": "webp",
        "tags": ["a"],
        "models": [],
        "thumbnailVariant": "compareSlider",
    }
    assert (two["title"], two["description"], two["mediaSubtype"]) == ("two", "", "jpg")


@pytest.mark.parametrize(("language", "title"), [("zh", "一"), ("zh-TW", "一"), ("fr", "One"), ("en", "One")])
def test_texts_are_in_the_readers_language_or_else_in_english(folder: Path, language: str, title: str) -> None:
    assert Templates([folder]).index(language)[0]["templates"][0]["title"] == title


@pytest.mark.parametrize("broken", ["[one", "one = 1", "[one]\ntitel = {}", "[one]\ntitle = 3", "\0"])
def test_texts_that_cannot_be_read_hide_no_workflow(
    folder: Path, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "templates.toml").write_text(broken)
    assert [entry["title"] for entry in Templates([folder]).index()[0]["templates"]] == ["one", "two"]
    assert "left out" in caplog.text


def test_of_two_packs_with_one_name_the_later_ones_workflow_counts(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "two.json").write_text("[]")
    templates = Templates([folder, other])
    assert [entry["name"] for entry in templates.index()[0]["templates"]] == ["one", "two"]
    assert templates.file("two.json") == other / "two.json"


@pytest.mark.parametrize("name", ["notes.txt", "templates.toml", "three.json", "../one.json", "a\0.json", "", "other"])
def test_nothing_but_workflows_and_pictures_is_given_out(folder: Path, name: str) -> None:
    assert Templates([folder]).file(name) is None


def test_all_of_ours_have_texts_in_two_languages_and_pictures() -> None:
    templates = Templates(load_packs(installed=False).hook.register_templates())
    english, chinese = (templates.index(language)[0]["templates"] for language in ("en", "zh"))
    assert len(english) >= 6
    for entry, other in zip(english, chinese, strict=True):
        assert entry["title"] != entry["name"]
        assert entry["title"] != other["title"]
        assert entry["description"] != other["description"]
        for number in (1, 2) if entry.get("thumbnailVariant") else (1,):
            assert templates.file(f"{entry['name']}-{number}.{entry['mediaSubtype']}") is not None
