"""Nodes of a chat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from inhouse import Context, Output, Wire, node
from inhouse.models.artifact import Artifact
from inhouse.packs.inference.wires import Parameters

if TYPE_CHECKING:
    from inhouse.packs.inference.chat import Chat as OpenChat

_CATEGORY = "inference/chat"


@node("ServedChat", category=_CATEGORY, display_name="Served Chat", cacheable=False)
def served_chat(*, context: Context) -> Annotated[Any, Wire("CHAT"), Output("chat")]:
    """Load the language model of the artifact that is being served, with its tokenizer."""
    from inhouse.packs.inference.chat import Chat

    return Chat.open(context.service(Artifact))


@node("ChatReply", category=_CATEGORY, display_name="Chat Reply", cacheable=False)
def chat_reply(
    *,
    chat: Annotated[Any, Wire("CHAT")],
    messages: Annotated[Any, Wire("*")],
    parameters: Parameters | None = None,
) -> Annotated[Any, Wire("*"), Output("answer")]:
    """Answer a conversation, piece by piece."""
    model: OpenChat = chat
    return model.answer(messages, parameters or {})


NODES = (served_chat, chat_reply)
