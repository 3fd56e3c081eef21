"""What an interrupted run leaves."""

from pathlib import Path

import pytest
import torch

from inhouse.cli.salvage import salvage
from inhouse.engine.result import RunResult
from inhouse.engine.task import Failure
from inhouse.errors import InterruptedRunError, OutputError
from inhouse.packs.diffusion.latent_files import load


def interrupted(*partials: object) -> RunResult:
    failures = tuple(Failure(InterruptedRunError(), str(number), partial) for number, partial in enumerate(partials))
    return RunResult("run", "interrupted", failures=failures)


def test_a_partial_latent_is_kept_and_can_be_loaded(tmp_path: Path) -> None:
    samples = torch.randn(2, 4, 8, 8)
    saved = salvage(interrupted({"samples": samples}), tmp_path / "output")
    assert list(saved) == ["0"]
    assert torch.equal(load(saved["0"])["samples"], samples)


def test_each_interrupted_node_has_a_file_of_its_own(tmp_path: Path) -> None:
    latent = {"samples": torch.zeros(1, 4, 2, 2)}
    saved = salvage(interrupted(latent, None, "text", {"other": 1}, latent), tmp_path)
    assert list(saved) == ["0", "4"]
    assert len(set(saved.values())) == 2


def test_nothing_is_written_where_there_was_nothing(tmp_path: Path) -> None:
    assert salvage(interrupted(None), tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError):
        salvage(interrupted({"samples": torch.zeros(1, 4, 2, 2)}), tmp_path / "file")
