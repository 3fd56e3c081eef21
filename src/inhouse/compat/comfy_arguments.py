"""The command line that ComfyUI would have had (``comfy.cli_args``): as if it had been started without any option."""

from __future__ import annotations

from enum import Enum
from typing import Any


class LatentPreviewMethod(Enum):
    """How steps of a sampling are shown."""

    NoPreviews = "none"
    Auto = "auto"
    Latent2RGB = "latent2rgb"
    TAESD = "taesd"

    @classmethod
    def from_string(cls, value: str) -> LatentPreviewMethod | None:
        """Return the method of that name; None if there is none."""
        return next((method for method in cls if method.value == value), None)


class PerformanceFeature(Enum):
    """A risky way to be faster."""

    Fp16Accumulation = "fp16_accumulation"
    Fp8MatrixMultiplication = "fp8_matrix_mult"
    CublasOps = "cublas_ops"
    AutoTune = "autotune"


class Arguments:
    """Options; one that is not among these was not given, and is None."""

    def __init__(self, **given: Any) -> None:
        self.__dict__.update(given)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None


def arguments(*, cpu: bool, address: tuple[str, int] | None = None) -> Arguments:
    """Return the options.

    Args:
        cpu: whether everything is computed on the CPU.
        address: where canvases reach the server, if that is known.

    """
    host, port = address or (None, None)
    off = dict.fromkeys(
        (
            *("lowvram", "novram", "highvram", "normalvram", "gpu_only", "force_fp32", "force_fp16", "fp32_vae"),
            *("fp16_vae", "bf16_vae", "cpu_vae", "disable_metadata", "disable_smart_memory", "deterministic"),
            *("disable_xformers", "multi_user", "windows_standalone_build", "dont_print_server", "verbose"),
            *("disable_all_custom_nodes", "enable_cors_header", "use_sage_attention", "use_flash_attention"),
        ),
        False,
    )
    return Arguments(
        **off,
        cpu=cpu,
        listen=host,
        port=port,
        preview_method=LatentPreviewMethod.Auto,
        preview_size=512,
        fast=set(),
        default_hashing_function="sha256",
        base_directory=None,
        max_upload_size=100,
    )
