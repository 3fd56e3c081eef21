"""Tokenizers: where a model has one, and texts as the tensors that it makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inhouse.errors import ModelFormatError
from inhouse.packs.conversion.sources.request import Request

if TYPE_CHECKING:
    from inhouse.backends.sessions.base import Feeds


def make_tokenizer(request: Request) -> Path:
    """Return a folder's ``tokenizer.json``, or one written from the older files that it has in its place.

    Raises:
        ModelFormatError: it has neither.

    """
    path = request.path / "tokenizer.json"
    if path.is_file():
        return path
    from transformers import AutoTokenizer

    try:
        loaded = AutoTokenizer.from_pretrained(_where(request.path), local_files_only=True, trust_remote_code=False)
        written = request.scratch / "tokenizer.json"
        loaded.backend_tokenizer.save(str(written))
    except Exception as error:  # whatever transformers raises at what is missing
        raise ModelFormatError(
            f"{request.name} has no tokenizer.json, and none can be made of what it has.",
            hint="Download the whole model.",
        ) from error
    return written


def _where(path: Path) -> Path:
    """Return where a tokenizer lies: in a diffusers pipeline, in the folder beside the text encoder's."""
    beside = path.parent / path.name.replace("text_encoder", "tokenizer")
    return beside if path.name.startswith("text_encoder") and beside.is_dir() else path


def token_samples(path: Path, texts: Sequence[str], names: Sequence[str], longest: int) -> list[Feeds]:
    """Return texts as the tensors that a model takes, each a batch of one row of its own length."""
    tokenizer = load_tokenizer(path)
    tokenizer.enable_truncation(longest)
    tokenizer.no_padding()
    rows: list[Feeds] = []
    for text in texts:
        encoded = tokenizer.encode(text)
        columns = {
            "input_ids": encoded.ids,
            "attention_mask": encoded.attention_mask,
            "token_type_ids": encoded.type_ids,
        }
        if len(encoded.ids) >= 2:
            rows.append({name: np.array([columns[name]], dtype=np.int64) for name in names})
    if not rows:
        raise ModelFormatError(f"{path.name} makes no tokens of texts.", hint="Check the tokenizer.")
    return (rows * 8)[: max(8, len(rows))]


def load_tokenizer(path: Path) -> Any:
    """Return the tokenizer in a file.

    Raises:
        ModelFormatError: it is damaged.

    """
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare exceptions
        raise ModelFormatError(f"{path.name} cannot be read as a tokenizer.", hint="Download it again.") from error
