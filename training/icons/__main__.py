"""``python -m training.icons``: run a course of training, export the file, measure it."""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from training.icons.art import STYLES

if TYPE_CHECKING:
    from training.icons.examples import Dataset


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    top = argparse.ArgumentParser(prog="python -m training.icons", description=__doc__)
    top.add_argument("command", choices=["text", "denoiser", "decoder", "encoder", "export", "evaluate"])
    top.add_argument("--work", type=Path, default=Path("build/icons"), help="checkpoints and rendered drawings")
    top.add_argument("--packages", type=Path, default=Path("node_modules"), help="where npm put the drawings")
    top.add_argument("--minutes", type=float, default=4.0, help="how long the course takes, resumed time included")
    top.add_argument("--cooldown", type=float, default=2.0, help="minutes at the end over which the rate falls")
    top.add_argument("--workers", type=int, default=2, help="processes, best one a core")
    top.add_argument("--styles", nargs="+", default=["flat"], choices=STYLES, help="drawing styles to train on")
    top.add_argument("--file", type=Path, default=Path("build/icons/icons.safetensors"), help="the file that ships")
    top.add_argument("--plain", type=int, default=1000, help="evaluate: how many concepts to ask for by name")
    return top


def main() -> None:
    """Read the command line and run."""
    options = parser().parse_args()
    torch.set_num_threads(1)
    from training.icons.examples import Dataset

    dataset = Dataset.open(options.work, options.packages, tuple(options.styles))
    if options.command == "export":
        from training.icons import export

        export.write(export.checkpoint(export.Weights.read(options.work), dataset.vocabulary), options.file)
    elif options.command == "evaluate":
        evaluate(options, dataset)
    else:
        from training.icons import train

        plan = train.Plan(options.work, options.minutes, options.cooldown, options.workers)
        train.COURSES[options.command](dataset, plan)


def evaluate(options: argparse.Namespace, dataset: Dataset) -> None:
    """Measure the file; write sheets and figures into ``evaluation/`` in the work folder, print the figures."""
    from training.icons import evaluate as measuring
    from training.icons.checkpoint import Model, Settings
    from training.icons.judge import Judge

    rng, usual = random.Random(5), Settings()
    model, folder = Model.load(options.file), options.work / "evaluation"
    evaluation = measuring.Evaluation(model, dataset, Judge(dataset.bank, dataset.styles), usual, folder)
    plain = measuring.plain_wishes(dataset)
    figures = {
        "held-out wordings": asdict(evaluation.ask("phrasings", measuring.read_wishes(), 1)),
        "difference between seeds": round(evaluation.seeds(), 4),
        "round trip, dB": round(evaluation.round_trip(rng), 2),
        "colours and backgrounds": asdict(evaluation.ask("colours", measuring.colour_wishes(dataset, rng, 80), 3000)),
        "plain names": asdict(evaluation.ask("plain", rng.sample(plain, min(options.plain, len(plain))), 1000)),
    }
    choices = {f"dpmpp_2m karras cfg {cfg:g}": replace(usual, cfg=cfg) for cfg in (1.0, 2.0, 3.0, 5.0, 7.0)}
    choices["dpmpp_2m normal cfg 3"] = replace(usual, schedule="normal")
    choices["euler normal cfg 3"] = replace(usual, sampler="euler", schedule="normal")
    choices["euler karras cfg 5"] = replace(usual, sampler="euler", cfg=5.0)
    evaluation.compare(choices)
    text = json.dumps({"settings": asdict(usual), **figures}, indent=1)
    (folder / "figures.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
