import pytest
import torch

from inhouse.compat.tiling import get_tiled_scale_steps, repeat_to_batch_size, resize_to_batch_size, tiled_scale


class Counter:
    """A bar that counts."""

    def __init__(self) -> None:
        self.seen = 0

    def update(self, steps: int) -> None:
        self.seen += steps


@pytest.mark.parametrize("size", [(64, 64), (100, 70), (7, 300)])
def test_tiles_put_together_are_the_whole(size: tuple[int, int]) -> None:
    picture = torch.rand(2, 3, *size)
    bar = Counter()
    doubled = tiled_scale(
        picture,
        lambda tile: torch.nn.functional.interpolate(tile, scale_factor=2, mode="nearest"),
        tile_x=32,
        tile_y=32,
        overlap=8,
        upscale_amount=2,
        pbar=bar,
    )
    assert torch.allclose(doubled, torch.nn.functional.interpolate(picture, scale_factor=2, mode="nearest"), atol=1e-5)
    assert bar.seen == 2 * get_tiled_scale_steps(size[1], size[0], 32, 32, 8)


def test_a_batch_is_repeated_or_cut() -> None:
    batch = torch.arange(3)
    assert repeat_to_batch_size(batch, 5).tolist() == [0, 1, 2, 0, 1]
    assert repeat_to_batch_size(batch, 2).tolist() == [0, 1]
    assert repeat_to_batch_size(batch[None], 4, dim=1).tolist() == [[0, 1, 2, 0]]


def test_a_batch_is_stretched_or_thinned() -> None:
    batch = torch.arange(3)
    assert resize_to_batch_size(batch, 6).tolist() == [0, 0, 1, 1, 2, 2]
    assert resize_to_batch_size(batch, 2).tolist() == [0, 2]
    assert resize_to_batch_size(batch, 3) is batch
