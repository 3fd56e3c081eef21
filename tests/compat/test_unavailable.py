import pytest

from inhouse.compat.unavailable import missing_class, missing_function
from inhouse.errors import NotOfferedError


def test_what_is_missing_says_so_when_it_is_called_and_not_before() -> None:
    function = missing_function("comfy.sd.load_it", "use a loader node")
    with pytest.raises(NotOfferedError, match=r"comfy\.sd\.load_it, .* does not offer: use a loader node"):
        function("x", strict=True)
    assert function.__name__ == "load_it"


def test_a_missing_class_can_be_derived_from() -> None:
    base = missing_class("comfy.sd.VAE", "use VAELoader")
    derived = type("Mine", (base,), {})
    assert not isinstance(1, derived)
    with pytest.raises(NotOfferedError, match=r"comfy\.sd\.VAE"):
        derived("x")
