"""Targets: what answers the calls of a version, by what was published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from inhouse.errors import PublishError

if TYPE_CHECKING:
    from inhouse.server.services.base import Target
    from inhouse.storage.services import Source, Version

Maker: TypeAlias = "Callable[[str, Version, Path], Target]"


class Targets:
    """Makes targets; each source has a maker.

    Args:
        makers: by source.

    """

    def __init__(self, makers: Mapping[Source, Maker]) -> None:
        self._makers = MappingProxyType(dict(makers))

    def __call__(self, service: str, version: Version, folder: Path) -> Target:
        """Return what answers a version's calls.

        Raises:
            PublishError: nothing here can serve that.
            InhouseError: its files cannot be read.

        """
        maker = self._makers.get(version.source)
        if maker is None:
            raise PublishError(f"This gateway serves no {version.source}.")
        return maker(service, version, folder)
