"""Loading: from an artifact's folder to a compiled pipeline, with only the packs that it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from inhouse.backends.sessions.base import SessionOptions
from inhouse.engine.registry import Registry
from inhouse.models.artifact import Artifact, open_artifact
from inhouse.plugins import DEFAULT_PACKS, build_registry, load_packs
from inhouse.workers.replicas.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_FIRST: Final = "inhouse.packs.inference"


def load_pipeline(folder: Path, *, threads: int = 0, cache: Path | None = None) -> Pipeline:
    """Return the pipeline of the artifact in a folder, with its model in memory.

    Args:
        folder: of an artifact; its receipt is the gateway's business.
        threads: of its session; 0 for what the artifact says.
        cache: where the runtime may keep what it compiles.

    Raises:
        InhouseError: the artifact, its pipeline or its model is at fault.

    """
    artifact = open_artifact(folder)
    serving = artifact.serving
    options = SessionOptions(serving.device, serving.precision, threads or serving.threads, cache, serving.options)
    return Pipeline(artifact, registry_of(_types(artifact)), {SessionOptions: options})


def registry_of(types: Iterable[str]) -> Registry:
    """Return a registry that has nodes of these ids, from the first packs that do; other packs stay unloaded."""
    missing = set(types)
    registry = Registry()
    for name in (_FIRST, *(pack for pack in DEFAULT_PACKS if pack != _FIRST)):
        if not missing:
            return registry
        offered = build_registry(load_packs([name], installed=False))
        if any(spec.id in missing for spec in offered):
            registry = registry.extended(offered)
            missing -= {spec.id for spec in offered}
    return build_registry(load_packs()) if missing else registry


def _types(artifact: Artifact) -> list[str]:
    nodes: list[Any] = list(artifact.pipeline.values())
    return [str(node["class_type"]) for node in nodes if isinstance(node, dict) and "class_type" in node]
