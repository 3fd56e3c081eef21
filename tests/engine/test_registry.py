"""The nodes that an engine knows."""

from __future__ import annotations

import pytest

from inhouse import Choices, Registry, node
from inhouse.engine.registry import ChoiceSource
from inhouse.errors import Fault, PathEscapeError, RegistryError


@node("KSampler")
def sampler() -> int:
    return 1


@node("SaveImage")
def save() -> int:
    return 2


def test_nodes_are_found_by_id() -> None:
    registry = Registry([sampler, save])
    assert (registry["KSampler"], registry.get("KSampler"), registry.get("Other")) == (sampler, sampler, None)
    assert "KSampler" in registry
    assert "Other" not in registry
    assert ([spec.id for spec in registry], len(registry)) == (["KSampler", "SaveImage"], 2)
    with pytest.raises(KeyError):
        registry["Other"]


def test_an_id_that_is_taken_adds_nothing_of_the_pack() -> None:
    registry = Registry()
    registry.add([sampler], pack="one")
    with pytest.raises(RegistryError, match="declared by pack 'one' and by 'two'") as caught:
        registry.add([save, sampler], pack="two")
    assert caught.value.node_id == "KSampler"
    assert [spec.id for spec in registry] == ["KSampler"]


def test_similar_ids_are_found_whatever_their_case() -> None:
    registry = Registry([sampler, save])
    assert registry.similar("ksampler") == ["KSampler"]
    assert registry.similar("SaveImages") == ["SaveImage"]
    assert registry.similar("zzz") == []


class TestChoices:
    @pytest.fixture
    def registry(self) -> Registry:
        source = ChoiceSource(lambda rest: [f"{rest}-1"], where=lambda rest: f"It looks in {rest}/.", code="not_there")
        return Registry(sources={"models": source, "plain": ChoiceSource(lambda _: ["a"])})

    def test_fixed_ones_and_those_of_a_source(self, registry: Registry) -> None:
        assert registry.choices(Choices(("x", "y"))) == ("x", "y")
        assert registry.choices(Choices("models/loras/sub")) == ("loras/sub-1",)
        assert registry.choices(Choices("nobody/x")) == ()

    def test_a_source_may_say_more_of_a_fault(self, registry: Registry) -> None:
        fault = Fault("value_not_in_list", "No.", hint="There are: a.")
        refined = registry.refine(fault, Choices("models/loras"), "x")
        assert refined is not None
        assert (refined.code, refined.hint) == ("not_there", "There are: a. It looks in loras/.")
        for choices in (Choices("plain"), Choices("nobody"), Choices(("x",))):
            assert registry.refine(fault, choices, "x") == fault

    def test_a_source_may_accept_what_it_does_not_list_or_say_what_is_wrong_with_it(self) -> None:
        def accepts(rest: str, value: str) -> bool:
            if value == "bad":
                raise PathEscapeError("It leaves.", hint="Stay.")
            return value.startswith(rest)

        registry = Registry(sources={"files": ChoiceSource(lambda _: [], accepts=accepts)})
        fault = Fault("value_not_in_list", "No.")
        assert registry.refine(fault, Choices("files/a"), "abc") is None
        assert registry.refine(fault, Choices("files/a"), "xyz") == fault
        assert registry.refine(fault, Choices("files/a"), 5) == fault
        bad = registry.refine(fault, Choices("files/a"), "bad")
        assert bad is not None
        assert (bad.code, bad.message, bad.hint) == ("path_escape", "It leaves.", "Stay.")
