"""What tests of the whole program share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.gateway import Gateway
from tests.program import Command, Ran
from tests.wire import DATA

from inhouse.cli.main import run

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does, before torch is imported
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")  # no test times anything: the machine may be doing something else


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a models folder with one tiny checkpoint."""
    from tests.tiny_model import write_checkpoint

    return write_checkpoint(tmp_path_factory.mktemp("models")).parents[1]


@pytest.fixture(scope="session")
def probes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the probes as its only pack."""
    packs = tmp_path_factory.mktemp("packs")
    (packs / "wire_probe").symlink_to(DATA / "custom_nodes" / "wire_probe")
    return packs


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path, probes: Path) -> Iterator[Gateway]:
    """Return a gateway of one person with the probes, the same for all tests; each leaves it idle."""
    checkpoints = tmp_path_factory.mktemp("models") / "checkpoints"
    checkpoints.mkdir()
    (checkpoints / "tiny_sd15.safetensors").symlink_to(tiny_models / "checkpoints" / "tiny.safetensors")
    folder = tmp_path_factory.mktemp("gateway")
    settings = {"INHOUSE_SERVER__PLAIN_PREVIEWS": "true"}  # as the sessions' server had it
    with Gateway(folder, "--custom-nodes", probes, "--models", checkpoints.parent, settings=settings) as running:
        yield running


@pytest.fixture
def models(tiny_models: Path) -> Iterator[Path]:
    """Return the same, and compute in one thread: for tensors this small a second one is only waited for."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tiny_models
    torch.set_num_threads(before)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run command lines in this process, in a folder of their own; none may show a stack trace."""
    monkeypatch.chdir(tmp_path)
    for name in ("INHOUSE_MODELS", "INHOUSE_INPUT", "INHOUSE_OUTPUT", "INHOUSE_CUSTOM_NODES", "INHOUSE_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*arguments: str | Path) -> Ran:
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return Ran(code, captured.out, captured.err)

    return invoke
