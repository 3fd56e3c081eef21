from __future__ import annotations

from inhouse.packs.diffusion.choices import SAMPLER_NAMES, SCHEDULE_NAMES
from inhouse.packs.diffusion.samplers.registry import SAMPLERS
from inhouse.packs.diffusion.schedules import SCHEDULES


def test_every_sampler_and_schedule_is_offered_and_no_other() -> None:
    assert set(SAMPLER_NAMES) == set(SAMPLERS)
    assert set(SCHEDULE_NAMES) == set(SCHEDULES)
    assert len(SAMPLER_NAMES) == len(set(SAMPLER_NAMES))
