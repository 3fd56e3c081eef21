import pytest

from inhouse.compat.bypass import stand_in
from inhouse.compat.canvas_file import CanvasNode, Slot


def bypassed(inputs: str, outputs: str) -> CanvasNode:
    def slots(kinds: str) -> tuple[Slot, ...]:
        return tuple(Slot(f"{place}", kind) for place, kind in enumerate(kinds.split()))

    return CanvasNode("1", "A", "", 4, slots(inputs), slots(outputs), [])


@pytest.mark.parametrize(
    ("inputs", "outputs", "slot", "wanted", "chosen"),
    [
        ("MODEL CLIP", "MODEL CLIP", 1, "CLIP", "1"),
        ("VAE IMAGE", "IMAGE", 0, "IMAGE", "1"),
        ("VAE * IMAGE", "IMAGE", 0, "IMAGE", "2"),
        ("VAE IMAGE,MASK", "MASK", 0, "MASK", "1"),
        ("VAE", "IMAGE", 0, "IMAGE", None),
        ("", "IMAGE", 0, "IMAGE", None),
        ("VAE IMAGE", "A B", 1, "*", "1"),
        ("VAE", "A B", 1, "*", "0"),
        ("*", "*", 0, "IMAGE", "0"),
    ],
)
def test_the_input_that_fits_best_stands_in(
    inputs: str, outputs: str, slot: int, wanted: str, chosen: str | None
) -> None:
    found = stand_in(bypassed(inputs, outputs), slot, wanted)
    assert (found.name if found else None) == chosen
