"""Which devices workers may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from inhouse.workers.accelerators import Accelerator, accelerators


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    (tmp_path / "dev").mkdir()
    for name in ("nvidia0", "nvidia1", "nvidia10", "nvidiactl", "nvidia-uvm", "davinci0", "davinci_manager"):
        (tmp_path / "dev" / name).touch()
    for node, simds in (("0", 0), ("1", 304), ("2", 304)):
        folder = tmp_path / "sys/class/kfd/kfd/topology/nodes" / node
        folder.mkdir(parents=True)
        (folder / "properties").write_text(f"cpu_cores_count 0\nsimd_count {simds}\nmem_banks_count 1\n")
    return tmp_path


def test_devices_of_every_maker_are_found_by_what_their_drivers_show(machine: Path) -> None:
    assert [(device.kind, device.index) for device in accelerators({}, machine)] == [
        ("cuda", "0"),
        ("cuda", "1"),
        ("cuda", "10"),
        ("rocm", "0"),
        ("rocm", "1"),
        ("ascend", "0"),
    ]


def test_a_machine_without_any_has_none(tmp_path: Path) -> None:
    assert accelerators({}, tmp_path) == []


@pytest.mark.parametrize(
    ("named", "shown"),
    [("1", ["1"]), ("1, 0", ["1", "0"]), ("", []), ("-1", []), ("0,-1,1", ["0"]), ("GPU-8932f937", ["GPU-8932f937"])],
)
def test_devices_that_the_environment_hides_stay_hidden(machine: Path, named: str, shown: list[str]) -> None:
    found = accelerators({"CUDA_VISIBLE_DEVICES": named}, machine)
    assert [device.index for device in found if device.kind == "cuda"] == shown
    assert len([device for device in found if device.kind != "cuda"]) == 3


def test_a_variable_for_devices_that_are_not_there_makes_none(tmp_path: Path) -> None:
    assert accelerators({"CUDA_VISIBLE_DEVICES": "0"}, tmp_path) == []


@pytest.mark.parametrize(
    ("device", "variable"),
    [
        (Accelerator("cuda", "3"), {"CUDA_VISIBLE_DEVICES": "3"}),
        (Accelerator("rocm", "1"), {"HIP_VISIBLE_DEVICES": "1"}),
        (Accelerator("ascend", "0"), {"ASCEND_RT_VISIBLE_DEVICES": "0"}),
    ],
)
def test_a_worker_is_shown_its_own_device_only(device: Accelerator, variable: dict[str, str]) -> None:
    assert device.environment() == variable
