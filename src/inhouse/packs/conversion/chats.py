"""Chats: a causal language model becomes an artifact that torch runs with its keys and values kept.

A graph would have to carry what a conversation was so far through its inputs and outputs; torch keeps it beside the
model. So this conversion changes the precision only, and compares which token comes next.
"""

from __future__ import annotations

import copy
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from inhouse.errors import AccuracyError, ConversionError
from inhouse.models.artifact import Artifact, Serving, save_artifact
from inhouse.models.receipt import Check, Cost, PassRecord, Receipt
from inhouse.models.signature import Field
from inhouse.packs.conversion.assembling import machine, tools

if TYPE_CHECKING:
    from inhouse.models.signing import Signer
    from inhouse.packs.conversion.model import SourceModel

MESSAGES: Final = Field(
    "messages",
    "messages",
    "The conversation so far.",
    rows=False,
    example=[{"role": "user", "content": "What is the capital of France?"}],
)
ANSWER: Final = Field("answer", "json", "What was said, why it ended, and how many tokens that took.", rows=False)
PIPELINE: Final = {
    "1": {"class_type": "ServiceInput", "inputs": {"name": "messages", "kind": "messages", "value": ""}},
    "2": {"class_type": "ServiceParameters", "inputs": {}},
    "3": {"class_type": "ServedChat", "inputs": {}},
    "4": {"class_type": "ChatReply", "inputs": {"chat": ["3", 0], "messages": ["1", 0], "parameters": ["2", 0]}},
    "5": {"class_type": "ServiceOutput", "inputs": {"value": ["4", 0], "name": "answer"}},
}
MIN_AGREEMENT: Final = 0.85
"""Of the next tokens: small models are undecided between two of them now and then."""
WEIGHTS: Final = "model.safetensors"


def save_chat(
    source: SourceModel,
    place: Path,
    signer: Signer,
    *,
    precision: Literal["fp32", "bf16"] = "bf16",
    threads: int = 0,
    name: str = "",
) -> Artifact:
    """Write the artifact of a chat, whole or not at all.

    Args:
        source: a causal language model of transformers, or a GGUF file.
        place: where its folder is to be; nothing may be there.
        signer: signs the receipt.
        precision: of weights and arithmetic.
        threads: that it computes with; 0 leaves that to torch.
        name: what it is to be called; the source's name if empty.

    Raises:
        ConversionError: it is no language model, or has no tokenizer.
        AccuracyError: it no longer says the same.
        OutputError: something is there already, or it cannot be written.

    """
    import torch

    model = getattr(source.module, "model", None)
    if source.task != "chat" or model is None or "tokenizer.json" not in source.assets:
        raise ConversionError(
            f"{source.name} is no chat that torch runs.", hint="Give a GGUF file, or a folder of transformers' format."
        )
    served = copy.deepcopy(model).to(torch.bfloat16 if precision == "bf16" else torch.float32).eval()
    check = _compared(source, served)
    if not check.passed:
        raise AccuracyError(
            f"In {precision} {source.name} goes on differently {1 - check.value:.0%} of the times.",
            hint="Convert it with fp32.",
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".converting-", dir=place.parent))
    try:
        _write(source, served, made / "it")
        artifact = Artifact(
            folder=made / "it",
            name=name or source.name,
            task="chat",
            serving=Serving("torch", WEIGHTS, precision=precision, threads=threads),
            inputs=(),
            outputs=(),
            fields_in=(MESSAGES,),
            fields_out=(ANSWER,),
            pipeline=PIPELINE,
            max_batch=1,
        )
        costs = _costs(source, served, made / "it" / WEIGHTS)
        return save_artifact(artifact, _receipt(source, artifact, check, costs), signer, place)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _compared(source: SourceModel, served: Any) -> Check:
    """Return how often the likeliest next token is the original's, over all places of the samples."""
    import torch

    same = total = 0
    for feeds in source.samples[:8]:
        ids = torch.from_numpy(feeds["input_ids"])
        before = torch.from_numpy(source.answer(feeds)["logits"]).argmax(-1)
        with torch.inference_mode():
            after = served(input_ids=ids, use_cache=False).logits.argmax(-1)
        same += int((before == after).sum())
        total += before.numel()
    value = same / max(total, 1)
    return Check("realistic", "top-1 agreement", value, MIN_AGREEMENT, value >= MIN_AGREEMENT)


def _write(source: SourceModel, served: Any, folder: Path) -> None:
    from safetensors.torch import save_file

    folder.mkdir()
    weights = {name: value.contiguous() for name, value in served.state_dict().items()}
    if served.config.tie_word_embeddings:
        weights.pop("lm_head.weight", None)
    save_file(weights, folder / WEIGHTS, {"format": "pt"})
    served.config.save_pretrained(str(folder))
    for asset, file in source.assets.items():
        shutil.copyfile(file, folder / asset)


def _costs(source: SourceModel, served: Any, weights: Path) -> tuple[Cost, Cost]:
    """Return what reading one sample costs the original and the copy: the middle of five turns of each."""
    import torch

    feeds = source.samples[0]
    ids = torch.from_numpy(feeds["input_ids"])
    taken: tuple[list[float], list[float]] = ([], [])
    calls: tuple[Callable[[], object], ...] = (
        lambda: source.answer(feeds),
        lambda: served(input_ids=ids, use_cache=False),
    )
    for _ in range(5):
        for seconds, call in zip(taken, calls, strict=True):
            begun = time.process_time()
            with torch.inference_mode():
                call()
            seconds.append(time.process_time() - begun)
    before, after = (statistics.median(seconds) * 1e3 for seconds in taken)
    held = sum(value.nbytes for value in served.state_dict().values()) / 1e6
    on_disk = (source.path.stat().st_size if source.path.is_file() else source.nbytes) / 1e6
    return Cost(before, source.nbytes / 1e6, on_disk), Cost(after, held, weights.stat().st_size / 1e6)


def _receipt(source: SourceModel, artifact: Artifact, check: Check, costs: tuple[Cost, Cost]) -> Receipt:
    serving = artifact.serving
    return replace(
        Receipt(
            name=artifact.name,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            source={"name": source.name, "format": source.format, "sha256": source.sha256},
            files={},
            format="torch",
            precision=serving.precision,
        ),
        passes=(PassRecord("chat", {"precision": serving.precision}),),
        budget={"metric": "top-1", "max_drop": 1 - MIN_AGREEMENT},
        checks=(check,),
        before=costs[0],
        after=costs[1],
        served_with={"runtime": "torch", "device": "cpu", "precision": serving.precision, "max_batch": 1},
        machine=machine(),
        tools=tools(),
    )
