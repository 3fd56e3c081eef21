"""BentoML, as its documentation has adaptive batching."""

from __future__ import annotations

import bentoml
import numpy as np
from model import MAX_BATCH, embedder
from numpy.typing import NDArray


@bentoml.service(workers=1, traffic={"timeout": 60, "max_concurrency": 1024}, metrics={"enabled": False})
class Embed:
    """One sentence to one vector."""

    def __init__(self) -> None:
        self.model = embedder()

    @bentoml.api(batchable=True, max_batch_size=MAX_BATCH, max_latency_ms=1000)
    def embed(self, texts: list[str]) -> NDArray[np.float32]:
        """Return the vectors of texts, one a row."""
        return self.model(texts)
