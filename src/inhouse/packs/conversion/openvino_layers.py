"""Layers of an OpenVINO model that was quantised, and how they are taken back to what they were."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from inhouse.packs.conversion.tracing import layer_of

_LOW = frozenset({"i8", "u8", "i4", "u4", "nf4", "int8_t", "uint8_t", "int4_t", "uint4_t"})
_UNPACKING = frozenset({"Convert", "Subtract", "Multiply", "Reshape", "Transpose"})
_SMOOTHING = "smooth_quant"
_MATRICES = frozenset({"MatMul", "ScaledDotProductAttention"})


def quantised_layers(model: Any) -> tuple[str, ...]:
    """Return the names of operations that take integers, in the order of computing."""
    fixed = _fixed(model)
    return tuple(op.get_friendly_name() for op in model.get_ordered_ops() if _is_quantised(op, fixed))


def named_layers(model: Any, names: Collection[str]) -> tuple[str, ...]:
    """Return what layers are called by who made the model, in the order of computing.

    Where a converter made up a name, as for a convolution that it joined with what follows, that of the next operation
    with one is taken.
    """
    found = []
    for op in model.get_ordered_ops():
        if op.get_friendly_name() in names:
            node = op
            while "/" not in node.get_friendly_name():
                after = [port.get_node() for port in node.output(0).get_target_inputs()] if node.outputs() else []
                if not after:
                    node = op
                    break
                node = after[0]
            found.append(node.get_friendly_name())
    return tuple(dict.fromkeys(layer_of(name) or name for name in found))


def attention_products(model: Any) -> tuple[str, ...]:
    """Return the names of products of two activations, as attention has them."""
    fixed = _fixed(model)
    return tuple(
        op.get_friendly_name()
        for op in model.get_ordered_ops()
        if op.get_type_name() in _MATRICES and not any(source.get_name() in fixed for source in _sources(op)[:2])
    )


def without_quantising(model: Any, original: Any, names: Collection[str]) -> Any:
    """Return a copy of a quantised model in which some layers compute as in the original.

    Their inputs come from before what rounds them, their weights and biases from the original.

    Args:
        model: as NNCF made it.
        original: what it was made from.
        names: of `quantised_layers`.

    """
    copy = model.clone()
    before = {op.get_friendly_name(): op for op in original.get_ordered_ops()}
    fixed = _fixed(copy) | _fixed(original)
    for op in copy.get_ordered_ops():
        if op.get_friendly_name() in names and op.get_friendly_name() in before:
            _take_back(op, before, fixed)
    copy.validate_nodes_and_infer_types()
    return copy


def _take_back(op: Any, before: dict[str, Any], fixed: set[str]) -> None:
    was = before[op.get_friendly_name()]
    for port, source, old in zip(op.inputs(), _sources(op), _sources(was), strict=True):
        if _rounds(source, fixed):
            port.replace_source_output(_unrounded(source))
        elif old.get_name() in fixed and (_packed(source) or source.get_type_name() == "FakeQuantize"):
            port.replace_source_output(_copied(old))
    for target in op.output(0).get_target_inputs():
        _unbias(op, target.get_node(), before, fixed)


def _unrounded(rounding: Any) -> Any:
    """Return what goes into a rounding, before the scaling that evens out channels for it."""
    found = rounding.input(0).get_source_output()
    node = found.get_node()
    smoothed = node.get_type_name() == "Multiply" and _SMOOTHING in node.get_friendly_name()
    return node.input(0).get_source_output() if smoothed else found


def _unbias(op: Any, addition: Any, before: dict[str, Any], fixed: set[str]) -> None:
    """Take back the bias's correction for what rounding shifts."""
    if addition.get_type_name() != "Add":
        return
    was = before.get(addition.get_friendly_name())
    if was is None:
        if any(source.get_name() in fixed for source in _sources(addition)):
            addition.output(0).replace(op.output(0))
        return
    for port, source, old in zip(addition.inputs(), _sources(addition), _sources(was), strict=True):
        if source.get_name() in fixed and old.get_name() in fixed:
            port.replace_source_output(_copied(old))


def _is_quantised(op: Any, fixed: set[str]) -> bool:
    kind = op.get_type_name()
    if kind in {"FakeQuantize", "Result", "ShapeOf"}:
        return False
    sources = _sources(op)
    if any(_rounds(source, fixed) for source in sources):
        return True
    return kind not in _UNPACKING and any(map(_packed, sources))


def _rounds(op: Any, fixed: set[str]) -> bool:
    return op.get_type_name() == "FakeQuantize" and op.get_name() not in fixed


def _packed(op: Any) -> bool:
    """Whether a node unpacks weights that are stored as integers."""
    while op.get_type_name() in _UNPACKING:
        op = _sources(op)[0]
        if op.get_type_name() == "Constant":
            return op.get_element_type().get_type_name() in _LOW
    return False


def _fixed(model: Any) -> set[str]:
    """Return the names of all nodes that depend on no input of the model."""
    found: set[str] = set()
    for op in model.get_ordered_ops():
        sources = _sources(op)
        if op.get_type_name() == "Constant" or (sources and all(source.get_name() in found for source in sources)):
            found.add(op.get_name())
    return found


def _sources(op: Any) -> list[Any]:
    return [port.get_source_output().get_node() for port in op.inputs()]


def _copied(op: Any) -> Any:
    """Return a constant with the value of a node of another model that depends on no input."""
    import openvino

    if op.get_type_name() == "Constant":
        value = op.data.copy()
    else:
        small = openvino.Model([op.output(0)], [])
        value = openvino.Core().compile_model(small, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([])[0].copy()
    return openvino.op.Constant(value, shared_memory=False).output(0)
