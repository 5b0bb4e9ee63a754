"""Secrets of this machine: random bytes in a file of their own, never in the database or a repository."""

import os
import secrets
from pathlib import Path

from pipemap.errors import SourceError

_BYTES = 32


def local_secret(path: Path) -> bytes:
    """The secret that a file holds; made, readable by its owner alone, when there is no such file yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
    except FileExistsError:
        pass
    secret = path.read_bytes()
    if len(secret) < _BYTES:
        raise SourceError(f"{path.name} is too short for a secret: it needs {_BYTES} random bytes.")
    return secret
