import pytest
import torch

from inhouse.errors import NodeInputError
from inhouse.packs.image.batches import join, regroup, repeat, take


def test_a_second_batch_takes_the_first_ones_size_and_channels() -> None:
    joined = join(torch.zeros(1, 8, 8, 3), torch.ones(2, 4, 6, 4))

    assert joined.shape == (3, 8, 8, 4)
    assert joined[0, ..., 3].eq(1).all()


def test_taking_beyond_the_end_gives_what_there_is() -> None:
    batch = torch.arange(4.0).view(4, 1, 1, 1)

    assert take(batch, 1, 2).flatten().tolist() == [1, 2]
    assert take(batch, 3, 5).flatten().tolist() == [3]
    assert take(batch, 9, 1).flatten().tolist() == [3]


def test_a_batch_repeats() -> None:
    assert repeat(torch.arange(2.0).view(2, 1, 1, 1), 2).flatten().tolist() == [0, 1, 0, 1]


def test_pictures_are_regrouped_across_batches() -> None:
    groups = regroup([torch.zeros(3, 2, 2, 3), torch.ones(2, 2, 2, 3)], 2)

    assert [len(group) for group in groups] == [2, 2, 1]
    assert groups[1][:, 0, 0, 0].tolist() == [0, 1]


def test_unlike_sizes_cannot_share_a_batch() -> None:
    with pytest.raises(NodeInputError, match="2x2, 3x2"):
        regroup([torch.zeros(1, 2, 2, 3), torch.zeros(1, 2, 3, 3)], 2)
