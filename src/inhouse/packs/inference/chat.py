"""Chat: a causal language model that answers a conversation piece by piece.

Sampling is by temperature and nucleus (Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration"); keys and
values of tokens that were read are kept, so that each step computes one token.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from inhouse.errors import ModelFormatError, NodeInputError
from inhouse.packs.inference.stops import Stops

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.models.artifact import Artifact

WEIGHTS, CONFIG, TOKENIZER, TOKENIZER_CONFIG = (
    "model.safetensors",
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
"""Files of an artifact of task ``chat``."""
_AT_ONCE = 128
"""Tokens that are read in one step, between which other conversations get their turn."""
_DEFAULT_TOKENS = 512
_DTYPES: Mapping[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Chat:
    """A model with its tokenizer; several conversations may go on in turns.

    Attributes:
        model: of transformers.
        tokenizer: of transformers.
        context: how many tokens it can see.
        ends: tokens that end an answer.

    """

    model: Any
    tokenizer: Any
    context: int
    ends: frozenset[int]

    @classmethod
    def open(cls, artifact: Artifact) -> Chat:
        """Load the model of an artifact, in its precision.

        Raises:
            ModelFormatError: something of it is missing or does not fit.

        """
        from safetensors.torch import load_file
        from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

        folder, serving = artifact.folder, artifact.serving
        if serving.threads:
            torch.set_num_threads(serving.threads)
        try:
            config = AutoConfig.from_pretrained(str(folder), local_files_only=True)
            tokenizer = PreTrainedTokenizerFast.from_pretrained(str(folder), local_files_only=True)
            with torch.device("meta"):
                model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")
            weights = {name: value.to(_DTYPES[serving.precision]) for name, value in load_file(artifact.model).items()}
            model.load_state_dict(weights, strict=False, assign=True)
            model.tie_weights()
            _refill(model, config)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelFormatError(f"{artifact.name} cannot be loaded as a chat.", hint="Convert it again.") from error
        if lacking := [name for name, value in model.named_parameters() if value.is_meta]:
            raise ModelFormatError(f"{artifact.name} lacks weights: {', '.join(lacking[:3])}.")
        model = model.eval().requires_grad_(requires_grad=False).to(serving.device)
        return cls(model, tokenizer, int(config.max_position_embeddings), _ends(folder, config, tokenizer))

    def answer(
        self, messages: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]
    ) -> Generator[dict[str, Any], None, dict[str, Any]]:
        """Yield ``{"delta": text}`` and at last ``{"finish_reason", "usage"}``; return the whole with all of these.

        Args:
            messages: with a role and a content each.
            parameters: ``max_tokens``, ``temperature`` (0, the likeliest token, if it is not said), ``top_p``,
                ``seed`` and ``stop``, all as OpenAI has them.

        Raises:
            NodeInputError: the conversation is longer than the model can see.

        """
        prompt = self._prompt(messages)
        most = min(int(parameters.get("max_tokens") or _DEFAULT_TOKENS), self.context - len(prompt))
        sampler = _Sampler.of(parameters)
        writing = _Writing(self.tokenizer, Stops(parameters.get("stop") or ()))
        cache: Any = None
        logits: Any = None
        for start in range(0, len(prompt), _AT_ONCE):
            logits, cache = self._step(prompt[start : start + _AT_ONCE], cache)
            if start + _AT_ONCE < len(prompt):
                yield {"read": start + _AT_ONCE}
        reason = "length"
        while len(writing.tokens) < most:
            token = sampler.pick(logits)
            if token in self.ends:
                reason = "stop"
                break
            if text := writing.add(token):
                yield {"delta": text}
            if writing.stopped:
                reason = "stop"
                break
            if len(writing.tokens) < most:
                logits, cache = self._step([token], cache)
        if text := writing.rest():
            yield {"delta": text}
        read, written = len(prompt), len(writing.tokens)
        usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
        last = {"finish_reason": reason, "usage": usage}
        yield last
        return {"content": "".join(writing.said), **last}

    def _prompt(self, messages: Sequence[Mapping[str, Any]]) -> list[int]:
        encoded = self.tokenizer.apply_chat_template(
            [dict(message) for message in messages], add_generation_prompt=True, tokenize=True, return_dict=True
        )
        found: list[int] = list(encoded["input_ids"])
        if len(found) >= self.context:
            raise NodeInputError(
                f"The conversation has {len(found)} tokens; the model sees {self.context}.",
                hint="Leave out the oldest messages.",
                input_name="messages",
            )
        return found

    def _step(self, tokens: Sequence[int], cache: Any) -> tuple[Tensor, Any]:
        """Return the logits of what comes after these tokens, and what is to be kept of them."""
        with torch.inference_mode():
            given = torch.tensor([list(tokens)], device=self.model.device)
            told = self.model(input_ids=given, past_key_values=cache, use_cache=True, logits_to_keep=1)
            return told.logits[0, -1].float(), told.past_key_values


_COLD = 1e-3
"""Below this temperature the likeliest token alone has a share, and shares could not be computed."""


@dataclass(slots=True)
class _Sampler:
    temperature: float
    top_p: float
    chance: torch.Generator

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> _Sampler:
        chance = torch.Generator()
        seed = parameters.get("seed")
        if seed is None:
            chance.seed()
        else:
            chance.manual_seed(int(seed))
        temperature = parameters.get("temperature")
        return cls(float(temperature or 0), float(parameters.get("top_p") or 1), chance)

    def pick(self, logits: Tensor) -> int:
        """Return the next token."""
        if self.temperature < _COLD:
            return int(logits.argmax())
        shares, tokens = torch.softmax(logits.cpu() / self.temperature, dim=-1).sort(descending=True)
        # Kept are the likeliest that together reach top_p: whoever comes after those that do is left out.
        shares = shares.where(shares.cumsum(-1) - shares <= self.top_p, 0)
        return int(tokens[torch.multinomial(shares, 1, generator=self.chance)])


@dataclass(slots=True)
class _Writing:
    """Text as its tokens come: a character may take several, and is told once it is whole."""

    tokenizer: Any
    stops: Stops
    tokens: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    _start: int = 0
    _told: int = 0

    @property
    def stopped(self) -> bool:
        return self.stops.found

    def add(self, token: int) -> str:
        """Return the text to tell now."""
        self.tokens.append(token)
        before = self._decoded(self._told)
        now = self._decoded(len(self.tokens))
        if len(now) <= len(before) or now.endswith("\N{REPLACEMENT CHARACTER}"):
            return ""
        self._start, self._told = self._told, len(self.tokens)
        return self._say(self.stops.add(now[len(before) :]))

    def rest(self) -> str:
        """Return what was held back."""
        tail = self._decoded(len(self.tokens))[len(self._decoded(self._told)) :]
        return self._say((self.stops.add(tail) if tail and not self.stopped else "") + self.stops.rest())

    def _decoded(self, end: int) -> str:
        text: str = self.tokenizer.decode(self.tokens[self._start : end], skip_special_tokens=True)
        return text

    def _say(self, text: str) -> str:
        if text:
            self.said.append(text)
        return text


def _refill(model: Any, config: Any) -> None:
    """Compute what a model keeps beside its weights: the frequencies of its rotary positions (Su et al. 2021)."""
    for module in model.modules():
        if any(value is not None and value.is_meta for value in module.buffers(recurse=False)):
            fresh = type(module)(config=config)
            for name, value in fresh.named_buffers(recurse=False):
                setattr(module, name, value)
            if hasattr(fresh, "original_inv_freq"):
                module.original_inv_freq = fresh.original_inv_freq


def _ends(folder: Path, config: Any, tokenizer: Any) -> frozenset[int]:
    """Return the tokens that end an answer."""
    found: set[int] = set()
    for value in (config.eos_token_id, tokenizer.eos_token_id):
        found |= set(value if isinstance(value, list) else () if value is None else (value,))
    described = folder / "generation_config.json"
    if described.is_file():
        value = json.loads(described.read_bytes()).get("eos_token_id")
        found |= set(value if isinstance(value, list) else () if value is None else (value,))
    return frozenset(map(int, found))
