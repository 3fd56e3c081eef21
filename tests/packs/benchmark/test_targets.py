from __future__ import annotations

from pathlib import Path

import pytest

from inhouse.errors import ModelNotFoundError
from inhouse.models.artifact import Artifact, Serving, save_artifact
from inhouse.models.receipt import Check, Receipt
from inhouse.models.signature import TensorSpec
from inhouse.models.signing import Signer
from inhouse.packs.benchmark.model import Load
from inhouse.packs.benchmark.targets import Wishes, disk_bytes, kind_of, model_subjects


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("http://localhost/services/a", "service"),
        ("model.onnx", "model"),
        ("model.xml", "model"),
        ("workflow.json", "workflow"),
        ("text-to-image", "workflow"),
    ],
)
def test_targets_are_told_apart(target: str, kind: str) -> None:
    assert kind_of(target) == kind


def test_every_combination_is_a_variant_where_a_runtime_can_be_told(linear: Path) -> None:
    wishes = Wishes(("openvino", "onnxruntime"), ("fp32", "bf16"), (1, 2))
    names = [subject.variant.name for subject in model_subjects(str(linear), wishes)]
    assert names == [
        "linear openvino fp32 1t",
        "linear openvino bf16 1t",
        "linear openvino fp32 2t",
        "linear openvino bf16 2t",
        "linear onnxruntime 1t",
        "linear onnxruntime 2t",
    ]


def test_a_runtime_that_is_not_there_is_a_variant_that_says_so(linear: Path) -> None:
    subjects = model_subjects(str(linear), Wishes(("abacus", "openvino")))
    assert subjects[0].variant.error.startswith("There is no runtime abacus; there are ")
    assert subjects[1].variant.error == ""


def test_a_model_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"no model gone\.onnx"):
        model_subjects(str(tmp_path / "gone.onnx"), Wishes())
    with pytest.raises(ModelNotFoundError, match="no converted model"):
        model_subjects(str(tmp_path), Wishes())


def test_an_artifact_is_run_as_it_says_and_shows_its_receipt(linear: Path, tmp_path: Path) -> None:
    folder = tmp_path / "making"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(linear.read_bytes())
    spec = (TensorSpec("x", "float32", ("batch", 16)),)
    serving = Serving("openvino", "model.onnx", precision="bf16", threads=1)
    artifact = Artifact(folder, "rows", "tensors", serving, spec, (), facts={"values": {"x": [0, 1]}})
    checks = (Check("realistic", "cosine", 0.9998, 0.999, passed=True),)
    receipt = Receipt("rows", "", {}, {}, "onnx", "bf16", checks=checks)
    save_artifact(artifact, receipt, Signer.open(tmp_path / "key.pem"), tmp_path / "rows")
    (subject,) = model_subjects(str(tmp_path / "rows"), Wishes())
    assert subject.variant.name == "rows openvino bf16 1t"
    assert subject.variant.receipt["checks"][0]["value"] == 0.9998
    assert subject._recipe.questions.values == {"x": (0, 1)}


def test_weights_beside_a_model_count(tmp_path: Path) -> None:
    for name, size in (("m.xml", 10), ("m.bin", 100), ("m.onnx", 1), ("m.onnx.data", 1000), ("m2.onnx", 5)):
        (tmp_path / name).write_bytes(b"x" * size)
    assert disk_bytes(tmp_path / "m.xml") == 110
    assert disk_bytes(tmp_path / "m.onnx") == 1001


def test_services_have_open_loops_too_and_workflows_no_batches() -> None:
    loads = Wishes(batches=(1, 8), concurrency=(1, 4), rates=(10.0,)).loads()
    assert len(loads["model"]) == 4
    assert loads["service"][-1] == Load(8, 1, 10.0)
    assert loads["workflow"] == [Load()]
