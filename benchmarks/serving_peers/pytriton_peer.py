"""PyTriton: Triton Inference Server with its dynamic batcher, and Python behind it."""

from __future__ import annotations

import os
import threading

import numpy as np
from model import MAX_BATCH, PORT, embedder
from numpy.typing import NDArray
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig


def with_recursion_count() -> None:
    """Give locks what PyTriton asks them for, and what Python has from 3.11.8 on."""
    lock = type(threading.RLock())
    if not hasattr(lock, "_recursion_count"):
        threading.RLock = threading._PyRLock  # noqa: SLF001 - there is no other way


class Server:
    """The model behind Triton."""

    def __init__(self) -> None:
        self.model = embedder()

    @batch
    def embed(self, text: NDArray[np.bytes_]) -> dict[str, NDArray[np.float32]]:
        """Return the vectors of texts, one a row."""
        return {"embedding": self.model([item[0].decode() for item in text])}


if __name__ == "__main__":
    config = TritonConfig(
        http_port=PORT, grpc_port=PORT + 1, metrics_port=PORT + 2, http_address="127.0.0.1", log_verbose=0
    )
    with Triton(config=config) as triton:
        triton.bind(
            model_name="embed",
            infer_func=Server().embed,
            inputs=[Tensor(name="text", dtype=bytes, shape=(1,))],
            outputs=[Tensor(name="embedding", dtype=np.float32, shape=(384,))],
            config=ModelConfig(
                max_batch_size=MAX_BATCH,
                batcher=DynamicBatcher(max_queue_delay_microseconds=2000, preferred_batch_size=[MAX_BATCH]),
            ),
        )
        triton.serve()
    os._exit(0)
