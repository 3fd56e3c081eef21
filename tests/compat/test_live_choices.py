from inhouse import Choices, Registry
from inhouse.compat.live_choices import LiveChoices


def test_choices_are_read_when_somebody_looks() -> None:
    files = ["a"]
    choices = LiveChoices(lambda: files)
    assert (list(choices), len(choices), "b" in choices, choices[0], choices[:1]) == (["a"], 1, False, "a", ("a",))
    files.append("b")
    assert (list(choices), len(choices), "b" in choices, choices[1]) == (["a", "b"], 2, True, "b")
    assert list(Registry().choices(Choices(choices))) == ["a", "b"]


def test_open_ended_choices_welcome_every_value() -> None:
    assert "elsewhere" in LiveChoices(lambda: ["a"], open_ended=True)


def test_two_lists_with_the_same_items_are_two() -> None:
    one, other = (LiveChoices(lambda: ["a"]) for _ in range(2))
    assert one != other
    assert len({Choices(one), Choices(other)}) == 2
