"""What a client saw of ComfyUI on the wire, to be played again."""

import gzip
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inhouse.workers.session import Places, Session, open_session

DATA = Path(__file__).parent / "data"


def names(prefix: str) -> list[str]:
    """Return the names of the captures that begin so."""
    return sorted(path.stem for path in (DATA / "captures").glob(f"{prefix}*.json"))


def capture(name: str) -> dict[str, Any]:
    """Return what was sent, answered and heard."""
    found: dict[str, Any] = json.loads((DATA / "captures" / f"{name}.json").read_text(encoding="utf-8"))
    return found


def prompts(found: dict[str, Any]) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Yield each body that was sent to ``/prompt``, and the answer."""
    for exchange in found["exchanges"]:
        if exchange["request"]["path"] == "/prompt" and "body" in exchange["request"]:
            body = exchange["request"]["body"]
            yield (body["raw"] if "raw" in body else json.dumps(body)).encode(), exchange["response"]


def history_entries(found: dict[str, Any]) -> dict[str, Any]:
    """Return the history entries that were asked for one by one, by the ids of their runs."""
    answers = (e["response"].get("body") for e in found["exchanges"] if e["request"]["path"].startswith("/history/"))
    return {run_id: entry for answer in answers for run_id, entry in (answer or {}).items()}


def heard(found: dict[str, Any], run_id: str) -> list[dict[str, Any]]:
    """Return what the first client heard of a run, but for what tells of the queue."""
    entries = [entry for entry in found.get("websocket", ()) if entry.get("client", "A") == "A"]
    return [entry for entry in entries if "binary" in entry or "omitted" in entry or _is_of(entry.get("json"), run_id)]


def settled(data: Any) -> Any:
    """Return data without what differs from run to run: times, names of files, frames of tracebacks, advice."""
    if isinstance(data, dict):
        return {key: _settled(key, value) for key, value in data.items() if key not in ("hint", "tooltip")}
    if isinstance(data, list):
        return [settled(item) for item in data]
    return re.sub(r"_\d{5}_", "_N_", re.sub(r"temp_[a-z0-9]+_", "temp_X_", data)) if isinstance(data, str) else data


@contextmanager
def open_probes(folder: Path) -> Iterator[Session]:
    """Put a session together that has the probes, and two checkpoints by name.

    Args:
        folder: an empty one.

    """
    (folder / "packs").mkdir()
    (folder / "packs" / "wire_probe").symlink_to(DATA / "custom_nodes" / "wire_probe")
    checkpoints = folder / "models" / "checkpoints"
    checkpoints.mkdir(parents=True)
    for name in ("full_sd15", "tiny_sd15"):
        (checkpoints / f"{name}.safetensors").touch()
    places = Places(folder / "models", folder / "input", folder / "output", folder / "packs")
    with open_session(places) as session:
        yield session


def _is_of(message: dict[str, Any] | None, run_id: str) -> bool:
    if message is None or message["type"] in ("status", "feature_flags"):
        return False
    data = message["data"]
    over = message["type"] == "executing" and data["node"] is None
    return data.get("prompt_id") == run_id and not over


def _settled(key: str, value: Any) -> Any:
    if key == "timestamp":
        return 0
    if key == "traceback":
        return []
    if key in ("dependent_outputs", "executed", "nodes") and isinstance(value, list):
        return sorted(value)
    return settled(value)


def object_info() -> dict[str, Any]:
    """Return what a ComfyUI answers for its own nodes."""
    found: dict[str, Any] = json.loads(gzip.decompress((DATA / "object_info.json.gz").read_bytes()))
    return found
