"""Sessions of artifacts, and the tensors that they take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inhouse.backends.sessions.base import Session, SessionOptions
from inhouse.backends.sessions.registry import open_session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from inhouse.models.artifact import Artifact


def session_of(artifact: Artifact, options: SessionOptions | None = None) -> Session:
    """Return the model of an artifact, loaded as it was verified unless ``options`` say otherwise.

    Raises:
        ModelError: it cannot be loaded; see `inhouse.backends.sessions.base.Runtime.open`.

    """
    serving = artifact.serving
    if options is None:
        options = SessionOptions(serving.device, serving.precision, serving.threads, None, serving.options)
    return open_session(serving.runtime, artifact.model, options)


def wanted(session: Session, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the tensors that a model takes, whole numbers in the width that it takes them in.

    A model may want its token ids in 32 or 64 bits; any other difference of type is for the session to refuse.
    """
    found = {}
    for name, (dtype, _) in session.inputs.items():
        array = tensors.get(name)
        if array is not None:
            widens = array.dtype != dtype and array.dtype.kind == dtype.kind == "i"
            found[name] = array.astype(dtype) if widens else array
    return found
