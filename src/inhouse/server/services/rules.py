"""Rules: canaries and shadows are promoted or taken back by what they answered."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from inhouse.errors import InhouseError
from inhouse.files import write_atomic
from inhouse.server.services.comparing import agreement
from inhouse.server.tasks import Tasks

if TYPE_CHECKING:
    from pathlib import Path

    from inhouse.server.services.base import Call
    from inhouse.server.services.directory import Services
    from inhouse.server.services.observing import Reply
    from inhouse.storage.services import Rule, Service

_LOG = logging.getLogger(__name__)
NAME: Final = "migration.json"
"""Beside a service's description: how its migration stands."""
_KEPT: Final = 500
_EVENTS: Final = 50
_ENOUGH: Final = 20
"""With fewer calls than that nothing is said of a percentile."""
_SECONDS: Final = 1.0

Verdict: TypeAlias = Literal["wait", "advance", "promote", "take back"]
Mode: TypeAlias = Literal["canary", "shadow"]
_BY_HAND: Final[tuple[Verdict, str]] = ("wait", "")


@dataclass(slots=True)
class Progress:
    """What a candidate did since it got its share of the calls.

    Attributes:
        mode: whether it is a canary or a shadow.
        candidate: its version.
        live: the version beside it.
        share: of the calls that it gets; of a shadow, 1.
        since: when that began, seconds since 1970.
        calls: that it answered or failed to answer.
        failed: of these.
        compared: answers that were compared with the live version's.
        agreed: the sum of their agreements.
        seconds: of its last calls.
        live_seconds: of the live version's last calls.
        agreements: of its last answers.

    """

    mode: Mode
    candidate: int
    live: int
    share: float
    since: float
    calls: int = 0
    failed: int = 0
    compared: int = 0
    agreed: float = 0.0
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    live_seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    agreements: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def note(self, reply: Reply) -> None:
        """Note what became of one of the candidate's calls."""
        self.calls += 1
        if reply.error is None:
            self.seconds.append(reply.seconds)
        else:
            self.failed += 1

    def compare(self, alike: float) -> None:
        """Note how far one of its answers agreed with the live version's."""
        self.compared += 1
        self.agreed += alike
        self.agreements.append(alike)

    @property
    def error_rate(self) -> float:
        """Of its calls that failed."""
        return self.failed / self.calls if self.calls else 0.0

    @property
    def agreement(self) -> float | None:
        """The mean of all comparisons; None before the first."""
        return self.agreed / self.compared if self.compared else None

    @property
    def slowdown(self) -> float | None:
        """Its p95 against the live version's; None before enough is known."""
        if len(self.seconds) < _ENOUGH or len(self.live_seconds) < _ENOUGH:
            return None
        return percentile(self.seconds, 0.95) / max(percentile(self.live_seconds, 0.95), 1e-6)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        told = asdict(self) | {"seconds": list(self.seconds), "live_seconds": list(self.live_seconds)}
        told |= {"agreements": list(self.agreements), "error_rate": self.error_rate, "agreement": self.agreement}
        for name, values in (("", self.seconds), ("live_", self.live_seconds)):
            for percent in (50, 95):
                told[f"{name}p{percent}"] = percentile(values, percent / 100) if values else None
        return told | {"slowdown": self.slowdown}


def percentile(values: deque[float], share: float) -> float:
    """Return the value that so many of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def judge(rule: Rule, progress: Progress) -> tuple[Verdict, str]:
    """Return what is to become of a candidate, and why, in a sentence."""
    if why := _too_bad(rule, progress):
        return "take back", why
    if progress.calls < rule.calls:
        return "wait", f"{progress.calls} of {rule.calls} calls."
    if progress.agreement is None:
        return "wait", "No answer was compared yet."
    figures = f"{progress.calls} calls, {progress.failed} failed, agreement {progress.agreement:.4f}."
    last = progress.mode == "shadow" or following(rule, progress.share) >= 1
    return "promote" if last else "advance", figures


def _too_bad(rule: Rule, progress: Progress) -> str:
    """Return why a candidate has to be taken back; empty if it need not. Failures count before its calls are full."""
    allowed = rule.max_error_rate * max(rule.calls, progress.calls)
    if progress.failed > allowed:
        return f"{progress.failed} of {progress.calls} calls failed; {allowed:.3g} may."
    alike, slow = progress.agreement, progress.slowdown
    if progress.calls < rule.calls:
        return ""
    if alike is not None and alike < rule.min_agreement:
        return f"Its answers agree to {alike:.4f}; {rule.min_agreement:.4f} is needed."
    if slow is not None and slow > rule.max_slowdown:
        return f"Its p95 is {slow:.2f} times the live version's; {rule.max_slowdown:.2f} times may be."
    return ""


def following(rule: Rule, share: float) -> float:
    """Return the share that comes after one; 1 after the last."""
    return next((step for step in sorted(rule.steps) if step > share), 1.0)


class Migrations:
    """Hears of every call, and carries out what services' rules say; lives on the event loop.

    Args:
        services: whose rules these are.

    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tasks = Tasks()
        self._open: dict[str, Progress] = {}
        self._events: dict[str, deque[dict[str, Any]]] = {}
        self._deciding: set[str] = set()
        self._written: dict[str, float] = {}
        services.observers.append(self)

    async def settle(self) -> None:
        """Wait until all decisions are carried out."""
        await self._tasks.settle()

    def replied(self, call: Call, reply: Reply) -> None:
        """Note what a caller was answered."""
        progress = self._progress(call.service)
        if progress is None:
            return
        if progress.mode == "canary" and reply.version == progress.candidate and reply.part == "canary":
            progress.note(reply)
            self._consider(call.service, progress)
        elif reply.version == progress.live and reply.error is None:
            progress.live_seconds.append(reply.seconds)

    def compared(self, call: Call, reply: Reply, copy: Reply) -> None:
        """Note what a caller was answered, and what another version made of the same call."""
        progress = self._progress(call.service)
        if progress is None or {reply.version, copy.version} != {progress.candidate, progress.live}:
            return
        if progress.mode == "shadow":
            progress.note(copy)
        if reply.answer is not None and copy.answer is not None:
            fields = self._services.card(call.service).fields_out
            progress.compare(agreement(fields, reply.answer.outputs, copy.answer.outputs))
        self._consider(call.service, progress)

    async def status(self, name: str) -> dict[str, Any]:
        """Return how a service's migration stands, JSON-ready; raises `ServiceNotFoundError`."""
        service = self._services.route(name).service
        progress = self._progress(name)
        told: dict[str, Any] = {"service": name, "live": service.live, "previous": service.previous}
        told["rule"] = None if service.rule is None else asdict(service.rule)
        told["candidate"] = None if progress is None else progress.as_dict()
        if progress is not None and service.rule is not None:
            told["verdict"], told["reason"] = judge(service.rule, progress)
        events = list(self._events.get(name, ()))
        return told | {"events": events or await asyncio.to_thread(_events_in, self._place(name))}

    # -- deciding -----------------------------------------------------------------------------------------------------

    def _progress(self, name: str) -> Progress | None:
        """Return what is known of a service's candidate; it begins anew when that changes, or its share."""
        route = self._services.routes.get(name)
        if route is None or route.live is None or (route.canary is None and route.shadow is None):
            self._open.pop(name, None)
            return None
        mode: Mode = "canary" if route.canary is not None else "shadow"
        candidate = route.canary or route.shadow
        assert candidate is not None
        share = route.share if mode == "canary" else 1.0
        key = (mode, candidate.version.number, route.live.version.number, share)
        found = self._open.get(name)
        if found is None or (found.mode, found.candidate, found.live, found.share) != key:
            found = self._open[name] = Progress(*key, since=time.time())
        return found

    def _consider(self, name: str, progress: Progress) -> None:
        service = self._services.routes[name].service
        if name in self._deciding:
            return
        verdict, reason = judge(service.rule, progress) if service.rule is not None else _BY_HAND
        if verdict != "wait":
            self._deciding.add(name)
            self._tasks.start(self._carry_out(name, verdict, reason, progress))
        elif time.monotonic() - self._written.get(name, 0.0) > _SECONDS:
            self._written[name] = time.monotonic()
            self._tasks.start(self._write(name))

    async def _carry_out(self, name: str, verdict: Verdict, reason: str, progress: Progress) -> None:
        def change(service: Service) -> Service:
            return changed(service, verdict, progress)

        try:
            await asyncio.to_thread(self._services.store.change, name, change)
            await self._services.refresh(name)
            event = {"when": time.time(), "version": progress.candidate, "share": progress.share}
            events = self._events.setdefault(name, deque(_events_in(self._place(name)), _EVENTS))
            events.append(event | {"verdict": verdict, "reason": reason})
            _LOG.warning("Version %d of %r: %s. %s", progress.candidate, name, verdict, reason)
            await self._write(name)
        finally:
            self._deciding.discard(name)

    async def _write(self, name: str) -> None:
        try:
            content = json.dumps(await self.status(name)).encode()
        except InhouseError:  # the service is gone
            return
        place = self._place(name)
        await asyncio.to_thread(write_atomic, place, lambda file: file.write(content), mode=0o600)

    def _place(self, name: str) -> Path:
        return self._services.store.root / name / NAME


def changed(service: Service, verdict: Verdict, progress: Progress) -> Service:
    """Return a service as a verdict wants it; as it is where somebody changed its routing meanwhile."""
    there = service.canary if progress.mode == "canary" else service.shadow
    if service.rule is None or service.live != progress.live or there != progress.candidate:
        return service
    if verdict == "promote":
        return service.promoted(progress.candidate)
    if verdict == "advance":
        return replace(service, share=following(service.rule, progress.share))
    return replace(service, canary=None, share=0.0, shadow=None, rule=None)


def _events_in(place: Path) -> list[dict[str, Any]]:
    try:
        events: list[dict[str, Any]] = json.loads(place.read_bytes())["events"]
    except (OSError, ValueError, KeyError):
        return []
    return events
