"""Scripts rely on exit codes."""

import pytest

from inhouse import InhouseError, errors
from inhouse.cli.exits import Exit, common, exit_code
from inhouse.errors import Fault, WorkflowInvalidError

MEANT: dict[type[errors.InhouseError], int] = {
    errors.NodeExecutionError: 1,
    errors.OutOfMemoryError: 1,
    errors.UsageError: 2,
    errors.ChangeError: 2,
    errors.RegistryError: 2,
    errors.WorkflowFormatError: 3,
    errors.ModelNotFoundError: 4,
    errors.ModelFormatError: 4,
    errors.UnsafeModelError: 4,
    errors.AccuracyError: 8,
    errors.PathEscapeError: 5,
    errors.OutputError: 5,
    errors.ImageError: 5,
    errors.InternalError: 70,
}


@pytest.mark.parametrize(("kind", "code"), MEANT.items(), ids=lambda value: getattr(value, "__name__", str(value)))
def test_each_kind_of_error_has_its_code(kind: type[InhouseError], code: int) -> None:
    assert exit_code(kind("It broke.")) == code


def test_an_interrupted_run_ends_as_shells_expect() -> None:
    assert exit_code(errors.InterruptedRunError()) == 130


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        (("value_not_in_list",), Exit.INVALID),
        (("model_not_found", "model_not_found"), Exit.MODEL),
        (("input_not_found", "path_escape"), Exit.FILES),
        (("model_not_found", "cycle"), Exit.INVALID),
    ],
)
def test_a_workflow_that_lacks_only_models_says_so(codes: tuple[str, ...], code: int) -> None:
    assert exit_code(WorkflowInvalidError([Fault(name, "It is wrong.") for name in codes])) == code


def test_failures_that_disagree_have_no_common_code() -> None:
    assert common([Exit.MODEL, Exit.MODEL], Exit.FAILED) is Exit.MODEL
    assert common([Exit.MODEL, Exit.FILES], Exit.FAILED) is Exit.FAILED
    assert common([], Exit.FAILED) is Exit.FAILED
