"""The settings, as a command line has them: what it was told goes before all else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inhouse.errors import UsageError

if TYPE_CHECKING:
    from inhouse.settings import Settings


def configured(given: Mapping[str, Mapping[str, Any]] | None = None) -> Settings:
    """Return the settings.

    Args:
        given: values by section and name; those that are None were not given.

    Raises:
        UsageError: a value does not fit, whoever gave it; or ``inhouse.toml`` is no TOML.

    """
    import pydantic

    from inhouse.settings import Settings

    sections = {
        section: {name: value for name, value in values.items() if value is not None}
        for section, values in (given or {}).items()
    }
    try:
        return Settings(**{section: values for section, values in sections.items() if values})  # type: ignore[arg-type] # pydantic reads mappings
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"Setting {place}: {first['msg']}.", hint="See docs/reference/settings.md.") from error
    except ValueError as error:  # the file, of which TOML's reader says the line
        raise UsageError(f"inhouse.toml cannot be read: {error}.", hint="Mend that line.") from error
