"""The pass `optimise`: the same answers in less time, from fused operations and from how the runtime is told to run."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, redirect_stdout
from dataclasses import replace
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

from inhouse.backends.own_log import own_log
from inhouse.errors import InhouseError
from inhouse.models.receipt import PassRecord
from inhouse.models.signature import BATCH
from inhouse.packs.conversion.calibration import stacked, taken
from inhouse.packs.conversion.metrics import answers, relative_error
from inhouse.packs.conversion.racing import race
from inhouse.packs.conversion.verifying import opened

if TYPE_CHECKING:
    from inhouse.packs.conversion.model import Draft, SourceModel

BATCHES = (1, 32)
"""A way is as fast as the geometric mean of these says."""
_SAME = 1e-3
"""Relative error up to which a fused graph is the same one: float32 in another order."""
_MOST_COPIED = 200_000_000
"""Bytes of weights up to which a copy for a batch of its own may be had."""
_GAIN = 0.97
"""What is not faster by this is left as it came."""
_PLAIN = {"properties": {"SNIPPETS_MODE": "DISABLE"}}
"""OpenVINO's generated code for attention is slower than its plain products where sentences are short."""
_LENGTHS = (16, 32, 64)
"""Tokens that a single text is filled up to, where copies of these lengths are faster."""


def optimise(draft: Draft) -> Draft:
    """Return the draft as a graph and with settings that are the fastest of those tried, here, on its own inputs.

    ONNX graphs of encoders are fused for ONNX Runtime (attention, layer norms, GELU); what comes out is kept only if it
    answers the same and is faster. Then `tuned` chooses settings.
    """
    began = time.monotonic()
    notes: list[str] = []
    found = draft
    if draft.format == "onnx" and draft.serving.runtime == "onnxruntime":
        found, note = _fused(draft)
        notes.append(note)
    found, note = tuned(found)
    notes += [note] if note else []
    return found.after(PassRecord("optimise", {}, time.monotonic() - began, tuple(notes)))


def tuned(draft: Draft) -> tuple[Draft, str]:
    """Return the draft with the fastest of its runtime's settings, and what is to be told of it."""
    settings = _settings(draft.source) if draft.serving.runtime == "openvino" else ()
    told = [
        replace(draft, serving=replace(draft.serving, options={**draft.serving.options, **setting}))
        for setting in settings
    ]
    if draft.serving.device != "cpu" or len(told) < 2 or not draft.source.samples:
        return draft, ""
    figures = speeds({str(number): one for number, one in enumerate(told)})
    best = min(figures, key=lambda name: figures[name])
    if best == "0" or figures[best] > figures["0"] * _GAIN:
        return draft, ""
    chosen = told[int(best)]
    return chosen, f"{dict(chosen.serving.options)} takes {figures[best] / figures['0']:.0%} of the time"


def _settings(source: SourceModel) -> Sequence[Mapping[str, Any]]:
    """Return what is worth a try: plain attention, and copies of fixed sizes of a model that is small enough."""
    free = {size for spec in source.inputs for size in spec.shape if isinstance(size, str)}
    if source.nbytes >= _MOST_COPIED:
        return {}, _PLAIN
    if free == {BATCH}:
        return {}, _PLAIN, {"fixed": [1, 8]}
    if _may_be_filled_up(source):
        lengths = {
            "fixed": [[1, length] for length in _LENGTHS],
            "padding": {spec.name: 0 for spec in source.inputs},
        }
        return {}, _PLAIN, lengths, {**_PLAIN, **lengths}
    return {}, _PLAIN


def _may_be_filled_up(source: SourceModel) -> bool:
    """Whether texts may be longer than they are: a mask tells which tokens count, and no answer has an axis of them."""
    same = {spec.shape for spec in source.inputs}
    masked = any("mask" in spec.name for spec in source.inputs)
    answered = {size for spec in source.outputs for size in spec.shape if isinstance(size, str)}
    return masked and answered <= {BATCH} and all(len(shape) == 2 for shape in same) and len(same) == 1


def speeds(drafts: Mapping[str, Draft], batches: Sequence[int] = BATCHES) -> dict[str, float]:
    """Return the seconds of a call of each draft, the geometric mean over batches; those that cannot be run lack.

    Rounds take turns, and figures are processor time on processors.
    """
    with ExitStack() as stack:
        sessions = {}
        for name, draft in drafts.items():
            try:
                sessions[name] = stack.enter_context(closing(opened(draft)))
            except InhouseError:
                continue
        source = next(iter(drafts.values())).source
        device = next(iter(drafts.values())).serving.device
        clock = time.process_time if device == "cpu" else time.perf_counter
        rounds = []
        for batch in _batches(source, batches):
            feeds = stacked(source.samples, batch)
            calls: dict[str, Callable[[], object]] = {
                name: partial(session.run, taken(session, feeds)) for name, session in sessions.items()
            }
            rounds.append(race(calls, clock=clock))
        return {name: prod(found[name] for found in rounds) ** (1 / len(rounds)) for name in sessions}


def _batches(source: SourceModel, batches: Sequence[int]) -> Iterator[int]:
    if not all(spec.batched for spec in source.inputs):
        yield 1
        return
    most = source.limits.get("batch", (1, max(batches)))[1]
    # A batch that takes long alone says as much when it is smaller.
    most = min(most, 8) if any(len(spec.shape) == 4 for spec in source.inputs) else most
    yield from dict.fromkeys(min(batch, most) for batch in batches)


@contextmanager
def _unheard() -> Iterator[None]:
    """Keep the optimizer from printing and logging what it could not do; what it did is looked at all the same."""
    with own_log(), redirect_stdout(io.StringIO()):
        logging.disable(logging.WARNING)
        yield


def _fused(draft: Draft) -> tuple[Draft, str]:
    """Return the draft with its graph fused for ONNX Runtime, if it is an encoder's, answers the same and is faster."""
    from onnxruntime.transformers.optimizer import optimize_model

    name = "model.fused.onnx"
    try:
        with _unheard():
            model = optimize_model(str(draft.model), model_type="bert", opt_level=0, num_heads=0, hidden_size=0)
        fused = {kind: count for kind, count in model.get_fused_operator_statistics().items() if count}
        if not fused:
            return draft, "nothing to fuse beyond what ONNX Runtime does at loading"
        model.save_model_to_file(str(draft.folder / name), use_external_data_format=draft.source.nbytes > 2_000_000_000)
        made = replace(draft, serving=replace(draft.serving, model=name))
        if (error := _difference(made)) > _SAME:
            return draft, f"fusing was undone: it changes answers by {error:.2g}"
    except Exception as error:  # noqa: BLE001 - the optimizer raises whatever it meets, and the graph as it is will do
        return draft, f"fusing was left out: {str(error).splitlines()[0][:120] if str(error) else type(error).__name__}"
    figures = speeds({"plain": draft, "fused": made})
    if figures.get("fused", 1.0) > figures["plain"] * _GAIN:
        (draft.folder / name).unlink()
        return draft, "fusing was undone: it is not faster"
    said = ", ".join(f"{count} {kind}" for kind, count in sorted(fused.items()))
    return made, f"fused {said}: {figures['fused'] / figures['plain']:.0%} of the time"


def _difference(draft: Draft) -> float:
    """Return the greatest relative error of the draft on a few of its samples."""
    source = draft.source
    worst = 0.0
    with closing(opened(draft)) as session:
        for row in source.samples[:4]:
            found = session.run(taken(session, row))
            named = dict(zip((spec.name for spec in source.outputs), found.values(), strict=False))
            wanted = answers(source, row, source.answer(row))
            worst = max(worst, relative_error(wanted, answers(source, row, named)))
    return worst
