"""Ray Serve, as its documentation has dynamic request batching."""

from __future__ import annotations

import time
from typing import Any

import ray
from model import MAX_BATCH, PORT, embedder
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=1, max_ongoing_requests=256)
class Embed:
    """One sentence to one vector."""

    def __init__(self) -> None:
        self.model = embedder()

    @serve.batch(max_batch_size=MAX_BATCH, batch_wait_timeout_s=0.002)
    async def embed(self, texts: list[str]) -> list[Any]:
        """Return the vectors of texts."""
        return [row.tolist() for row in self.model(texts)]

    async def __call__(self, request: Request) -> Any:
        """Answer a request."""
        return await self.embed((await request.json())["text"])


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": PORT})
    serve.run(Embed.bind())
    while True:
        time.sleep(3600)
