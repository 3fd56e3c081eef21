"""Names of the pack's wires. Every one carries a whole batch, rows first, but those that carry a thing to work with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from inhouse.engine.markers import Wire

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from inhouse.backends.sessions.base import Session as OpenSession
    from inhouse.models.artifact import Artifact as OpenArtifact

    Tensor: TypeAlias = NDArray[Any]
    Tensors: TypeAlias = Mapping[str, NDArray[Any]]
    Texts: TypeAlias = list[str]
    Files: TypeAlias = list[bytes]
    Pictures: TypeAlias = list[NDArray[np.uint8]]
    Session: TypeAlias = OpenSession
    Artifact: TypeAlias = OpenArtifact
    Tokenizer: TypeAlias = Any
    Labels: TypeAlias = list[str]
    Ranking: TypeAlias = list[list[dict[str, Any]]]
    Parameters: TypeAlias = Mapping[str, Any]
else:
    Tensor = Annotated[Any, Wire("TENSOR")]
    """A NumPy array, rows first."""
    Tensors = Annotated[Any, Wire("TENSORS")]
    """Arrays by name."""
    Texts = Annotated[Any, Wire("TEXTS")]
    """Texts, one a row."""
    Files = Annotated[Any, Wire("FILES")]
    """Contents of files, one a row."""
    Pictures = Annotated[Any, Wire("PICTURES")]
    """Pictures, one a row: (height, width, channels) of bytes, each of its own size."""
    Session = Annotated[Any, Wire("SESSION")]
    """A loaded model."""
    Artifact = Annotated[Any, Wire("ARTIFACT")]
    """A converted model with what belongs to it."""
    Tokenizer = Annotated[Any, Wire("TOKENIZER")]
    """A tokenizer of the library ``tokenizers``."""
    Labels = Annotated[Any, Wire("LABELS")]
    """Names of classes, by index."""
    Ranking = Annotated[Any, Wire("RANKING")]
    """For each row the likeliest labels: ``{label, score, index}``."""
    Parameters = Annotated[Any, Wire("PARAMETERS")]
    """What a caller said beside the fields, such as ``max_tokens``."""
