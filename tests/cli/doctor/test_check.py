"""What came of looking at a machine."""

from inhouse.cli.doctor.check import Check, State, worst


def test_the_worst_check_decides() -> None:
    fine, weak, broken = (Check("a", "b", state) for state in State)
    assert worst([]) is State.OK
    assert worst([weak, fine]) is State.WARN
    assert worst([fine, broken, weak]) is State.FAIL
