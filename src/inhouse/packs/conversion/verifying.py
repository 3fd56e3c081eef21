"""Whether a converted model answers as the original does; if it does not, there is no artifact."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from inhouse.backends.sessions.base import SessionOptions
from inhouse.errors import AccuracyError, ConversionError, InhouseError, NodeInputError
from inhouse.models.receipt import Check, PassRecord
from inhouse.packs.conversion.adversarial import Examiner
from inhouse.packs.conversion.bisection import blamed
from inhouse.packs.conversion.metrics import Figure, answers, figures, mask_of, relative_error
from inhouse.packs.conversion.model import Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inhouse.backends.sessions.base import Feeds, Session
    from inhouse.packs.conversion.adversarial import Question
    from inhouse.packs.conversion.model import Draft, Precision

    Answers: TypeAlias = Mapping[str, NDArray[Any]]
    Progress: TypeAlias = Callable[[float, float], None]
    Faulty: TypeAlias = tuple[Check, Feeds]

VERIFY = "verify"
"""What the pass is called."""
FINEST = 1e-3
"""What a conversion that stays in float32 may lose at most, whatever budget is given: nothing in it should."""
LOOSE: Mapping[Precision, float] = MappingProxyType({"fp32": 0.02, "fp16": 0.1, "bf16": 0.25, "int8": 2.0, "int4": 2.0})
"""Relative error that inputs made to find faults may bring, by precision. They lie outside of what quantisation was
calibrated for, so that no budget of an average fits them; numbers they must give where the original gives numbers."""
ROUNDING: Mapping[Precision, float] = MappingProxyType(
    {"fp32": 0.01, "fp16": 0.02, "bf16": 0.06, "int8": 0.3, "int4": 0.5}
)
"""Relative error up to which a layer within the model is not to blame, by precision."""
_SAME = 1e-6
TOGETHER = "a row alone and in a batch"
"""The case in which neighbours must not show."""
MIXED = f"{TOGETHER}, as the original"
"""The same where they show in the original, too: such a model is asked a row at a time."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a conversion may lose.

    Attributes:
        metric: how it is measured, and how much, on realistic inputs.
        loose: the relative error allowed on others.

    """

    metric: Metric
    loose: float

    @classmethod
    def of(cls, draft: Draft, metric: Metric) -> Budget:
        """Return the budget that a draft gets: what was asked for, or less if it computes in float32 as before."""
        precision = coarsest(draft)
        if precision == "fp32":
            metric = replace(metric, max_drop=min(metric.max_drop, FINEST))
        return cls(metric, LOOSE[precision])

    def as_dict(self) -> dict[str, Any]:
        """Return it as a receipt has it."""
        return {"metric": self.metric.name, "max_drop": self.metric.max_drop, "adversarial_relative_error": self.loose}


def verify(draft: Draft, metric: Metric, *, batch: int = 32, seed: int = 0, progress: Progress | None = None) -> Draft:
    """Compare a converted model, run as it will be served, with the original in float32.

    Args:
        draft: what was converted.
        metric: how answers are compared, and how much may be lost.
        batch: the batch that it will be served with.
        seed: of what is random in the inputs.
        progress: told how many questions of how many were asked.

    Returns:
        The draft with all comparisons.

    Raises:
        AccuracyError: it answers differently; the first layer that does is named where it can be found.
        ConversionError: it cannot be asked at all.

    """
    budget, began = Budget.of(draft, metric), time.monotonic()
    session = opened(draft)
    try:
        examiner = Examiner(draft.source, session.inputs, batch, seed)
        if not examiner.rows:
            raise ConversionError("There are no inputs to compare answers on.", hint="Give some with --data.")
        _insist_on_sense(draft, examiner.rows[0])
        exam = Exam(draft, session, examiner, budget)
        checked = list(exam.all(progress or _nobody_watches))
        if faulty := [(check, feeds) for check, feeds in checked if not check.passed]:
            raise exam.refusal(faulty, [check for check, _ in checked])
    finally:
        session.close()
    options = {**budget.as_dict(), "batch": batch, "seed": seed}
    record = PassRecord(VERIFY, options, time.monotonic() - began, (f"{len(checked)} comparisons",))
    return draft.after(record, checks=tuple(check for check, _ in checked))


def coarsest(draft: Draft) -> Precision:
    """Return the coarser of the precisions of weights and of arithmetic."""
    order = list(LOOSE)
    return max(draft.precision, draft.serving.precision, key=order.index)  # type: ignore[arg-type] # both are precisions


class Exam:
    """One examination.

    Args:
        draft: what is examined.
        session: runs it.
        examiner: asks.
        budget: what may be lost.

    """

    def __init__(self, draft: Draft, session: Session, examiner: Examiner, budget: Budget) -> None:
        self._draft = draft
        self._source = draft.source
        self._session = session
        self._examiner = examiner
        self._budget = budget
        self._answered: dict[str, set[int]] = {}
        self._refused: dict[str, set[int]] = {}

    def all(self, progress: Progress) -> Iterator[Faulty]:
        """Yield every comparison, with inputs that it was made on."""
        examiner = self._examiner
        questions = [*examiner.realistic(), *examiner.lengths(), *examiner.adversarial()]
        for number, question in enumerate(questions):
            progress(number, len(questions) + 1)
            yield from self._ask(question)
        progress(len(questions), len(questions) + 1)
        yield from self._alone_and_together()
        yield from self._axes()
        yield from self._drawn()
        progress(len(questions) + 1, len(questions) + 1)

    def _ask(self, question: Question) -> Iterator[Faulty]:
        try:
            wanted = [self._reference(feeds) for feeds in question.calls]
        except (InhouseError, RuntimeError, ValueError, IndexError) as error:
            self._note(question.calls, self._refused)
            yield self._unanswerable(question, error), question.calls[0]
            return
        try:
            found = [self._found(feeds) for feeds in question.calls]
        except InhouseError as error:
            yield _unanswered(question.case, error), question.calls[0]
            return
        self._note(question.calls, self._answered)
        pairs = list(zip(wanted, found, strict=True))
        shown = _worst(question.calls, pairs)
        if not question.adversarial:
            few = question.case != "realistic" and len(self._examiner.batches) > 1
            yield from ((figure.check(question.case), shown) for figure in figures(self._budget.metric, pairs, few=few))
            return
        error_found = max(relative_error(*pair) for pair in pairs)
        yield Figure("relative error", error_found, self._budget.loose).check(question.case), shown

    def _unanswerable(self, question: Question, error: Exception) -> Check:
        said = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        realistic = question.case in {"realistic", "batch 1"}
        return Check(
            question.case,
            f"not compared, the original refuses: {said}",
            0,
            0,
            passed=not realistic,
            informative=not realistic,
        )

    def _alone_and_together(self) -> Iterator[Faulty]:
        """Compare each row alone with the same row in a batch, beside longer ones."""
        mixed = self._examiner.mixed()
        if mixed is None:
            return
        rows, batch = mixed
        case = TOGETHER
        try:
            checks = self._compared(case, rows, batch, self._found)
        except InhouseError as error:
            yield _unanswered(case, error), batch
            return
        if not all(check.passed for check in checks):
            checks = self._excused(checks, self._compared(case, rows, batch, self._reference))
        yield from ((check, batch) for check in checks)

    def _compared(
        self, case: str, rows: Sequence[Feeds], batch: Feeds, answer: Callable[[Feeds], Answers]
    ) -> list[Check]:
        pairs = _apart(rows, [answer(row) for row in rows], answer(batch))
        return [figure.check(case) for figure in figures(self._budget.metric, pairs, few=True)]

    @staticmethod
    def _excused(checks: Sequence[Check], own: Sequence[Check]) -> list[Check]:
        """Forgive what the original does itself: some models do look at other rows."""
        return [
            check if check.passed or same.passed else replace(check, case=MIXED, passed=True, informative=True)
            for check, same in zip(checks, own, strict=True)
        ]

    def _axes(self) -> Iterator[Faulty]:
        """Say of each axis of any length at how many lengths answers were had."""
        examiner, row = self._examiner, self._examiner.rows[0]
        wanted = {"batch": examiner.batches, **examiner.axes}
        for axis, lengths in wanted.items():
            answered = self._answered.get(axis, set()) & set(lengths)
            asked = set(lengths) - (self._refused.get(axis, set()) - answered)
            if len(lengths) > 1:
                yield Figure("lengths answered", len(answered), len(asked), at_least=True).check(f"axis {axis}"), row

    def _drawn(self) -> Iterator[Faulty]:
        """Compare what a part of a diffusion model draws."""
        if self._source.task != "diffusion":
            return
        from inhouse.packs.conversion.image_gate import Studio, image_figures

        row = self._examiner.rows[0]
        try:
            pictures = Studio(self._source, self._examiner.seed).pictures(self._source.answer, self._run)
        except NodeInputError as error:
            yield _unanswered("a picture", error), row
            return
        case = f"a picture at seed {self._examiner.seed}"
        yield from ((figure.check(case), row) for figure in image_figures(self._budget.metric, *pictures))

    def _note(self, calls: Iterable[Feeds], where: dict[str, set[int]]) -> None:
        for feeds in calls:
            for spec in self._source.inputs:
                for size, length in zip(spec.shape, feeds[spec.name].shape, strict=True):
                    if isinstance(size, str):
                        where.setdefault(size, set()).add(length)

    def refusal(self, faulty: Sequence[Faulty], checks: Sequence[Check]) -> AccuracyError:
        """Return what is raised: the worst comparison, and the first layer at fault."""
        check, feeds = max(faulty, key=lambda pair: _excess(pair[0]))
        few = {name: array[:1] for name, array in feeds.items()} if len(self._examiner.batches) > 1 else feeds
        layer = blamed(self._draft, few, self._tolerance(few))
        others = f", and {len(faulty) - 1} other comparisons fail" if len(faulty) > 1 else ""
        where = f" The first layer that differs is {layer}." if layer else " No single layer stands out."
        return AccuracyError(
            f"The converted {self._source.name} answers differently from the original: {check.case}, {check.metric} is "
            f"{check.value:.4g} where {check.bound:.4g} is allowed{others}.{where}",
            layer=layer,
            checks=checks,
            hint="Allow more with --max-drop, take a finer --precision, or give more of your own inputs with --data.",
        )

    def _tolerance(self, feeds: Feeds) -> float:
        """Return the relative error from which on a layer is to blame: never more than half of what it came to."""
        rounding = ROUNDING[coarsest(self._draft)]
        try:
            final = relative_error(self._reference(feeds), self._found(feeds))
        except (InhouseError, RuntimeError, ValueError):
            return rounding
        return min(rounding, final / 2) if final > _SAME else rounding

    def _reference(self, feeds: Feeds) -> Answers:
        return answers(self._source, feeds, self._source.answer(feeds))

    def _found(self, feeds: Feeds) -> Answers:
        return answers(self._source, feeds, self._run(feeds))

    def _run(self, feeds: Feeds) -> Feeds:
        return _named(self._source.outputs, self._session.run(feeds))


def _insist_on_sense(draft: Draft, feeds: Feeds) -> None:
    """Refuse an original that nothing could be compared with.

    Raises:
        ConversionError: it answers no numbers, or something else each time.

    """
    import numpy as np

    once, again = (draft.source.answer(feeds) for _ in range(2))
    name = draft.source.name
    for output, array in once.items():
        if array.dtype.kind == "f" and not np.isfinite(array).any():
            raise ConversionError(
                f"{name} itself answers no numbers: {output} is all NaN or infinite.", hint="Look at its weights."
            )
        if relative_error({output: array}, {output: again[output]}) > _SAME:
            raise ConversionError(
                f"{name} itself answers something else each time: {output} differs for the same inputs.",
                hint="Take out what is random in it, such as dropout, or give its noise as an input.",
            )


def _unanswered(case: str, error: InhouseError) -> Check:
    """Return what is said where the original answers and the converted model does not."""
    return Check(case, f"answered: {error.message}"[:200], 0, 1, passed=False)


def _named(specs: Sequence[Any], outputs: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    """Return outputs under the original's names; a format that keeps no names keeps the order."""
    wanted = [spec.name for spec in specs]
    return outputs if set(wanted) <= set(outputs) else dict(zip(wanted, outputs.values(), strict=False))


def opened(draft: Draft) -> Session:
    """Return a session of the draft as it will be served."""
    from inhouse.backends.sessions.registry import open_session

    serving = draft.serving
    options = SessionOptions(serving.device, serving.precision, serving.threads, options=serving.options)
    return open_session(serving.runtime, draft.model, options)


def _worst(calls: Sequence[Feeds], pairs: Sequence[tuple[Answers, Answers]]) -> Feeds:
    errors = [relative_error(*pair) for pair in pairs]
    return calls[errors.index(max(errors))]


def _apart(rows: Sequence[Feeds], alone: Sequence[Answers], together: Answers) -> list[tuple[Answers, Answers]]:
    """Return pairs of a row's answer alone and of its part of the batch's answer, without the padding."""
    pairs: list[tuple[Answers, Answers]] = []
    for number, (row, answer) in enumerate(zip(rows, alone, strict=True)):
        mask = mask_of(row)
        part = {}
        for name, array in together.items():
            own = array[number : number + 1]
            cut = mask is not None and own.ndim > 1 and answer[name].shape[1:2] == mask.shape[1:]
            part[name] = own[:, : mask.shape[1]] if cut and mask is not None else own
        pairs.append((answer, part))
    return pairs


def _excess(check: Check) -> float:
    """Return how far beyond its bound a check is: as a ratio, of agreements of what is missing."""
    beyond = 1 - check.value if check.value < check.bound else check.value
    return beyond / max(1 - check.bound if check.value < check.bound else check.bound, _SAME)


def _nobody_watches(value: float, total: float) -> None:
    """Let progress pass."""
