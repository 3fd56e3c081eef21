"""Peak memory of ``inhouse run`` on the golden checkpoints, against the bytes of their weights as computed with.

python -m benchmarks.memory
"""

from __future__ import annotations

import math
import sys
import tempfile

from benchmarks.measure import INHOUSE, keep, measure, verdict
from safetensors import safe_open
from tests.golden.compare import CASES
from tests.golden.models import FILES, MODELS, make_models

FLOAT32_BYTES = 4
CASES_BY_KIND = {"tiny": "f_txt2img_base", "full": "full_euler_normal"}


def limit(kind: str) -> float:
    """Return 1.25 times the bytes of a checkpoint's weights in float32, plus 600 MB."""
    with safe_open(FILES[kind], "pt") as file:
        sizes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118 - it is no mapping
    elements: int = sum(math.prod(shape) for shape in sizes)
    return 1.25 * elements * FLOAT32_BYTES + 600e6


def main() -> int:
    """Print each peak with its limit; return 1 if one is over."""
    make_models(*CASES_BY_KIND)
    within = True
    kept = {}
    for kind, case in CASES_BY_KIND.items():
        with tempfile.TemporaryDirectory() as out:
            workflow = str(CASES[case] / "workflow_api.json")
            ran = measure([*INHOUSE, "run", workflow, "--reference", "--json", "--models", str(MODELS), "--out", out])
        if ran.status:
            raise SystemExit(ran.errors or ran.output)
        kept[kind] = {"peak_bytes": ran.peak_bytes, "limit_bytes": limit(kind)}
        within &= verdict(f"peak memory, {FILES[kind].name} in float32", ran.peak_bytes / 1e9, limit(kind) / 1e9, "GB")
    keep("memory", kept)
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
