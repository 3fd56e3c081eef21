"""Runs every golden case through ``inhouse run --reference`` and prints how far each result is from the reference.

python -m benchmarks.golden [NAME ...]    (all cases: half an hour; makes 14 GB of checkpoints in .cache/)
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import INHOUSE, keep, measure
from tests.golden.compare import CASES, HERE, Difference, differences
from tests.golden.models import MODELS, kinds_named, make_models


def run_case(case: Path) -> list[Difference]:
    """Run one case in a process of its own."""
    make_models(*kinds_named((case / "workflow_api.json").read_text(encoding="utf-8")))
    with tempfile.TemporaryDirectory() as out:
        command = [*INHOUSE, "run", str(case / "workflow_api.json"), "--reference", "--json", "--out", out]
        ran = measure([*command, "--models", str(MODELS), "--input", str(HERE / "inputs")])
        answer = json.loads(ran.output)
        if ran.status:
            print(answer["errors"], ran.errors)
            return [Difference(case.name, float("inf"), 0.0)]
        made = [Path(item["path"]) for ui in answer["outputs"].values() for files in ui.values() for item in files]
        return differences(case, made)


def main(names: list[str]) -> int:
    """Run the cases named, or all; return 1 if any result is too far off."""
    cases = [CASES[name] for name in names or sorted(CASES)]
    figures = {}
    failed = 0
    for number, case in enumerate(cases, 1):
        found = run_case(case)
        worst = max(found, key=lambda d: d.value / d.limit if d.limit else d.value)
        failed += not all(d.within for d in found)
        figures[case.name] = {d.file: d.value for d in found}
        verdict = "ok" if all(d.within for d in found) else "FAR OFF"
        print(f"[{number}/{len(cases)}] {case.name:<44} {worst.file:<16} {worst.value:10.2e}  {verdict}", flush=True)
    latents = sorted(v for files in figures.values() for f, v in files.items() if f.endswith(".latent"))
    pixels = [v for files in figures.values() for f, v in files.items() if f.endswith(".png")]
    summary = {
        "cases": len(cases),
        "failed": failed,
        "latent_median": latents[len(latents) // 2] if latents else None,
        "latent_worst": latents[-1] if latents else None,
        "pixel_worst": max(pixels, default=None),
    }
    print(summary)
    if not names:
        keep("golden", {"summary": summary, "cases": figures})
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
