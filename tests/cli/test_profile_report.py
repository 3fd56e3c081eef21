"""What a run's profile says to people and to programs."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from tests.engine.kit import workflow

from inhouse.backends.profile import Profile, Span
from inhouse.cli.profile_report import ProfileReport
from inhouse.cli.voice import Voice
from inhouse.errors import OutputError


@pytest.fixture
def report() -> ProfileReport:
    profile = Profile()
    profile.spans += [
        Span("3", "", 0.5, 2.0, 1000),
        Span("3", "load", 0.5, 0.5, 400),
        Span("3", "steps", 1.0, 1.0, 900),
        Span("x.1", "", 2.5, 7.0, None),
    ]
    profile.steps["3"] = [1.5, 2.0]
    return ProfileReport(profile, workflow(**{"3": ("KSampler", {})}), 10.0)


def voice(*, as_json: bool) -> tuple[Voice, io.StringIO]:
    made, told = Voice(as_json=as_json), io.StringIO()
    made.console = Console(file=told, width=100)
    return made, told


def test_the_longest_come_first_with_their_stages_and_what_is_left(report: ProfileReport) -> None:
    assert list(report.rows()) == [
        ("x.1", "", "", "7.000", "70%", ""),
        ("KSampler (3)", "", "2 steps", "2.000", "20%", "1 kB"),
        ("", "load", "1", "0.500", "5%", "400 bytes"),
        ("", "steps", "1", "1.000", "10%", "900 bytes"),
        ("", "other", "", "0.500", "5%", ""),
        ("outside of nodes", "", "", "1.000", "10%", ""),
        ("all nodes", "load", "1", "0.500", "5%", "400 bytes"),
        ("all nodes", "steps", "1", "1.000", "10%", "900 bytes"),
    ]


def test_people_get_a_table_and_programs_do_not(report: ProfileReport) -> None:
    made, told = voice(as_json=False)
    report.deliver(made, None)
    assert "KSampler (3)" in told.getvalue()
    made, told = voice(as_json=True)
    report.deliver(made, None)
    assert told.getvalue() == ""


def test_data_are_written_where_the_name_says_so(report: ProfileReport, tmp_path: Path) -> None:
    made, told = voice(as_json=False)
    report.deliver(made, tmp_path / "profile.json")
    data = json.loads((tmp_path / "profile.json").read_text())
    assert data["seconds"] == 10
    assert data["nodes"]["3"]["stages"]["load"]["seconds"] == 0.5
    assert "profile.json" in told.getvalue()


def test_a_picture_is_drawn(report: ProfileReport, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    report.write(tmp_path / "profile.svg")
    assert "KSampler (3)" in (tmp_path / "profile.svg").read_text() or (tmp_path / "profile.svg").stat().st_size > 1000


def test_a_run_of_no_time_is_no_fault() -> None:
    assert list(ProfileReport(Profile(), workflow(), 0.0).rows()) == []


def test_other_formats_are_refused(report: ProfileReport, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.png, \.svg, \.pdf or \.json"):
        report.write(tmp_path / "profile.txt")
