"""Sources: models as they come, a module a format, each opened as a `SourceModel`."""

from inhouse.packs.conversion.sources.registry import FORMATS, Format, open_source

__all__ = ["FORMATS", "Format", "open_source"]
