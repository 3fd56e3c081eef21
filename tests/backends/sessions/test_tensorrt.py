"""Engines of TensorRT, with a module in its place that remembers what it was told."""

from __future__ import annotations

import importlib.machinery
import json
import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from inhouse.backends.sessions.base import SessionOptions
from inhouse.backends.sessions.tensorrt import TensorRt, build_engine
from inhouse.errors import ModelFormatError, ModelUnsupportedError, UnsupportedOperatorError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


class Fake(ModuleType):
    """What of TensorRT's module is used, on a machine with a card."""

    __version__ = "10.9"

    def __init__(self) -> None:
        super().__init__("tensorrt")
        self.__spec__ = importlib.machinery.ModuleSpec("tensorrt", None)
        self.told: list[Any] = []
        self.errors: list[Any] = []
        self.plan: bytes | None = b"plan"
        self.engine: Any = None
        self.Logger = type("Logger", (int,), {"ERROR": 1})
        self.MemoryPoolType = SimpleNamespace(WORKSPACE="workspace")
        self.BuilderFlag = SimpleNamespace(FP16="FP16", BF16="BF16", INT8="INT8")
        self.TensorIOMode = SimpleNamespace(INPUT="in")

    def Builder(self, logger: object) -> Any:  # noqa: N802
        del logger
        profile = SimpleNamespace(set_shape=lambda *shape: self.told.append(("shape", *shape)))
        config = SimpleNamespace(
            set_memory_pool_limit=lambda *_: None,
            set_flag=self.told.append,
            add_optimization_profile=lambda _: self.told.append("profile"),
        )
        return SimpleNamespace(
            create_network=lambda _: None,
            create_builder_config=lambda: config,
            create_optimization_profile=lambda: profile,
            build_serialized_network=lambda *_: self.plan,
        )

    def OnnxParser(self, *_: object) -> Any:  # noqa: N802
        return SimpleNamespace(
            parse_from_file=lambda _: not self.errors,
            num_errors=len(self.errors),
            get_error=lambda number: self.errors[number],
        )

    def Runtime(self, logger: object) -> Any:  # noqa: N802
        del logger
        return SimpleNamespace(deserialize_cuda_engine=lambda _: self.engine)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    module = Fake()
    monkeypatch.setitem(sys.modules, "tensorrt", module)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 9))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "L4")
    return module


SHAPES = {"x": ((1, 3), (8, 3), (32, 3))}


@pytest.mark.parametrize(("precision", "flags"), [("fp32", []), ("fp16", ["FP16"]), ("int8", ["INT8", "FP16"])])
def test_an_engine_is_built_for_the_limits_and_says_what_it_is_bound_to(
    fake: Fake, tmp_path: Path, precision: str, flags: list[str]
) -> None:
    build_engine(tmp_path / "it.onnx", tmp_path / "it.engine", SHAPES, precision=precision)
    assert fake.told == [*flags, ("shape", "x", *SHAPES["x"]), "profile"]
    assert (tmp_path / "it.engine").read_bytes() == b"plan"
    bound = json.loads((tmp_path / "it.engine.json").read_bytes())
    assert bound == {"tensorrt": "10.9", "card": "L4", "capability": "8.9"}


def test_operations_without_a_counterpart_are_named(fake: Fake, tmp_path: Path) -> None:
    fake.errors = [SimpleNamespace(desc=lambda: "no importer for Odd", node_operator=lambda: "Odd")]
    with pytest.raises(UnsupportedOperatorError, match="no importer for Odd") as caught:
        build_engine(tmp_path / "it.onnx", tmp_path / "it.engine", SHAPES)
    assert caught.value.operators == ("Odd",)


def test_an_engine_of_another_card_or_version_is_refused(fake: Fake, tmp_path: Path) -> None:
    engine = tmp_path / "it.engine"
    build_engine(tmp_path / "it.onnx", engine, SHAPES)
    with pytest.raises(ModelFormatError, match="no engine"):
        TensorRt().open(engine, SessionOptions(device="cuda:0"))
    fake.__version__ = "11.0"
    with pytest.raises(ModelUnsupportedError, match=r"tensorrt 10\.9, here is 11\.0"):
        TensorRt().open(engine, SessionOptions(device="cuda:0"))


def test_what_cannot_be_built_is_told(fake: Fake, tmp_path: Path) -> None:
    fake.plan = None
    with pytest.raises(ModelUnsupportedError, match="cannot build"):
        build_engine(tmp_path / "it.onnx", tmp_path / "it.engine", {})
    with pytest.raises(ModelUnsupportedError, match="int4"):
        build_engine(tmp_path / "it.onnx", tmp_path / "it.engine", {}, precision="int4")
    assert "not on cpu" in TensorRt().lacking("cpu")


def test_without_tensorrt_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="TensorRT is not installed"):
        build_engine(tmp_path / "it.onnx", tmp_path / "it.engine", SHAPES)
