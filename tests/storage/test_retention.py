from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from inhouse.errors import PathEscapeError
from inhouse.files import inside
from inhouse.storage.ledger import Ledger
from inhouse.storage.records import Artifact, Conclusion, RunState, Submission
from inhouse.storage.retention import Limits, Retention, Swept

pytestmark = pytest.mark.anyio
DAY = 86_400.0
NOW = 100 * DAY
Place = Callable[[str, str, str, str], Path]


@pytest.fixture
def path_of(tmp_path: Path) -> Place:
    return lambda kind, user, subfolder, filename: inside(tmp_path / "files", f"{user}/{kind}/{subfolder}/{filename}")


async def ran(ledger: Ledger, path_of: Place, run_id: str, days_ago: float, *names: str, size: int = 10) -> None:
    await ledger.submit(Submission(run_id, "ada", 0, "{}"))
    ledger.lease(run_id, "w", 1, 1.0, 2.0)
    files = tuple(Artifact("9", "output", "sub", name, size) for name in names)
    for file in files:
        path = path_of(file.kind, "ada", file.subfolder, file.filename)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
    await ledger.conclude(Conclusion(run_id, RunState.SUCCESS, NOW - days_ago * DAY, artifacts=files))


async def kept(ledger: Ledger, tmp_path: Path) -> tuple[str, str]:
    runs, _ = await ledger.jobs(None)
    files = (tmp_path / "files").rglob("*.png")
    return "".join(sorted(run.submission.id for run in runs)), "".join(sorted(file.stem for file in files))


async def test_without_limits_all_is_kept(ledger: Ledger, path_of: Place, tmp_path: Path) -> None:
    await ran(ledger, path_of, "a", 99, "a.png")
    assert await Retention(ledger, path_of, Limits()).sweep(NOW) == Swept()
    assert await kept(ledger, tmp_path) == ("a", "a")


async def test_runs_older_than_so_many_days_go_with_their_files(ledger: Ledger, path_of: Place, tmp_path: Path) -> None:
    await ran(ledger, path_of, "a", 31, "a.png", "b.png")
    await ran(ledger, path_of, "b", 29, "c.png")
    await ledger.submit(Submission("old but queued", "ada", 0, "{}"))
    assert await Retention(ledger, path_of, Limits(days=30)).sweep(NOW) == Swept(1, 2, 20)
    assert await kept(ledger, tmp_path) == ("bold but queued", "c")
    assert await Retention(ledger, path_of, Limits(days=30)).sweep(NOW) == Swept()


async def test_so_many_of_the_newest_runs_are_kept(ledger: Ledger, path_of: Place, tmp_path: Path) -> None:
    for run_id, days_ago in (("a", 3), ("b", 1), ("c", 2)):
        await ran(ledger, path_of, run_id, days_ago, f"{run_id}.png")
    assert await Retention(ledger, path_of, Limits(runs=2)).sweep(NOW) == Swept(1, 1, 10)
    assert await kept(ledger, tmp_path) == ("bc", "bc")


async def test_the_newest_files_are_kept_up_to_so_many_bytes(ledger: Ledger, path_of: Place, tmp_path: Path) -> None:
    await ran(ledger, path_of, "a", 4)  # made nothing: deleting it would free nothing
    for run_id, days_ago in (("b", 3), ("c", 2), ("d", 1)):
        await ran(ledger, path_of, run_id, days_ago, f"{run_id}.png")
    assert await Retention(ledger, path_of, Limits(bytes=25)).sweep(NOW) == Swept(1, 1, 10)
    assert await kept(ledger, tmp_path) == ("acd", "cd")


async def test_a_file_that_a_newer_run_shows_too_stays_and_counts_once(
    ledger: Ledger, path_of: Place, tmp_path: Path
) -> None:
    await ran(ledger, path_of, "a", 3, "a.png")
    await ran(ledger, path_of, "b", 2, "a.png")
    assert await Retention(ledger, path_of, Limits(bytes=15)).sweep(NOW) == Swept()
    assert await Retention(ledger, path_of, Limits(runs=1)).sweep(NOW) == Swept(1, 0, 0)
    assert await kept(ledger, tmp_path) == ("b", "a")
    assert await Retention(ledger, path_of, Limits(days=1)).sweep(NOW) == Swept(1, 1, 10)
    assert await kept(ledger, tmp_path) == ("", "")


async def test_what_is_gone_already_or_was_never_ours_keeps_no_run(
    ledger: Ledger, path_of: Place, tmp_path: Path
) -> None:
    (tmp_path / "precious").write_text("x")
    await ran(ledger, path_of, "a", 3, "a.png")
    path_of("output", "ada", "sub", "a.png").unlink()
    await ledger.submit(Submission("b", "ada", 0, "{}"))
    escaping = Artifact("9", "output", "../../../..", "precious")
    await ledger.conclude(Conclusion("b", RunState.SUCCESS, 1.0, artifacts=(escaping,)))
    with pytest.raises(PathEscapeError):
        path_of("output", "ada", "../../../..", "precious")
    assert await Retention(ledger, path_of, Limits(days=1)).sweep(NOW) == Swept(2, 0, 0)
    assert (tmp_path / "precious").exists()


async def test_a_run_whose_file_cannot_be_deleted_stays(ledger: Ledger, path_of: Place, tmp_path: Path) -> None:
    await ran(ledger, path_of, "a", 3, "a.png")
    await ran(ledger, path_of, "b", 3, "b.png")
    path_of("output", "ada", "sub", "a.png").unlink()
    path_of("output", "ada", "sub", "a.png").mkdir()
    assert await Retention(ledger, path_of, Limits(days=1)).sweep(NOW) == Swept(1, 1, 10)
    assert (await kept(ledger, tmp_path))[0] == "a"


async def test_many_runs_go_in_several_steps(ledger: Ledger, path_of: Place, tmp_path: Path) -> None:
    await asyncio.gather(*(ledger.submit(Submission(str(index), "ada", 0, "{}")) for index in range(450)))
    ends = (Conclusion(str(index), RunState.ERROR, float(index)) for index in range(450))
    await asyncio.gather(*(ledger.conclude(end) for end in ends))
    assert await Retention(ledger, path_of, Limits(runs=3)).sweep(NOW) == Swept(447, 0, 0)
    assert [run.submission.id for run in await ledger.history(None)] == ["447", "448", "449"]
    assert await ledger.get("0") is None
    assert await kept(ledger, tmp_path) == ("447448449", "")
