import asyncio

import pytest

from inhouse.compat.io_nodes import ComfyExtension, ComfyNode, NodeOutput, Schema


def test_outside_of_a_call_hidden_inputs_are_none() -> None:
    assert ComfyNode.hidden.unique_id is None


def test_a_node_without_a_schema_says_so() -> None:
    class Bare(ComfyNode):
        pass

    with pytest.raises(TypeError, match="Bare does not define a schema"):
        Bare.GET_SCHEMA()


def test_traits_of_tomorrow_are_let_pass() -> None:
    schema = Schema("X", is_output_node=True, of_tomorrow=1)
    assert (schema.node_id, schema.is_output_node, schema.inputs) == ("X", True, [])


def test_an_output_keeps_its_values() -> None:
    assert NodeOutput(1, 2).result == (1, 2)
    assert NodeOutput().result is None


def test_an_extension_without_nodes_is_empty() -> None:
    async def use() -> list[type[ComfyNode]]:
        extension = ComfyExtension()
        await extension.on_load()
        return await extension.get_node_list()

    assert asyncio.run(use()) == []
