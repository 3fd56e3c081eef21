"""A conversion as a workflow: what the command line asks for, as the nodes that do it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inhouse.backends.sessions.onnxruntime import OnnxRuntime
from inhouse.engine.workflow import Link, Workflow, WorkflowNode
from inhouse.errors import UsageError

TARGETS = ("auto", "onnx", "openvino", "tensorrt", "torch-export")
PRECISIONS = ("fp32", "fp16", "bf16", "int8", "int4")
CHAT_PRECISIONS = ("bf16", "fp32")
SAVE = "save"
"""The id of the last node, which gives the artifact's folder."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done.

    Attributes:
        model: a file, a folder, or ``package.module:callable``.
        target: a row of `TARGETS`.
        precision: a row of `PRECISIONS`; with the target ``auto``, the coarsest that may be chosen.
        task: what the model is for; ``auto`` leaves it to the model.
        data: realistic inputs; empty takes those that are built in.
        labels: a text file with a label a line.
        architecture: of weights without a description.
        max_drop: the accuracy that may be lost.
        batch: the largest batch that it will be served in.
        threads: of a session; 0 lets the runtime choose.
        device: what it is to be served on.
        name: of the artifact; empty for one made of model, target and precision.

    """

    model: str
    target: str = "auto"
    precision: str = "fp32"
    task: str = "auto"
    data: str = ""
    labels: str = ""
    architecture: str = ""
    max_drop: float = 0.01
    batch: int = 32
    threads: int = 0
    device: str = "cpu"
    name: str = ""

    def __post_init__(self) -> None:
        for given, known, what in ((self.target, TARGETS, "--to"), (self.precision, PRECISIONS, "--precision")):
            if given not in known:
                raise UsageError(f"{what} {given} is not known.", hint=f"There are {', '.join(known)}.")
        if self.target == "tensorrt" and (reason := OnnxRuntime().lacking("tensorrt")):
            raise UsageError(f"TensorRT cannot be used here: {reason}.", hint="Convert to onnx or openvino.")
        if self.target == "torch-export" and self.precision != "fp32":
            raise UsageError(f"There is no {self.precision} for torch-export.", hint="Choose another --to, or fp32.")
        if self.chats and self.precision not in CHAT_PRECISIONS:
            raise UsageError(f"There is no {self.precision} for chats.", hint=f"Choose {' or '.join(CHAT_PRECISIONS)}.")

    @property
    def chats(self) -> bool:
        """Whether it is a language model that is to chat; with a target of its own it becomes a graph as any other."""
        return self.target == "auto" and self.task in ("auto", "chat") and (self.task == "chat" or _speaks(self.model))

    @property
    def folder(self) -> str:
        """What the artifact's folder is called."""
        if self.name:
            return self.name
        path = Path(self.model)
        stem = (
            self.model.rpartition(":")[2] if ":" in path.name else path.stem if path.is_file() else path.resolve().name
        )
        return f"{stem}-{self.target}-{self.precision}"

    def workflow(self) -> Workflow:
        """Return the nodes, one after another."""
        nodes = {"source": WorkflowNode("LoadModelSource", self._opened(), title="Open")}
        if self.chats:
            kept = {"source": Link("source", 0), "name": self.folder, "precision": self.precision}
            return Workflow({**nodes, SAVE: WorkflowNode("SaveChat", kept, title="Save")})
        nodes |= self._fastest() if self.target == "auto" else self._route()
        verified = {
            "draft": Link(list(nodes)[-1], 0),
            "max_drop": self.max_drop,
            "batch": self.batch,
            "metric": "auto",
            "seed": 0,
        }
        nodes["verify"] = WorkflowNode("VerifyModel", verified, title="Verify")
        nodes[SAVE] = WorkflowNode("SaveArtifact", {"draft": Link("verify", 0), "name": self.folder}, title="Save")
        return Workflow(nodes)

    def _opened(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "task": self.task,
            "data": self.data,
            "labels": self.labels,
            "architecture": self.architecture,
        }

    def _fastest(self) -> dict[str, WorkflowNode]:
        """Return what tries every route of this machine."""
        chosen = {
            "source": Link("source", 0),
            "precision": self.precision,
            "max_drop": self.max_drop,
            "threads": self.threads,
        }
        return {
            "choose": WorkflowNode("ConvertFastest", chosen, title="Choose the fastest"),
            "shape": WorkflowNode("ShapeModel", {"draft": Link("choose", 0)}, title="Prove shapes"),
        }

    def _route(self) -> dict[str, WorkflowNode]:
        """Return the passes of one route. Fusing comes last, and only in float32: it hides what is to be quantised."""
        engines = self.target == "tensorrt"  # which ONNX Runtime builds of a graph, on the card that they are for
        exported = {
            "source": Link("source", 0),
            "target": "onnx" if engines else self.target,
            "device": "tensorrt" if engines and self.device == "cpu" else self.device,
            "threads": self.threads,
        }
        nodes = {
            "export": WorkflowNode("ExportModel", exported, title="Export"),
            "shape": WorkflowNode("ShapeModel", {"draft": Link("export", 0)}, title="Prove shapes"),
        }
        if self.precision == "fp32":
            nodes["optimize"] = WorkflowNode("OptimizeModel", {"draft": Link("shape", 0)}, title="Optimize")
        else:
            fewer = {"draft": Link("shape", 0), "precision": self.precision, "max_drop": self.max_drop}
            nodes["quantize"] = WorkflowNode("QuantizeModel", fewer, title="Quantize")
        return nodes


def _speaks(model: str) -> bool:
    """Whether a file or a folder looks like a causal language model."""
    path = Path(model)
    if path.suffix.lower() == ".gguf":
        return True
    try:
        kinds = json.loads((path / "config.json").read_bytes())["architectures"]
        return any(str(kind).endswith(("ForCausalLM", "LMHeadModel")) for kind in kinds)
    except (OSError, ValueError, KeyError, TypeError):  # whoever opens it says what is wrong
        return False
