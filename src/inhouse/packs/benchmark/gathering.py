"""From what somebody names to a bench that is ready to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from inhouse.errors import UsageError
from inhouse.packs.benchmark.model import distinct
from inhouse.packs.benchmark.processes import check_installed
from inhouse.packs.benchmark.rounds import Bench, Progress
from inhouse.packs.benchmark.targets import Wishes, kind_of, model_subjects

if TYPE_CHECKING:
    from inhouse.packs.benchmark.service_subject import Caller
    from inhouse.packs.benchmark.subject import Subject

Workflows: TypeAlias = "Callable[[str], Subject]"
"""Makes a subject of a workflow's name; whoever has an engine knows how."""


def gather(
    targets: Sequence[str],
    wishes: Wishes,
    *,
    seconds: float = 30.0,
    reference: str = "",
    caller: Caller | None = None,
    workflows: Workflows | None = None,
    progress: Progress = lambda *_: None,
) -> Bench:
    """Return a bench of all variants of all targets.

    Args:
        targets: as `inhouse.packs.benchmark.targets.kind_of` tells them apart.
        wishes: which variants and loads.
        seconds: how long to measure.
        reference: a model whose answers all others are compared with.
        caller: how services are called.
        workflows: makes subjects of workflows; without it there can be none.
        progress: see `Bench`.

    Raises:
        UsageError: a target cannot be measured here, or what measures is not installed.
        ModelError: a model is not there, or cannot be read.

    """
    check_installed()
    subjects: list[Subject] = []
    for target in targets:
        kind = kind_of(target)
        if kind == "model":
            subjects += model_subjects(target, wishes)
        elif kind == "service":
            from inhouse.packs.benchmark.service_subject import Caller, ServiceSubject

            subjects.append(ServiceSubject(target, caller or Caller()))
        elif workflows is None:
            raise UsageError(f"{target} is no model and no address.", hint="Check the path.")
        else:
            subjects.append(workflows(target))
    for subject, name in zip(subjects, distinct([one.variant.name for one in subjects]), strict=True):
        subject.variant.name = name
    against = model_subjects(reference, Wishes(questions=wishes.questions))[0] if reference else None
    return Bench(subjects, wishes.loads(), seconds, reference=against, progress=progress, seed=wishes.questions.seed)
