"""A file of access tokens: whose each is. It holds their hashes only, so that reading it lets nobody in."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import secrets
import stat
import tomllib
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, Field, ValidationError

from inhouse.errors import FileError, UsageError
from inhouse.files import write_atomic
from inhouse.server.auth import Authenticator, token_in
from inhouse.server.identity import Identity
from inhouse.server.user_folders import SOLE_USER

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from starlette.types import Scope

logger = logging.getLogger(__name__)

_LONGEST_NAME = 64
_PRIVATE = 0o600
_HEADER = b"# Whose each access token is. The tokens themselves are nowhere: only their SHA-256 is.\n"


class _Token(BaseModel, frozen=True, extra="forbid"):
    user: Annotated[str, Field(min_length=1, max_length=_LONGEST_NAME)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    admin: bool = False


class _Tokens(BaseModel, frozen=True, extra="forbid"):
    token: tuple[_Token, ...] = ()


class TokenFile(Authenticator):
    """Knows people by the tokens they carry; looks into the file again as soon as it changes.

    A changed file that cannot be believed changes nothing but the log; one that is gone lets nobody in.

    Raises:
        FileError: the file cannot be read, is readable by others than its owner, or is no such file.

    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = _version(path)
        self._owners = _read(path)

    def identify(self, scope: Scope) -> Identity | None:
        """Return whose token the request carries; None if it has none, or one that nobody has."""
        token = token_in(scope)
        if token is None:
            return None
        self._look_again()
        mine = hashlib.sha256(token).digest()
        found = None
        for hashed, identity in self._owners:  # all of them, so that time does not tell which was close
            if hmac.compare_digest(hashed, mine):
                found = identity
        return found

    def _look_again(self) -> None:
        version = _version(self._path)
        if version == self._seen:
            return
        self._seen = version
        if version is None:
            logger.error("The file of access tokens is gone: nobody gets in until it is back.")
            self._owners = ()
            return
        try:
            self._owners = _read(self._path)
        except FileError as error:
            logger.error("The tokens of before still hold: %s", error)  # noqa: TRY400 - the sentence says it all
        else:
            logger.info("Read the file of access tokens again: there are %d.", len(self._owners))


def new_token(path: Path, user: str, *, admin: bool = False) -> str:
    """Make a token for a user, write its hash to the file (a new one is made, for its owner only) and return it.

    Raises:
        UsageError: that is no name for a user.
        FileError: the file cannot be read, believed or written.

    """
    if not user.strip() or not user.isprintable() or len(user) > _LONGEST_NAME:
        raise UsageError(f"{user!r} is no name for a user.", hint=f"Take up to {_LONGEST_NAME} printable characters.")
    if user == SOLE_USER and not admin:
        raise UsageError(_root_is_for_admins(), hint="Take another name, or add --admin.")
    before = _HEADER
    if path.exists():
        _read(path)
        before = path.read_bytes()
    token = f"inhouse_{secrets.token_urlsafe(32)}"
    lines = ["", "[[token]]", f"user = {json.dumps(user, ensure_ascii=False)}"]
    lines += [f'sha256 = "{hashlib.sha256(token.encode()).hexdigest()}"', *(["admin = true"] if admin else [])]
    after = before.rstrip(b"\n") + b"\n" + "\n".join(lines).encode() + b"\n"

    def write(file: BinaryIO) -> None:
        os.fchmod(file.fileno(), _PRIVATE)
        file.write(after)

    write_atomic(path, write)
    return token


def _version(path: Path) -> tuple[int, ...] | None:
    """Return what changes when a file does, or may be read by others than before; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _read(path: Path) -> tuple[tuple[bytes, Identity], ...]:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if os.name == "posix" and mode & 0o077:
                raise FileError(
                    f"The file of access tokens {path} may be read or written by others than its owner ({mode:o}).",
                    hint=f"Run: chmod 600 {path}",
                )
            entries = _Tokens.model_validate(tomllib.load(file)).token
    except OSError as error:
        hint = "Make one with `inhouse token new NAME`."
        raise FileError(
            f"Cannot read the file of access tokens {path}: {error.strerror or error}.", hint=hint
        ) from error
    except (ValidationError, ValueError) as error:
        raise FileError(f"{path} is no file of access tokens: {_why(error)}.") from error
    if any(entry.user == SOLE_USER and not entry.admin for entry in entries):
        raise FileError(f"{path}: {_root_is_for_admins()}", hint="Take another name.")
    if len({entry.sha256 for entry in entries}) < len(entries):
        raise FileError(f"{path}: two entries have the same sha256.", hint="Each token is one person's.")
    return tuple((bytes.fromhex(entry.sha256), Identity(entry.user, admin=entry.admin)) for entry in entries)


def _why(error: ValueError) -> str:
    """Return what is wrong, and where, without the value: a token may stand where its hash should."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error).rstrip(".")


def _root_is_for_admins() -> str:
    return f"User {SOLE_USER!r} owns the folder that all others' lie in, so that they must be an admin."
