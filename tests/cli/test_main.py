"""The command as a whole."""

import io
import subprocess
import sys

import pytest
from tests.program import Command, environment

from inhouse import __version__
from inhouse.cli import main


def test_without_arguments_it_explains_itself(command: Command) -> None:
    shown = command()
    assert shown.code == 0
    assert "run" in shown.stdout
    assert "Exit codes: 0 done; 1 a node failed;" in " ".join(shown.stdout.split())


def test_it_says_its_version(command: Command) -> None:
    assert command("--version").stdout == f"inhouse {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [("run",), ("run", "a.json", "--sed", "3"), ("run", "a.json", "--seed", "-1"), ("rnu", "a.json")]
)
def test_wrong_usage_is_told_like_any_other_error(command: Command, arguments: tuple[str, ...]) -> None:
    told = command(*arguments)
    assert told.code == 2
    assert told.stdout == ""
    assert told.stderr.startswith("error ")
    assert "--help" in told.stderr
    told = command(*arguments, "--json")
    assert told.code == 2
    assert told.codes == ["usage"]
    assert told.stderr == ""


@pytest.mark.parametrize("seed", ["18446744073709551616", "1.5", "x"])
def test_a_seed_is_a_number_of_64_bits(command: Command, seed: str) -> None:
    assert command("run", "a.json", "--seed", seed, "--json").codes == ["usage"]


def test_a_batch_has_at_least_one_picture(command: Command) -> None:
    assert command("run", "a.json", "--batch", "0", "--json").codes == ["usage"]


def test_a_stream_shows_as_escapes_what_it_cannot_encode(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "argv", ["inhouse", "nodes", "苹果", "--json"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2
    sys.stdout.write("苹果")
    sys.stdout.flush()
    assert written.getvalue().endswith(b"\\u82f9\\u679c")


HEAVY = ("torch", "numpy", "PIL", "scipy", "tokenizers", "safetensors", "yaml")


@pytest.mark.parametrize("arguments", [["--help"], ["nodes", "--json"]])
def test_no_heavy_library_is_imported_to_help_or_to_list(arguments: list[str]) -> None:
    code = (
        "import sys; from inhouse.cli.main import run; run(sys.argv[1:]); "
        f"sys.stderr.write(' '.join(n for n in {HEAVY} if n in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout
    assert done.stderr == ""
