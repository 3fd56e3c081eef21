from __future__ import annotations

import pytest
import torch

from inhouse.errors import NodeInputError
from inhouse.packs.diffusion import conditioning as c


def entry(value: float, tokens: int = 77, width: int = 4, **options: object) -> c.Conditioning:
    return [(torch.full((1, tokens, width), value), {"pooled_output": torch.full((1, 3), value), **options})]


def test_combine_keeps_every_entry_in_order() -> None:
    first, second = entry(1), entry(2)
    assert c.combine(first, second) == [*first, *second]


def test_concat_appends_tokens_and_keeps_options() -> None:
    ((vectors, options),) = c.concat(entry(1, strength=2.0), entry(2, tokens=154))
    assert vectors.shape == (1, 231, 4)
    assert (vectors[0, 77:] == 2).all()
    assert options["strength"] == 2.0
    assert (options["pooled_output"] == 1).all()


def test_concat_repeats_a_single_sample_to_the_others_batch() -> None:
    batch: c.Conditioning = [[torch.zeros(3, 77, 4), {}]]
    assert c.concat(batch, entry(1))[0][0].shape == (3, 154, 4)
    assert c.concat(entry(1), batch)[0][0].shape == (3, 154, 4)


def test_average_mixes_vectors_and_pooled_outputs() -> None:
    ((vectors, options),) = c.average(entry(1), entry(2), 0.25)
    torch.testing.assert_close(vectors, torch.full((1, 77, 4), 1.75))
    torch.testing.assert_close(options["pooled_output"], torch.full((1, 3), 1.75))


def test_average_fills_a_short_source_with_zeros_and_cuts_a_long_one() -> None:
    ((vectors, _),) = c.average(entry(1, tokens=154), entry(2), 0.5)
    assert vectors[0, :77].eq(1.5).all()
    assert vectors[0, 77:].eq(0.5).all()
    assert c.average(entry(1), entry(2, tokens=154), 0.5)[0][0].shape == (1, 77, 4)


def test_average_takes_the_pooled_output_that_there_is() -> None:
    bare: c.Conditioning = [[torch.zeros(1, 77, 4), {}]]
    assert c.average(bare, entry(2), 0.5)[0][1]["pooled_output"].eq(2).all()
    assert c.average(entry(2), bare, 0.5)[0][1]["pooled_output"].eq(2).all()
    none: c.Conditioning = [[torch.zeros(1, 77, 4), {"pooled_output": None}]]
    assert c.average(none, entry(2), 0.5)[0][1]["pooled_output"].eq(2).all()
    assert "pooled_output" not in c.average(bare, bare, 0.5)[0][1]


@pytest.mark.parametrize("join", [c.concat, lambda a, b: c.average(a, b, 0.5)])
def test_conditionings_that_do_not_fit_are_refused(join: object) -> None:
    assert callable(join)
    with pytest.raises(NodeInputError, match="different models"):
        join(entry(1), entry(1, width=5))
    with pytest.raises(NodeInputError, match="empty"):
        join(entry(1), [])


def test_only_the_first_entry_of_a_source_counts(caplog: pytest.LogCaptureFixture) -> None:
    assert c.concat(entry(1), [*entry(2), *entry(3)])[0][0].shape == (1, 154, 4)
    assert "only the first" in caplog.text


def test_zero_out_leaves_shapes_and_other_options() -> None:
    ((vectors, options),) = c.zero_out(entry(1, strength=2.0))
    assert not vectors.any()
    assert not options["pooled_output"].any()
    assert options["strength"] == 2.0
    assert c.zero_out([[torch.ones(1, 2, 3), {}]])[0][1] == {}


def test_areas_are_given_in_pixels_and_kept_in_latent_pixels() -> None:
    ((_, options),) = c.set_area(entry(1), width=64, height=128, x=8, y=16, strength=0.5)
    assert options["area"] == (16, 8, 2, 1)
    assert options["strength"] == 0.5
    ((_, options),) = c.set_area_percentage(entry(1), width=0.5, height=0.25, x=0.1, y=0.2)
    assert options["area"] == ("percentage", 0.25, 0.5, 0.2, 0.1)


def test_masks_become_batches() -> None:
    ((_, options),) = c.set_mask(entry(1), torch.ones(8, 9), strength=0.5, area="mask bounds")
    assert options["mask"].shape == (1, 8, 9)
    assert options["mask_strength"] == 0.5
    assert options["set_area_to_bounds"]
    assert not c.set_mask(entry(1), torch.ones(2, 8, 9))[0][1]["set_area_to_bounds"]


def test_ranges_and_strengths_are_options() -> None:
    ((_, options),) = c.set_strength(c.set_timestep_range(entry(1), 0.2, 0.7), 3.0)
    assert (options["start_percent"], options["end_percent"], options["strength"]) == (0.2, 0.7, 3.0)


def test_what_comes_in_is_left_alone() -> None:
    given = entry(1)
    before = dict(given[0][1])
    c.set_values(given, strength=2)
    c.zero_out(given)
    assert given[0][1] == before
    assert given[0][0].eq(1).all()
