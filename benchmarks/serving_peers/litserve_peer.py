"""LitServe, as its documentation has batching."""

from __future__ import annotations

from typing import Any

import litserve
from model import MAX_BATCH, PORT, embedder


class Api(litserve.LitAPI):
    """One sentence to one vector."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe's signature
        """Load the model."""
        self.model = embedder()

    def decode_request(self, request: dict[str, str]) -> str:
        """Return the text."""
        return request["text"]

    def batch(self, inputs: list[str]) -> list[str]:
        """Return the texts as they are."""
        return inputs

    def predict(self, x: list[str]) -> Any:
        """Return the vectors."""
        return self.model(x)

    def unbatch(self, output: Any) -> Any:
        """Return the rows."""
        return list(output)

    def encode_response(self, output: Any) -> list[float]:
        """Return the vector as a list."""
        vector: list[float] = output.tolist()
        return vector


if __name__ == "__main__":
    api = Api(max_batch_size=MAX_BATCH, batch_timeout=0.002)
    litserve.LitServer(api, accelerator="cpu", workers_per_device=1).run(
        port=PORT, host="127.0.0.1", generate_client_file=False, log_level="warning"
    )
