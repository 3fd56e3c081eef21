"""Answers on standard output, everything else on standard error, and never a stack trace."""

import io
import json
import logging
import sys
import warnings
from collections.abc import Callable

import pytest
import typer

from inhouse.cli.voice import Voice, as_data, speaking
from inhouse.errors import Fault, ModelNotFoundError, OutputError, WorkflowInvalidError

Captured = pytest.CaptureFixture[str]


def ended(action: Callable[[Voice], object], *, as_json: bool = False) -> int:
    """Return the exit code of a command that does something."""
    try:
        with speaking(as_json=as_json) as voice:
            action(voice)
    except typer.Exit as end:
        return end.exit_code
    return 0


def raising(error: BaseException) -> Callable[[Voice], object]:
    def action(_: Voice) -> None:
        raise error

    return action


MISSING = ModelNotFoundError("There is no 'a'.", hint="Looked in b.")


def test_an_error_is_a_sentence_and_an_exit_code(capsys: Captured) -> None:
    assert ended(raising(MISSING)) == 4
    assert capsys.readouterr() == ("", "error There is no 'a'. Looked in b.\n")


def test_an_error_is_one_json_object_for_programs(capsys: Captured) -> None:
    assert ended(raising(MISSING), as_json=True) == 4
    captured = capsys.readouterr()
    assert captured.err == ""
    assert json.loads(captured.out) == {
        "status": "error",
        "errors": [{"code": "model_not_found", "message": "There is no 'a'.", "hint": "Looked in b."}],
    }


def test_every_fault_has_a_line(capsys: Captured) -> None:
    faults = WorkflowInvalidError([Fault("cycle", "A circle."), Fault("no_outputs", "No outputs.", "3", "text")])
    assert ended(raising(faults)) == 3
    assert capsys.readouterr().err == "error workflow: A circle.\nerror node 3, input text: No outputs.\n"


def test_a_fault_of_our_own_is_a_sentence_that_says_how_to_see_more(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INHOUSE_DEBUG", raising=False)
    assert ended(raising(KeyError("x"))) == 70
    assert capsys.readouterr().err == (
        "error A fault in Inhouse: KeyError: 'x'. Set INHOUSE_DEBUG=1 to see where, and report it.\n"
    )


def test_an_author_of_nodes_may_see_where_it_was_raised(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INHOUSE_DEBUG", "1")
    assert ended(raising(KeyError("x")), as_json=True) == 70
    captured = capsys.readouterr()
    assert json.loads(captured.out)["errors"][0]["code"] == "internal_error"
    assert "Traceback" in captured.err


def test_ctrl_c_before_a_run_is_an_interruption(capsys: Captured) -> None:
    assert ended(raising(KeyboardInterrupt()), as_json=True) == 130
    assert json.loads(capsys.readouterr().out)["status"] == "interrupted"


def test_warnings_of_loggers_are_shown_and_listed(capsys: Captured) -> None:
    def action(voice: Voice) -> None:
        logging.getLogger("somebody.else").warning("The file is %s.", "old")
        voice.answer({"status": "success"})

    assert ended(action, as_json=True) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"status": "success", "warnings": ["The file is old."]}
    assert captured.err == ""
    ended(lambda _: logging.getLogger("somebody.else").warning("The file is old."))
    assert capsys.readouterr().err == "warning The file is old.\n"


def test_warnings_end_with_the_command() -> None:
    before = logging.getLogger().handlers[:]
    ended(raising(MISSING))
    assert logging.getLogger().handlers == before


def test_warnings_of_python_are_for_developers(capsys: Captured) -> None:
    assert ended(lambda _: warnings.warn("deprecated", DeprecationWarning, stacklevel=1)) == 0
    assert capsys.readouterr().err == ""


def test_what_nodes_print_does_not_mix_with_the_answer(capsys: Captured) -> None:
    def action(voice: Voice) -> None:
        sys.stdout.write("loading ...\n")
        voice.answer({"status": "success"})

    ended(action, as_json=True)
    assert capsys.readouterr() == ('{"status": "success"}\n', "loading ...\n")


def test_what_json_has_no_word_for_becomes_text(capsys: Captured) -> None:
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    ended(lambda voice: voice.answer({"a": float("nan"), "b": (float("inf"), {3: object})}), as_json=True)
    answer = json.loads(capsys.readouterr().out)
    assert answer["a"] == "nan"
    assert answer["b"] == ["inf", {"3": "<class 'object'>"}]
    ended(lambda voice: voice.answer({"deep": deep}), as_json=True)
    assert "..." in capsys.readouterr().out


def test_a_long_path_stays_in_one_line(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    path = "/a folder/" + "x" * 300
    ended(raising(OutputError(f"Cannot write {path}.")))
    assert capsys.readouterr().err == f"error Cannot write {path}.\n"


def test_markup_in_a_message_is_text(capsys: Captured) -> None:
    ended(raising(OutputError("Cannot write [/red][bold].")))
    assert "[/red][bold]" in capsys.readouterr().err


def test_tables_are_lines_with_tabs_where_nobody_watches(capsys: Captured) -> None:
    ended(lambda voice: voice.table("title", ("a", "b"), [("1", "x" * 200), ("2", "")]))
    assert capsys.readouterr().out == f"1\t{'x' * 200}\n2\t\n"


class FakeTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_tables_have_a_head_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = FakeTerminal()
    monkeypatch.setattr(sys, "stdout", screen)
    ended(lambda voice: voice.table("All [of] them", ("name", "size"), [("[a]", "1")]))
    title, head, row = screen.getvalue().splitlines()
    assert title == "All [of] them"
    assert "name" in head
    assert "[a]" in row


def test_a_program_started_without_standard_output_does_not_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert ended(lambda voice: voice.write("text")) == 0


def test_an_error_without_faults_is_its_own_data() -> None:
    assert as_data(WorkflowInvalidError([]))[0]["code"] == "workflow_invalid"
