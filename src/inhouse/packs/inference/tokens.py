"""Texts into tokens, by the library ``tokenizers``: of what a model folder calls ``tokenizer.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from inhouse.errors import ModelFormatError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


def load_tokenizer(path: Path, max_length: int) -> Any:
    """Return a tokenizer that cuts texts off and fills none up.

    Args:
        path: of ``tokenizer.json``.
        max_length: tokens of a text, with those that the model wants at both ends.

    Raises:
        ModelFormatError: it cannot be read.

    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # it raises nothing more precise
        raise ModelFormatError(f"{path.name} is no tokenizer: {error}.", hint="Convert the model again.") from error
    tokenizer.enable_truncation(max_length)
    if tokenizer.padding is None:
        tokenizer.enable_padding()
    tokenizer.enable_padding(**{**(tokenizer.padding or {}), "length": None, "pad_to_multiple_of": None})
    return tokenizer


def tokenize(tokenizer: Any, texts: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """Return ``input_ids``, ``attention_mask`` and ``token_type_ids``: (texts, tokens of the longest), int64."""
    found = tokenizer.encode_batch_fast(texts)
    ids = np.array([each.ids for each in found], np.int64)
    mask = np.array([each.attention_mask for each in found], np.int64)
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
