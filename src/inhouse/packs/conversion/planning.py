"""A conversion as a workflow: what the command line asks for, as the nodes that do it."""

from __future__ import annotations

import importlib.util
import platform
from dataclasses import dataclass
from pathlib import Path

from inhouse.engine.workflow import Link, Workflow, WorkflowNode
from inhouse.errors import UsageError

TARGETS = ("auto", "onnx", "openvino", "tensorrt", "torch-export")
PRECISIONS = ("fp32", "fp16", "bf16", "int8", "int4")
SAVE = "save"
"""The id of the last node, which gives the artifact's folder."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done.

    Attributes:
        model: a file, a folder, or ``package.module:callable``.
        target: a row of `TARGETS`.
        precision: a row of `PRECISIONS`.
        task: what the model is for; ``auto`` leaves it to the model.
        data: realistic inputs; empty takes those that are built in.
        labels: a text file with a label a line.
        architecture: of weights without a description.
        max_drop: the accuracy that may be lost.
        batch: the largest batch that it will be served in.
        threads: of a session; 0 lets the runtime choose.
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
    name: str = ""

    def __post_init__(self) -> None:
        for given, known, what in ((self.target, TARGETS, "--to"), (self.precision, PRECISIONS, "--precision")):
            if given not in known:
                raise UsageError(f"{what} {given} is not known.", hint=f"There are {', '.join(known)}.")

    @property
    def format(self) -> str:
        """The target, chosen for this machine where that was left open."""
        return best_target() if self.target == "auto" else self.target

    @property
    def folder(self) -> str:
        """What the artifact's folder is called."""
        if self.name:
            return self.name
        path = Path(self.model)
        stem = (
            self.model.rpartition(":")[2] if ":" in path.name else path.stem if path.is_file() else path.resolve().name
        )
        return f"{stem}-{self.format}-{self.precision}"

    def workflow(self) -> Workflow:
        """Return the nodes, one after another."""
        nodes = {
            "source": WorkflowNode(
                "LoadModelSource",
                {
                    "model": self.model,
                    "task": self.task,
                    "data": self.data,
                    "labels": self.labels,
                    "architecture": self.architecture,
                },
                title="Open",
            ),
            "export": WorkflowNode("ExportModel", {"source": Link("source", 0), "target": self.format}, title="Export"),
            "shape": WorkflowNode("ShapeModel", {"draft": Link("export", 0)}, title="Prove shapes"),
            "optimize": WorkflowNode("OptimizeModel", {"draft": Link("shape", 0)}, title="Optimize"),
            "quantize": WorkflowNode(
                "QuantizeModel",
                {"draft": Link("optimize", 0), "precision": self.precision, "max_drop": self.max_drop},
                title="Quantize",
            ),
            "verify": WorkflowNode(
                "VerifyModel",
                {
                    "draft": Link("quantize", 0),
                    "max_drop": self.max_drop,
                    "batch": self.batch,
                    "threads": self.threads,
                    "metric": "auto",
                    "seed": 0,
                },
                title="Verify",
            ),
            SAVE: WorkflowNode("SaveArtifact", {"draft": Link("verify", 0), "name": self.folder}, title="Save"),
        }
        return Workflow(nodes)


def best_target() -> str:
    """Return the target that is the fastest on this kind of machine, of those that are installed.

    OpenVINO's kernels are made for Intel's and AMD's processors; elsewhere ONNX Runtime's are the better ones.
    """
    if platform.machine().lower() in {"x86_64", "amd64"} and importlib.util.find_spec("openvino") is not None:
        return "openvino"
    return "onnx"
