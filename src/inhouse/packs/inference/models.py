"""Nodes that load and run a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from inhouse import Context, Output, Widget, Wire, node
from inhouse.backends.sessions.base import SessionOptions
from inhouse.backends.sessions.registry import open_session
from inhouse.errors import NodeInputError
from inhouse.models.artifact import Artifact, open_artifact
from inhouse.packs.inference.wires import Session, Tensor, Tensors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CATEGORY = "inference/model"
_PATH = Annotated[str, Widget({"multiline": False, "tooltip": "The folder that inhouse convert wrote."})]


@node("ServedModel", category=_CATEGORY, display_name="Served Model", cacheable=False)
def served_model(*, context: Context) -> Annotated[Any, Wire("SESSION"), Output("session")]:
    """Load the model of the artifact that is being served, as its receipt says it was verified."""
    return opened(context.service(Artifact))


@node("LoadArtifact", category=_CATEGORY, display_name="Load Artifact", cacheable=False)
def load_artifact(*, artifact: _PATH) -> Annotated[Any, Wire("SESSION"), Output("session")]:
    """Load the model of an artifact."""
    return opened(open_artifact(Path(artifact)))


def opened(artifact: Artifact) -> Any:
    """Return a session of an artifact's model; what its runtime compiles is kept beside nothing that is signed."""
    serving = artifact.serving
    options = SessionOptions(serving.device, serving.precision, serving.threads, None, serving.options)
    return open_session(serving.runtime, artifact.model, options)


@node("RunModel", category=_CATEGORY, display_name="Run Model")
def run_model(*, session: Session, tensors: Tensors) -> Annotated[Any, Wire("TENSORS"), Output("tensors")]:
    """Run a model on a batch. Tensors that it does not take are left out, integers come in its own type."""
    feeds = {}
    for name, (dtype, _) in session.inputs.items():
        if name not in tensors:
            raise NodeInputError(f"The model takes {name!r}.", hint=f"There are {', '.join(tensors)}.")
        given: NDArray[Any] = tensors[name]
        fits = given.dtype == dtype or given.dtype.kind not in "iu" or dtype.kind not in "iu"
        feeds[name] = given if fits else given.astype(dtype)
    return session.run(feeds)


@node("NamedTensor", category=_CATEGORY, display_name="Named Tensor")
def named_tensor(
    *, tensor: Tensor, name: str = "input", tensors: Tensors | None = None
) -> Annotated[Any, Wire("TENSORS"), Output("tensors")]:
    """Give a tensor the name by which a model takes it, beside others."""
    return {**(tensors or {}), name: tensor}


@node("SelectTensor", category=_CATEGORY, display_name="Select Tensor")
def select_tensor(*, tensors: Tensors, name: str = "output") -> Annotated[Any, Wire("TENSOR"), Output("tensor")]:
    """Take one of several tensors by its name."""
    found: NDArray[np.generic] | None = tensors.get(name)
    if found is None:
        raise NodeInputError(f"There is no tensor {name!r}.", hint=f"There are {', '.join(tensors)}.")
    return found


NODES = (served_model, load_artifact, run_model, named_tensor, select_tensor)
