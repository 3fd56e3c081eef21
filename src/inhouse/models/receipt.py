"""Receipts: what a model was converted from, how, and how well it answers; signed, so that publishing can insist."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from inhouse.errors import ReceiptError

if TYPE_CHECKING:
    from pathlib import Path

    from inhouse.models.signing import Signer, Trust

SCHEMA = 1
NAME = "receipt.json"


@dataclass(frozen=True, slots=True)
class PassRecord:
    """One pass of a conversion: its name, its options, how long it took, and what it noted."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison of the converted model with the original.

    Attributes:
        case: what was asked: ``realistic``, ``adversarial: zeros``, ``batch 32``, ``tokens 128``, ...
        metric: what was measured: ``cosine``, ``top-1 agreement``, ``PSNR``, ...
        value: what it came to.
        bound: what was allowed.
        passed: whether it kept within it.
        informative: reported only, nothing depends on it.

    """

    case: str
    metric: str
    value: float
    bound: float
    passed: bool
    informative: bool = False


@dataclass(frozen=True, slots=True)
class Cost:
    """What a model costs to run: milliseconds a call at batch 1, megabytes of memory, megabytes on disk."""

    latency_ms: float = 0.0
    memory_mb: float = 0.0
    disk_mb: float = 0.0


@dataclass(frozen=True, slots=True)
class Receipt:
    """All that is known of how an artifact came to be.

    Attributes:
        name: of the model.
        created: when, in UTC (ISO 8601).
        source: ``name``, ``format`` and ``sha256`` of what it was converted from.
        files: SHA-256 by path within the artifact, of every file but the receipt.
        format: of the result.
        precision: what it computes in.
        opset: of an ONNX graph; 0 where there is none.
        passes: in order.
        reverted: layers that stayed in the original precision as they hurt.
        budget: the accuracy that might be lost: ``metric``, ``max_drop``, and bounds.
        checks: all comparisons.
        before: cost of the original.
        after: cost of the result.
        served_with: runtime, device and options with which it was compared, and the largest batch.
        machine: processor, cores, memory.
        tools: versions.

    """

    name: str
    created: str
    source: Mapping[str, str]
    files: Mapping[str, str]
    format: str
    precision: str
    opset: int = 0
    passes: tuple[PassRecord, ...] = ()
    reverted: tuple[str, ...] = ()
    budget: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    before: Cost = field(default_factory=Cost)
    after: Cost = field(default_factory=Cost)
    served_with: Mapping[str, Any] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Receipt:
        """Return what ``as_dict`` was made from.

        Raises:
            ReceiptError: it is no receipt, or of another schema.

        """
        try:
            given = dict(data)
            if given.pop("schema") != SCHEMA:
                raise ReceiptError("The receipt is of another version of Inhouse.", hint="Convert the model again.")
            return cls(
                **{
                    **given,
                    "passes": tuple(PassRecord(**{**item, "notes": tuple(item["notes"])}) for item in given["passes"]),
                    "reverted": tuple(given["reverted"]),
                    "checks": tuple(Check(**item) for item in given["checks"]),
                    "before": Cost(**given["before"]),
                    "after": Cost(**given["after"]),
                }
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ReceiptError("The receipt cannot be read.", hint="Convert the model again.") from error

    def sealed(self, signer: Signer) -> bytes:
        """Return the file's content: the receipt and its signature, as JSON."""
        data = self.as_dict()
        return json.dumps({"receipt": data, "signature": signer.sign(_canonical(data))}, indent=1).encode() + b"\n"


def read_receipt(path: Path, trust: Trust | None = None) -> Receipt:
    """Return the receipt in a file; with ``trust``, after its signature was checked.

    Raises:
        ReceiptError: there is none, it was changed, or nobody trusted signed it.

    """
    try:
        document = json.loads(path.read_bytes())
        data, signature = document["receipt"], document["signature"]
    except FileNotFoundError as error:
        raise ReceiptError("The artifact has no receipt.", hint="Make it with `inhouse convert`.") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ReceiptError("The receipt cannot be read.", hint="Convert the model again.") from error
    if trust is not None:
        trust.check(_canonical(data), signature)
    return Receipt.from_dict(data)


def _canonical(data: Any) -> bytes:
    """Return the one way to write JSON-ready data: sorted names, no spaces (RFC 8785, of which we need no more)."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
