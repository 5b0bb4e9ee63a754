"""Notes that a browser keeps for us, sealed with HMAC-SHA256 under a secret of this machine, one seal a purpose.

Whoever holds a note can read it; nobody can make or change one, or use it for another purpose or after its time.
"""

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from pipemap.sharing.secret import local_secret

_LONGEST = 8_192
_SEAL = "HS256"


@dataclass(frozen=True)
class Seals:
    """Those of the secret that a file holds."""

    key_file: Path

    def sealed(self, purpose: str, told: Mapping[str, Any], seconds: int) -> str:
        """A note that holds for so many seconds."""
        return jwt.encode({"alg": _SEAL}, {**told, "exp": int(time.time()) + seconds}, self._key(purpose))

    def opened(self, purpose: str, sealed: str) -> dict[str, Any] | None:
        """What a note of this purpose tells, `exp` with it; None when it does not hold any more, or never did."""
        if not 0 < len(sealed) <= _LONGEST or not sealed.isascii():
            return None
        try:
            told = jwt.decode(sealed, self._key(purpose), algorithms=[_SEAL]).claims
            jwt.JWTClaimsRegistry(exp={"essential": True}).validate(told)
        except (JoseError, ValueError, TypeError, KeyError):
            return None
        return dict(told)

    def _key(self, purpose: str) -> OctKey:
        return OctKey.import_key(hmac.digest(local_secret(self.key_file), f"pipemap {purpose}".encode(), "sha256"))
