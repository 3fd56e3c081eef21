from __future__ import annotations

from pathlib import Path

import pytest

from inhouse.packs.benchmark.energy import EnergyMeter


def zone(root: Path, name: str, counter: int, span: int = 1_000_000_000) -> Path:
    folder = root / name
    folder.mkdir()
    (folder / "energy_uj").write_text(f"{counter}\n")
    (folder / "max_energy_range_uj").write_text(f"{span}\n")
    return folder / "energy_uj"


def test_joules_of_all_packages_add_up(tmp_path: Path) -> None:
    first, second = zone(tmp_path, "intel-rapl:0", 1_000_000), zone(tmp_path, "intel-rapl:1", 5_000_000)
    meter = EnergyMeter(tmp_path)
    assert meter.source == "RAPL (2 packages)"
    first.write_text("3000000")
    second.write_text("5500000")
    assert meter.read() == pytest.approx(2.5)
    second.write_text("6500000")
    assert meter.read() == pytest.approx(3.5)


def test_a_counter_that_begins_anew_loses_nothing(tmp_path: Path) -> None:
    counter = zone(tmp_path, "intel-rapl:0", 9_000_000, span=10_000_000)
    meter = EnergyMeter(tmp_path)
    counter.write_text("500000")
    assert meter.read() == pytest.approx(1.5)


def test_parts_of_a_package_do_not_count_twice(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", 0)
    zone(tmp_path, "intel-rapl:0:0", 0)
    assert EnergyMeter(tmp_path).source == "RAPL (1 packages)"


def test_where_nothing_can_be_read_it_says_so(tmp_path: Path) -> None:
    meter = EnergyMeter(tmp_path)
    assert meter.read() is None
    assert "not readable" in meter.source
