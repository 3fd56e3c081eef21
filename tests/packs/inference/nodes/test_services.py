"""Both ends of a pipeline, on a canvas and in a service."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.packs.inference.kit import context
from tests.workers.replicas.kit import artifact

from inhouse.errors import InputNotFoundError, ModelNotFoundError, NodeInputError, PathEscapeError
from inhouse.packs.inference.nodes import images, services, tensors, texts


def test_on_a_canvas_an_input_is_one_row_of_what_is_typed_in(tmp_path: Path) -> None:
    given = context(tmp_path)
    (tmp_path / "input" / "scan.dcm").write_bytes(b"DICM")

    def row(kind: str, value: str) -> Any:
        return services.service_input(name="x", kind=kind, value=value, context=given)

    assert row("text", "hello") == ["hello"]
    assert row("file", "scan.dcm") == [b"DICM"]
    assert row("json", '{"a": 1}') == [{"a": 1}]
    assert row("tensor", "[1, 2.5]").dtype == np.float32
    with pytest.raises(InputNotFoundError, match=r"gone\.png"):
        row("image", "gone.png")
    with pytest.raises(NodeInputError, match="no JSON"):
        row("number", "one")


def test_without_a_model_being_served_or_linked_it_is_said_what_to_link(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="link LoadArtifact"):
        services.served_model(context=context(tmp_path))
    with pytest.raises(ModelNotFoundError, match="no converted model"):
        services.load_artifact(artifact="nothing", context=context(tmp_path))


def test_what_belongs_to_an_artifact_is_found_in_it_and_nowhere_else(tmp_path: Path) -> None:
    made = artifact(tmp_path / "it", {}, [], [])
    (made.folder / "labels.txt").write_text("cat\ndog\n", encoding="utf-8")
    given = context(tmp_path, artifact=made)
    assert images.load_labels(context=given) == ["cat", "dog"]
    with pytest.raises(InputNotFoundError, match=r"has no tokenizer\.json"):
        texts.load_tokenizer(context=given)
    with pytest.raises(PathEscapeError, match="leaves its folder"):
        images.load_labels(file="../secret", context=given)


def test_a_model_gets_the_tensors_it_takes_in_the_width_it_takes_them() -> None:
    seen: dict[str, Any] = {}

    def run(feeds: dict[str, Any]) -> dict[str, Any]:
        seen.update(feeds)
        return {"y": feeds["ids"]}

    session = SimpleNamespace(inputs={"ids": (np.dtype("int32"), ("batch",))}, run=run)
    found = services.run_model(session=session, tensors={"ids": np.ones(1, np.int64), "more": np.ones(1)})
    assert seen.keys() == {"ids"}
    assert seen["ids"].dtype == np.int32
    assert tensors.select_tensor(tensors=found).tolist() == [1]
    with pytest.raises(NodeInputError, match="there are y"):
        tensors.select_tensor(tensors=found, name="z")


def test_tensors_are_named_beside_others() -> None:
    one = tensors.named_tensor(tensor=np.ones(1), name="a")
    assert tensors.named_tensor(tensor=np.zeros(1), name="b", tensors=one).keys() == {"a", "b"}


def test_pictures_cross_between_a_canvas_and_a_model() -> None:
    shown = tensors.tensor_to_image(tensor=np.full((1, 2, 2), 255, np.uint8))
    assert (tuple(shown.shape), float(shown.max())) == ((1, 2, 2, 3), 1.0)
    assert tensors.image_to_tensor(image=shown).dtype == np.float32
    with pytest.raises(NodeInputError, match="no picture"):
        tensors.tensor_to_image(tensor=np.zeros((1, 2)))
