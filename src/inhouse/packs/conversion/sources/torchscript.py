"""TorchScript: code is looked through, then run by torch; what it takes, the user's examples say."""

from __future__ import annotations

import torch

from inhouse.errors import ModelFormatError
from inhouse.packs.conversion.model import SourceModel
from inhouse.packs.conversion.sources.archives import check_script
from inhouse.packs.conversion.sources.example_inputs import arrays_of, build_from_examples
from inhouse.packs.conversion.sources.request import Request


def open_source(request: Request) -> SourceModel:
    """Open an archive of TorchScript; ``data`` must be arrays by the names of its inputs.

    Raises:
        UnsafeModelError: its code reaches files.
        ModelFormatError: it is damaged.
        ModelTooLargeError: memory would not do.
        UsageError: there are no examples, or they do not fit.

    """
    from inhouse.packs.conversion.exporting import quiet

    check_script(request.path, request.memory)
    with quiet():
        try:
            module = torch.jit.load(  # type: ignore[no-untyped-call] # as torch has it
                str(request.path), map_location="cpu"
            )
        except Exception as error:  # torch raises RuntimeError of many sorts
            raise ModelFormatError(
                f"{request.path.name} is damaged, or of a version of torch that this one does not read.",
                hint="Save it again with torch.jit.save.",
            ) from error
    names = [argument.name for argument in module.forward.schema.arguments[1:] if not argument.has_default_value()]
    arrays = arrays_of(request.data, names, request.path.name)
    return build_from_examples(request, module.eval(), arrays, format_="torchscript")
