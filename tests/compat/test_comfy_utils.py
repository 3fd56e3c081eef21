import pytest
import torch

from inhouse.compat.calls_in_progress import Call, running
from inhouse.compat.comfy_utils import (
    IO,
    CheckLazyMixin,
    ProgressBar,
    common_upscale,
    get_executing_context,
)


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"])
def test_a_flat_picture_stays_flat_at_any_size(method: str) -> None:
    picture = torch.full((2, 3, 8, 12), 0.25)
    resized = common_upscale(picture, 6, 4, method, "disabled")
    assert resized.shape == (2, 3, 4, 6)
    assert torch.allclose(resized, torch.tensor(0.25), atol=1e-6)


def test_cropping_keeps_the_centre() -> None:
    picture = torch.zeros(1, 1, 4, 8)
    picture[..., 2:6] = 1.0
    assert common_upscale(picture, 4, 4, "nearest-exact", "center").min() == 1.0
    assert common_upscale(picture, 4, 4, "nearest-exact", "disabled").min() == 0.0
    assert common_upscale(picture.mT, 4, 4, "nearest-exact", "center").min() == 1.0


def test_a_method_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="no method 'magic'"):
        common_upscale(torch.zeros(1, 1, 2, 2), 2, 2, "magic", "disabled")


def test_outside_of_a_run_progress_does_nothing() -> None:
    bar = ProgressBar(3)
    bar.update(2)
    bar.update(2)
    assert bar.current == 3
    assert get_executing_context() is None


def test_a_node_learns_where_it_runs(call: Call) -> None:
    with running(call):
        context = get_executing_context()
    assert context is not None
    assert (context.node_id, context.prompt_id) == ("1", call.context.run_id)


def test_names_of_types_are_their_texts() -> None:
    assert (IO.IMAGE, f"{IO.NUMBER}", IO("*")) == ("IMAGE", "FLOAT,INT", IO.ANY)


def test_the_lazy_mixin_wants_what_is_missing() -> None:
    assert CheckLazyMixin().check_lazy_status(a=None, b=0) == ["a"]
