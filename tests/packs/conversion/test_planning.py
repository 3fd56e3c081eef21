"""A conversion as a workflow."""

from pathlib import Path

import pytest

from inhouse.errors import UsageError
from inhouse.packs.conversion.planning import SAVE, Plan
from inhouse.plugins import build_registry, load_packs


@pytest.mark.parametrize("target", ["auto", "onnx", "openvino"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_every_plan_is_a_workflow_without_faults(target: str, precision: str, tmp_path: Path) -> None:
    from inhouse.engine.validation import validate

    workflow = Plan(str(tmp_path), target, precision).workflow()
    validation = validate(workflow, build_registry(load_packs(installed=False)))
    assert validation.faults == ()
    assert list(validation.targets) == [SAVE]


def test_fusing_comes_in_float32_only_and_the_proof_comes_last() -> None:
    kinds = [node.type for node in Plan("m", "onnx", "fp32").workflow().nodes.values()]
    assert kinds == ["LoadModelSource", "ExportModel", "ShapeModel", "OptimizeModel", "VerifyModel", "SaveArtifact"]
    kinds = [node.type for node in Plan("m", "onnx", "int8").workflow().nodes.values()]
    assert kinds == ["LoadModelSource", "ExportModel", "ShapeModel", "QuantizeModel", "VerifyModel", "SaveArtifact"]


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"target": "tflite"}, "--to tflite"),
        ({"precision": "fp8"}, "--precision fp8"),
        ({"target": "torch-export", "precision": "int8"}, "no int8 for torch-export"),
        ({"target": "tensorrt"}, "TensorRT"),
    ],
)
def test_what_there_is_not_is_said_before_anything_is_opened(plan: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Plan("m", **plan)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "name", "folder"),
    [
        ("nets/small.onnx", "", "small-openvino-bf16"),
        ("package.module:build", "", "build-openvino-bf16"),
        ("x", "mine", "mine"),
    ],
)
def test_an_artifact_is_named_after_what_it_is(model: str, name: str, folder: str, tmp_path: Path) -> None:
    path = tmp_path / model
    if model.endswith(".onnx"):
        path.parent.mkdir()
        path.touch()
        model = str(path)
    assert Plan(model, "openvino", "bf16", name=name).folder == folder


@pytest.mark.parametrize("model", ["smol.gguf", "folder"])
def test_a_language_model_becomes_a_chat(model: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    plan = Plan(str(tmp_path / model), precision="bf16")
    assert [node.type for node in plan.workflow().nodes.values()] == ["LoadModelSource", "SaveChat"]
    assert [node.type for node in Plan(str(tmp_path / model), "onnx").workflow().nodes.values()][-1] == "SaveArtifact"


def test_a_chat_in_a_precision_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match="no int4 for chats"):
        Plan("smol.gguf", precision="int4")
