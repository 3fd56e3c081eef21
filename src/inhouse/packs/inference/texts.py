"""Nodes between texts and tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from inhouse import Context, Output, Range, Wire, node
from inhouse.errors import InputNotFoundError, ModelFormatError
from inhouse.files import inside
from inhouse.models.artifact import Artifact
from inhouse.packs.inference.wires import Tensor, Tensors, Texts, Tokenizer

_CATEGORY = "inference/text"


@node("LoadTokenizer", category=_CATEGORY, display_name="Load Tokenizer", cacheable=False)
def load_tokenizer(
    *, context: Context, file: str = "tokenizer.json", max_length: Annotated[int, Range(1, 1_000_000)] = 512
) -> Annotated[Any, Wire("TOKENIZER"), Output("tokenizer")]:
    """Load a tokenizer of the artifact that is being served, or by its path where none is; longer texts are cut."""
    from tokenizers import Tokenizer as Loaded

    path = asset(context, file)
    try:
        tokenizer = Loaded.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises nothing narrower
        raise ModelFormatError(f"{path.name} is no tokenizer: {error}.", hint="Convert the model again.") from error
    tokenizer.enable_truncation(max_length)
    padding = tokenizer.padding or {}
    kept = {name: padding[name] for name in ("direction", "pad_id", "pad_type_id", "pad_token") if name in padding}
    tokenizer.enable_padding(**kept)  # to the longest of a batch, whatever the file says
    return tokenizer


@node("Tokenize", category=_CATEGORY)
def tokenize(*, tokenizer: Tokenizer, texts: Texts) -> Annotated[Any, Wire("TENSORS"), Output("tensors")]:
    """Turn texts into tokens, padded to the longest: ``input_ids``, ``attention_mask``, ``token_type_ids``."""
    import numpy as np

    found = tokenizer.encode_batch_fast(texts)
    return {
        "input_ids": np.array([one.ids for one in found], dtype=np.int64),
        "attention_mask": np.array([one.attention_mask for one in found], dtype=np.int64),
        "token_type_ids": np.array([one.type_ids for one in found], dtype=np.int64),
    }


@node("MeanPool", category=_CATEGORY, display_name="Mean Pool")
def mean_pool(*, tensor: Tensor, tokens: Tensors) -> Annotated[Any, Wire("TENSOR"), Output("tensor")]:
    """Average (batch, tokens, width) over the tokens that are no padding: (batch, width)."""
    mask = tokens["attention_mask"][..., None].astype(tensor.dtype)
    return (tensor * mask).sum(axis=1) / mask.sum(axis=1).clip(1e-9)


@node("NormalizeVectors", category=_CATEGORY, display_name="Normalize Vectors")
def normalize_vectors(*, tensor: Tensor) -> Annotated[Any, Wire("TENSOR"), Output("tensor")]:
    """Bring each row to length 1."""
    import numpy as np

    return tensor / np.linalg.norm(tensor, axis=-1, keepdims=True).clip(1e-12)


def asset(context: Context, name: str) -> Path:
    """Return the path of a file of the artifact that is being served; by itself where none is.

    Raises:
        PathEscapeError: the name leads out of the artifact.
        InputNotFoundError: there is no such file.

    """
    served = context.find(Artifact)
    path = Path(name) if served is None else inside(served.folder, name)
    if not path.is_file():
        where = "" if served is None else " in the artifact"
        raise InputNotFoundError(f"There is no {name}{where}.", hint="Convert the model again, with what it lacks.")
    return path


NODES = (load_tokenizer, tokenize, mean_pool, normalize_vectors)
