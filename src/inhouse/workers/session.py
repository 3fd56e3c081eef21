"""A session: registry, folders, models and engine, put together for a command or a worker."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.backends.attention import AUTO, AttentionName
from inhouse.backends.batching import Batches
from inhouse.backends.compute import Compute
from inhouse.backends.file_pool import FilePool
from inhouse.backends.memory import memory_of
from inhouse.backends.profile import Profile, ProfiledResidency
from inhouse.backends.residency import Residency
from inhouse.backends.sharing import SharedSteps
from inhouse.engine.cache import Cache
from inhouse.engine.engine import CACHE_BYTES, Engine
from inhouse.engine.registry import ChoiceSource
from inhouse.engine.turn import Turn
from inhouse.errors import FileError, InputNotFoundError, ModelNotFoundError
from inhouse.files import PICTURES, Folders, is_file
from inhouse.models.catalogue import ModelCatalogue
from inhouse.models.folders import layout_under, with_extra_paths
from inhouse.plugins import build_registry, load_packs
from inhouse.storage.publishing import Publisher
from inhouse.storage.service_store import ServiceStore

if TYPE_CHECKING:
    from inhouse.compat.custom_nodes import CustomNodes
    from inhouse.compat.prompt_server import PackHost
    from inhouse.engine.registry import Registry
    from inhouse.workers.config import WorkerConfig

BOX = Path(__file__).parents[1] / "box"
"""The models that come with the package."""

_INPUTS = {
    "images": PICTURES,
    "latents": re.compile(r"\.latent$", re.IGNORECASE),
}
"""Which files of the input folder each kind of choice lists."""


@dataclass(frozen=True, slots=True)
class Places:
    """The folders that a command line names.

    Attributes:
        models: where model folders lie, named as ComfyUI names them.
        input: where LoadImage looks.
        output: where SaveImage writes.
        custom_nodes: a folder of ComfyUI node packs to load; None loads none.

    """

    models: Path = Path("models")
    input: Path = Path("input")
    output: Path = Path("output")
    custom_nodes: Path | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """What a command works with.

    Attributes:
        registry, catalogue, folders, templates, engine: as their types say.
        compute: finds out what models compute on.
        custom: the packs of custom nodes, where a folder of them was named.

    """

    registry: Registry
    catalogue: ModelCatalogue
    folders: Folders
    templates: Sequence[Path]
    engine: Engine
    compute: Callable[[], Compute]
    custom: CustomNodes | None = None


@contextmanager
def open_session(
    places: Places,
    *,
    reference: bool = False,
    device: str = AUTO,
    precision: str = AUTO,
    attention: AttentionName = AUTO,
    cache_bytes: int = CACHE_BYTES,
    models_bytes: int | None = None,
    host: PackHost | None = None,
    detect: bool = True,
    profiled: bool = False,
    publisher: Publisher | None = None,
) -> Iterator[Session]:
    """Put a session together, and take it apart at the end.

    Args:
        places: the folders.
        reference: compute in float32, deterministically.
        device: what to compute on, as torch calls it; ``auto`` for the best there is.
        precision: a row of `inhouse.backends.compute.PRECISIONS`.
        attention: an implementation of `inhouse.backends.attention`, or ``auto``.
        cache_bytes: how much the engine may remember between runs.
        models_bytes: how much of a device's memory models may take; None for what is free when one comes.
        host: what stands behind the server that custom packs see; without one, nothing does.
        detect: find out now what to compute on, for which a graphics card's runtime is loaded; else nodes that compute
            have to be given it when they run.
        publisher: through which nodes publish; without one, they cannot.
        profiled: have a `Profile` among the engine's services, which is told of networks; hand it the run's events.

    Raises:
        RegistryError: a pack cannot be loaded.
        FileError: a folder that was named is not there.
        UsageError: a device or a precision that was named is not there.

    """

    def compute() -> Compute:
        return Compute.for_reference() if reference else replace(Compute.detect(device, precision), attention=attention)

    # torch's threads wait for one another by spinning, which on a busy machine takes ten times as long as the work.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    manager = load_packs()
    catalogue = open_catalogue(places.models)
    folders = Folders(places.input, places.output, temporary_folder())
    registry = build_registry(manager, choice_sources(catalogue, folders))
    custom = None
    with ExitStack() as stack:
        if places.custom_nodes is not None:
            from inhouse.compat.custom_nodes import CustomNodes
            from inhouse.compat.prompt_server import PackHost

            host = host or PackHost()
            if not places.custom_nodes.is_dir():
                raise FileError(f"There is no folder {places.custom_nodes}.", hint="Name one with --custom-nodes.")
            offered = manager.hook.register_comfy_members()
            values = manager.hook.register_comfy_values()
            custom = stack.enter_context(
                CustomNodes(places.custom_nodes, registry, folders, catalogue, host, offered, values)
            )
        profile = Profile(memory_of(compute().device)) if profiled else None
        residency = ProfiledResidency(profile, budget=models_bytes) if profile else Residency(budget=models_bytes)
        turn = Turn(on_switch=host.show if host is not None else None)
        batches = Batches(memory=residency.memory)
        services: dict[type[Any], Any] = {
            Folders: folders,
            ModelCatalogue: catalogue,
            FilePool: FilePool(),
            Batches: batches,
            Residency: residency,
            SharedSteps: SharedSteps(turn, batches),
        }
        if detect or reference:
            services[Compute] = compute()
        if profile:
            services[Profile] = profile
        if publisher is not None:
            services[Publisher] = publisher
        engine = stack.enter_context(Engine(registry, cache=Cache(cache_bytes), services=services, turn=turn))
        yield Session(registry, catalogue, folders, list(manager.hook.register_templates()), engine, compute, custom)


def worker_session(config: WorkerConfig, host: PackHost) -> AbstractContextManager[Session]:
    """Return the session of a worker, which finds out what to compute on when its first run comes.

    Args:
        config: what the worker is to be.
        host: what stands behind the server that custom packs see.

    """
    own = Path(config.signing_key) if config.signing_key else None
    store = ServiceStore(config.state / "services")
    return open_session(
        config.places,
        publisher=Publisher(store, tuple(map(Path, config.trusted_keys)), own),
        reference=config.reference,
        device=config.device,
        precision=config.precision,
        attention=config.attention,
        cache_bytes=config.cache_bytes,
        models_bytes=config.models_bytes,
        host=host,
        detect=False,
    )


def open_catalogue(models: Path) -> ModelCatalogue:
    """Return the catalogue of a models folder, of ``extra_model_paths.yaml`` beside it, and of the box."""
    layout = layout_under(models)
    for extra in (Path("extra_model_paths.yaml"), models.parent / "extra_model_paths.yaml"):
        if extra.is_file():
            layout = with_extra_paths(layout, extra)
            break
    box = layout_under(BOX) if BOX.is_dir() else {}
    return ModelCatalogue({kind: (*layout.get(kind, ()), *box.get(kind, ())) for kind in {**layout, **box}})


def choice_sources(catalogue: ModelCatalogue, folders: Folders) -> dict[str, ChoiceSource]:
    """Return where the choices of files come from."""

    def looked_in(kind: str) -> str:
        return f"Looked in: {_listed(catalogue.folders(kind))}."

    return {
        "models": ChoiceSource(
            catalogue.names, looked_in, ModelNotFoundError.code, lambda kind, name: catalogue.path(kind, name).exists()
        ),
        "input": ChoiceSource(
            lambda kind: folders.inputs(_INPUTS[kind]),
            lambda _: f"Looked in: {_listed([folders.input])}.",
            InputNotFoundError.code,
            lambda _, name: is_file(folders.path(name)),
        ),
    }


def temporary_folder(parent: Path | None = None) -> Path:
    """Return a folder for previews that outlive the process and that no other user of the machine can read or plant."""
    try:
        parent = parent or Path(tempfile.gettempdir())
        if not hasattr(os, "getuid"):  # where each user has a temporary folder of their own
            return parent / "inhouse"
        own = parent / f"inhouse-{os.getuid()}"
        own.mkdir(mode=0o700, exist_ok=True)
        status = own.lstat()
        safe = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
        return own if safe else Path(tempfile.mkdtemp(prefix="inhouse-", dir=parent))
    except OSError:  # nothing can be written there; most runs write no previews, and one that does will say so
        return (parent or Path(os.sep, "tmp")) / "inhouse"


def _listed(folders: Iterable[Path]) -> str:
    return ", ".join(str(folder) if folder.is_dir() else f"{folder} (no such folder)" for folder in folders)
