"""Nodes that make chats."""

from __future__ import annotations

from typing import Annotated

from inhouse import Choices, Context, Output, Result, node
from inhouse.files import Folders
from inhouse.models.signing import Signer
from inhouse.packs.conversion.wires import Source


@node("SaveChat", category="conversion", display_name="Save Chat", output_node=True, cacheable=False)
def save_chat(
    *,
    source: Source,
    name: str = "chat",
    precision: Annotated[str, Choices(("bf16", "fp32"))] = "bf16",
    context: Context,
) -> Annotated[str, Output("artifact")]:
    """Write a language model into the output folder as an artifact that chats, with a signed receipt."""
    from inhouse.packs.conversion import chats
    from inhouse.packs.conversion.assembling import free_place

    place = free_place(context.service(Folders).output, name)
    signer = context.find(Signer) or Signer.open()
    artifact = chats.save_chat(
        source, place, signer, precision="bf16" if precision == "bf16" else "fp32", name=name.rpartition("/")[2]
    )
    return Result((str(artifact.folder),), ui={"text": (f"{artifact.name}: a chat in {precision}",)})  # type: ignore[return-value] # and what a canvas shows


NODES = (save_chat,)
