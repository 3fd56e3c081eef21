"""``inhouse convert``: make a model fast on this machine, with proof that it still gives the same answers."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inhouse.cli.exits import Exit, exit_code
from inhouse.cli.options import AsJson

if TYPE_CHECKING:
    from inhouse.cli.voice import Voice
    from inhouse.packs.conversion.planning import Plan


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("convert", epilog="Example: inhouse convert all-MiniLM-L6-v2/ --to openvino --precision int8")(convert)


def convert(  # noqa: PLR0913 - its options
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="Folder of transformers or diffusers, .safetensors, .onnx, .gguf, .pt2, TorchScript, scikit-learn, or "
            "package.module:callable that builds a module.",
        ),
    ],
    *,
    to: Annotated[
        str,
        typer.Option("--to", metavar="FORMAT", help="onnx, openvino, tensorrt, torch-export; auto: the fastest here."),
    ] = "auto",
    precision: Annotated[
        str,
        typer.Option(
            metavar="TYPE", help="fp32, fp16, bf16, int8 or int4; with --to auto the coarsest that may be chosen."
        ),
    ] = "fp32",
    data: Annotated[
        str,
        typer.Option(
            metavar="SAMPLES", help="Your own inputs: a folder of pictures, texts as .txt or .jsonl, .npy, .npz."
        ),
    ] = "",
    max_drop: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, metavar="X", help="Accuracy that may be lost; layers that cost more go back."),
    ] = 0.01,
    batch: Annotated[int, typer.Option(min=1, max=4096, metavar="N", help="Largest batch it will be served in.")] = 32,
    task: Annotated[
        str,
        typer.Option(metavar="TASK", help="embeddings, image-classification, text-classification, chat, tensors, ..."),
    ] = "auto",
    labels: Annotated[str, typer.Option(metavar="FILE", help="Names of classes, one a line.")] = "",
    architecture: Annotated[str, typer.Option(metavar="NAME", help="Of weights that come without a description.")] = "",
    threads: Annotated[
        int, typer.Option(min=0, max=1024, metavar="N", help="Threads of a session; 0 lets the runtime choose.")
    ] = 0,
    device: Annotated[
        str, typer.Option(metavar="DEVICE", help="What it will be served on, such as cpu or cuda:0.")
    ] = "cpu",
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder that the artifact goes into.")] = Path(
        "artifacts"
    ),
    name: Annotated[str, typer.Option(metavar="NAME", help="What the artifact is called.")] = "",
    allow_pickle: Annotated[
        bool,
        typer.Option("--allow-pickle", help="Read .pth and .joblib, which may hold code, each in a process apart."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Convert a model, compare it with the original, and keep it only if it answers the same.

    Ends with 8 if it does not: then nothing is written, and the first layer that differs is named.
    """
    from inhouse.cli.voice import speaking

    with speaking(as_json=as_json) as voice:
        from inhouse.packs.conversion.planning import Plan

        _refuse_artifact(Path(model))
        plan = Plan(
            model=model,
            target=to,
            precision=precision,
            task=task,
            data=data,
            labels=labels,
            architecture=architecture,
            max_drop=max_drop,
            batch=batch,
            threads=threads,
            device=device,
            name=name,
        )
        code = _run(voice, plan, out, allow_pickle=allow_pickle)
    raise typer.Exit(code)


def _refuse_artifact(model: Path) -> None:
    from inhouse.errors import UsageError
    from inhouse.models.artifact import NAME, open_artifact

    if not (model / NAME).is_file():
        return
    serving = open_artifact(model).serving
    raise UsageError(
        f"{model} is converted already: {serving.precision}, run by {serving.runtime}.",
        hint="Measure it with `inhouse bench`, serve it with `inhouse publish`, or convert what it was made of.",
    )


def _run(voice: Voice, plan: Plan, out: Path, *, allow_pickle: bool) -> Exit:
    from inhouse.cli.configured import configured
    from inhouse.cli.convert_report import ConvertReport
    from inhouse.cli.progress import ProgressBars
    from inhouse.cli.run_command import stop_on_signals, verdict
    from inhouse.engine.control import Control
    from inhouse.engine.engine import Engine
    from inhouse.errors import OutputError
    from inhouse.files import inside
    from inhouse.models.signing import Signer
    from inhouse.packs.conversion.planning import SAVE
    from inhouse.packs.conversion.workshop import Workshop
    from inhouse.workers.session import Places, open_session

    if inside(out, plan.folder).exists():
        raise OutputError(f"{out / plan.folder} is there already.", hint="Choose another --name, or remove it.")
    signer = Signer.open(configured().services.signing_key)
    workshop = Workshop(Path(tempfile.mkdtemp(prefix="inhouse-convert-")), anywhere=True, allow_pickle=allow_pickle)
    workflow = plan.workflow()
    control = Control()
    try:
        with open_session(Places(output=out), detect=False) as session, stop_on_signals(control):
            services = {**session.engine.services, Workshop: workshop, Signer: signer}
            with (
                Engine(session.registry, services=services) as engine,
                ProgressBars(voice, workflow, session.folders.temp / "preview.png") as bars,
            ):
                result = engine.run(workflow, emit=bars, control=control)
    finally:
        if workshop.folder is not None:
            shutil.rmtree(workshop.folder, ignore_errors=True)
    failures = [failure.error for failure in result.failures]
    ConvertReport(result.status, failures, _place(result.values.get(SAVE))).print_to(voice)
    return exit_code(failures[0]) if failures else verdict(result)


def _place(values: object) -> Path | None:
    """Return the artifact's folder from what the last node gave; None if it gave nothing."""
    while isinstance(values, list | tuple) and values:
        values = values[0]
    return Path(values) if isinstance(values, str) else None
