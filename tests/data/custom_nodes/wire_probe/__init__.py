# mypy: ignore-errors
# ruff: noqa: TID252 - written as packs of third parties are
"""A pack whose nodes do one thing each that a client can see on the wire: progress, failures, lists, expansions."""

from .flow import NODES as FLOW
from .probes import NODES as PROBES
from .stubs import NODES as STUBS

NODE_CLASS_MAPPINGS = {**PROBES, **STUBS, **FLOW}
