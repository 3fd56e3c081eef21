"""The folders that models lie in, by kind, and ``extra_model_paths.yaml``, which adds more.

A layout is ``kind -> folders``, the first that has a file wins. Kinds and folder names are those that ComfyUI's users
have on their disks.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn, TypeAlias

from inhouse.errors import FileError

Layout: TypeAlias = Mapping[str, tuple[Path, ...]]

KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "checkpoints": ("checkpoints",),
        "configs": ("configs",),
        "loras": ("loras",),
        "vae": ("vae",),
        "text_encoders": ("text_encoders", "clip"),
        "diffusion_models": ("unet", "diffusion_models"),
        "clip_vision": ("clip_vision",),
        "style_models": ("style_models",),
        "embeddings": ("embeddings",),
        "diffusers": ("diffusers",),
        "vae_approx": ("vae_approx",),
        "controlnet": ("controlnet", "t2i_adapter"),
        "gligen": ("gligen",),
        "upscale_models": ("upscale_models",),
        "hypernetworks": ("hypernetworks",),
        "photomaker": ("photomaker",),
        "classifiers": ("classifiers",),
        "model_patches": ("model_patches",),
        "audio_encoders": ("audio_encoders",),
    }
)
"""Kind -> names of its folders under a models folder."""

_ALIASES = MappingProxyType({"clip": "text_encoders", "unet": "diffusion_models", "t2i_adapter": "controlnet"})


def canonical_kind(kind: str) -> str:
    """Return the present name of a kind: ``clip`` is now ``text_encoders``, ``unet`` is ``diffusion_models``."""
    return _ALIASES.get(kind, kind)


def layout_under(root: Path) -> Layout:
    """Return the usual layout under one models folder."""
    return {kind: tuple(root / name for name in names) for kind, names in KINDS.items()}


def with_extra_paths(layout: Layout, path: Path) -> Layout:
    """Add the folders that an ``extra_model_paths.yaml`` names.

    The file has sections of any name. A section may have ``base_path`` (relative to the file) and ``is_default`` (its
    folders then come first); each other key is a kind with one folder a line. ``~`` and environment variables are
    expanded.

    Raises:
        FileError: the file cannot be read, is no YAML, or a section is malformed; the message says which.

    """
    merged = dict(layout)
    for section, entries in _sections(path).items():
        if not isinstance(entries, dict):
            _refuse(path, f"section {section!r} is no list of `kind: folder` lines")
        first = entries.get("is_default", False)
        if not isinstance(first, bool):
            _refuse(path, f"`is_default` of section {section!r} is neither true nor false")
        base = _base(path, section, entries.get("base_path"))
        for key, value in entries.items():
            if key not in {"base_path", "is_default"}:
                kind = canonical_kind(str(key))
                added = tuple(base / line for line in _lines(path, section, key, value))
                present = merged.get(kind, ())
                merged[kind] = tuple(dict.fromkeys((*added, *present) if first else (*present, *added)))
    return merged


def _sections(path: Path) -> dict[Any, Any]:
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}.", hint="Check the path.") from error
    except (UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        _refuse(path, f"line {mark.line + 1} is no valid YAML" if mark else "it is no valid YAML")
    if not isinstance(document or {}, dict):
        _refuse(path, "it does not consist of named sections")
    return document or {}


def _base(path: Path, section: str, value: object) -> Path:
    if not isinstance(value, str | None):
        _refuse(path, f"`base_path` of section {section!r} is no text")
    return path.absolute().parent / _expand(value or "")


def _lines(path: Path, section: str, key: str, value: object) -> list[Path]:
    if not isinstance(value, str | None):
        _refuse(path, f"{key!r} of section {section!r} is no text with one folder a line")
    # A comment inside a block of lines is text to YAML; the public example has one.
    lines = (line.split(" #", 1)[0].strip() for line in (value or "").splitlines())
    return [_expand(line) for line in lines if line and not line.startswith("#")]


def _expand(text: str) -> Path:
    return Path(os.path.expandvars(text)).expanduser()


def _refuse(path: Path, problem: str) -> NoReturn:
    raise FileError(f"{path}: {problem}.", hint="Mend that line, or take the file off the command line.")
