"""Nodes that compare a converted model with the original, and write it down."""

from __future__ import annotations

from typing import Annotated

from inhouse import Choices, Context, Output, Range, Result, node
from inhouse.files import Folders
from inhouse.models.signing import Signer
from inhouse.packs.conversion.wires import Draft

METRICS = ("auto", "cosine", "top-1", "relative", "psnr")


@node("VerifyModel", category="conversion", display_name="Verify Model")
def verify_model(
    *,
    draft: Draft,
    max_drop: Annotated[float, Range(0.0, 1.0, step=0.001)] = 0.01,
    batch: Annotated[int, Range(1, 4096)] = 32,
    metric: Annotated[str, Choices(METRICS)] = "auto",
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0,
    context: Context,
) -> Annotated[Draft, Output("draft")]:
    """Compare a converted model with the original, and refuse it if it answers differently."""
    from inhouse.packs.conversion.model import Metric
    from inhouse.packs.conversion.verifying import verify

    name = draft.source.metric if metric == "auto" else metric
    measure = Metric(name, max_drop)  # type: ignore[arg-type] # one of the choices
    return verify(draft, measure, batch=batch, seed=seed, progress=context.progress)


@node("SaveArtifact", category="conversion", display_name="Save Artifact", output_node=True, cacheable=False)
def save_artifact(*, draft: Draft, name: str = "model", context: Context) -> Annotated[str, Output("artifact")]:
    """Write a verified model into the output folder, with a signed receipt of how it was made."""
    from inhouse.packs.conversion.assembling import free_place, save

    place = free_place(context.service(Folders).output, name)
    artifact, receipt = save(draft, place, context.find(Signer) or Signer.open(), name=name.rpartition("/")[2])
    faster = receipt.before.latency_ms / max(receipt.after.latency_ms, 1e-9)
    told = f"{artifact.name}: {receipt.format} {receipt.precision}, {faster:.1f} x faster, {len(receipt.checks)} checks"
    return Result((str(artifact.folder),), ui={"text": (told,)})  # type: ignore[return-value] # and what a canvas shows


NODES = (verify_model, save_artifact)
