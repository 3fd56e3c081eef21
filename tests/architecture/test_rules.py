"""Rules of the house that no linter knows, read off the syntax trees."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in [*SOURCES, *TESTS]}
MUTABLE = {"list", "dict", "set", "defaultdict", "OrderedDict", "deque", "Counter"}
WHOLE = {"test_docs.py", "test_public_api.py", "test_schema.py", "test_nodes.py"}
"""Tests of a whole package."""
UNMIRRORED = {
    "architecture",
    "examples",
    "golden",
    "browser",
    "clients",
    "training",
    "benchmarks",
    "soak",
    "faults",
    "data",
}
"""Folders of tests that are about no one module."""
HEAVY = {"torch", "numpy", "PIL", "diffusers", "transformers", "safetensors", "scipy", "pydantic", "fastapi", "yaml"}


def where(path: Path, node: ast.AST | None = None) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def test_there_is_something_to_read() -> None:
    assert len(SOURCES) > 20
    assert len(TESTS) > 20


def test_nothing_is_global() -> None:
    found = [where(path, node) for path in SOURCES for node in ast.walk(TREES[path]) if isinstance(node, ast.Global)]
    assert found == []


def assigned(node: ast.stmt) -> ast.expr | None:
    return node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None


def is_constant(node: ast.stmt) -> bool:
    """Whether an assignment is to a name in capitals, which nobody changes."""
    targets = [*getattr(node, "targets", ()), getattr(node, "target", None)]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return all(name.strip("_").isupper() or name == "__all__" for name in names)


def test_no_module_has_state_of_its_own() -> None:
    found = []
    for path in SOURCES:
        for node in TREES[path].body:
            value = assigned(node)
            makes = isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)
            called = value.func if isinstance(value, ast.Call) else None
            makes = makes or (isinstance(called, ast.Name) and called.id in MUTABLE)
            if makes and not is_constant(node):
                found.append(where(path, node))
    assert found == []


def test_no_test_sleeps_or_looks_at_the_clock() -> None:
    """Helpers may have a deadline, after which what hangs fails; packs that are run may take their time.

    ``tests/gateway.py`` asks another process again and again, as that says nothing by itself.
    """
    found = [
        where(path, node)
        for path in TESTS
        if "data" not in path.parts and path.name != "gateway.py"
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "time"
        if node.attr == "sleep" or path.name.startswith("test_")
    ]
    assert found == []


def documented(tree: ast.Module, path: Path) -> list[str]:
    """Return the public modules, classes and functions of a file that have no docstring."""
    missing = [] if ast.get_docstring(tree) else [where(path)]
    stack: list[ast.AST] = [tree]
    while stack:
        for node in ast.iter_child_nodes(stack.pop()):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith(
                "_"
            ):
                if ast.get_docstring(node) is None:
                    missing.append(where(path, node))
                if isinstance(node, ast.ClassDef):
                    stack.append(node)
    return missing


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_what_is_public_is_documented(path: Path) -> None:
    assert documented(TREES[path], path) == []


def test_no_file_is_longer_than_500_lines() -> None:
    long = {where(path): len(path.read_text(encoding="utf-8").splitlines()) for path in [*SOURCES, *TESTS]}
    assert {place: lines for place, lines in long.items() if lines > 500} == {}


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function without its docstring and its signature."""
    first = function.body[1:2] if ast.get_docstring(function) else function.body[:1]
    return (function.end_lineno or 0) - first[0].lineno + 1 if first else 0


def test_no_function_is_longer_than_60_lines() -> None:
    found = [
        f"{where(path, node)} {node.name}"
        for path in SOURCES
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and code_lines(node) > 60
    ]
    assert found == []


def test_every_test_file_has_its_module() -> None:
    orphans = []
    for path in TESTS:
        inside = path.relative_to(ROOT / "tests")
        if inside.parts[0] in UNMIRRORED or "data" in inside.parts or not path.name.startswith("test_"):
            continue
        module = ROOT / "src/inhouse" / inside.parent / path.name.removeprefix("test_")
        package = module.with_suffix("")
        if not (module.exists() or package.is_dir() or path.name in WHOLE or path.stem == f"test_{path.parent.name}"):
            orphans.append(where(path))
    assert orphans == []


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def test_the_engine_imports_nothing_heavy_even_inside_its_functions() -> None:
    found = [
        where(path, node)
        for path in SOURCES
        if "engine" in path.relative_to(ROOT / "src/inhouse").parts
        for node in ast.walk(TREES[path])
        for name in imported(node)
        if name.partition(".")[0] in HEAVY
    ]
    assert found == []


def test_no_error_is_a_bare_exception() -> None:
    found = [
        where(path, node)
        for path in SOURCES
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
        and node.exc.func.id in ("Exception", "BaseException", "NotImplementedError")
    ]
    assert found == []


def test_handlers_of_requests_that_may_wait_are_no_coroutines() -> None:
    """An ``async def`` route that calls synchronous code stops the whole server."""
    found = [
        where(path, node)
        for path in SOURCES
        if "routes" in path.parts
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.AsyncFunctionDef) and node.decorator_list and not waits(node)
    ]
    assert found == []


def waits(function: ast.AsyncFunctionDef) -> bool:
    return any(isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith) for node in ast.walk(function))


def test_nothing_is_left_for_later() -> None:
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
    found = [
        f"{where(path)} {word}"
        for path in [*SOURCES, *TESTS]
        for word in words
        if word in path.read_text(encoding="utf-8")
    ]
    assert found == []
