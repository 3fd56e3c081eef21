"""What ``import inhouse`` offers, and what it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import inhouse

HEAVY = ("torch", "numpy", "PIL", "diffusers", "transformers", "scipy", "pydantic", "rich", "typer", "asyncio")


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; before = set(sys.modules); {statement}; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_names_are_sorted_unique_and_there() -> None:
    assert inhouse.__all__ == sorted(set(inhouse.__all__))
    assert all(hasattr(inhouse, name) for name in inhouse.__all__)


def test_every_public_name_is_listed() -> None:
    public = {name for name in vars(inhouse) if not name.startswith("_")}
    submodules = {name for name in public if f"inhouse.{name}" in sys.modules}
    assert public - submodules == set(inhouse.__all__)


def test_these_are_the_names() -> None:
    assert inhouse.__all__ == [
        "Blocker",
        "Catch",
        "Choices",
        "Context",
        "Engine",
        "Failure",
        "Image",
        "InhouseError",
        "Latent",
        "Lazy",
        "Link",
        "Mask",
        "NodeSpec",
        "Output",
        "Range",
        "Registry",
        "Result",
        "Widget",
        "Wire",
        "Workflow",
        "WorkflowNode",
        "hookimpl",
        "node",
    ]


def test_importing_it_loads_nothing_heavy() -> None:
    loaded = loaded_by("import inhouse")
    assert "inhouse.engine.engine" in loaded
    assert loaded.isdisjoint(HEAVY)


@pytest.mark.parametrize("module", ["inhouse.engine.engine", "inhouse.plugins", "inhouse.files", "inhouse.errors"])
def test_each_layer_can_be_imported_first(module: str) -> None:
    assert loaded_by(f"import {module}").isdisjoint(HEAVY)
