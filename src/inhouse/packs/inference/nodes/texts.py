"""Nodes that turn texts into tokens."""

from typing import Annotated

from inhouse import Context, Range, node
from inhouse.packs.inference.wires import Artifact, Tensors, Texts, Tokenizer

_CATEGORY = "inference/text"


@node("LoadTokenizer", category=_CATEGORY, display_name="Load Tokenizer")
def load_tokenizer(
    *,
    file: str | None = "tokenizer.json",
    max_length: Annotated[int | None, Range(2, 1_000_000)] = 512,
    artifact: Artifact | None = None,
    context: Context,
) -> Tokenizer:
    """Load the tokenizer that came with a model; longer texts are cut off."""
    from inhouse.packs.inference.places import asset
    from inhouse.packs.inference.tokens import load_tokenizer as load

    return load(asset(artifact, file or "tokenizer.json", context), max_length or 512)


@node("Tokenize", category=_CATEGORY)
def tokenize(*, tokenizer: Tokenizer, texts: Texts) -> Tensors:
    """Turn texts into tokens, filled up to the longest of the batch: ids, mask and types."""
    from inhouse.packs.inference.tokens import tokenize as into_tokens

    return into_tokens(tokenizer, texts)


NODES = (load_tokenizer, tokenize)
