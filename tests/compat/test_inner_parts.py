import pytest

from inhouse.compat.inner_parts import inner_module, inner_part
from inhouse.errors import NotOfferedError


def test_parts_of_parts_are_named_when_they_are_used() -> None:
    module = inner_module("comfy.ops", {})
    assert module is not None
    layer = module.disable_weight_init.Linear
    assert module.disable_weight_init.Linear is layer
    with pytest.raises(NotOfferedError, match=r"comfy\.ops\.disable_weight_init\.Linear"):
        layer(1, 2)


def test_a_class_derived_from_a_part_works_if_it_needs_nothing_of_it() -> None:
    base = inner_part("comfy.x.Base")
    alone = type("Alone", (base,), {"__init__": lambda _self: None})
    needy = type("Needy", (base,), {})
    assert isinstance(alone(), base)
    with pytest.raises(NotOfferedError, match=r"comfy\.x\.Base"):
        needy()


def test_a_node_of_ours_is_found_where_packs_import_it_from() -> None:
    node = type("SolidMask", (), {})
    module = inner_module("comfy_extras.nodes_mask", {"SolidMask": node})
    assert module is not None
    assert module.SolidMask is node
    with pytest.raises(AttributeError):
        _ = module.__wrapped__


def test_a_flag_that_nobody_has_set_is_off() -> None:
    assert not inner_part("comfy.x.FLAG")
    assert type("Mine", (inner_part("comfy.x.Base"),), {})


def test_other_names_are_no_modules_of_comfyui() -> None:
    assert inner_module("comfyish.ops", {}) is None
