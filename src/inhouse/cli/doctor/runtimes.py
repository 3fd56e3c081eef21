"""Runtimes: attention, engines, and which optional packages are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING

from inhouse.backends.attention import AUTO, choice, trials
from inhouse.cli.doctor.check import Check, State

if TYPE_CHECKING:
    from inhouse.backends.compute import Compute

_NEEDED = ("torch", "server", "canvas")
"""Extras without which a command of ours does not work."""
_EXTRA = re.compile(r"""^([\w.-]+)[^;]*;.*extra\s*==\s*['"]([\w-]+)['"]""")


def attention(compute: Compute) -> Iterator[Check]:
    """Yield how each implementation of attention did on the device, and which is used."""
    tried = trials(compute.device, compute.dtype)
    best, wanted = choice(tried), compute.attention
    problem = next((trial.problem for trial in tried if trial.name == wanted), "")
    if problem:
        advice = "Set compute.attention to auto."
        yield Check("attention", f"{best}; {wanted}, which is asked for, {problem}", State.WARN, advice)
    else:
        yield Check("attention", best if wanted == AUTO else f"{wanted}, as the settings ask")
    for trial in tried:
        wrong = trial.seconds > 0 and trial.problem
        found = trial.problem or f"{trial.seconds * 1000:.2f} ms, {trial.error:.0e} off the formula"
        advice = f"Do not ask for {trial.name}." if wrong else ""
        yield Check(f"attention {trial.name}", found, State.WARN if wrong else State.OK, advice)


def engines(compute: Compute) -> Iterator[Check]:
    """Yield which other runtimes could run a denoiser."""
    from inhouse.packs.diffusion.engines.registry import ENGINES

    for name, make in ENGINES.items():
        reason = make(compute.device).lacking()
        yield Check(f"engine {name}", f"not used: {reason}" if reason else "can be used")


def extras() -> Iterator[Check]:
    """Yield which groups of optional packages are installed."""
    for name, packages in declared_extras().items():
        missing = [package for package in packages if not _installed(package)]
        if not missing:
            yield Check(f"extra {name}", "installed")
            continue
        state = State.WARN if name in _NEEDED else State.OK
        yield Check(f"extra {name}", f"missing: {', '.join(missing)}", state, f"pip install 'inhouse[{name}]'")


def declared_extras() -> dict[str, list[str]]:
    """Return the packages of each extra, as the distribution declares them; {} where Inhouse is not installed."""
    try:
        lines = requires("inhouse") or []
    except PackageNotFoundError:
        return {}
    found: dict[str, list[str]] = {}
    for match in filter(None, map(_EXTRA.match, lines)):
        found.setdefault(match[2], []).append(match[1])
    return found


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
