"""A gateway of nothing but a worker that runs for ever: to be killed by a test.

Its arguments are a folder and what is to run; it writes the worker's id to standard output once the job runs.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.workers.kit import Ear, config, job, there

from inhouse.workers.process import ProcessWorker


async def main(root: Path, node: str) -> None:
    """Start a worker, and give it something that never ends."""
    worker = ProcessWorker("cpu-0", config(root))
    await worker.start(Ear())
    worker.submit(job(root, (node, str(root / "w"))))
    sys.stdout.write(f"{await there(root / 'w.runs')}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
