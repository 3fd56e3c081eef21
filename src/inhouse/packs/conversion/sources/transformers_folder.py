"""Folders as transformers saves them: sentence embeddings, classifiers, causal language models, bare encoders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from inhouse.errors import ModelFormatError, ModelUnsupportedError, UnsafeModelError
from inhouse.models.formats import refuse_pickle
from inhouse.models.signature import BATCH, TensorSpec
from inhouse.packs.conversion.model import SourceModel
from inhouse.packs.conversion.sources.modules import ModuleAnswer, frozen, hushed, nbytes_of, outputs_of
from inhouse.packs.conversion.sources.request import Request, files_of, hash_of, must_fit, read_json, weights_size
from inhouse.packs.conversion.sources.samples import read_labels, read_texts
from inhouse.packs.conversion.sources.tokens import make_tokenizer, token_samples

if TYPE_CHECKING:
    from torch import Tensor, nn

MOST_ROWS = 64
"""The largest batch that an export is tried at."""
_TOKENS = "tokens"
_POOLINGS = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
}


class Embedder(torch.nn.Module):
    """An encoder with its pooling and normalising: token ids and mask in, vectors out, ``(batch, width)``."""

    def __init__(self, encoder: nn.Module, pooling: str, *, normalize: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self._pooling = pooling
        self._normalize = normalize

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Embed texts."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask)[0]
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        if self._pooling == "cls":
            pooled = states[:, 0]
        elif self._pooling == "max":
            pooled = states.masked_fill(mask == 0, torch.finfo(states.dtype).min).amax(1)
        else:
            pooled = (states * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        return functional.normalize(pooled, p=2.0, dim=1) if self._normalize else pooled


class FirstOutput(torch.nn.Module):
    """A model of transformers as a function of tensors: what it gives first is what it is asked for."""

    def __init__(self, model: nn.Module, names: tuple[str, ...], more: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.model = model
        self._names = names
        self._more = more or {}

    def forward(self, *tensors: Tensor) -> Tensor:
        """Compute the first output."""
        given = dict(zip(self._names, tensors, strict=True))
        first: Tensor = self.model(**given, **self._more, return_dict=False)[0]
        return first


@dataclass(frozen=True, slots=True)
class Kind:
    """What a folder holds: its task, the class of transformers that loads it, what its first output is called."""

    task: str
    loader: str
    output: str


_EMBEDDINGS = Kind("embeddings", "AutoModel", "embeddings")
_KINDS = {
    "ForSequenceClassification": Kind("text-classification", "AutoModelForSequenceClassification", "logits"),
    "ForCausalLM": Kind("chat", "AutoModelForCausalLM", "logits"),
    "LMHeadModel": Kind("chat", "AutoModelForCausalLM", "logits"),
    "ForImageClassification": Kind("image-classification", "AutoModelForImageClassification", "logits"),
}
_BARE = Kind("tensors", "AutoModel", "last_hidden_state")


def open_source(request: Request) -> SourceModel:
    """Open a folder with a ``config.json`` and weights as .safetensors.

    Raises:
        UnsafeModelError: it brings code of its own, or its weights are pickles.
        ModelUnsupportedError: transformers does not know its architecture.
        ModelFormatError: something in it is damaged or missing.
        ModelTooLargeError: memory would not do.

    """
    config = read_json(request.path / "config.json")
    kind = kind_of(request, config)
    model = load_model(request, config, kind.loader)
    if kind.task == "image-classification":
        from inhouse.packs.conversion.sources.vision import vision_source

        return vision_source(request, config, FirstOutput(model, ("pixel_values",)))
    return _text_source(request, config, kind, model)


def kind_of(request: Request, config: dict[str, Any]) -> Kind:
    """Return what a folder holds, by what the user says, what it says of itself, and its architecture's name."""
    sentences = any((request.path / name).exists() for name in ("modules.json", "1_Pooling"))
    if request.task == "embeddings" or (sentences and request.task is None):
        return _EMBEDDINGS
    architectures = [str(name) for name in config.get("architectures") or ()]
    found = next((kind for end, kind in _KINDS.items() if any(name.endswith(end) for name in architectures)), _BARE)
    if request.task not in {None, "tensors", found.task}:
        raise ModelUnsupportedError(
            f"{request.name} holds {', '.join(architectures) or 'no named architecture'}, "
            f"which is not for the task {request.task}.",
            hint=f"Leave the task out, or choose {found.task} or tensors.",
        )
    return Kind("tensors", found.loader, found.output) if request.task == "tensors" else found


def load_model(request: Request, config: dict[str, Any], loader: str) -> nn.Module:
    """Return a folder's model in float32; see `open_source` for what it raises."""
    if "auto_map" in config:
        raise UnsafeModelError(
            f"{request.name} brings Python code of its own, which Inhouse does not run.",
            hint="Load it in a program of yours, and give it as package.module:callable.",
        )
    files = files_of(request.path)
    size = weights_size(files, (".safetensors",))
    if not size:
        pickles = [file for file in files if file.suffix in {".bin", ".pt", ".pth"}]
        if not pickles:
            raise ModelFormatError(f"{request.name} has no weights.", hint="Download the whole model.")
        refuse_pickle(pickles[0])
    stored = str(config.get("dtype") or config.get("torch_dtype") or "float32")
    must_fit(size * (2 if "16" in stored else 1), request.name, request.memory)
    return _loaded(request.name, lambda: _from_folder(request.path, loader))


def _from_folder(path: Path, loader: str) -> nn.Module:
    import transformers

    with hushed():
        # ONNX Runtime's optimizer knows attention that is written out, and OpenVINO fuses it again
        model: nn.Module = getattr(transformers, loader).from_pretrained(
            path,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            attn_implementation="eager",
        )
    return model


def _loaded(name: str, load: Callable[[], nn.Module]) -> nn.Module:
    try:
        return load()
    except Exception as error:  # whatever transformers raises at what it does not know
        line = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        unknown = "model type" in line or "Unrecognized" in line
        if unknown:
            raise ModelUnsupportedError(
                f"{name}: transformers does not know this architecture: {line}",
                hint="Install a newer transformers, or give the model as package.module:callable.",
            ) from error
        raise ModelFormatError(f"{name} cannot be loaded: {line}", hint="Download the whole model.") from error


def _text_source(request: Request, config: dict[str, Any], kind: Kind, model: nn.Module) -> SourceModel:
    names: tuple[str, ...] = ("input_ids", "attention_mask")
    if kind.task in {"text-classification", "tensors"} and int(config.get("type_vocab_size") or 0) > 1:
        names = (*names, "token_type_ids")
    facts: dict[str, Any] = {"architectures": list(config.get("architectures") or ())}
    if kind.task == "embeddings":
        facts |= pooling_of(request.path)
        module: nn.Module = Embedder(model, facts["pooling"], normalize=facts["normalize"])
    else:
        module = FirstOutput(model, names, {"use_cache": False} if kind.task == "chat" else {})
    facts["max_length"] = longest = max_length(request.path, config)
    tokenizer = make_tokenizer(request)
    facts |= {name: len(labels) for name, labels in (("labels", read_labels(None, config)),) if labels}
    inputs = tuple(TensorSpec(name, "int64", (BATCH, _TOKENS)) for name in names)
    vocabulary = int(config.get("vocab_size") or 2)
    values = {"input_ids": (0, vocabulary - 1), "attention_mask": (0, 1), "token_type_ids": (0, 1)}
    limits = {BATCH: (1, MOST_ROWS), _TOKENS: (2, longest)}
    return build(
        request,
        frozen(module),
        format_="transformers",
        task=kind.task,
        inputs=inputs,
        outputs=(kind.output,),
        samples=token_samples(tokenizer, read_texts(request.data), names, longest),
        limits=limits,
        values={name: values[name] for name in names},
        assets=assets_of(request, tokenizer, config),
        facts=facts,
    )


def build(
    request: Request,
    module: nn.Module,
    *,
    format_: str,
    task: str,
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[str, ...] | None,
    samples: Any,
    limits: dict[str, tuple[int, int]],
    values: dict[str, tuple[float, float]] | None = None,
    assets: dict[str, Path] | None = None,
    facts: dict[str, Any] | None = None,
) -> SourceModel:
    """Return a source around a torch module."""
    answer = ModuleAnswer(module, [spec.name for spec in inputs], outputs)
    return SourceModel(
        name=request.name,
        format=format_,
        path=request.path,
        sha256=hash_of(request.path),
        task=task,
        inputs=inputs,
        outputs=_outputs(request, answer, inputs, limits, values or {}),
        nbytes=nbytes_of(module),
        samples=samples,
        answer=answer,
        limits=limits,
        module=module,
        values=values or {},
        assets=assets or {},
        facts=facts or {},
    )


def _outputs(
    request: Request,
    answer: ModuleAnswer,
    inputs: tuple[TensorSpec, ...],
    limits: dict[str, tuple[int, int]],
    values: dict[str, tuple[float, float]],
) -> tuple[TensorSpec, ...]:
    try:
        return outputs_of(answer, inputs, limits, values)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        free = ", ".join(limits) or "none"
        line = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ModelUnsupportedError(
            f"{request.name} does not run on tensors of its inputs' shapes (free axes: {free}): {line}",
            hint="Check the examples, and which axes may be of any length.",
        ) from error


def pooling_of(folder: Path) -> dict[str, Any]:
    """Return how a sentence-embedding folder pools, and whether it normalises; mean and yes where it does not say."""
    described = folder / "1_Pooling" / "config.json"
    modules = folder / "modules.json"
    listed = read_json(modules, list) if modules.exists() else None
    normalize = listed is None or any("Normalize" in str(entry.get("type")) for entry in listed)
    if listed is not None and any("Dense" in str(entry.get("type")) for entry in listed):
        raise ModelUnsupportedError(
            f"{folder.name} has a dense layer behind its pooling.", hint="Give it as package.module:callable."
        )
    if not described.exists():
        return {"pooling": "mean", "normalize": normalize}
    config = read_json(described)
    chosen = [name for flag, name in _POOLINGS.items() if config.get(flag)]
    if len(chosen) != 1:
        raise ModelUnsupportedError(
            f"{folder.name} pools in a way that is not supported.", hint=f"There are: {', '.join(_POOLINGS.values())}."
        )
    return {"pooling": chosen[0], "normalize": normalize}


def max_length(folder: Path, config: dict[str, Any]) -> int:
    """Return how many tokens a model takes at most."""
    known = [int(config.get(name) or 0) for name in ("max_position_embeddings", "n_positions")]
    sentences = folder / "sentence_bert_config.json"
    if sentences.exists():
        known.append(int(read_json(sentences).get("max_seq_length") or 0))
    offset = 2 if config.get("model_type") in {"roberta", "xlm-roberta", "camembert"} else 0
    longest = min((length for length in known if length), default=512)
    return max(2, min(longest, 8192) - (offset if longest == known[0] else 0))


def assets_of(request: Request, tokenizer: Path, config: dict[str, Any]) -> dict[str, Path]:
    """Return the files that serving needs: the tokenizer, and the labels where there are some."""
    assets = {"tokenizer.json": tokenizer}
    for name in ("tokenizer_config.json", "chat_template.jinja"):
        if (request.path / name).is_file():
            assets[name] = request.path / name
    return assets | labels_asset(request, config)


def labels_asset(request: Request, config: dict[str, Any] | None = None) -> dict[str, Path]:
    """Return a file of labels, a line each, as an asset; none where there are no labels."""
    labels = read_labels(request.labels, config)
    if not labels:
        return {}
    path = request.scratch / "labels.txt"
    path.write_text("\n".join(labels) + "\n", encoding="utf-8")
    return {"labels.txt": path}


def random_rows(inputs: tuple[TensorSpec, ...], sizes: dict[str, int], count: int = 8) -> list[dict[str, Any]]:
    """Return made-up rows for models of which nothing is known but their inputs."""
    from inhouse.packs.conversion.shaping import feeds_at

    lengths = {**{size: 8 for spec in inputs for size in spec.shape if isinstance(size, str)}, **sizes, BATCH: 1}
    return [{k: np.asarray(v) for k, v in feeds_at(inputs, lengths, {}, seed).items()} for seed in range(count)]
