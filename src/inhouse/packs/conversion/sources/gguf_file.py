"""GGUF, the format of llama.cpp: read, dequantised, and put into transformers' Llama or Qwen2."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from inhouse.errors import InhouseError, ModelFormatError, ModelUnsupportedError
from inhouse.models.formats import foreign_format, read_start
from inhouse.models.signature import BATCH, TensorSpec
from inhouse.packs.conversion.model import SourceModel
from inhouse.packs.conversion.sources.gguf_tokenizer import tokenizer_of
from inhouse.packs.conversion.sources.modules import frozen, hushed
from inhouse.packs.conversion.sources.request import Request, must_fit
from inhouse.packs.conversion.sources.samples import read_texts
from inhouse.packs.conversion.sources.tokens import token_samples
from inhouse.packs.conversion.sources.transformers_folder import FirstOutput, build

if TYPE_CHECKING:
    from torch import Tensor, nn

_MOST_ENTRIES = 1_000_000
_LONGEST = 2048
_ROWS = 8
ARCHITECTURES = ("llama", "qwen2")
_LAYER = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_TOP = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def open_source(request: Request) -> SourceModel:
    """Open a file; the model comes to life in float32, whatever its weights were packed as.

    Raises:
        ModelFormatError: it is damaged, or lacks something.
        ModelUnsupportedError: its architecture, its tokenizer or a type of its weights is not known.
        ModelTooLargeError: memory would not do.

    """
    reader = open_reader(request.path)
    fields = fields_of(reader, request.path)
    must_fit(4 * sum(math.prod(map(int, t.shape)) for t in reader.tensors), request.path.name, request.memory)
    config = config_of(fields, reader, request.path)
    model = causal_model(config, dict(tensors_of(reader, config, request.path)), request.path)
    assets = tokenizer_of(fields, request.path, request.scratch)
    longest = min(int(config.max_position_embeddings), _LONGEST)
    names = ("input_ids", "attention_mask")
    return build(
        request,
        frozen(FirstOutput(model, names, {"use_cache": False})),
        format_="gguf",
        task=request.task or "chat",
        inputs=tuple(TensorSpec(name, "int64", (BATCH, "tokens")) for name in names),
        outputs=("logits",),
        samples=token_samples(assets["tokenizer.json"], read_texts(request.data)[:32], names, longest),
        limits={BATCH: (1, _ROWS), "tokens": (2, longest)},
        values={"input_ids": (0, config.vocab_size - 1), "attention_mask": (0, 1)},
        assets=assets,
        facts={"architectures": [type(model).__name__], "max_length": longest, "eos": config.eos_token_id},
    )


def open_reader(path: Path) -> Any:
    """Return gguf's reader of a file whose header is plausible.

    Raises:
        ModelFormatError: it is damaged, cut short, or something else.

    """
    from gguf import GGUFReader

    size, start = read_start(path)
    if not start.startswith(b"GGUF"):
        foreign_format(path, start)
        raise ModelFormatError(f"{path.name} is no GGUF file.", hint="Choose another file.")
    try:
        version, tensors, entries = struct.unpack_from("<IQQ", start, 4)
        plausible = version in {2, 3} and max(tensors, entries) <= min(_MOST_ENTRIES, size)
        reader = GGUFReader(path) if plausible else None
        whole = reader is not None and all(int(t.data_offset) + int(t.n_bytes) <= size for t in reader.tensors)
    except Exception as error:  # the reader raises whatever its slices do
        raise ModelFormatError(f"{path.name} is damaged, or was cut short.", hint="Download it again.") from error
    if not whole:
        raise ModelFormatError(f"{path.name} is damaged, or was cut short.", hint="Download it again.")
    return reader


def fields_of(reader: Any, path: Path) -> dict[str, Any]:
    """Return a file's metadata."""
    try:
        return {name: field.contents() for name, field in reader.fields.items()}
    except Exception as error:  # texts that are none, arrays of what there is not
        raise ModelFormatError(f"{path.name}: its metadata are damaged.", hint="Download it again.") from error


def config_of(fields: Mapping[str, Any], reader: Any, path: Path) -> Any:
    """Return the configuration for transformers.

    Raises:
        ModelUnsupportedError: the architecture is not known.
        ModelFormatError: something is missing.

    """
    from transformers import LlamaConfig, Qwen2Config

    architecture = str(fields.get("general.architecture"))
    if architecture not in ARCHITECTURES:
        raise ModelUnsupportedError(
            f"{path.name} is of the architecture {architecture!r}.", hint=f"Known: {', '.join(ARCHITECTURES)}."
        )
    names = {tensor.name for tensor in reader.tensors}
    told = {name.removeprefix(f"{architecture}."): value for name, value in fields.items()}
    if told.get("expert_count") or told.get("rope.scaling.type") not in {None, "none"}:
        raise ModelUnsupportedError(f"{path.name} has experts, or stretched positions.", hint="Use another model.")
    try:
        heads = int(told["attention.head_count"])
        return {"llama": LlamaConfig, "qwen2": Qwen2Config}[architecture](
            vocab_size=len(fields["tokenizer.ggml.tokens"]),
            hidden_size=int(told["embedding_length"]),
            intermediate_size=int(told["feed_forward_length"]),
            num_hidden_layers=int(told["block_count"]),
            num_attention_heads=heads,
            num_key_value_heads=int(told.get("attention.head_count_kv", heads)),
            max_position_embeddings=int(told["context_length"]),
            rms_norm_eps=float(told["attention.layer_norm_rms_epsilon"]),
            rope_parameters={"rope_type": "default", "rope_theta": float(told.get("rope.freq_base", 10000.0))},
            tie_word_embeddings="output.weight" not in names,
            bos_token_id=fields.get("tokenizer.ggml.bos_token_id"),
            eos_token_id=fields.get("tokenizer.ggml.eos_token_id"),
            attn_implementation="eager",
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFormatError(f"{path.name} lacks {error}.", hint="Download it again.") from error


def tensors_of(reader: Any, config: Any, path: Path) -> Iterator[tuple[str, Tensor]]:
    """Yield the weights under transformers' names, in float32.

    llama.cpp interleaves the halves of each head of queries and keys, for its way of rotating them; this undoes it.
    """
    from gguf.quants import dequantize

    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    for tensor in reader.tensors:
        stem, _, kind = tensor.name.rpartition(".")
        part = stem.rpartition(".")[2]
        target = _target(stem, part)
        if target is None:
            continue
        try:
            array = dequantize(tensor.data, tensor.tensor_type).reshape([int(n) for n in reversed(tensor.shape)])
        except (NotImplementedError, ValueError, KeyError) as error:
            raise ModelUnsupportedError(
                f"{path.name}: {tensor.name} is packed as {tensor.tensor_type.name}, which is not known.",
                hint="Choose a file that is quantised otherwise.",
            ) from error
        if part in heads and config.model_type == "llama":
            half = array.shape[0] // heads[part] // 2
            array = array.reshape(heads[part], half, 2, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)
        yield f"{target}.{kind}", torch.from_numpy(array.copy())


def _target(stem: str, part: str) -> str | None:
    if stem in _TOP:
        return _TOP[stem]
    if stem.startswith("blk.") and part in _LAYER:
        return f"model.layers.{stem.split('.')[1]}.{_LAYER[part]}"
    return None


def causal_model(config: Any, weights: Mapping[str, Tensor], path: Path) -> nn.Module:
    """Return the model with its weights.

    Raises:
        ModelFormatError: weights are missing, or of other shapes.

    """
    from transformers import LlamaForCausalLM, Qwen2ForCausalLM

    try:
        kind = {"llama": LlamaForCausalLM, "qwen2": Qwen2ForCausalLM}[config.model_type]
        with hushed():
            model: nn.Module = kind(config).float()
        lacking = model.load_state_dict(dict(weights), strict=False)
        model.tie_weights()  # type: ignore[operator] # a method of transformers' models
    except InhouseError:
        raise
    except (RuntimeError, ValueError, ZeroDivisionError) as error:
        raise ModelFormatError(f"{path.name}: weights do not fit what it says.", hint="Download it again.") from error
    missing = [name for name in lacking.missing_keys if not (config.tie_word_embeddings and name.startswith("lm_head"))]
    if missing or lacking.unexpected_keys:
        named = ", ".join([*missing, *lacking.unexpected_keys][:3])
        raise ModelFormatError(f"{path.name} lacks weights or has others: {named}.", hint="Download it again.")
    return model.eval()
