"""Keys that sign receipts: Ed25519 (RFC 8032), one private key a machine, public keys of whoever is trusted."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inhouse.errors import FileError, ReceiptError
from inhouse.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ALGORITHM = "ed25519"


def default_key() -> Path:
    """Return the place of the user's own private key (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".config") / "inhouse" / "receipts.pem"  # noqa: PTH117


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs with a private key."""

    key: Ed25519PrivateKey

    @classmethod
    def open(cls, path: Path | None = None) -> Signer:
        """Return the signer whose key lies in a PEM file (PKCS #8); a missing one is made, for its user only.

        Raises:
            FileError: the file cannot be read or written, or holds no such key.

        """
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        path = path or default_key()
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            made = Ed25519PrivateKey.generate()
            pem = made.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            write_atomic(path, lambda file: file.write(pem), mode=0o600)
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError, TypeError) as error:
            raise FileError(f"The signing key {path} cannot be read.", hint="Restore it, or move it away.") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise FileError(f"{path} holds no Ed25519 key.", hint="Move it away; a new one is made.")
        return cls(key)

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        return self.key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> dict[str, str]:
        """Return a signature as JSON-ready data."""
        return {
            "algorithm": ALGORITHM,
            "key": base64.b64encode(self.public).decode(),
            "signature": base64.b64encode(self.key.sign(message)).decode(),
        }


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose signatures count.

    Attributes:
        keys: public keys, 32 bytes each.

    """

    keys: frozenset[bytes]

    @classmethod
    def of(cls, files: Iterable[Path] = (), own: Path | None = None) -> Trust:
        """Trust the user's own key and those in files of one base64 key a line; ``#`` begins a comment.

        Raises:
            FileError: a file cannot be read, or has a line that is no key.

        """
        keys = {Signer.open(own).public}
        for path in files:
            try:
                lines = path.read_text().splitlines()
                keys.update(_key(line) for line in lines if line.strip() and not line.lstrip().startswith("#"))
            except (OSError, ValueError) as error:
                raise FileError(f"{path} is no file of public keys.", hint="One base64 key a line.") from error
        return cls(frozenset(keys))

    def check(self, message: bytes, signature: object) -> str:
        """Check what ``Signer.sign`` returned; return the key's short name.

        Raises:
            ReceiptError: it is no signature of that message, or by nobody trusted.

        """
        from cryptography.exceptions import InvalidSignature

        try:
            if not isinstance(signature, dict) or signature["algorithm"] != ALGORITHM:
                raise ReceiptError("The receipt is not signed.", hint="Convert the model again.")
            key, signed = _key(signature["key"]), base64.b64decode(signature["signature"], validate=True)
            _public(key).verify(signed, message)
        except (KeyError, TypeError, ValueError, InvalidSignature) as error:
            raise ReceiptError(
                "The receipt's signature does not fit: it was changed after it was signed.",
                hint="Convert the model again, and leave the artifact as it is.",
            ) from error
        if key not in self.keys:
            raise ReceiptError(
                f"The receipt is signed by {key_name(key)}, whom nobody here trusts.",
                hint="Add the public key to a file of services.trusted_keys if you do.",
            )
        return key_name(key)


def key_name(public: bytes) -> str:
    """Return a short name for a public key: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]


def _key(text: str) -> bytes:
    key = base64.b64decode("".join(text.split()[:1]), validate=True)
    if len(key) != 32:
        raise ValueError(text)
    return key


def _public(key: bytes) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(key)
