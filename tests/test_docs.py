"""The documentation says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from inhouse import NodeSpec

ROOT = Path(__file__).parents[1]
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "training").glob("*.md"),
    ROOT / "benchmarks/README.md",
]
SOURCE = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_node_in_the_readme_is_a_node(page: str) -> None:
    code = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)[0]
    names: dict[str, object] = {}
    exec(code, names)
    assert isinstance(names["brighten"], NodeSpec)
    assert list(names["brighten"].inputs) == ["image", "factor"]


def test_both_readmes_have_the_same_commands() -> None:
    shown = [
        re.findall(r"^\$ (.*?)(?:  #.*)?$", (ROOT / p).read_text(encoding="utf-8"), re.MULTILINE)
        for p in ("README.md", "README.zh-CN.md")
    ]
    assert [command.strip() for command in shown[0]] == [command.strip() for command in shown[1]]


def test_every_fault_in_the_documentation_exists() -> None:
    rows = re.findall(r"^\| (`[^|]+`) \|", (ROOT / "docs/workflows.md").read_text(encoding="utf-8"), re.MULTILINE)
    codes = [code for row in rows for code in re.findall(r"`(\w+)`", row)]
    assert len(codes) > 10
    assert [code for code in codes if f'"{code}"' not in SOURCE] == []


def test_nothing_is_left_to_be_filled_in() -> None:
    marks = re.compile(r"\bFIGURES\b|@[A-Z]+@|\bSTARTUP s\b|\bWORDINGS\b")
    assert [page.name for page in PAGES if marks.search(page.read_text(encoding="utf-8"))] == []
