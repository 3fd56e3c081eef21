import importlib
import sys
from types import ModuleType

import pytest

from inhouse.compat.module_table import ModuleTable, make_module
from inhouse.errors import RegistryError


def test_a_table_is_installed_once_and_leaves_no_trace() -> None:
    one, two = (ModuleTable({"a_host": ModuleType("a_host"), "a_host.b": ModuleType("a_host.b")}) for _ in range(2))
    one.install()
    try:
        assert sys.modules["a_host"].b is sys.modules["a_host.b"]
        with pytest.raises(RegistryError, match="already"):
            two.install()
        sys.modules["a_host.made_by_a_pack"] = ModuleType("a_host.made_by_a_pack")
    finally:
        one.remove()
    assert not any(name.startswith("a_host") for name in sys.modules)


def test_modules_are_made_up_only_while_the_table_is_installed() -> None:
    def missing(name: str) -> ModuleType | None:
        return make_module(name, __path__=[], here=name) if name.startswith("a_host.") else None

    table = ModuleTable({"a_host": make_module("a_host", __path__=[])}, missing)
    table.install()
    try:
        assert importlib.import_module("a_host.deep.down").here == "a_host.deep.down"
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("another_host")
    finally:
        table.remove()
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("a_host.deep.down")
