"""What is told of the machine."""

from pathlib import Path

import pytest

from inhouse.backends.compute import Compute
from inhouse.cli.doctor import machine
from inhouse.cli.doctor.check import State


def test_without_torch_no_model_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "versions", lambda: {"inhouse": "1.0"})
    found = {check.subject: check for check in machine.python()}
    assert found["torch"].state is State.FAIL
    assert found["torch"].advice == "pip install 'inhouse[torch]'"
    assert found["inhouse"].found == "1.0"


@pytest.mark.parametrize(("free", "state"), [(8 * 10**9, State.OK), (10**9, State.WARN)])
def test_little_free_memory_is_told(monkeypatch: pytest.MonkeyPatch, free: int, state: State) -> None:
    monkeypatch.setattr(machine, "main_memory", lambda: (16 * 10**9, free))
    memory = next(check for check in machine.hardware(with_torch=False) if check.subject == "memory")
    assert memory.state is state
    assert "of 16.0 GB" in memory.found


def test_features_of_the_processor_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("model : x\nflags\t: fpu avx2 amx_bf16\n")
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "cpuinfo")
    assert machine.cpu_flags() == {"fpu", "avx2", "amx_bf16"}
    assert "amx_bf16, avx2" in next(iter(machine.hardware(with_torch=False))).found


def test_a_system_that_does_not_tell_has_no_features(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "none")
    assert machine.cpu_flags() == frozenset()


def test_the_precision_has_its_reason() -> None:
    assert "AMX" in machine.precision(Compute("cpu", "bfloat16")).found
    assert "no matrix units" in machine.precision(Compute("cpu", "float32")).found
    assert machine.precision(Compute("cuda:0", "float16")).found.startswith("float16 on cuda:0: ")
