"""Nodes at both ends of a pipeline, and those that load what a service is made of."""

from typing import Annotated, Any, NamedTuple, get_args

from inhouse import Choices, Context, Output, Widget, node
from inhouse.models.signature import Kind
from inhouse.packs.inference.wires import Artifact, Parameters, Session, Tensors

_CATEGORY = "inference/service"
_KINDS = Choices(get_args(Kind))


class LoadedArtifact(NamedTuple):
    """A model, and what belongs to it."""

    session: Session
    artifact: Artifact


@node("ServiceInput", category=_CATEGORY, display_name="Service Input")
def service_input(
    *,
    name: str,
    kind: Annotated[str, _KINDS],
    value: Annotated[str | None, Widget({"multiline": True})] = "",
    context: Context,
) -> Annotated[Any, Output("value")]:
    """What callers send for a field of a service; on a canvas, one row from what is typed in.

    A text stands for itself, a file or image is one of the input folder by its name, all else is JSON.
    """
    from inhouse.packs.inference.examples import example_rows

    del name
    return example_rows(kind, value or "", context)


@node("ServiceOutput", category=_CATEGORY, display_name="Service Output", output_node=True)
def service_output(*, value: Any, name: str) -> Annotated[Any, Output("value")]:
    """What callers get as a field of a service."""
    del name
    return value


@node("ServiceParameters", category=_CATEGORY, display_name="Service Parameters")
def service_parameters() -> Parameters:
    """What a caller said beside the fields, such as ``max_tokens``; nothing on a canvas."""
    return {}


@node("ServedModel", category=_CATEGORY, display_name="Served Model", cacheable=False)
def served_model(*, artifact: Artifact | None = None, context: Context) -> Session:
    """The model that is being served, loaded; on a canvas, that of a linked artifact."""
    from inhouse.backends.sessions.base import SessionOptions
    from inhouse.packs.inference.places import served
    from inhouse.packs.inference.sessions import session_of

    return session_of(served(artifact, context), None if artifact else context.find(SessionOptions))


@node("LoadArtifact", category=_CATEGORY, display_name="Load Converted Model")
def load_artifact(*, artifact: str, context: Context) -> LoadedArtifact:
    """Load a converted model from a folder below the output or the input folder."""
    from inhouse.packs.inference.places import artifact_at
    from inhouse.packs.inference.sessions import session_of

    found = artifact_at(artifact, context)
    return LoadedArtifact(session_of(found), found)


@node("RunModel", category=_CATEGORY, display_name="Run Model")
def run_model(*, session: Session, tensors: Tensors) -> Tensors:
    """Compute a model's outputs; tensors that it does not take are left out."""
    from inhouse.packs.inference.sessions import wanted

    return session.run(wanted(session, tensors))


NODES = (service_input, service_output, service_parameters, served_model, load_artifact, run_model)
