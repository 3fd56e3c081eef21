import pytest

from inhouse.compat.comfy_arguments import LatentPreviewMethod, arguments


def test_an_option_that_nobody_gave_is_off() -> None:
    given = arguments(cpu=True, address=("0.0.0.0", 80))
    assert (given.cpu, given.lowvram, given.listen, given.port) == (True, False, "0.0.0.0", 80)
    assert given.an_option_of_next_year is None
    assert arguments(cpu=False).port is None
    with pytest.raises(AttributeError):
        _ = given.__wrapped__


def test_methods_of_previews_by_name() -> None:
    assert LatentPreviewMethod.from_string("taesd") is LatentPreviewMethod.TAESD
    assert LatentPreviewMethod.from_string("magic") is None
