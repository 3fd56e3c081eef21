"""What is told of attention, engines and optional packages."""

from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec

import pytest

from inhouse.backends.attention import Trial
from inhouse.backends.compute import Compute
from inhouse.cli.doctor import runtimes
from inhouse.cli.doctor.check import State

TRIED = (
    Trial("sdpa", seconds=0.002, error=1e-6),
    Trial("flash", "gives wrong results", seconds=0.001, error=1.0),
    Trial("cudnn", "is for graphics cards, not for cpu"),
)


@pytest.fixture(autouse=True)
def _tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "trials", lambda *_: TRIED)


def test_each_attention_has_its_time_or_its_reason() -> None:
    found = {check.subject: check for check in runtimes.attention(Compute())}
    assert found["attention"].found == "sdpa"
    assert found["attention sdpa"].found == "2.00 ms, 1e-06 off the formula"
    assert found["attention flash"].state is State.WARN
    assert found["attention cudnn"].state is State.OK


def test_an_attention_that_is_asked_for_and_cannot_be_is_told() -> None:
    first = next(iter(runtimes.attention(Compute(attention="cudnn"))))
    assert first.state is State.WARN
    assert first.found == "sdpa; cudnn, which is asked for, is for graphics cards, not for cpu"
    assert next(iter(runtimes.attention(Compute(attention="sdpa")))).found == "sdpa, as the settings ask"


def test_each_engine_can_be_used_or_says_why_not() -> None:
    found = {check.subject: check.found for check in runtimes.engines(Compute())}
    assert set(found) == {"engine torch.compile", "engine openvino", "engine onnxruntime"}
    if find_spec("openvino") is None:
        assert "pip install" in found["engine openvino"]
    else:
        assert found["engine openvino"] == "can be used"


def test_missing_extras_have_the_line_that_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        runtimes,
        "requires",
        lambda _: [
            "rich>=1",
            "none-such>=2; extra == 'server'",
            'pytest>=1 ; extra == "good"',
            "no-such; extra == 'x'",
        ],
    )
    found = {check.subject: check for check in runtimes.extras()}
    assert set(found) == {"extra server", "extra good", "extra x"}
    assert found["extra good"].found == "installed"
    assert (found["extra server"].state, found["extra x"].state) == (State.WARN, State.OK)
    assert found["extra x"].found == "missing: no-such"
    assert found["extra x"].advice == "pip install 'inhouse[x]'"


def test_a_program_that_is_not_installed_has_no_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> list[str]:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(runtimes, "requires", unknown)
    assert list(runtimes.extras()) == []
