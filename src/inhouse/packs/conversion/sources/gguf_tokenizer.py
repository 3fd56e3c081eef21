"""Tokenizers out of the metadata of GGUF files: byte-pair encoding on bytes, as GPT-2 and its heirs have it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inhouse.errors import ModelFormatError, ModelUnsupportedError

_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
_QWEN2 = _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
_SPLITS = {"llama-bpe": _LLAMA3, "llama3": _LLAMA3, "qwen2": _QWEN2}
"""How texts are cut before merging, by the name in the file (from the tokenizers that the models' authors publish)."""
_DIGITS = frozenset({"smollm", "starcoder", "refact", "command-r"})
_CONTROL, _USER_DEFINED = 3, 4


def tokenizer_of(fields: Mapping[str, Any], path: Path, scratch: Path) -> dict[str, Path]:
    """Return ``tokenizer.json`` and ``tokenizer_config.json``: what lies beside the file, else made of its metadata.

    Raises:
        ModelUnsupportedError: it is of a kind that is not known, and none lies beside.
        ModelFormatError: it is damaged.

    """
    config = _config(fields)
    described = scratch / "tokenizer_config.json"
    described.write_text(json.dumps(config, indent=1), encoding="utf-8")
    beside = path.with_name("tokenizer.json")
    if beside.is_file():
        return {"tokenizer.json": beside, "tokenizer_config.json": described}
    kind = fields.get("tokenizer.ggml.model")
    if kind != "gpt2":
        raise ModelUnsupportedError(
            f"{path.name} has a tokenizer of the kind {kind!r}, which cannot be built here.",
            hint="Put the model's tokenizer.json beside it.",
        )
    try:
        written = scratch / "tokenizer.json"
        _build(fields).save(str(written))
    except Exception as error:  # the library raises bare exceptions
        raise ModelFormatError(f"{path.name}: its tokenizer is damaged.", hint="Download it again.") from error
    return {"tokenizer.json": written, "tokenizer_config.json": described}


def _build(fields: Mapping[str, Any]) -> Any:
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

    tokens = [str(token) for token in fields["tokenizer.ggml.tokens"]]
    merges = [
        (left, right) for pair in fields["tokenizer.ggml.merges"] for left, _, right in [str(pair).partition(" ")]
    ]
    tokenizer = Tokenizer(models.BPE(vocab={token: n for n, token in enumerate(tokens)}, merges=merges))
    name = str(fields.get("tokenizer.ggml.pre", "default"))
    if name in _SPLITS:
        first: Any = pre_tokenizers.Split(Regex(_SPLITS[name]), behavior="isolated")
        steps = [first, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    else:
        steps = [pre_tokenizers.Digits(individual_digits=True)] if name in _DIGITS else []
        steps.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.decoder = decoders.ByteLevel()
    types = fields.get("tokenizer.ggml.token_type") or ()
    special = [
        AddedToken(t, special=True, normalized=False) for t, k in zip(tokens, types, strict=False) if k == _CONTROL
    ]
    added = [AddedToken(t, normalized=False) for t, k in zip(tokens, types, strict=False) if k == _USER_DEFINED]
    tokenizer.add_special_tokens(special)
    tokenizer.add_tokens(added)
    return tokenizer


def _config(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what chat wants to know: the template, and the tokens that begin and end."""
    tokens = fields.get("tokenizer.ggml.tokens") or []
    config: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast"}
    if template := fields.get("tokenizer.chat_template"):
        config["chat_template"] = str(template)
    for name in ("bos", "eos"):
        number = fields.get(f"tokenizer.ggml.{name}_token_id")
        if isinstance(number, int) and 0 <= number < len(tokens):
            config[f"{name}_token"] = str(tokens[number])
    return config
