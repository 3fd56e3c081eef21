"""``inhouse bench``: how fast, how large and how faithful models, workflows and services are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inhouse.cli.options import AsJson, CustomNodesDir, InputDir, ModelsDir


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bench", epilog="Example: inhouse bench minilm/ --runtime openvino,onnxruntime --out report.html")(
        bench
    )


def bench(  # noqa: PLR0913 - its options
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET...",
            help="Artifact, .onnx or .xml file, workflow, or the address of a service; with --compare two reports.",
        ),
    ],
    *,
    runtimes: Annotated[str, typer.Option("--runtime", metavar="A,B", help="Runtimes of models to compare.")] = "",
    precisions: Annotated[
        str, typer.Option("--precision", metavar="A,B", help="What runtimes that can be told compute in.")
    ] = "",
    threads: Annotated[str, typer.Option(metavar="N,M", help="Threads of a model; 0 lets the runtime choose.")] = "",
    batches: Annotated[str, typer.Option("--batch", metavar="N,M", help="Rows a call.")] = "1,8,32",
    concurrency: Annotated[str, typer.Option(metavar="N,M", help="Calls at once.")] = "1",
    rates: Annotated[
        str, typer.Option("--rate", metavar="N,M", help="Calls a second that arrive at a service come what may.")
    ] = "",
    seconds: Annotated[float, typer.Option(min=0.1, metavar="S", help="How long to measure, all in all.")] = 30.0,
    data: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Real inputs: .npz for models, a JSON body for services.")
    ] = None,
    sizes: Annotated[
        list[str] | None, typer.Option("--size", metavar="AXIS=N", help="Length of an axis of any length.")
    ] = None,
    reference: Annotated[
        str, typer.Option(metavar="MODEL", help="Compare answers with this model's, not with the first target's.")
    ] = "",
    device: Annotated[str, typer.Option(metavar="DEVICE", help="What models run on, such as cpu or cuda:0.")] = "",
    token: Annotated[
        str, typer.Option(envvar="INHOUSE_TOKEN", metavar="TOKEN", help="What a service is to know us by.")
    ] = "",
    pid: Annotated[
        int | None,
        typer.Option(metavar="PID", help="The service's process; else whoever listens there on this machine."),
    ] = None,
    roofline: Annotated[bool, typer.Option("--roofline", help="Measure the machine's peaks, too.")] = False,
    out: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Write the report as .html, .json or .md; repeatable.")
    ] = None,
    language: Annotated[str, typer.Option(metavar="en|zh", help="Of the page.")] = "en",
    compare: Annotated[bool, typer.Option("--compare", help="Say whether two reports (.json) really differ.")] = False,
    metric: Annotated[
        str, typer.Option(metavar="NAME", help="What is compared: latency, cpu or throughput.")
    ] = "latency",
    fail_if_slower: Annotated[
        str, typer.Option(metavar="5%", help="End with 7 if what was compared is really slower than so.")
    ] = "",
    seed: Annotated[int, typer.Option(metavar="N", help="Of random inputs and of the order.")] = 0,
    models: ModelsDir = Path("models"),
    input_dir: InputDir = Path("input"),
    out_dir: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder that workflows write to.")] = Path(
        "output"
    ),
    custom_nodes: CustomNodesDir = None,
    as_json: AsJson = False,
) -> None:
    """Measure latency, throughput, memory and fidelity, all targets in interleaved rounds."""
    from inhouse.cli.bench_running import Asked, judge, measure
    from inhouse.cli.voice import speaking
    from inhouse.packs.benchmark.lists import chosen, integers, lengths, names, numbers, share

    with speaking(as_json=as_json) as voice:
        asked = Asked(
            targets=tuple(targets),
            seconds=seconds,
            reference=reference,
            roofline=roofline,
            out=tuple(out or ()),
            language=chosen("--language", language, ("en", "zh")),
            metric=chosen("--metric", metric, ("latency", "cpu", "throughput")),
            allowed=share("--fail-if-slower", fail_if_slower),
        )
        if compare:
            code = judge(voice, asked)
        else:
            from inhouse.packs.benchmark.feeds import Questions
            from inhouse.packs.benchmark.service_subject import Caller
            from inhouse.packs.benchmark.targets import Wishes
            from inhouse.workers.session import Places

            npz = data if data is not None and data.suffix == ".npz" else None
            wishes = Wishes(
                names("--runtime", runtimes),
                names("--precision", precisions),
                integers("--threads", threads, least=0),
                integers("--batch", batches) or (1,),
                integers("--concurrency", concurrency) or (1,),
                numbers("--rate", rates),
                device,
                Questions(sizes=lengths("--size", sizes or ()), data=npz, seed=seed),
            )
            caller = Caller(token=token, pid=pid, body=None if npz else data, seed=seed)
            code = measure(voice, asked, wishes, caller, Places(models, input_dir, out_dir, custom_nodes))
    raise typer.Exit(code)
