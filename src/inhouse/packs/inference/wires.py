"""Wires of services. Each carries a whole batch: a row a caller's text, picture or slice."""

from __future__ import annotations

from typing import Annotated, Any

from inhouse import Wire

Texts = Annotated[Any, Wire("TEXTS")]
"""Texts: a list of ``str``."""
Files = Annotated[Any, Wire("FILES")]
"""Files: a list of ``bytes``."""
Pictures = Annotated[Any, Wire("PICTURES")]
"""Pictures: a list of arrays (height, width, channels), uint8, each of its own size."""
Tensor = Annotated[Any, Wire("TENSOR")]
"""A NumPy array, rows first."""
Tensors = Annotated[Any, Wire("TENSORS")]
"""NumPy arrays by name, as models take and give them."""
Session = Annotated[Any, Wire("SESSION")]
"""A loaded model (`inhouse.backends.sessions.base.Session`)."""
Tokenizer = Annotated[Any, Wire("TOKENIZER")]
"""A tokenizer of the library tokenizers."""
Labels = Annotated[Any, Wire("LABELS")]
"""Names of classes, in order: a tuple of ``str``."""
Rows = Annotated[Any, Wire("JSON")]
"""JSON-ready data: a list with an item a row."""
