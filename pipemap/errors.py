"""Faults in a call (faults in the data are findings). The class docstring is the default message.

PipemapError                  code               HTTP  exit
├─ UsageError                 usage              400    2
├─ NotFoundError              not-found          404   40
├─ SourceError                source             422   41
│  └─ CrsError                crs                422   45
├─ ConflictError              conflict           409   42
├─ RejectedError              rejected           422   43
├─ PermissionDeniedError      forbidden          403   44
└─ StorageError               storage            503   60
"""

from typing import Any, ClassVar


class PipemapError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str | None = None, **details: Any) -> None:
        self.message = message or (type(self).__doc__ or "").split("\n")[0]
        self.details = details
        super().__init__(self.message)

    def told(self, language: str) -> str:
        """The message in Chinese (`zh`) where the error knows it, else in English."""
        return self.details.get(f"message_{language}") or self.message


class UsageError(PipemapError):
    """The request is not one that can be answered."""

    code = "usage"
    exit_code = 2


class NotFoundError(PipemapError):
    """There is no such thing."""

    code = "not-found"
    exit_code = 40


class SourceError(PipemapError):
    """The file cannot be opened or is not what it claims to be."""

    code = "source"
    exit_code = 41


class CrsError(SourceError):
    """The coordinate reference system is missing, unknown or not safe to transform from."""

    code = "crs"
    exit_code = 45


class ConflictError(PipemapError):
    """The map has changed under this changeset; `details["features"]` lists where."""

    code = "conflict"
    exit_code = 42


class RejectedError(PipemapError):
    """Findings of severity error stand against this changeset."""

    code = "rejected"
    exit_code = 43


class PermissionDeniedError(PipemapError):
    """The agreement does not allow this."""

    code = "forbidden"
    exit_code = 44


class StorageError(PipemapError):
    """The database cannot be reached or refused the work."""

    code = "storage"
    exit_code = 60


class UnreachableError(StorageError):
    """The database cannot be reached; the message may tell where it is expected, which is for its keeper alone."""

    code = "unreachable"
