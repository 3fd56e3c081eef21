"""Every setting: from ``INHOUSE_SERVER__PORT`` and the like, else from ``inhouse.toml``, else as it stands here."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from inhouse.backends.attention import AttentionName


class ServerSettings(BaseModel, frozen=True, extra="forbid"):
    """The gateway's address, and who may use it."""

    host: str = Field("127.0.0.1", description="Address to listen on. Anything but loopback needs `tokens`.")
    port: int = Field(8188, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    tokens: Path | None = Field(None, description="File of access tokens and whose they are; without one, one person.")
    hosts: tuple[str, ...] = Field((), description="Host names besides the address under which browsers may come.")
    max_upload_mb: int = Field(100, ge=1, description="Largest request body, in MB.")
    plain_previews: bool = Field(
        default=False,
        description="Send previews also to clients that do not say they know them (ComfyUI's --preview-method auto); "
        "some take them for results. A run's own `preview_method` goes before this.",
    )
    multi_user: bool = Field(
        default=False,
        description="Believe the name that a client gives itself (ComfyUI's --multi-user). Guards nothing.",
    )


class FolderSettings(BaseModel, frozen=True, extra="forbid"):
    """Where files lie."""

    models: Path = Field(Path("models"), description="Model folders, named as ComfyUI names them.")
    input: Path = Field(Path("input"), description="What LoadImage reads, and uploads go to.")
    output: Path = Field(Path("output"), description="What SaveImage writes.")
    custom_nodes: Path | None = Field(None, description="ComfyUI node packs to load; none are loaded without it.")
    state: Path = Field(
        Path("state"), description="The queue, users' settings and workflows, and what runs leave behind."
    )


class WorkerSettings(BaseModel, frozen=True, extra="forbid"):
    """What runs the workflows."""

    count: int | None = Field(
        None,
        ge=0,
        description="Worker processes; without it one for each accelerator, one where there is none."
        " 0 runs workflows inside the gateway, for tests only.",
    )
    runs_at_once: int = Field(
        4,
        ge=1,
        description="Runs that a worker has on their way at once, of each client one: they share the steps of a model.",
    )
    attempts: int = Field(2, ge=1, description="How many workers may die of a run before it fails.")
    grace_seconds: float = Field(30, ge=0, description="How long a running workflow may go on after a request to stop.")
    cache_mb: int = Field(2048, ge=0, description="How much each worker remembers between runs, in MB.")
    models_mb: int | None = Field(
        None,
        ge=0,
        description="How much of its device's memory each worker's models may take, in MB; without it what is free"
        " when a model comes. The least recently used make room; a model that is larger runs layer by layer.",
    )
    reference: bool = Field(default=False, description="Compute in float32, deterministically.")


class ComputeSettings(BaseModel, frozen=True, extra="forbid"):
    """What models compute on, and how exactly."""

    device: str = Field(
        "auto",
        description="A device as torch calls it, such as `cpu` or `cuda:1`; `auto` takes a card where there is one.",
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="The type that diffusion models compute in; `auto` takes bfloat16 where the device multiplies it,"
        " else float16 on a card and float32 on a processor.",
    )
    attention: AttentionName = Field(
        "auto",
        description="The implementation of attention; `auto` tries each on the device and takes one that is right and"
        " fast there. `inhouse doctor` shows how each did.",
    )


class StorageSettings(BaseModel, frozen=True, extra="forbid"):
    """Where runs are kept, and for how long."""

    url: str = Field("", description="postgresql://... for PostgreSQL; empty for a SQLite file in the state folder.")
    keep_days: float = Field(
        30, ge=0, description="Finished runs and their files older than this are deleted; 0 keeps all."
    )
    keep_runs: int = Field(10_000, ge=0, description="Of finished runs, this many are kept; 0 keeps all.")
    keep_gb: float = Field(0, ge=0, description="The oldest files are deleted beyond this many GB; 0 keeps all.")


class ServiceSettings(BaseModel, frozen=True, extra="forbid"):
    """What is published under a name."""

    models_mb: int | None = Field(
        None,
        ge=0,
        description="How much memory all replicas may take, in MB; without it half of the machine's. What nobody asked"
        " for longest is unloaded to make room, and loaded again when somebody asks.",
    )
    trusted_keys: tuple[Path, ...] = Field(
        (), description="Files of public keys whose receipts are believed beside this machine's own."
    )
    signing_key: Path | None = Field(
        None, description="This machine's own key (PEM); without it ~/.config/inhouse/receipts.pem."
    )


class Settings(BaseSettings):
    """Every setting there is."""

    model_config = SettingsConfigDict(
        env_prefix="INHOUSE_", env_nested_delimiter="__", toml_file="inhouse.toml", extra="forbid", frozen=True
    )
    server: ServerSettings = ServerSettings()
    folders: FolderSettings = FolderSettings()
    workers: WorkerSettings = WorkerSettings()
    compute: ComputeSettings = ComputeSettings()
    storage: StorageSettings = StorageSettings()
    services: ServiceSettings = ServiceSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Say what goes before what: arguments, environment, file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
