from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from inhouse.models.signature import Field, TensorSpec

names = st.text(min_size=1, max_size=20)
sizes = st.lists(st.one_of(st.integers(1, 512), names), max_size=4).map(tuple)
fields = st.builds(
    Field,
    name=names,
    kind=st.sampled_from(["text", "number", "image", "tensor", "labels"]),
    description=st.text(max_size=20),
    rows=st.booleans(),
    required=st.booleans(),
    default=st.one_of(st.none(), st.integers(), st.text()),
    minimum=st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
    choices=st.lists(names, max_size=3).map(tuple),
    dtype=st.sampled_from(["", "float32"]),
    shape=sizes,
)


@given(fields)
def test_a_field_survives_json(field: Field) -> None:
    assert Field.from_dict(json.loads(json.dumps(field.as_dict()))) == field


@given(st.builds(TensorSpec, name=names, dtype=st.just("int64"), shape=sizes))
def test_a_tensor_survives_json(spec: TensorSpec) -> None:
    assert TensorSpec.from_dict(json.loads(json.dumps(spec.as_dict()))) == spec


def test_what_is_as_it_is_by_default_is_not_written() -> None:
    assert Field("texts", "text").as_dict() == {"name": "texts", "kind": "text"}


def test_a_tensor_is_batched_whose_first_axis_is_the_batch() -> None:
    assert TensorSpec("ids", "int64", ("batch", "tokens")).batched
    assert not TensorSpec("bias", "float32", (8,)).batched
    assert not TensorSpec("scalar", "float32", ()).batched
