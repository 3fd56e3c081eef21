# mypy: ignore-errors
# ruff: noqa: F401 - written as packs of third parties are
"""A pack that wants a package which is not installed."""

import a_package_that_nobody_has

NODE_CLASS_MAPPINGS = {}
